//! What the program is made for, what compiling for it needs, and how it is started there.
//!
//! On Linux the program holds its C library (musl), so that it runs on every distribution, in an empty container as well. Zig
//! compiles the little C that is inside and links, for each processor from any machine.

use std::{env, path::PathBuf, time::Duration};

use anyhow::{Context, Result, bail, ensure};

use crate::{
    places,
    process::{self, say},
    python,
    setup::Install,
};

/// Compiles for Linux, from any machine; the second is what the first starts.
const ZIG: [&str; 2] = ["cargo-zigbuild==0.24.1", "ziglang==0.17.1"];

/// A standard library is a download of some 30 MB, which hangs, rather than fails, where it is silently dropped.
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(300);

const SHELL: &str = include_str!("start.sh");
const BATCH: &str = include_str!("start.bat");

/// A system and a processor.
pub struct Platform {
    /// As rustc calls it.
    pub target: String,
    name: &'static str,
}

impl Platform {
    /// By rustc's name for it.
    pub fn of(target: &str) -> Result<Platform> {
        let name = match target.split('-').skip(1).collect::<Vec<_>>().join("-") {
            system if system.starts_with("unknown-linux-") => "linux",
            system if system == "apple-darwin" => "macos",
            system if system.starts_with("pc-windows-") => "windows",
            _ => bail!(
                "there is no archive for {target:?}; choose one of x86_64-unknown-linux-musl, aarch64-unknown-linux-musl, \
                 x86_64-pc-windows-msvc, aarch64-apple-darwin, x86_64-apple-darwin"
            ),
        };
        Ok(Platform { target: target.to_owned(), name })
    }

    /// The one that this is.
    pub fn here() -> Result<Platform> {
        let processor = env::consts::ARCH;
        match env::consts::OS {
            "macos" => Platform::of(&format!("{processor}-apple-darwin")),
            "windows" => Platform::of(&format!("{processor}-pc-windows-msvc")),
            system => Platform::of(&format!("{processor}-unknown-{system}-musl")),
        }
    }

    /// How the page calls its system: linux, macos or windows.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Whether it is Windows, where programs and archives have other names.
    pub fn is_windows(&self) -> bool {
        self.name == "windows"
    }

    /// Whether this machine can start its programs.
    pub fn runs_here(&self) -> bool {
        self.name == env::consts::OS && self.target.starts_with(env::consts::ARCH)
    }

    /// The program's file.
    pub fn program(&self) -> &'static str {
        if self.is_windows() { "chorus.exe" } else { "chorus" }
    }

    /// What an archive's name ends with.
    pub fn ending(&self) -> &'static str {
        if self.is_windows() { "zip" } else { "tar.gz" }
    }

    /// The file for a double click: its name and its text.
    pub fn starter(&self) -> (&'static str, String) {
        match self.name {
            "windows" => ("start.bat", BATCH.replace('\n', "\r\n")),
            "macos" => ("start.command", SHELL.to_owned()),
            _ => ("start.sh", SHELL.to_owned()),
        }
    }

    /// Whether Zig compiles for it.
    fn with_zig(&self) -> bool {
        self.name == "linux"
    }

    /// Sees that this machine can compile for it, and installs what may be.
    pub fn prepare(&self, install: Install) -> Result<()> {
        if !self.has_standard_library()? {
            let done = install == Install::Allowed
                && places::program(&["rustup"]).is_some()
                && process::run_within(
                    process::program("rustup").args(["target", "add", &self.target]),
                    DOWNLOAD_LIMIT,
                )?;
            ensure!(
                done && self.has_standard_library()?,
                "the compiler has no standard library for {0}. Run\n    rustup target add {0}\nand then the same command again.",
                self.target
            );
        }
        if self.with_zig() && zig()?.is_none() {
            let python = python::environment("zig")?;
            let mut pip = process::program(python);
            pip.args(["-m", "pip", "install", "--quiet"]).args(ZIG);
            let shown = process::show(&pip);
            if install == Install::Allowed {
                say("installing Zig, which compiles for every Linux: a large download, only once");
                process::run(&mut pip)?;
            }
            ensure!(
                zig()?.is_some(),
                "Zig is missing, which compiles for every Linux. Run\n    {shown}\nand then the same command again."
            );
        }
        Ok(())
    }

    fn has_standard_library(&self) -> Result<bool> {
        let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let folder =
            process::read(process::program(rustc).args(["--print", "target-libdir", "--target", &self.target]))
                .with_context(|| format!("rustc does not know {}", self.target))?;
        Ok(PathBuf::from(folder.trim()).is_dir())
    }

    /// Compiles the program, with the bundle as it is inside, and says where it is.
    pub fn compile(&self) -> Result<PathBuf> {
        say(format!("compiling chorus for {}; the first time this takes a while", self.target));
        let mut cargo = process::cargo();
        if self.with_zig() {
            let folder = zig()?.context("Zig is gone")?;
            let path = env::var_os("PATH").unwrap_or_default();
            let path = env::join_paths(std::iter::once(folder).chain(env::split_paths(&path)))?;
            cargo.env("PATH", path).arg("zigbuild");
        } else {
            cargo.arg("build");
        }
        cargo.args(["--release", "--locked", "--config", "profile.release.strip=\"symbols\""]);
        cargo.args(["--package", "aggregator", "--bin", "chorus", "--target", &self.target]);
        if self.target.ends_with("-msvc") {
            // A school's Windows may lack Microsoft's library for C.
            let name = self.target.to_uppercase().replace('-', "_");
            cargo.env(format!("CARGO_TARGET_{name}_RUSTFLAGS"), "-C target-feature=+crt-static");
        }
        process::run(&mut cargo)?;
        Ok(places::target()?.join(&self.target).join("release").join(self.program()))
    }
}

/// The folder with `cargo-zigbuild`, where it is installed.
fn zig() -> Result<Option<PathBuf>> {
    let folder = places::target()?.join("zig/python").join(if cfg!(windows) { "Scripts" } else { "bin" });
    let program = folder.join("cargo-zigbuild").with_extension(env::consts::EXE_EXTENSION);
    Ok(program.is_file().then_some(folder).or_else(|| Some(places::program(&["cargo-zigbuild"])?.parent()?.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_is_known_by_its_target() {
        for (target, name) in TARGETS {
            let platform = Platform::of(target).unwrap();
            assert_eq!(platform.name(), name);
        }
        let error = Platform::of("wasm32-unknown-unknown").err().unwrap().to_string();
        assert!(error.contains("choose one of x86_64-unknown-linux-musl"), "{error}");
    }

    #[test]
    fn every_starter_starts_a_class_server_and_shows_the_teachers_page() {
        for (target, name) in TARGETS {
            let platform = Platform::of(target).unwrap();
            let (file, text) = platform.starter();
            assert!(text.contains("serve --tls self-signed --open"), "{file}");
            assert_eq!(text.contains("\r\n"), name == "windows", "{file}");
            assert!(super::super::START.contains(&format!("<b>{file}</b>")), "{file}");
        }
    }

    const TARGETS: [(&str, &str); 4] = [
        ("x86_64-unknown-linux-musl", "linux"),
        ("aarch64-unknown-linux-gnu", "linux"),
        ("aarch64-apple-darwin", "macos"),
        ("x86_64-pc-windows-msvc", "windows"),
    ];
}
