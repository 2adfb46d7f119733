//! Small files as phones, recorders, messengers and corpora make them: each is read in full and in place, or refused by its
//! true name, as the table says that the page's test has, too. Some of them lie beside the project (`../shared/sounds`); where
//! they don't, they are left out.

mod table;

use speech::{Decoded, Notice, SoundError};

use table::{Expected, File, Folder, Own, TABLE};

/// The project, from this crate.
const WORKSPACE: &str = "../..";

fn decode(folder: Folder, name: &str) -> Result<Decoded, SoundError> {
    speech::decode(&std::fs::read(folder.seen_from(WORKSPACE).join(name)).expect("the file is there"), Some(name))
}

fn is_here(folder: Folder) -> bool {
    let here = folder.seen_from(WORKSPACE).exists();
    if !here {
        println!("LEFT OUT: {} is not here", folder.seen_from(WORKSPACE).display());
    }
    here
}

#[test]
fn every_file_is_read_in_full_and_in_place_or_refused_by_its_name() {
    let mut wrong = Vec::new();
    for folder in [Folder::Shared, Folder::Fixtures] {
        if !is_here(folder) {
            continue;
        }
        let plain = decode(folder, folder.plain()).expect("plain samples").sound;
        for file in TABLE.iter().filter(|file| file.folder == folder) {
            let fault = match (decode(folder, file.name), file.expected) {
                (Ok(Decoded { sound, .. }), Expected::Sound(..) | Expected::Long(..)) => {
                    file.fault(sound.samples(), plain.samples(), file.tolerance)
                }
                (Err(SoundError::Unsupported { format }), Expected::Refused(name, _)) if format == name => None,
                (decoded, _) => Some(format!("{:?}", decoded.map(|decoded| decoded.sound.seconds()))),
            };
            wrong.extend(fault.map(|fault| format!("{}: {fault}", file.name)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_documents_say_of_each_format_who_reads_it() {
    let document = std::fs::read_to_string("../../docs/sounds.md").expect("the document is there");
    let rows: Vec<Vec<&str>> = document
        .lines()
        .filter_map(|line| Some(line.strip_prefix("| ")?.split(" | ").map(str::trim).collect()))
        .filter(|cells: &Vec<&str>| !["format", "---"].contains(&cells[0]))
        .collect();
    for cells in &rows {
        let files: Vec<&File> = TABLE.iter().filter(|file| file.row == cells[0]).collect();
        assert!(!files.is_empty(), "no file is an example of {:?}", cells[0]);
        let word = |is_read: &dyn Fn(&File) -> bool| match files.iter().filter(|file| is_read(file)).count() {
            0 => "no",
            all if all == files.len() => "yes",
            _ => "partly",
        };
        let ours = word(&|file| !matches!(file.expected, Expected::Refused(..)));
        let [chromium, firefox] = [0, 1].map(|browser| match word(&|file| file.own[browser] == Own::Right) {
            "no" if files.iter().any(|file| file.own[browser] == Own::Otherwise) => "wrongly",
            word => word,
        });
        assert_eq!(cells[1..5], [ours, ours, chromium, firefox], "{:?}", cells[0]);
    }
    let missing = TABLE.iter().find(|file| !rows.iter().any(|cells| cells[0] == file.row));
    assert!(missing.is_none(), "no row of the documents has {:?}", missing.map(|file| file.row));
}

#[test]
fn both_sentences_and_both_recordings_are_there() {
    if !is_here(Folder::Shared) {
        return;
    }
    let power = |samples: &[f32]| samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len() as f32;
    let sound = decode(Folder::Shared, "vbr_without_xing.mp3").expect("MP3").sound;
    assert!(power(&sound.samples()[5 * 16_000..6 * 16_000]) > 1e-4, "a second sentence behind 4.5 s");
    let sound = decode(Folder::Shared, "two_mp3_joined.mp3").expect("MP3").sound;
    let (first, second) = sound.samples().split_at(16_000);
    let likeness: f32 = first.iter().zip(second).map(|(a, b)| a * b).sum::<f32>() / first.len() as f32;
    assert!(likeness > 0.99 * power(first), "the same second twice");
}

#[test]
fn what_is_odd_about_a_file_is_said() {
    if !is_here(Folder::Shared) {
        return;
    }
    assert_eq!(decode(Folder::Shared, "inverted_16k.wav").expect("stereo").notices, [Notice::Inverted]);
    let [Notice::Missing { seconds: Some(missing) }] =
        decode(Folder::Shared, "cut_off_faststart.m4a").expect("its beginning").notices[..]
    else {
        panic!("a third of it is missing");
    };
    assert!((missing - 1.0 / 3.0).abs() < 0.05, "{missing} s");
    assert_eq!(decode(Folder::Shared, "riff_length_36.wav").expect("all of it").notices, []);
}
