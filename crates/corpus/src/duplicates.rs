//! Sounds that are there twice, byte for byte: under two names they would be learnt from and tested by.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use sha2::{Digest, Sha256};

use crate::Corpus;

/// What a file holds, as 64 hexadecimal digits (SHA-256): the same for the same bytes wherever they lie, so that what is
/// computed from them can be kept under it.
pub fn content_key(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Corpus {
    /// Clips with the same bytes: groups of two or more paths, each in the corpus' order. Files that can't be read belong
    /// to none.
    pub fn duplicates(&self) -> Vec<Vec<PathBuf>> {
        // Only files of the same length can be alike, so that few have to be read.
        let mut by_length: BTreeMap<u64, Vec<&PathBuf>> = BTreeMap::new();
        for clip in &self.clips {
            if let Ok(data) = fs::metadata(&clip.path) {
                by_length.entry(data.len()).or_default().push(&clip.path);
            }
        }
        let mut groups = Vec::new();
        for paths in by_length.into_values().filter(|paths| paths.len() > 1) {
            let mut by_content: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
            for path in paths {
                if let Ok(bytes) = fs::read(path) {
                    by_content.entry(content_key(&bytes)).or_default().push(path.clone());
                }
            }
            groups.extend(by_content.into_values().filter(|paths| paths.len() > 1));
        }
        groups.sort();
        groups
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of FIPS 180-2, appendix B.1, and of its empty message.
    #[test]
    fn keys_are_sha_256() {
        assert_eq!(content_key(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(content_key(b""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }

    #[test]
    fn only_the_same_bytes_are_duplicates() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join("sad").join(name);
        fs::create_dir(dir.path().join("sad")).unwrap();
        for (name, content) in [("1.wav", "one"), ("2.wav", "two"), ("3.wav", "one"), ("4.wav", "four")] {
            fs::write(path(name), content).unwrap();
        }
        let corpus = Corpus::open(dir.path(), &["sad".to_owned()]).unwrap();
        assert_eq!(corpus.duplicates(), [[path("1.wav"), path("3.wav")]]);
    }
}
