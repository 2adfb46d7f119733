//! `cargo xtask dist`: one archive for a platform, which runs without a compiler, a library or the internet: the program with
//! all pages inside, a starter for a double click, a page that says what to do, and the licences of all that is in it.
//! The archive is tried out as soon as it is made.

mod archive;
mod licences;
mod platform;
mod trial;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};

use self::{
    archive::{Entry, checksums},
    platform::Platform,
};
use crate::{
    bundle, places,
    process::{self, say},
    setup::Install,
};

/// What the reader of the archive begins with. `PLATFORM` in it is the platform's name.
const START: &str = include_str!("START.html");

/// Make an archive with the program and all that it needs, for computers without a compiler
#[derive(clap::Args)]
pub struct Options {
    /// What the program is to run on, as rustc calls it [default: this machine; on Linux without a C library of the system]
    #[arg(long, value_name = "TRIPLE")]
    target: Option<String>,
    /// Folder for the archive and the checksums [default: dist in the target folder]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Pack this program, compiled before with the pages inside, instead of compiling one
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
}

/// Builds, packs, and tries out.
pub fn run(options: &Options, install: Install) -> Result<()> {
    let platform = match &options.target {
        Some(target) => Platform::of(target)?,
        None => Platform::here()?,
    };
    let program = match &options.program {
        Some(program) => program.clone(),
        None => {
            // What is missing is said before anything long begins.
            platform.prepare(install)?;
            ensure!(bundle::all(install)?.len() == bundle::PROGRAMS.len(), "an archive leaves no program out");
            bundle::run(&bundle::Options::default(), install)?;
            platform.compile()?
        }
    };
    let name = format!("chorus-{}-{}", env!("CARGO_PKG_VERSION"), platform.target);
    say("collecting the licences of all that is inside");
    let packed = archive::pack(&platform, &name, &contents(&platform, &program)?)?;

    let out = match &options.out {
        Some(out) => std::path::absolute(out)?,
        None => places::target()?.join("dist"),
    };
    fs::create_dir_all(&out).with_context(|| format!("cannot make {}", out.display()))?;
    let file = out.join(format!("{name}.{}", platform.ending()));
    fs::write(&file, &packed).with_context(|| format!("cannot write {}", file.display()))?;
    if platform.runs_here() {
        say("trying the archive out");
        trial::run(&platform, &file, &name)?;
    } else {
        say(format!("not tried out: {} does not run here", platform.target));
    }
    fs::write(out.join("SHA256SUMS"), checksums(&out)?)?;
    say(format!("{} ({:.1} MB), with SHA256SUMS beside it", file.display(), packed.len() as f64 / 1e6));
    Ok(())
}

fn contents(platform: &Platform, program: &Path) -> Result<Vec<Entry>> {
    let read = |path: &Path| fs::read(path).with_context(|| format!("cannot read {}", path.display()));
    let licence = |name: &str| read(&places::workspace().join(name));
    let (starter, script) = platform.starter();
    Ok(vec![
        Entry::program(platform.program(), read(program)?),
        Entry::program(starter, script.into_bytes()),
        Entry::text("START.html", START.replace("PLATFORM", platform.name()).into_bytes()),
        Entry::text("LICENSE-MIT", licence("LICENSE-MIT")?),
        Entry::text("LICENSE-APACHE", licence("LICENSE-APACHE")?),
        Entry::text("THIRD-PARTY.txt", licences::collect(platform)?.into_bytes()),
    ])
}

/// `cargo tree` and its like, which say what is inside a program.
fn cargo(arguments: &[&str]) -> Result<String> {
    process::read(process::cargo().args(arguments))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What stands between `open` and `close`, as often as it does.
    fn between<'a>(text: &'a str, open: &str, close: &str) -> Vec<&'a str> {
        text.split(open).skip(1).filter_map(|rest| rest.split(close).next()).collect()
    }

    #[test]
    fn the_page_says_the_same_in_each_language() {
        let languages = between(START, "<section lang=\"", "</section>");
        assert_eq!(languages.iter().map(|text| &text[..2]).collect::<Vec<_>>(), ["en", "de", "es"]);
        let parts = |text| between(text, "class=\"", "\"");
        for &language in &languages {
            assert_eq!(parts(language), parts(languages[0]));
            assert_eq!(between(language, "<code>", "</code>").len(), between(languages[0], "<code>", "</code>").len());
            for platform in ["linux", "macos", "windows"] {
                assert!(language.contains(&format!("class=\"{platform}\"")), "{platform}");
            }
        }
    }

    #[test]
    fn the_page_needs_nothing_from_elsewhere() {
        for word in ["src=", "url(", "@import", "<link", "<script"] {
            assert!(!START.contains(word), "{word}");
        }
        assert_eq!(START.matches("PLATFORM").count(), 1);
    }
}
