//! Random bytes for what reads zip files of clips: no more comes out than went in, and no path leads out of the archive.

#![no_main]

use client::archive::{self, MOST_FILES};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let labels = ["angry", "happy"].map(String::from);
    let Ok(clips) = archive::unpack(input, &labels) else {
        return;
    };
    assert!(clips.len() <= MOST_FILES);
    assert!(clips.iter().map(|clip| clip.bytes.len()).sum::<usize>() <= input.len());
    for clip in &clips {
        assert!(!clip.path.starts_with('/') && clip.path.split('/').all(|part| part != ".."), "{}", clip.path);
        assert!(clip.label.is_none_or(|label| label < labels.len()));
    }
});
