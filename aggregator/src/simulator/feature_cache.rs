//! Features on disk, so that a corpus is read from its sound only once. A clip's features are found by a hash of its
//! file's bytes, so that a renamed file is still known and a changed one is not. A damaged entry is made anew.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use models::FEATURES;

/// Bump it whenever `speech` computes other numbers: entries of another version are not looked at.
const VERSION: u32 = 1;

/// A folder of features.
#[derive(Debug, Clone)]
pub struct FeatureCache {
    folder: PathBuf,
}

impl FeatureCache {
    /// Features in a folder, which is made when the first are stored.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The folder for a person's programs: `$XDG_CACHE_HOME/chorus/features`, or else `~/.cache/chorus/features`;
    /// `None` where the system names neither.
    pub fn of_this_user() -> Option<Self> {
        let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
        let folder = cache.filter(|folder| folder.is_absolute()).or_else(home)?;
        Some(Self::new(folder.join("chorus").join("features")))
    }

    /// The real frames of the clip with this key, row by row, if they are there.
    pub fn get(&self, key: &str) -> Option<Vec<f32>> {
        let bytes = fs::read(self.path(key)).ok()?;
        let values: Vec<f32> =
            bytes.chunks_exact(4).map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]])).collect();
        let whole = !bytes.is_empty() && bytes.len() % (4 * FEATURES) == 0;
        (whole && values.iter().all(|value| value.is_finite())).then_some(values)
    }

    /// Stores the real frames of a clip.
    ///
    /// # Errors
    /// The folder or the file cannot be written.
    pub fn put(&self, key: &str, values: &[f32]) -> Result<()> {
        let path = self.path(key);
        fs::create_dir_all(&self.folder).with_context(|| format!("can't make {}", self.folder.display()))?;
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        // Written aside and moved, so that a program that is stopped leaves no half entry. Two at once write the same.
        let aside = path.with_extension(format!("{}.part", std::process::id()));
        fs::write(&aside, bytes).with_context(|| format!("can't write {}", aside.display()))?;
        fs::rename(&aside, &path).with_context(|| format!("can't write {}", path.display()))
    }

    fn path(&self, key: &str) -> PathBuf {
        self.folder.join(format!("{key}.v{VERSION}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_comes_back_and_a_damaged_entry_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let cache = FeatureCache::new(folder.path().join("features"));
        let values: Vec<f32> = (0..2 * FEATURES).map(|value| value as f32 / 7.0).collect();
        assert_eq!(cache.get("abc"), None);
        cache.put("abc", &values).unwrap();
        assert_eq!(cache.get("abc"), Some(values));
        fs::write(cache.path("abc"), [1, 2, 3]).unwrap();
        assert_eq!(cache.get("abc"), None);
        fs::write(cache.path("abc"), [0xff; 4 * FEATURES]).unwrap();
        assert_eq!(cache.get("abc"), None, "NaN is no feature");
    }
}
