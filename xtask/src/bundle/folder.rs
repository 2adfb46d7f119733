//! The folder `bundle/` and the record of what each part of it was made from, so that a second run makes only
//! what has changed. Compresses what it writes. Must not know how a part is made.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::process::say;

/// One file of the bundle, in bytes: as it is, and compressed for the two encodings that browsers take.
#[derive(Clone, Serialize)]
pub struct Size {
    /// Path below `bundle/`.
    pub file: String,
    /// Bytes that the browser has to read or compile.
    pub raw: u64,
    /// Bytes sent to a browser that takes gzip; none where compression gains nothing.
    pub gzip: Option<u64>,
    /// Bytes sent to a browser that takes brotli.
    pub brotli: Option<u64>,
}

/// The folder being made, and what each part of it was made from.
pub struct Bundle {
    folder: PathBuf,
    quick: bool,
    record: PathBuf,
    parts: BTreeMap<String, Part>,
    wanted: BTreeSet<String>,
}

/// Files that are made together, of one input.
#[derive(Serialize, Deserialize)]
struct Part {
    /// SHA-256 of all that the files depend on.
    input: String,
    files: BTreeMap<String, File>,
}

/// A file of the bundle: its bytes, and those of its compressed forms.
#[derive(Serialize, Deserialize)]
struct File {
    raw: u64,
    gzip: Option<u64>,
    brotli: Option<u64>,
}

impl Bundle {
    /// What the last run left, going by a record that is kept outside of the folder, as all inside is served.
    pub fn open(folder: PathBuf, record: PathBuf, quick: bool) -> Bundle {
        let parts = fs::read(&record).ok().and_then(|json| serde_json::from_slice(&json).ok()).unwrap_or_default();
        Bundle { folder, quick, record, parts, wanted: BTreeSet::new() }
    }

    /// Whether a part is there already and was made from the same input.
    pub fn keep(&mut self, part: &str, input: &str) -> bool {
        let same = self.parts.get(part).is_some_and(|made| {
            made.input == self.input(input) && made.files.iter().all(|(name, file)| file.is_in(&self.folder, name))
        });
        if same {
            self.wanted.insert(part.to_owned());
        }
        same
    }

    /// Writes a part's files, each with its compressed forms.
    pub fn put(&mut self, part: &str, input: String, files: BTreeMap<String, Vec<u8>>) -> Result<()> {
        // Forgotten first, so that an interruption leaves no half-written part that looks whole.
        self.parts.remove(part);
        self.save()?;
        let mut made = BTreeMap::new();
        for (name, bytes) in files {
            made.insert(name.clone(), File::write(&self.folder.join(name), &bytes, self.quick)?);
        }
        self.parts.insert(part.to_owned(), Part { input: self.input(&input), files: made });
        self.wanted.insert(part.to_owned());
        self.save()
    }

    /// Removes what no longer belongs here and says what each file weighs.
    pub fn close(mut self) -> Result<Vec<Size>> {
        self.parts.retain(|part, _| self.wanted.contains(part));
        self.save()?;
        let files = || self.parts.values().flat_map(|part| &part.files);
        let mut expected = BTreeSet::new();
        for (name, file) in files() {
            expected.insert(self.folder.join(name));
            expected.extend(file.gzip.map(|_| self.folder.join(format!("{name}.gz"))));
            expected.extend(file.brotli.map(|_| self.folder.join(format!("{name}.br"))));
        }
        for file in files_below(&self.folder)? {
            if !expected.contains(&file) {
                fs::remove_file(&file).with_context(|| format!("cannot remove {}", file.display()))?;
            }
        }
        let size = |(name, file): (&String, &File)| Size {
            file: name.clone(),
            raw: file.raw,
            gzip: file.gzip,
            brotli: file.brotli,
        };
        Ok(files().map(size).collect())
    }

    /// Light compression makes other files of the same input.
    fn input(&self, input: &str) -> String {
        format!("{input}{}", if self.quick { " quick" } else { "" })
    }

    fn save(&self) -> Result<()> {
        fs::write(&self.record, serde_json::to_vec_pretty(&self.parts)?)
            .with_context(|| format!("cannot write {}", self.record.display()))
    }
}

impl File {
    /// Files of these kinds are text, or wasm: what is not is compressed in its own way already.
    const COMPRESSIBLE: [&str; 8] = ["html", "css", "js", "json", "svg", "txt", "wasm", "webmanifest"];

    fn write(path: &Path, bytes: &[u8], quick: bool) -> Result<File> {
        let cannot_write = || format!("cannot write {}", path.display());
        fs::create_dir_all(path.parent().unwrap_or(path)).with_context(cannot_write)?;
        replace(path, bytes).with_context(cannot_write)?;
        let mut file = File { raw: bytes.len() as u64, gzip: None, brotli: None };
        let kind = path.extension().unwrap_or_default().to_string_lossy();
        if !Self::COMPRESSIBLE.contains(&&*kind) {
            return Ok(file);
        }
        if bytes.len() > 1_000_000 {
            say(format!("compressing {} ({})", path.display(), megabytes(file.raw)));
        }
        let quality = if quick { 4 } else { 11 };
        let (gzip, brotli) = std::thread::scope(|scope| {
            let gzip = scope.spawn(|| gzip(bytes));
            (gzip.join(), brotli(bytes, quality))
        });
        let gzip = gzip.map_err(|_| anyhow::anyhow!("the gzip encoder failed on {}", path.display()))?;
        for (ending, compressed, size) in [("gz", gzip?, &mut file.gzip), ("br", brotli?, &mut file.brotli)] {
            if compressed.len() < bytes.len() {
                let name = format!("{}.{ending}", path.display());
                replace(Path::new(&name), &compressed).with_context(|| format!("cannot write {name}"))?;
                *size = Some(compressed.len() as u64);
            }
        }
        Ok(file)
    }

    fn is_in(&self, folder: &Path, name: &str) -> bool {
        let has = |name: &str, bytes: u64| fs::metadata(folder.join(name)).is_ok_and(|file| file.len() == bytes);
        has(name, self.raw)
            && self.gzip.is_none_or(|bytes| has(&format!("{name}.gz"), bytes))
            && self.brotli.is_none_or(|bytes| has(&format!("{name}.br"), bytes))
    }
}

/// Writes a file that a server may read at any moment: it has its old bytes or its new ones.
fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    fs::write(&name, bytes)?;
    fs::rename(&name, path)
}

fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}

fn brotli(mut bytes: &[u8], quality: i32) -> Result<Vec<u8>> {
    // 24 is the largest window that browsers accept.
    let how = brotli::enc::BrotliEncoderParams { quality, lgwin: 24, size_hint: bytes.len(), ..Default::default() };
    let mut compressed = Vec::new();
    brotli::BrotliCompress(&mut bytes, &mut compressed, &how)?;
    Ok(compressed)
}

/// All files in a folder and the folders in it, in order; none where it does not exist.
pub fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    if folder.is_dir() {
        for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                files.extend(files_below(&path)?);
            } else {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

/// Bytes in words.
pub fn megabytes(bytes: u64) -> String {
    format!("{:.3} MB", bytes as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn a_part_is_made_anew_only_when_its_input_or_its_files_change() -> Result<()> {
        let folder = std::env::temp_dir().join(format!("chorus-bundle-{}", std::process::id()));
        let record = folder.with_extension("json");
        let open = |quick| Bundle::open(folder.clone(), record.clone(), quick);
        let page = "<p>the same words again</p>".repeat(40).into_bytes();
        let files = || BTreeMap::from([("index.html".to_owned(), page.clone())]);

        let mut bundle = open(false);
        assert!(!bundle.keep("pages", "one"));
        bundle.put("pages", "one".into(), files())?;
        let sizes = bundle.close()?;
        assert_eq!(sizes[0].raw, page.len() as u64);
        assert!(sizes[0].brotli < sizes[0].gzip && sizes[0].gzip < Some(sizes[0].raw));

        assert!(open(false).keep("pages", "one"));
        assert!(!open(false).keep("pages", "two"));
        assert!(!open(true).keep("pages", "one"));
        fs::write(folder.join("index.html.br"), "cut short")?;
        assert!(!open(false).keep("pages", "one"));

        open(false).close()?;
        assert!(files_below(&folder)?.is_empty(), "what no part wants is removed");
        fs::remove_dir_all(&folder)?;
        fs::remove_file(&record)?;
        Ok(())
    }

    #[test]
    fn both_compressions_give_back_what_went_in() -> Result<()> {
        let bytes: Vec<u8> = (0..100_000_u32).flat_map(|i| (i / 7).to_le_bytes()).collect();
        let mut unzipped = Vec::new();
        flate2::read::GzDecoder::new(&*gzip(&bytes)?).read_to_end(&mut unzipped)?;
        assert_eq!(unzipped, bytes);
        let mut unpacked = Vec::new();
        brotli::BrotliDecompress(&mut &*brotli(&bytes, 11)?, &mut unpacked)?;
        assert_eq!(unpacked, bytes);
        Ok(())
    }
}
