//! `cargo xtask setup`: sees that this machine has what the other commands need, and installs what it may:
//! with rustup, and with apt-get where it runs as root. For all else it says which command a person has to run.

use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::{
    places,
    process::say,
    toolchain::{self, Toolchain},
};

/// Whether anything may be installed.
#[derive(Clone, Copy, PartialEq)]
pub enum Install {
    /// With rustup, and with apt-get where we are root.
    Allowed,
    /// Only say what is missing.
    Forbidden,
}

impl Install {
    /// `Forbidden` where the person asked for that.
    pub fn unless(forbidden: bool) -> Install {
        if forbidden { Install::Forbidden } else { Install::Allowed }
    }
}

/// A browser that programs can drive.
pub struct Browser {
    /// Chromium or Chrome.
    pub chromium: PathBuf,
    /// Its WebDriver server.
    pub chromedriver: PathBuf,
}

/// Sets up everything that any command needs.
pub fn run(install: Install) -> Result<()> {
    let toolchain = wasm_toolchain(install)?;
    say(format!("compiles for the browser with {}", toolchain.describe()));
    if let Some(threads) = threads_toolchain(install)? {
        say(format!("compiles what trains on several cores with {}", threads.describe()));
    }
    let Browser { chromium, chromedriver } = browser(install)?;
    say(format!("tests in {} through {}", chromium.display(), chromedriver.display()));
    match firefox(install) {
        Ok(firefox) => say(format!("tests in {}", firefox.display())),
        Err(missing) => say(format!("its tests are left out: {missing:#}")),
    }
    say("everything is set up; next: `cargo xtask demo` or `cargo xtask test`");
    Ok(())
}

/// A way to compile for the browser; what is there already is taken before anything is downloaded.
pub fn wasm_toolchain(install: Install) -> Result<Toolchain> {
    if let Some(found) = Toolchain::find() {
        return Ok(found);
    }
    say(format!("the compiler has no {} target yet", toolchain::TARGET));
    if install == Install::Allowed {
        if Toolchain::download()?
            && let Some(found) = Toolchain::find()
        {
            return Ok(found);
        }
        say("rustup could not provide it; trying the packages of this system");
        apt::install(&toolchain::debian_packages())?;
        if let Some(found) = Toolchain::find() {
            return Ok(found);
        }
    }
    bail!(
        "nothing here compiles for the browser. Run one of\n    \
         rustup target add {}\n    \
         sudo apt-get install {}      (Debian 12 and later, where rustup cannot download)\n\
         and then the same command again.",
        toolchain::TARGET,
        toolchain::debian_packages().join(" "),
    )
}

/// A way to compile the program whose threads share memory; none where the standard library's source cannot be had, which it needs.
pub fn threads_toolchain(install: Install) -> Result<Option<Toolchain>> {
    if let Some(found) = Toolchain::for_threads() {
        return Ok(Some(found));
    }
    if install == Install::Allowed {
        if Toolchain::download_source()?
            && let Some(found) = Toolchain::for_threads()
        {
            return Ok(Some(found));
        }
        apt::install(&toolchain::debian_packages())?;
    }
    let found = Toolchain::for_threads();
    if found.is_none() {
        say(format!(
            "LEFT OUT: the program that trains on several cores, as it needs the standard library's source: \
             rustup component add {}",
            toolchain::SOURCE
        ));
    }
    Ok(found)
}

/// The clippy of the compiler that compiles for the browser: another's cannot read its libraries.
pub fn wasm_clippy(toolchain: &Toolchain, install: Install) -> Result<()> {
    if toolchain.has_clippy() || install == Install::Allowed && apt::install(&[toolchain::DEBIAN_CLIPPY])? {
        return Ok(());
    }
    bail!(
        "clippy is missing for {}. Run one of\n    rustup component add clippy\n    sudo apt-get install {}",
        toolchain.describe(),
        toolchain::DEBIAN_CLIPPY,
    )
}

/// Chromium and its driver, for the end-to-end tests and the browser's benchmarks.
pub fn browser(install: Install) -> Result<Browser> {
    if let Some(found) = find_browser() {
        return Ok(found);
    }
    say("no Chromium with chromedriver, which the tests drive");
    // Ubuntu has other names for Debian's packages.
    if install == Install::Allowed
        && (apt::install(&["chromium", "chromium-driver"])?
            || apt::install(&["chromium-browser", "chromium-chromedriver"])?)
        && let Some(found) = find_browser()
    {
        return Ok(found);
    }
    bail!(
        "the tests need Chromium (or Chrome) and chromedriver of the same version:\n    {}\n\
         If they are somewhere unusual, set CHROMIUM and CHROMEDRIVER to their paths.",
        how_to_install("chromium chromium-driver", "chromium chromedriver", "--cask google-chrome chromedriver"),
    )
}

fn find_browser() -> Option<Browser> {
    let chromium = given("CHROMIUM").or_else(|| {
        places::program(&[
            "chromium",
            "chromium-browser",
            "google-chrome",
            "google-chrome-stable",
            "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
            "/Applications/Chromium.app/Contents/MacOS/Chromium",
            r"C:\Program Files\Google\Chrome\Application\chrome",
        ])
    })?;
    let chromedriver = given("CHROMEDRIVER")
        .or_else(|| places::program(&["chromedriver", "/usr/lib/chromium-browser/chromedriver"]))?;
    Some(Browser { chromium, chromedriver })
}

/// Firefox, which the end-to-end tests drive as well.
pub fn firefox(install: Install) -> Result<PathBuf> {
    if let Some(found) = find_firefox() {
        return Ok(found);
    }
    say("no Firefox, which the tests drive beside Chromium");
    // Ubuntu's package `firefox` is not the browser itself. Without a sound output it records nothing: PulseAudio gives it one.
    if install == Install::Allowed
        && apt::install(&["firefox-esr", "pulseaudio"])?
        && let Some(found) = find_firefox()
    {
        return Ok(found);
    }
    bail!(
        "there is no Firefox here:\n    {}\nIf it is somewhere unusual, set FIREFOX to its path.",
        how_to_install("firefox-esr", "firefox", "--cask firefox"),
    )
}

fn find_firefox() -> Option<PathBuf> {
    given("FIREFOX").or_else(|| {
        places::program(&[
            "firefox-esr",
            "firefox",
            "/Applications/Firefox.app/Contents/MacOS/firefox",
            r"C:\Program Files\Mozilla Firefox\firefox",
        ])
    })
}

/// The file that a variable names.
fn given(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).map(PathBuf::from).filter(|file| file.is_file())
}

fn how_to_install(debian: &str, fedora: &str, brew: &str) -> String {
    if cfg!(target_os = "macos") {
        format!("brew install {brew}")
    } else if cfg!(windows) {
        "https://github.com/WebAssembly/binaryen/releases for wasm-opt, \
         https://googlechromelabs.github.io/chrome-for-testing for Chrome and chromedriver, \
         https://www.mozilla.org/firefox for Firefox; then add them to PATH"
            .to_owned()
    } else if places::program(&["dnf"]).is_some() {
        format!("sudo dnf install {fedora}")
    } else {
        format!("sudo apt-get install {debian}")
    }
}

/// Debian's and Ubuntu's packages.
mod apt {
    use anyhow::Result;

    use crate::{
        places,
        process::{self, say},
    };

    /// Installs packages where this is Debian or Ubuntu and we are root; false where it could not.
    pub fn install(packages: &[&str]) -> Result<bool> {
        if places::program(&["apt-get"]).is_none() {
            return Ok(false);
        }
        if !is_root() {
            say(format!("not root, so this is left to you: sudo apt-get install {}", packages.join(" ")));
            return Ok(false);
        }
        say(format!("installing {} with apt-get, as this runs as root", packages.join(" ")));
        if !known(packages) && process::run(apt_get().arg("update")).is_err() {
            return Ok(false);
        }
        if !known(packages) {
            say("this system's package lists do not have them");
            return Ok(false);
        }
        Ok(process::run(apt_get().args(["install", "--yes", "--no-install-recommends"]).args(packages)).is_ok())
    }

    fn apt_get() -> std::process::Command {
        let mut command = process::program("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive");
        command
    }

    fn known(packages: &[&str]) -> bool {
        let known = |package| process::read(process::program("apt-cache").args(["show", package])).is_ok();
        packages.iter().copied().all(known)
    }

    fn is_root() -> bool {
        process::read(process::program("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
    }
}
