//! The licences of everything that is inside the archive: of the packages in the program and in the tab's programs, and of the
//! libraries that come with the compiler. What each package says of itself is taken from its own files.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::{cargo, platform::Platform};
use crate::toolchain;

/// What files with licences are called, whatever follows, in capitals.
const FILES: [&str; 6] = ["LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE", "UNLICENSE"];

const COMPILER: &str = "\
Besides these packages, the programs hold parts of the standard library of Rust (MIT OR Apache-2.0, \
https://github.com/rust-lang/rust/blob/master/COPYRIGHT)";
const MUSL: &str = "and of the C library musl (MIT, https://git.musl-libc.org/cgit/musl/tree/COPYRIGHT; \
Copyright © 2005-2020 Rich Felker, et al.)";

/// A package, and the texts of its licence.
#[derive(Debug)]
struct Package {
    name: String,
    version: String,
    licence: String,
    texts: Vec<String>,
}

/// The page of all licences.
pub fn collect(platform: &Platform) -> Result<String> {
    let metadata: Value = serde_json::from_str(&cargo(&["metadata", "--format-version", "1", "--locked"])?)?;
    let mut inside = inside(&["--package", "aggregator", "--target", &platform.target])?;
    inside.extend(self::inside(&["--package", "wasm-client", "--all-features", "--target", toolchain::TARGET])?);
    let known = metadata["packages"].as_array().context("`cargo metadata` names no packages")?;
    // Our own have no source that they come from.
    let foreign = known.iter().filter(|package| package["source"].is_string());
    let packages = foreign.filter(|package| {
        let text = |key: &str| package[key].as_str().unwrap_or_default();
        inside.contains(&format!("{} v{}", text("name"), text("version")))
    });
    let packages = packages.map(read).collect::<Result<Vec<_>>>()?;
    ensure!(!packages.is_empty(), "no package is inside the programs, which cannot be");
    Ok(page(
        packages,
        if platform.target.contains("musl") { format!("{COMPILER} {MUSL}.") } else { format!("{COMPILER}.") },
    ))
}

/// "name vVERSION" of each package that is compiled into a program; what only helps to compile it is not inside.
fn inside(program: &[&str]) -> Result<BTreeSet<String>> {
    let arguments = ["tree", "--locked", "--edges", "normal,no-proc-macro", "--prefix", "none", "--format", "{p}"];
    let tree = cargo(&[&arguments[..], program].concat())?;
    Ok(tree.lines().map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect())
}

fn read(package: &Value) -> Result<Package> {
    let text = |key: &str| package[key].as_str().map(str::to_owned);
    let (name, version) = (text("name").context("no name")?, text("version").context("no version")?);
    let licence = text("license").with_context(|| {
        format!("{name} {version} does not say what its licence is: look into it, or do without the package")
    })?;
    let manifest = PathBuf::from(text("manifest_path").context("no manifest")?);
    let texts = texts(manifest.parent().context("a manifest lies in a folder")?)?;
    Ok(Package { name, version, licence, texts })
}

/// The texts in a package's folder, in the order of their names.
fn texts(folder: &Path) -> Result<Vec<String>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_uppercase();
        if FILES.iter().any(|start| name.starts_with(start)) && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    let text = |file: &PathBuf| Ok(String::from_utf8_lossy(&fs::read(file)?).into_owned());
    files.iter().map(text).collect()
}

/// All packages with the numbers of their texts, and each text once; those that differ in spaces alone are one.
fn page(mut packages: Vec<Package>, compiler: String) -> String {
    packages.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
    let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
    let (mut list, mut texts) = (String::new(), String::new());
    for Package { name, version, licence, texts: own } in &packages {
        let mut shown = Vec::new();
        for text in own {
            let next = numbers.len() + 1;
            let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
            let number = *numbers.entry(words).or_insert(next);
            if number == next {
                let _ = write!(texts, "\n{:=<100}\nText {number}\n\n{}\n", "", text.trim_end());
            }
            shown.push(number.to_string());
        }
        shown.dedup();
        let shown = match shown.is_empty() {
            true => "its package has no text of it".to_owned(),
            false => format!("text {}", shown.join(", ")),
        };
        let _ = writeln!(list, "{name} {version}: {licence}; {shown}");
    }
    format!(
        "Chorus itself: MIT OR Apache-2.0 (LICENSE-MIT, LICENSE-APACHE).\n\n\
         It holds {} packages of others, in the program or in what the browser gets from it, each under the licence that is\n\
         named here; the texts follow, each once. A package's source is at https://crates.io/crates/NAME/VERSION.\n\n\
         {list}\n{compiler}\n{texts}",
        packages.len()
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn package(name: &str, texts: &[&str]) -> Package {
        let texts = texts.iter().map(|&text| text.to_owned()).collect();
        Package { name: name.to_owned(), version: "1.0.0".to_owned(), licence: "MIT".to_owned(), texts }
    }

    #[test]
    fn a_text_stands_once_whatever_its_spaces() {
        let packages = vec![
            package("b", &["Do what\nyou like."]),
            package("a", &["Do  what you like.\n", "Notice"]),
            package("c", &[]),
        ];
        let page = page(packages, "Compiler.".to_owned());
        assert!(
            page.contains("a 1.0.0: MIT; text 1, 2\nb 1.0.0: MIT; text 1\nc 1.0.0: MIT; its package has no text"),
            "{page}"
        );
        assert_eq!(page.matches("you like.").count(), 1, "{page}");
    }

    #[test]
    fn a_package_that_names_no_licence_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("license-mit.txt"), "MIT").unwrap();
        fs::write(folder.path().join("lib.rs"), "").unwrap();
        let manifest = folder.path().join("Cargo.toml");
        let mut described = json!({ "name": "a", "version": "1.0.0", "license": "MIT", "manifest_path": manifest });
        assert_eq!(read(&described).unwrap().texts, ["MIT"]);
        described["license"] = Value::Null;
        let error = read(&described).unwrap_err().to_string();
        assert!(error.contains("a 1.0.0 does not say what its licence is"), "{error}");
    }

    #[test]
    fn all_that_is_inside_names_its_licence() {
        let page = collect(&Platform::of("x86_64-unknown-linux-musl").unwrap()).unwrap();
        // The program's, the tab's, and one that both have.
        for name in ["\naxum 0.", "\nwgpu ", "\nserde 1."] {
            assert!(page.contains(name), "{name}");
        }
        assert!(page.contains("musl") && !page.contains("\naggregator "));
    }
}
