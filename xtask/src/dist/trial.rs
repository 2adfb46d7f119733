//! Whether an archive holds what it should: unpacked elsewhere, started with nothing of this machine, and asked for every page.

use std::{env, fs, process::Command};

use anyhow::{Context, Result, ensure};
use server_process::{Log, ServerProcess};

use super::{archive, platform::Platform};
use crate::{
    bundle::{PROGRAMS, files_below, name_below},
    places,
};

/// Starts the archive's program and compares what it answers with the bundle.
pub fn run(platform: &Platform, file: &std::path::Path, name: &str) -> Result<()> {
    let folder = tempfile::tempdir()?;
    archive::unpack(file, folder.path())?;
    let mut command = Command::new(folder.path().join(name).join(platform.program()));
    // Windows has no sockets without this one.
    let kept = env::var_os("SystemRoot").map(|root| ("SystemRoot", root));
    command.env_clear().envs(kept).current_dir(if cfg!(windows) { "C:\\" } else { "/" });
    let state = folder.path().join("state").display().to_string();
    let server = ServerProcess::start(command, &["--port", "0", "--state", &state], Log::Kept)
        .context("the archive's program does not start")?;

    let index = fetch(&format!("{}/", server.origin))?;
    ensure!(index == fs::read(places::bundle().join("index.html"))?, "the first page is not the bundle's");
    let mut files = files_below(&places::bundle())?;
    files.retain(|file| !file.extension().is_some_and(|ending| ending == "br" || ending == "gz"));
    for file in &files {
        let name = name_below(&places::bundle(), file);
        let answer = fetch(&format!("{}/{name}", server.origin))?;
        ensure!(answer == fs::read(file)?, "{name} is not in the program as it is in the bundle");
    }
    for program in PROGRAMS {
        let wasm = places::bundle().join(format!("pkg/{program}_bg.wasm"));
        ensure!(files.contains(&wasm), "{} is missing", wasm.display());
    }
    Ok(())
}

fn fetch(url: &str) -> Result<Vec<u8>> {
    let mut answer = ureq::get(url).call().with_context(|| format!("{url} is not answered"))?;
    Ok(answer.body_mut().with_config().limit(u64::from(u32::MAX)).read_to_vec()?)
}
