//! Where things lie: the workspace, its bundle, cargo's target folder. Must not create any of them.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context, Result};

/// The root of the workspace.
pub fn workspace() -> &'static Path {
    static WORKSPACE: OnceLock<PathBuf> = OnceLock::new();
    WORKSPACE.get_or_init(|| {
        // Cargo says at run time where it found this crate. Where it was compiled is another question: two checkouts may
        // share one target folder.
        let xtask =
            std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
        xtask.parent().map_or_else(|| xtask.clone(), Path::to_path_buf)
    })
}

/// The pages and programs that `chorus` embeds: made by `cargo xtask bundle`, never committed.
pub fn bundle() -> PathBuf {
    workspace().join("bundle")
}

/// Cargo's target folder, as its environment and configuration say.
pub fn target() -> Result<PathBuf> {
    let output = crate::process::cargo()
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .output()
        .context("cannot start `cargo metadata`")?;
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)
        .with_context(|| format!("`cargo metadata` failed: {}", String::from_utf8_lossy(&output.stderr)))?;
    let folder = metadata["target_directory"].as_str();
    Ok(PathBuf::from(folder.context("`cargo metadata` names no target folder")?))
}

/// The target folder of everything built for the browser. It is apart from the native one because another
/// compiler may fill it (see `toolchain`), and two compilers in one folder undo each other's work.
pub fn browser_target() -> Result<PathBuf> {
    Ok(target()?.join("browser"))
}

/// The target folder of the program whose threads share memory. It is apart because its compiler is told to allow what is not
/// stable, which build scripts look at: in one folder each would have the other's libraries compiled again.
pub fn threads_target() -> Result<PathBuf> {
    Ok(browser_target()?.join("threads"))
}

/// The first of `names` that is a file, in a folder of `PATH` or as a path of its own.
pub fn program<S: AsRef<Path>>(names: &[S]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    names.iter().map(AsRef::as_ref).find_map(|name| {
        let name = name.with_extension(std::env::consts::EXE_EXTENSION);
        if name.is_absolute() {
            return name.is_file().then_some(name);
        }
        folders.iter().map(|folder| folder.join(&name)).find(|file| file.is_file())
    })
}
