//! Features on disk, so that a corpus is read from its sound only once. A clip's features are found by a hash of its
//! file's bytes, so that a renamed file is still known and a changed one is not. A damaged entry is made anew.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use models::{FEATURES, FRAMES};
use speech::Input;

/// Bump it whenever `speech` computes other numbers: entries of another version are not looked at.
const VERSION: u32 = 3;

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

    /// The inputs of the clip with this key, if they are there.
    pub fn get(&self, key: &str) -> Option<Vec<Input>> {
        let bytes = fs::read(self.path(key)).ok()?;
        let (mut words, &[]) = bytes.as_chunks::<4>() else { return None };
        let mut inputs = Vec::new();
        while let Some((frames, rest)) = words.split_first() {
            let frames =
                usize::try_from(u32::from_le_bytes(*frames)).ok().filter(|frames| (1..=FRAMES).contains(frames))?;
            let (own, rest) = rest.split_at_checked(frames * FEATURES)?;
            let mut values: Vec<f32> = own.iter().map(|four| f32::from_le_bytes(*four)).collect();
            if !values.iter().all(|value| value.is_finite()) {
                return None;
            }
            values.resize(FRAMES * FEATURES, 0.0);
            inputs.push(Input { values, frames });
            words = rest;
        }
        (!inputs.is_empty()).then_some(inputs)
    }

    /// Stores the inputs of a clip: of each the number of its real frames, and these row by row.
    ///
    /// # Errors
    /// The folder or the file cannot be written.
    pub fn put(&self, key: &str, inputs: &[Input]) -> Result<()> {
        let path = self.path(key);
        fs::create_dir_all(&self.folder).with_context(|| format!("can't make {}", self.folder.display()))?;
        let mut bytes = Vec::new();
        for Input { values, frames } in inputs {
            bytes.extend((*frames as u32).to_le_bytes());
            bytes.extend(values[..frames * FEATURES].iter().flat_map(|value| value.to_le_bytes()));
        }
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
        let input = |frames: usize| {
            let mut values: Vec<f32> = (0..frames * FEATURES).map(|value| value as f32 / 7.0).collect();
            values.resize(FRAMES * FEATURES, 0.0);
            Input { values, frames }
        };
        let inputs = vec![input(2), input(FRAMES), input(1)];
        assert_eq!(cache.get("abc"), None);
        cache.put("abc", &inputs).unwrap();
        assert_eq!(cache.get("abc"), Some(inputs));
        let stored = fs::read(cache.path("abc")).unwrap();
        for damaged in [&stored[..stored.len() - 4], &stored[4..], &[1, 2, 3], &[]] {
            fs::write(cache.path("abc"), damaged).unwrap();
            assert_eq!(cache.get("abc"), None, "{} bytes", damaged.len());
        }
        fs::write(cache.path("abc"), [&1_u32.to_le_bytes()[..], &[0xff; 4 * FEATURES]].concat()).unwrap();
        assert_eq!(cache.get("abc"), None, "NaN is no feature");
    }
}
