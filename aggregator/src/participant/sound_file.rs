//! Sound files from disk → [`Sound`], each decoded on a thread of its own, so that a file on which a decoder never comes
//! to an end is refused as the damaged ones are, and the files after it are read. What there is to know of how one was read
//! is said on stderr. It knows nothing of labels and rooms.

use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use speech::{Decoded, Sound, SoundError};

/// What stands in place of a large file that was not fetched: Git LFS' first line (its specification, version 1), and the
/// place in git-annex' store.
const POINTERS: [(&[u8], &str); 2] =
    [(b"version https://git-lfs.github.com/spec/", "git lfs pull"), (b"/annex/objects/", "git annex get")];

/// Decodes a file's bytes; of its path only the name's ending counts.
///
/// # Errors
/// A file that only says where the sound would be;
/// What [`speech::decode`] says of it, and [`SoundError::Damaged`] where that takes longer than
/// [`speech::longest_decoding`]. A thread cannot be ended from outside: one that is stuck goes on, and keeps a core busy,
/// until the program ends.
pub fn decode(bytes: Vec<u8>, path: &Path) -> Result<Sound> {
    let pointer = POINTERS.iter().find(|(start, _)| bytes.starts_with(start));
    ensure!(
        pointer.is_none(),
        "a pointer to a large file, not the file itself; fetch it with `{}`",
        pointer.map_or("", |(_, command)| command)
    );
    let limit = speech::longest_decoding(bytes.len());
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    let Decoded { sound, notices } = within(limit, move || speech::decode(&bytes, name.as_deref()))?;
    for notice in notices {
        eprintln!("chorus: {}: {notice}", path.display());
    }
    Ok(sound)
}

fn within(limit: Duration, decoder: impl FnOnce() -> Result<Decoded, SoundError> + Send + 'static) -> Result<Decoded> {
    let (sender, answer) = mpsc::channel();
    let decode = move || {
        // Whoever asked may have given up.
        let _ = sender.send(decoder());
    };
    thread::Builder::new().name("decoder".into()).spawn(decode).context("there is no thread left to decode it on")?;
    let decoded = answer.recv_timeout(limit).unwrap_or_else(|none| {
        Err(SoundError::Damaged {
            detail: match none {
                RecvTimeoutError::Timeout => format!("its decoder has not come to an end within {limit:?}"),
                RecvTimeoutError::Disconnected => "its decoder has ended without an answer".into(),
            },
        })
    });
    Ok(decoded?)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Instant;

    use super::*;

    /// A decoder of ours that does with a marked file what a foreign one might do with any.
    fn marked(bytes: &[u8], ended: &AtomicBool) -> Result<Decoded, SoundError> {
        match bytes {
            b"marked: never ends" => {
                while !ended.load(Ordering::Relaxed) {
                    thread::sleep(Duration::from_millis(1));
                }
                Err(SoundError::Empty)
            }
            b"marked: ends its thread" => panic!("as marked"),
            _ => speech::decode(bytes, None),
        }
    }

    #[test]
    fn a_file_on_which_the_decoder_never_ends_is_damaged_and_the_next_is_read() {
        let ended = Arc::new(AtomicBool::new(false));
        let decode = |bytes: Vec<u8>, limit| {
            let ended = ended.clone();
            within(limit, move || marked(&bytes, &ended))
        };
        let asked = Instant::now();
        let stuck = decode(b"marked: never ends".to_vec(), Duration::from_millis(50));
        assert!(asked.elapsed() >= Duration::from_millis(50));
        let words =
            "the sound file is damaged (its decoder has not come to an end within 50ms): copy or export it again";
        assert_eq!(stuck.unwrap_err().to_string(), words);

        let minute = Duration::from_secs(60);
        let lost = decode(b"marked: ends its thread".to_vec(), minute);
        assert!(matches!(lost.unwrap_err().downcast_ref(), Some(SoundError::Damaged { .. })));

        let sound = Sound::from_pcm(&[0.25; 16_000], 1, 16_000).unwrap();
        assert_eq!(decode(sound.to_wav(), minute).unwrap().sound, sound);
        ended.store(true, Ordering::Relaxed);
    }

    #[test]
    fn a_file_is_what_its_bytes_say_and_its_ending_helps_only_with_the_unknown() {
        let sound = Sound::from_pcm(&[0.25; 16_000], 1, 16_000).unwrap();
        assert_eq!(decode(sound.to_wav(), Path::new("somewhere/voice.txt")).unwrap(), sound);
        let unknown = decode(vec![1, 2, 3, 4], Path::new("somewhere/voice.mp3")).unwrap_err();
        assert!(matches!(unknown.downcast_ref(), Some(SoundError::Unsupported { .. })), "{unknown:?}");
        let stdin = decode(vec![1, 2, 3, 4], Path::new("-")).unwrap_err();
        assert_eq!(stdin.downcast_ref(), Some(&SoundError::NotSound));
    }
}
