//! Makes an empty `bundle/` at the workspace's root where `cargo xtask bundle` has not run yet, so that the program
//! compiles without the browser's part; the pages then say what to do. A release has the folder's files in it; a program
//! for development reads them when it is asked for them, and need not be built again when one changes.

use std::path::Path;

fn main() -> std::io::Result<()> {
    // A build script runs in its package's folder.
    let bundle = Path::new("../bundle");
    std::fs::create_dir_all(bundle)?;
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        println!("cargo:rerun-if-changed={}", bundle.display());
    }
    Ok(())
}
