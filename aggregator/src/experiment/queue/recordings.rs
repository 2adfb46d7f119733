//! The recordings of a plan, which a worker may have in another folder: that they are the same is held to what is trained and tested
//! on, to the last bit.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

use super::super::runs::hexadecimal;
use crate::simulator::{Dataset, Plan};

/// What recordings are known by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recordings {
    /// How many clips.
    pub clips: usize,
    /// SHA-256 of all that decides an outcome: of each clip its name, speaker, part, script, text, label and features, and which
    /// files were not used; 64 hexadecimal digits.
    pub sha256: String,
}

impl Recordings {
    /// Of clips that were read.
    pub fn of(dataset: &Dataset) -> Self {
        let mut hash = Context::new(&SHA256);
        let mut add = |bytes: &[u8]| {
            hash.update(&(bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        };
        for clip in &dataset.clips {
            add(clip.path.as_os_str().as_encoded_bytes());
            add(clip.speaker.as_bytes());
            add(format!("{:?} {} {}", clip.part, clip.only_tested, clip.example.label).as_bytes());
            add(format!("{:?}", clip.script).as_bytes());
            add(bytemuck::cast_slice(&clip.example.text));
            add(&(clip.example.variants.len() as u64).to_le_bytes());
            add(&(clip.example.frames as u64).to_le_bytes());
            add(bytemuck::cast_slice(&clip.example.values));
            for variant in &clip.example.variants {
                add(&(variant.frames as u64).to_le_bytes());
                add(bytemuck::cast_slice(&variant.values));
            }
        }
        for (path, reason) in &dataset.skipped {
            add(path.as_os_str().as_encoded_bytes());
            add(reason.as_bytes());
        }
        Self { clips: dataset.clips.len(), sha256: hexadecimal(hash.finish().as_ref()) }
    }
}

/// Where a plan's recordings are among a worker's folders, which alone it reads: in the one whose path ends most like the plan's.
///
/// # Errors
/// One of them is in none.
pub fn places(plan: &Plan, folders: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let alike = |one: &Path, other: &Path| {
        let same = one.components().rev().zip(other.components().rev()).take_while(|(one, other)| one == other);
        same.count()
    };
    let place = |wanted: &PathBuf| {
        let best = folders.iter().max_by_key(|folder| alike(folder, wanted)).filter(|folder| alike(folder, wanted) > 0);
        best.cloned().with_context(|| {
            let name = wanted.file_name().unwrap_or(wanted.as_os_str()).to_string_lossy();
            format!("no folder called {} was given with --data", super::order::shown(&name))
        })
    };
    plan.data.iter().map(place).collect()
}

/// Calls clips that lie in `places` as they are called where they lie in `folders`, in the same order.
pub fn rename(dataset: &mut Dataset, places: &[PathBuf], folders: &[PathBuf]) {
    let named = |path: &mut PathBuf| {
        let below =
            places.iter().zip(folders).filter_map(|(place, folder)| Some((path.strip_prefix(place).ok()?, folder)));
        // Of folders one in another, the inner one.
        if let Some((rest, folder)) = below.min_by_key(|(rest, _)| rest.components().count()) {
            *path = folder.join(rest);
        }
    };
    dataset.clips.iter_mut().for_each(|clip| named(&mut clip.path));
    for (path, reason) in &mut dataset.skipped {
        named(path);
        for (place, folder) in places.iter().zip(folders) {
            *reason = reason.replace(&*place.to_string_lossy(), &folder.to_string_lossy());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::paper;
    use super::*;

    #[test]
    fn recordings_elsewhere_are_the_same_once_they_are_called_the_same() {
        let dataset = paper::tests::dataset();
        // FOLDER/speaker/label/clip.wav
        let here = [dataset.clips[0].path.ancestors().nth(3).unwrap().to_owned()];
        let there = ["/scratch/voices".into()];
        let mut moved = dataset.clone();
        moved.skipped.push((here[0].join("x.wav"), format!("{} is empty", here[0].join("x.wav").display())));
        let skipped = moved.skipped.clone();
        let usual = Recordings::of(&moved);
        rename(&mut moved, &here, &there);
        assert_eq!(moved.clips[0].path, Path::new("/scratch/voices/speaker 0/angry/0.wav"));
        assert_eq!(moved.skipped[0].1, "/scratch/voices/x.wav is empty");
        assert_ne!(Recordings::of(&moved), usual);
        rename(&mut moved, &there, &here);
        assert_eq!((Recordings::of(&moved), moved.skipped), (usual, skipped));
    }

    #[test]
    fn whatever_decides_an_outcome_decides_what_recordings_are_called() {
        let dataset = paper::tests::dataset();
        let usual = Recordings::of(&dataset);
        let changes: [fn(&mut Dataset); 5] = [
            |dataset| dataset.clips[0].example.values[0] += 1.0e-6,
            |dataset| dataset.clips[0].example.label ^= 1,
            |dataset| dataset.clips[0].speaker.push('x'),
            |dataset| dataset.clips.swap(0, 1),
            |dataset| dataset.skipped.push(("voices/x.wav".into(), "it is empty".to_owned())),
        ];
        for change in changes {
            let mut changed = dataset.clone();
            change(&mut changed);
            assert_ne!(Recordings::of(&changed), usual);
        }
    }

    #[test]
    fn a_worker_reads_its_own_folders_and_no_others() {
        let dataset = paper::tests::dataset();
        let run = paper::runs(&paper::tests::options(), &dataset).unwrap().remove(0);
        let plan = |data: &[&str]| Plan { data: data.iter().map(PathBuf::from).collect(), ..run.plan.clone() };
        let folders: Vec<PathBuf> =
            ["/scratch/voices", "/scratch/b/train", "/scratch/a/train"].map(PathBuf::from).into();
        let found = places(&plan(&["/home/ada/voices/", "a/train"]), &folders).unwrap();
        assert_eq!(found, [&*folders[0], &*folders[2]]);
        let refused = places(&plan(&["voices", "/etc"]), &folders).unwrap_err().to_string();
        assert!(refused.contains("no folder called etc"), "{refused}");
    }
}
