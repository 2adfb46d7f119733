//! `cargo xtask lint`: formatting, house rules, types of the pages' modules, and clippy, where every warning is an error, as
//! CI runs them.

use anyhow::Result;

use crate::{
    bundle, places,
    process::{self, say},
    setup::{self, Install},
    tidy, types,
};

/// Runs all checks of the source; stops at the first that fails.
pub fn run(install: Install) -> Result<()> {
    let toolchain = setup::wasm_toolchain(install)?;

    say("formatting");
    process::run(process::cargo().args(["fmt", "--all", "--", "--check"]))?;
    // The programs of random bytes are no part of the workspace.
    let fuzz = places::workspace().join("fuzz/Cargo.toml");
    process::run(process::cargo().arg("fmt").arg("--manifest-path").arg(fuzz).args(["--", "--check"]))?;

    tidy::run()?;
    types::run()?;

    say("clippy, natively: all but the tab's programs");
    for mut clippy in [process::natively("clippy"), process::by_default("clippy"), process::xtask("clippy")] {
        process::run(clippy.args(["--all-targets", "--", "-D", "warnings"]))?;
    }

    say(format!("clippy, for the browser: the tab's programs, with {}", toolchain.describe()));
    setup::wasm_clippy(&toolchain, install)?;
    // With the tests' profile, whose build scripts and macros are then compiled only once.
    for mut clippy in bundle::clippy(&toolchain)? {
        process::run(clippy.args(["--", "-D", "warnings"]))?;
    }
    Ok(())
}
