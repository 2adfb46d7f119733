use std::sync::Arc;

use super::*;
use crate::ClipSound;

fn clip(id: f64, label: &str, name: &str, wav: &[u8]) -> Clip {
    let sound = ClipSound {
        wav: wav.to_vec(),
        inputs: Vec::new(),
        input_frames: Vec::new(),
        columns: 0,
        bands: 0,
        pixels: Vec::new(),
        waveform: Vec::new(),
        quality: None,
    };
    Clip {
        id,
        name: name.to_owned(),
        label: label.to_owned(),
        seconds: 1.25,
        made_up: false,
        corrected: false,
        digest: 0,
        transcript: None,
        removed: false,
        sound: Arc::new(sound),
    }
}

fn labels(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

/// An archive of these files as [`pack`] writes them, with whatever paths.
fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = ZipArchiveWriter::new(Vec::new());
    for (path, bytes) in files {
        add(&mut archive, path, 1e9, bytes).unwrap();
    }
    archive.finish().unwrap()
}

fn refused(bytes: &[u8]) -> (&'static str, String) {
    let error = unpack(bytes, &[]).unwrap_err();
    (error.code().name(), error.to_string())
}

/// Where these bytes stand, which they do once.
fn place_of(bytes: &[u8], wanted: &[u8]) -> usize {
    let mut places = (0..bytes.len()).filter(|&at| bytes[at..].starts_with(wanted));
    let place = places.next().unwrap();
    assert_eq!(places.next(), None);
    place
}

#[test]
fn what_was_packed_comes_back() {
    let mut made_up = clip(3e15, "sad", "made-up voice 7, take 1", b"three");
    made_up.made_up = true;
    let clips = [clip(1e15, "happy", "one, \"loud\"", b"one"), clip(2e15, "happy", "", b"two"), made_up];
    let packed = pack(&clips, 1.7e9).unwrap();
    let back = unpack(&packed, &labels(&["sad", "happy"])).unwrap();
    let one = |path: &str, name: &str, label, made_up, bytes: &[u8]| ArchivedClip {
        path: path.to_owned(),
        name: name.to_owned(),
        label: Some(label),
        made_up,
        transcript: None,
        long_text: false,
        bytes: bytes.to_vec(),
    };
    assert_eq!(
        back,
        [
            one("happy/happy-01.wav", "one, \"loud\"", 1, false, b"one"),
            one("happy/happy-02.wav", "happy-02.wav", 1, false, b"two"),
            one("sad/sad-01.wav", "made-up voice 7, take 1", 0, true, b"three"),
        ],
        "a clip without a name gets its file's"
    );
}

#[test]
fn what_is_said_goes_with_the_clip() {
    let told = Clip { transcript: said("“No”, she said, 不").unwrap(), ..clip(1e15, "happy", "one", b"one") };
    let packed = pack(&[told.clone(), clip(2e15, "happy", "two", b"two")], 0.0).unwrap();
    let back = unpack(&packed, &labels(&["happy"])).unwrap();
    assert_eq!(back[0].transcript, told.transcript);
    assert_eq!((&back[1].transcript, back[1].long_text), (&None, false));
}

/// A text of 100 kB, of marks for the direction of writing alone, with control characters, and in the label's place: no clip is
/// lost for it.
#[test]
fn a_text_that_is_no_good_costs_no_clip() {
    let long = "a".repeat(100_000);
    let table = format!(
        "file,emotion,transcript\na.wav,happy,{long}\nb.wav,happy,\u{202E}\u{200F}\nc.wav,happy,\"oh\r\n\u{7}\u{202E}no\"\n\
         d.wav,I am so happy today,\n"
    );
    let files = ["a.wav", "b.wav", "c.wav", "d.wav"].map(|file| (file, file.as_bytes()));
    let packed = zip(&[&files[..], &[("manifest.csv", table.as_bytes())]].concat());
    let back = unpack(&packed, &labels(&["happy"])).unwrap();
    let found: Vec<_> = back
        .iter()
        .map(|clip| (clip.label, clip.transcript.as_ref().map(Transcript::as_str), clip.long_text))
        .collect();
    let expected =
        [(Some(0), None, true), (Some(0), None, false), (Some(0), Some("oh no"), false), (None, None, false)];
    assert_eq!(found, expected, "a sentence is no label: the person is asked");
}

#[test]
fn nothing_but_the_table_is_packed_of_nothing() {
    assert_eq!(unpack(&pack(&[], 0.0).unwrap(), &[]).unwrap(), []);
}

#[test]
fn a_label_of_another_room_is_not_known_here() {
    let packed = pack(&[clip(1e15, "happy", "one", b"one")], 0.0).unwrap();
    let back = unpack(&packed, &labels(&["left", "right"])).unwrap();
    assert_eq!((back[0].label, back[0].path.as_str()), (None, "happy/happy-01.wav"), "the person is asked");
}

#[test]
fn folders_have_names_that_every_system_takes() {
    let mut taken = HashSet::new();
    let names: Vec<String> = ["happy", "HAPPY", "wütend", "a/../b", "", "con", "x\ty", &"long".repeat(20)]
        .iter()
        .map(|label| folder_name(label, &mut taken))
        .collect();
    let long = "long".repeat(10);
    assert_eq!(names, ["happy", "HAPPY-2", "wütend", "a____b", "_", "con_", "x_y", long.as_str()]);
}

#[test]
fn a_folder_that_was_zipped_elsewhere_is_read_without_a_table() {
    let mut archive = ZipArchiveWriter::new(Vec::new());
    archive.new_dir("happy/").create().unwrap();
    for path in ["happy/1.ogg", "__MACOSX/happy/._1.ogg", "happy/.hidden"] {
        add(&mut archive, path, 1e9, b"one").unwrap();
    }
    let bytes = archive.finish().unwrap();
    let back = unpack(&bytes, &labels(&["happy"])).unwrap();
    let told: Vec<(&str, &str, Option<usize>)> =
        back.iter().map(|one| (one.path.as_str(), one.name.as_str(), one.label)).collect();
    assert_eq!(told, [("happy/1.ogg", "1.ogg", None)]);
}

#[test]
fn rows_that_make_no_sense_are_passed_over() {
    let table: &[u8] = b"name,file,emotion\nnamed,happy/1.ogg,happy\nshort\n\xff\xff,happy/2.ogg,happy\n";
    let bytes = zip(&[(MANIFEST, table), ("happy/1.ogg", b"one"), ("happy/2.ogg", b"two")]);
    let back = unpack(&bytes, &labels(&["happy"])).unwrap();
    let told: Vec<(&str, Option<usize>, bool)> =
        back.iter().map(|one| (one.name.as_str(), one.label, one.made_up)).collect();
    assert_eq!(told, [("named", Some(0), false), ("2.ogg", None, false)]);
}

#[test]
fn no_path_leads_out_of_the_archive() {
    // The writer refuses such a path, so it is written over one of the same length.
    let mut bytes = zip(&[("aa/bb/1.ogg", b"one"), ("happy/2.ogg", b"two")]);
    while let Some(at) = bytes.windows(11).position(|window| window == b"aa/bb/1.ogg") {
        bytes[at..at + 11].copy_from_slice(b"../../1.ogg");
    }
    for clip in unpack(&bytes, &[]).unwrap() {
        assert!(!clip.path.split('/').any(|part| part == "..") && !clip.path.starts_with('/'), "{}", clip.path);
    }
}

#[test]
fn what_is_no_zip_file_is_refused() {
    for bytes in [&b""[..], b"RIFF\x24\0\0\0WAVE", &[0; 4096], b"PK\x03\x04 and nothing more"] {
        let (code, message) = refused(bytes);
        assert_eq!(code, "damaged");
        assert!(message.starts_with("This zip file is damaged: "), "{message}");
    }
    let whole = zip(&[("happy/1.ogg", &[7; 1000])]);
    assert_eq!(refused(&whole[..whole.len() - 30]).0, "damaged", "the end with the directory is missing");
    assert_eq!(refused(&whole[500..]).0, "damaged", "the beginning is missing");
}

#[test]
fn a_file_that_is_not_what_its_checksum_says_is_refused() {
    let mut bytes = zip(&[("happy/1.ogg", b"what was said")]);
    let at = place_of(&bytes, b"what was said");
    bytes[at] = b'W';
    let (code, message) = refused(&bytes);
    assert_eq!(code, "damaged");
    assert!(message.starts_with("happy/1.ogg in this zip file is damaged: "), "{message}");
}

#[test]
fn what_is_compressed_is_refused_before_it_is_unpacked() {
    let mut archive = ZipArchiveWriter::new(Vec::new());
    let (mut entry, config) =
        archive.new_file("happy/1.ogg").compression_method(CompressionMethod::DEFLATE).start().unwrap();
    let mut writer = config.wrap(&mut entry);
    writer.write_all(b"whatever it unpacks to").unwrap();
    let (_, descriptor) = writer.finish().unwrap();
    entry.finish(descriptor).unwrap();
    assert_eq!(refused(&archive.finish().unwrap()).0, "zip_compressed");
}

#[test]
fn files_that_lie_upon_each_other_are_refused() {
    // The directory's second entry is made to name the first one's place, a hundred times: together its files would be
    // longer than the archive.
    let content = [7_u8; 1000];
    let one = zip(&[("happy/1.ogg", &content)]);
    let directory = one.windows(4).rposition(|window| window == b"PK\x01\x02").unwrap();
    let end = one.windows(4).rposition(|window| window == b"PK\x05\x06").unwrap();
    let entry = &one[directory..end];
    let mut bytes = [&one[..directory], &entry.repeat(100), &one[end..]].concat();
    let end = bytes.len() - (one.len() - end);
    bytes[end + 8..end + 10].copy_from_slice(&100_u16.to_le_bytes());
    bytes[end + 10..end + 12].copy_from_slice(&100_u16.to_le_bytes());
    bytes[end + 12..end + 16].copy_from_slice(&(100 * entry.len() as u32).to_le_bytes());
    let (code, message) = refused(&bytes);
    assert_eq!(code, "damaged");
    assert!(message.contains("lie upon each other"), "{message}");
}

#[test]
fn files_beyond_the_most_are_passed_over() {
    let names: Vec<String> = (0..MOST_FILES + 3).map(|number| format!("happy/{number}.ogg")).collect();
    let files: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b"x"[..])).collect();
    let back = unpack(&zip(&files), &[]).unwrap();
    assert_eq!(back.len(), MOST_FILES);
    assert_eq!(back[MOST_FILES - 1].path, format!("happy/{}.ogg", MOST_FILES - 1));
}

#[test]
fn an_archive_that_could_not_be_written_says_so() {
    let error = ArchiveError::Write("no reason".to_owned());
    assert_eq!((error.code().name(), error.to_string().as_str()), ("zip", "The zip file could not be made: no reason"));
}
