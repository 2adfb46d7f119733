//! Picks what compiles for the browser. The usual way is rustup's wasm32 target. Where its download cannot be
//! had, the compiler and the standard library's source that Debian packages do as well: the standard library
//! is then built along with us. Nothing else in the repository knows that there are two ways.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::Result;

use crate::{places, process};

/// What the tab's programs are compiled for.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// Debian's package of the clippy for the second way.
pub const DEBIAN_CLIPPY: &str = "rust-web-clippy";

/// Debian's packages for the second way, and a linker where rustup has left none.
pub fn debian_packages() -> Vec<&'static str> {
    let mut packages = vec!["rustc-web", "cargo-web", "rust-web-src"];
    packages.extend(linker().is_none().then_some("lld"));
    packages
}

/// What makes a standard library of the compiler in use whose threads share memory.
pub const SOURCE: &str = "rust-src";

/// The standard library's crates that such a program needs.
const BUILD_STD: &str = "build-std=std,panic_abort";

/// A gigabyte, the most that the shared memory of all threads may grow to: it has to be set aside beforehand, as addresses.
const SHARED_MEMORY: u32 = 1 << 30;

/// rustup hangs, rather than fails, where downloads are silently dropped.
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(60);

/// What a program needs of WebAssembly whose threads share memory; and a product and a sum in one instruction, which browsers with
/// the rest of it mostly have.
const THREADS_FEATURES: &str = "+atomics,+bulk-memory,+mutable-globals,+relaxed-simd";

/// A way to compile for the browser that is there on this machine.
pub enum Toolchain {
    /// The compiler in use has a standard library for wasm32.
    Installed,
    /// The system's own cargo and rustc build the standard library from its source.
    BuildStd(System),
}

/// A cargo and rustc outside of rustup, with the standard library's source and a linker for wasm.
pub struct System {
    folder: PathBuf,
    linker: PathBuf,
    version: String,
}

impl Toolchain {
    /// The way that works without any download, if there is one.
    pub fn find() -> Option<Toolchain> {
        if sysroot(&rustc())?.join("lib/rustlib").join(TARGET).join("lib").is_dir() {
            return Some(Toolchain::Installed);
        }
        System::find().map(Toolchain::BuildStd)
    }

    /// Has rustup download the target; false where there is no rustup or the download fails.
    pub fn download() -> Result<bool> {
        if places::program(&["rustup"]).is_none() {
            return Ok(false);
        }
        process::run_within(process::program("rustup").args(["target", "add", TARGET]), DOWNLOAD_LIMIT)
    }

    /// Has rustup download the standard library's source for the compiler in use; false where there is no rustup or it fails.
    pub fn download_source() -> Result<bool> {
        if places::program(&["rustup"]).is_none() {
            return Ok(false);
        }
        process::run_within(process::program("rustup").args(["component", "add", SOURCE]), DOWNLOAD_LIMIT)
    }

    /// The way that compiles a program whose threads share memory, if there is one: such a program needs a standard library that
    /// was compiled for that, and so its source.
    pub fn for_threads() -> Option<Toolchain> {
        let has_source = |sysroot: PathBuf| sysroot.join("lib/rustlib/src/rust/library/Cargo.toml").is_file();
        if let Some(installed @ Toolchain::Installed) = Toolchain::find()
            && sysroot(&rustc()).is_some_and(has_source)
        {
            return Some(installed);
        }
        System::find().map(Toolchain::BuildStd)
    }

    /// `cargo <command>` of a program whose threads share memory, with a target folder of its own; only of what
    /// [`Toolchain::for_threads`] found.
    pub fn cargo_for_threads(&self, command: &str) -> Result<Command> {
        let mut cargo = self.cargo(command)?;
        if let Toolchain::Installed = self {
            cargo.args(["-Z", BUILD_STD]).env("RUSTC_BOOTSTRAP", "1");
        }
        let mut flags = vec!["-C".to_owned(), format!("target-feature={THREADS_FEATURES}")];
        let memory = ["shared-memory".to_owned(), "import-memory".to_owned(), format!("max-memory={SHARED_MEMORY}")];
        // The bindings start a thread with these.
        let of_threads =
            ["__wasm_init_tls", "__tls_size", "__tls_align", "__tls_base"].map(|name| format!("export={name}"));
        for argument in memory.iter().chain(&of_threads) {
            flags.extend(["-C".to_owned(), format!("link-arg=--{argument}")]);
        }
        // Behind those of .cargo/config.toml.
        cargo.arg("--config").arg(format!("target.{TARGET}.rustflags={flags:?}"));
        // Loops over slices are made of these crates' functions, which are as quick in a standard library that comes compiled.
        for quick in ["core", "alloc", "std"] {
            cargo.arg("--config").arg(format!("profile.wasm.package.{quick}.opt-level=3"));
        }
        cargo.env("CARGO_TARGET_DIR", places::threads_target()?);
        Ok(cargo)
    }

    /// The compiler in words.
    pub fn describe(&self) -> String {
        match self {
            Toolchain::Installed => format!("the installed {TARGET} target"),
            Toolchain::BuildStd(system) => {
                format!("{} in {}, building the standard library too", system.version, system.folder.display())
            }
        }
    }

    /// `cargo <command>` for the browser, with a target folder of its own.
    pub fn cargo(&self, command: &str) -> Result<Command> {
        let mut cargo = match self {
            Toolchain::Installed => {
                let mut cargo = process::cargo();
                cargo.arg(command);
                cargo
            }
            Toolchain::BuildStd(system) => system.cargo(command),
        };
        // These would replace the flags of .cargo/config.toml, without which there is no SIMD.
        for flags in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"] {
            cargo.env_remove(flags);
        }
        cargo.env("CARGO_TARGET_DIR", places::browser_target()?);
        cargo.args(["--target", TARGET]);
        Ok(cargo)
    }

    /// Whether `cargo clippy` is there too.
    pub fn has_clippy(&self) -> bool {
        match self {
            Toolchain::Installed => process::read(process::cargo().args(["clippy", "--version"])).is_ok(),
            Toolchain::BuildStd(system) => system.clippy().is_file(),
        }
    }
}

impl System {
    fn find() -> Option<System> {
        let folder = PathBuf::from("/usr/bin");
        let (cargo, rustc) = (folder.join("cargo"), folder.join("rustc"));
        if !cargo.is_file() || !rustc.is_file() {
            return None;
        }
        let source = sysroot(&rustc)?.join("lib/rustlib/src/rust/library/Cargo.toml");
        let version = process::read(outside_rustup(&mut process::program(&rustc)).arg("--version")).ok()?;
        let new_enough = minor(&version)? >= minor(&format!("rustc {}", env!("CARGO_PKG_RUST_VERSION")))?;
        if !source.is_file() || !new_enough {
            return None;
        }
        let version = version.split(" (").next().unwrap_or_default().trim().to_owned();
        Some(System { folder, linker: linker()?, version })
    }

    fn cargo(&self, command: &str) -> Command {
        // Cargo looks for its subcommands beside rustup's first, so clippy is called by its own name.
        let program = if command == "clippy" { self.clippy() } else { self.folder.join("cargo") };
        let mut cargo = process::program(program);
        outside_rustup(&mut cargo)
            .arg(command)
            .args(["-Z", BUILD_STD])
            .env("CARGO", self.folder.join("cargo"))
            .env("RUSTC", self.folder.join("rustc"))
            // Allows build-std, which is the only unstable thing that is used.
            .env("RUSTC_BOOTSTRAP", "1")
            .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", &self.linker);
        cargo
    }

    fn clippy(&self) -> PathBuf {
        self.folder.join("cargo-clippy")
    }
}

/// Undoes what rustup's `cargo` tells the programs it starts, so that they find their own libraries.
fn outside_rustup(command: &mut Command) -> &mut Command {
    for name in ["RUSTUP_TOOLCHAIN", "LD_LIBRARY_PATH", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER"] {
        command.env_remove(name);
    }
    command
}

/// The linker for wasm: LLVM's, which rustup brings along and distributions package as `lld`.
fn linker() -> Option<PathBuf> {
    let rustlib = sysroot(&rustc())?.join("lib/rustlib");
    let bundled = std::fs::read_dir(rustlib).ok()?.flatten().map(|host| host.path().join("bin/rust-lld"));
    bundled.into_iter().find(|file| file.is_file()).or_else(|| places::program(&["rust-lld", "wasm-ld"]))
}

fn rustc() -> PathBuf {
    env::var_os("RUSTC").map_or_else(|| "rustc".into(), PathBuf::from)
}

fn sysroot(rustc: &Path) -> Option<PathBuf> {
    let mut command = process::program(rustc);
    if rustc.is_absolute() {
        outside_rustup(&mut command);
    }
    let path = process::read(command.args(["--print", "sysroot"])).ok()?;
    Some(PathBuf::from(path.trim()))
}

/// 96 of "rustc 1.96.0 (…)".
fn minor(version: &str) -> Option<u32> {
    version.split_whitespace().nth(1)?.split('.').nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::minor;

    #[test]
    fn a_compilers_version_is_read_from_what_it_prints() {
        assert_eq!(minor("rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)"), Some(96));
        assert_eq!(minor("rustc 1.95"), Some(95));
        assert_eq!(minor("no compiler"), None);
    }
}
