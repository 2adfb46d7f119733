//! Archives that come out the same from the same files: names sorted, one time for all, nobody's owner. And their checksums.

use std::{
    fs::{self, File},
    io::{Cursor, Write},
    path::Path,
};

use anyhow::{Context, Result};
use flate2::{Compression, GzBuilder, read::GzDecoder};
use sha2::{Digest, Sha256};

use super::platform::Platform;

/// The time of every file: 1 January 1980 (UTC), with which zip's calendar begins.
const TIME: u64 = 315_532_800;

/// A file of the archive.
pub struct Entry {
    name: String,
    bytes: Vec<u8>,
    executable: bool,
}

impl Entry {
    /// One that can be started.
    pub fn program(name: &str, bytes: Vec<u8>) -> Entry {
        Entry { name: name.to_owned(), bytes, executable: true }
    }

    /// One to be read.
    pub fn text(name: &str, bytes: Vec<u8>) -> Entry {
        Entry { name: name.to_owned(), bytes, executable: false }
    }

    fn mode(&self) -> u32 {
        if self.executable { 0o755 } else { 0o644 }
    }
}

/// The files in one folder of this name, in the form that the platform opens by itself.
pub fn pack(platform: &Platform, folder: &str, entries: &[Entry]) -> Result<Vec<u8>> {
    let mut entries: Vec<&Entry> = entries.iter().collect();
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    if platform.is_windows() { zip(folder, &entries) } else { tar(folder, &entries) }
}

fn tar(folder: &str, entries: &[&Entry]) -> Result<Vec<u8>> {
    let gzip = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
    let mut tar = tar::Builder::new(gzip);
    for entry in entries {
        let mut header = tar::Header::new_gnu();
        header.set_size(entry.bytes.len() as u64);
        header.set_mode(entry.mode());
        header.set_mtime(TIME);
        header.set_uid(0);
        header.set_gid(0);
        tar.append_data(&mut header, format!("{folder}/{}", entry.name), &entry.bytes[..])?;
    }
    Ok(tar.into_inner()?.finish()?)
}

fn zip(folder: &str, entries: &[&Entry]) -> Result<Vec<u8>> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for entry in entries {
        let options = zip::write::SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Deflated)
            .compression_level(Some(9))
            .last_modified_time(zip::DateTime::default())
            .unix_permissions(entry.mode());
        zip.start_file(format!("{folder}/{}", entry.name), options)?;
        zip.write_all(&entry.bytes)?;
    }
    Ok(zip.finish()?.into_inner())
}

/// Takes an archive apart, below `folder`.
pub fn unpack(archive: &Path, folder: &Path) -> Result<()> {
    let file = File::open(archive).with_context(|| format!("cannot read {}", archive.display()))?;
    if archive.extension().is_some_and(|ending| ending == "zip") {
        zip::ZipArchive::new(file)?.extract(folder)?;
    } else {
        tar::Archive::new(GzDecoder::new(file)).unpack(folder)?;
    }
    Ok(())
}

/// The checksums of all archives in a folder, as `sha256sum --check` reads them.
pub fn checksums(folder: &Path) -> Result<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder)?.flatten().filter_map(|file| file.file_name().into_string().ok()).collect();
    names.retain(|name| name.starts_with("chorus-") && [".tar.gz", ".zip"].iter().any(|ending| name.ends_with(ending)));
    names.sort();
    let line = |name: &String| -> Result<String> {
        let digest = Sha256::digest(fs::read(folder.join(name))?);
        Ok(format!("{}  {name}\n", digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>()))
    };
    names.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGETS: [&str; 2] = ["x86_64-unknown-linux-musl", "x86_64-pc-windows-msvc"];

    fn entries() -> Vec<Entry> {
        vec![Entry::text("START.html", b"<p>".repeat(1000)), Entry::program("chorus", b"program".to_vec())]
    }

    #[test]
    fn the_same_files_make_the_same_archive_whatever_their_order() {
        for target in TARGETS {
            let platform = Platform::of(target).unwrap();
            let one = pack(&platform, "chorus", &entries()).unwrap();
            let other = pack(&platform, "chorus", &entries().into_iter().rev().collect::<Vec<_>>()).unwrap();
            assert!(one == other, "{target}");
        }
    }

    #[test]
    fn what_was_packed_comes_out_and_can_be_started() {
        for target in TARGETS {
            let platform = Platform::of(target).unwrap();
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join(format!("chorus-1.{}", platform.ending()));
            fs::write(&file, pack(&platform, "chorus-1", &entries()).unwrap()).unwrap();
            unpack(&file, folder.path()).unwrap();
            let inside = folder.path().join("chorus-1");
            assert_eq!(fs::read(inside.join("START.html")).unwrap(), b"<p>".repeat(1000));
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt;
                let mode = |name| fs::metadata(inside.join(name)).unwrap().permissions().mode() & 0o777;
                assert_eq!((mode("chorus"), mode("START.html")), (0o755, 0o644), "{target}");
            }
            let sums = checksums(folder.path()).unwrap();
            assert!(
                sums.ends_with(&format!("  chorus-1.{}\n", platform.ending())) && sums.find(' ') == Some(64),
                "{sums}"
            );
        }
    }
}
