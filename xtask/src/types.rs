//! Whether the types hold that the pages' modules state in their comments: TypeScript's compiler, from npm, reads them with
//! its strict rules and makes nothing. Must not be needed by anything that is built.

use anyhow::{Context, Result, bail};

use crate::{
    npm, places,
    process::{self, say},
};

/// Checks the types of all modules, and of the words. Where npm or Node is missing this is left out, but not in CI.
pub fn run() -> Result<()> {
    say("types of the pages' modules");
    let found = npm::packages("typescript").and_then(|packages| {
        Ok((places::program(&["node"]).context("there is no node here")?, packages.join("typescript/lib/tsc.js")))
    });
    let (node, compiler) = match found {
        Ok(found) => found,
        Err(error) if process::in_ci() => bail!("TypeScript cannot be had, and CI leaves nothing out: {error:#}"),
        Err(error) => {
            say(format!("LEFT OUT: the types of the pages' modules, as TypeScript cannot be had ({error:#})"));
            return Ok(());
        }
    };
    process::run(process::program(node).arg(compiler).args(["--project", "tests/reference/typescript"]))
}
