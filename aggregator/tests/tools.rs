//! The tools of the command line, run as a person or a script runs them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn chorus(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_chorus")).args(arguments).stdin(Stdio::null()).output().expect("chorus starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("chorus prints UTF-8")
}

/// A small made-up corpus: two speakers, two clips of each emotion.
fn voices(folder: &Path) -> Output {
    let out = folder.to_str().expect("a temporary path is UTF-8");
    chorus(&["synth", "--out", out, "--speakers", "2", "--per-emotion", "2", "--json"])
}

#[test]
fn every_tool_explains_itself_by_an_example() {
    for command in ["features", "models", "privacy", "synth"] {
        let help = chorus(&[command, "--help"]);
        assert!(help.status.success());
        assert!(text(&help.stdout).contains(&format!("Examples:\n  chorus {command}")), "{command}");
    }
}

#[test]
fn a_wrong_command_line_exits_with_2() {
    for wrong in [&["features"][..], &["models", "--labels", "1"], &["synth"], &["features", "x", "--format", "xml"]] {
        assert_eq!(chorus(wrong).status.code(), Some(2), "{wrong:?}");
    }
}

#[test]
fn models_lists_exact_counts() {
    let output = chorus(&["models", "--json"]);
    assert!(output.status.success());
    let networks: Value = serde_json::from_slice(&output.stdout).unwrap();
    let counts: Vec<_> = networks
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["name"].as_str().unwrap(), one["parameters"].as_u64().unwrap()))
        .collect();
    // Keras' own counts of the same layers.
    assert_eq!(counts[..3], [("dense", 26_008_068), ("conv", 1_832_004), ("lstm", 3_484_164)]);
    assert_eq!(counts[3], ("lstm-padded", 3_484_164));
    assert!(counts[4].0 == "compact" && counts[4].1 <= 200_000);
    assert_eq!(counts[5], ("compact-text", 176_441));
    for network in networks.as_array().unwrap() {
        let parameters = network["parameters"].as_u64().unwrap();
        let by_layer: u64 =
            network["layers"].as_array().unwrap().iter().map(|layer| layer["parameters"].as_u64().unwrap()).sum();
        assert_eq!(by_layer, parameters);
        assert_eq!(network["bytes_f32"].as_u64().unwrap(), parameters * 4);
        assert_eq!(network["bytes_f16"].as_u64().unwrap(), parameters * 2);
    }
    let table = text(&chorus(&["models"]).stdout);
    assert!(table.contains("conv: 1,832,004 parameters, 7,328,016 bytes as f32, 3,664,008 as f16"), "{table}");
}

#[test]
fn privacy_counts_what_dp_accounting_counts() {
    let epsilon = |line: &str| {
        let words: Vec<&str> = std::iter::once("privacy").chain(line.split_whitespace()).chain(["--json"]).collect();
        let output = chorus(&words);
        assert!(output.status.success(), "{}", text(&output.stderr));
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        answer["epsilon"].as_f64().unwrap()
    };
    // dp-accounting 0.6 (tests/reference/privacy/epsilon.json).
    for (line, expected) in [
        ("--noise-multiplier 1 --rounds 1 --delta 1e-5", 4.377_178),
        ("--noise-multiplier 0.5 --rounds 20 --delta 1e-4", 72.429_298),
        ("--noise-multiplier 4 --rounds 50 --sampling 0.1 --delta 1e-5", 0.684_216),
        ("--noise-multiplier 1 --rounds 1 --relation replace-one", 9.997_256),
    ] {
        let above = epsilon(line) - expected;
        assert!((-1.0e-6..1.0e-3).contains(&above), "{line}: {above}");
    }
    let said = text(&chorus(&["privacy", "--noise-multiplier", "1", "--rounds", "3"]).stdout);
    assert!(said.contains("epsilon = ") && said.contains("nothing in their place") && said.contains("right 50 times"));
}

#[test]
fn privacy_refuses_what_it_cannot_count() {
    for (line, reason) in [
        ("privacy --noise-multiplier 0", "a noise multiplier lies between 0.01"),
        ("privacy --noise-multiplier NaN", "a noise multiplier lies between"),
        ("privacy --noise-multiplier 1 --rounds 0", "rounds are 1 to"),
        ("privacy --noise-multiplier 1 --sampling 1.5", "sampling is a probability"),
        ("privacy --noise-multiplier 1 --delta 1", "delta lies between"),
        ("privacy --noise-multiplier 1 --sampling 0.5 --relation replace-one", "leave sampling out"),
    ] {
        let output = chorus(&line.split_whitespace().collect::<Vec<_>>());
        assert_eq!(output.status.code(), Some(1), "{line}");
        assert!(text(&output.stderr).contains(reason), "{line}: {}", text(&output.stderr));
    }
    assert_eq!(chorus(&["privacy", "--noise-multiplier", "1", "--relation", "bounded"]).status.code(), Some(2));
}

#[test]
fn synth_writes_a_corpus_that_opens_and_says_what_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("voices");
    let output = voices(&out);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((summary["clips"].as_u64(), summary["synthetic"].as_bool()), (Some(16), Some(true)));
    assert!(fs::read_to_string(out.join("README.txt")).unwrap().starts_with("SYNTHETIC SPEECH"));
    let manifest = fs::read_to_string(out.join("manifest.csv")).unwrap();
    assert_eq!(manifest.lines().next().unwrap(), "file,speaker,emotion,sentence,gender,duration_s,transcript");

    let corpus = corpus::Corpus::open(&out, &corpus::EMOTIONS.map(String::from)).unwrap();
    assert_eq!((corpus.clips.len(), corpus.speakers()), (16, vec!["synthetic_01", "synthetic_02"]));
    assert_eq!(corpus.skipped, []);
    for clip in &corpus.clips {
        let sound = speech::decode(&fs::read(&clip.path).unwrap(), None).unwrap().sound;
        assert!((1.2..=3.0).contains(&sound.seconds()));
    }
}

#[test]
fn synth_leaves_a_folder_that_is_not_empty_alone_unless_forced() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("mine.txt"), "keep").unwrap();
    let refused = voices(dir.path());
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("--force"));
    assert!(!dir.path().join("manifest.csv").exists());
    let out = dir.path().to_str().unwrap();
    let forced = chorus(&["synth", "--out", out, "--speakers", "1", "--per-emotion", "1", "--force"]);
    assert!(forced.status.success());
    assert!(dir.path().join("manifest.csv").exists() && dir.path().join("mine.txt").exists());
}

#[test]
fn features_come_as_csv_json_and_arrays_with_the_same_numbers() {
    let dir = tempfile::tempdir().unwrap();
    assert!(voices(dir.path()).status.success());
    let clip = dir.path().join("synthetic_01/sad/01.wav");
    let clip = clip.to_str().unwrap();
    let expected = speech::features(&speech::decode(&fs::read(clip).unwrap(), None).unwrap().sound).unwrap();

    let json: Value = serde_json::from_slice(&chorus(&["features", clip, "--format", "json"]).stdout).unwrap();
    assert_eq!(json[0]["file"], clip);
    let frames: Vec<Vec<f32>> = serde_json::from_value(json[0]["frames"].clone()).unwrap();
    assert_eq!(frames, expected.iter().map(|frame| frame.to_vec()).collect::<Vec<_>>());

    let table = text(&chorus(&["features", clip]).stdout);
    let mut lines = table.lines();
    assert!(lines.next().unwrap().starts_with("file,frame,time_s,"));
    let second: Vec<&str> = lines.nth(1).unwrap().split(',').collect();
    assert_eq!((second[0], second[1], second[2], second.len()), (clip, "1", "0.1", 37));
    assert_eq!(second[3].parse::<f32>().unwrap(), expected[1][0]);

    let array = chorus(&["features", clip, "--format", "npy"]).stdout;
    let length = usize::from(u16::from_le_bytes([array[8], array[9]]));
    assert_eq!((&array[..8], (10 + length) % 64), (&b"\x93NUMPY\x01\x00"[..], 0));
    let header = text(&array[10..10 + length]);
    let shape = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, 34), }}", expected.len());
    assert_eq!((header.trim_end(), header.ends_with('\n')), (shape.as_str(), true));
    let numbers: Vec<f32> =
        array[10 + length..].chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect();
    assert_eq!(numbers, expected.concat());
}

#[test]
fn networks_hear_sixty_features_at_five_speeds() {
    let dir = tempfile::tempdir().unwrap();
    assert!(voices(dir.path()).status.success());
    let clip = dir.path().join("synthetic_01/sad/01.wav");
    let clip = clip.to_str().unwrap();
    let sound = speech::decode(&fs::read(clip).unwrap(), None).unwrap().sound;
    let expected = speech::inputs_at_speeds(&sound).unwrap();
    let all: Vec<f32> = expected.iter().flat_map(|input| input.values.clone()).collect();
    assert_eq!(all.len(), 5 * 100 * 60);

    let json: Value =
        serde_json::from_slice(&chorus(&["features", clip, "--input", "--format", "json"]).stdout).unwrap();
    assert_eq!(json[0]["file"], clip);
    let frames: Vec<usize> = serde_json::from_value(json[0]["frames"].clone()).unwrap();
    assert_eq!(frames, expected.iter().map(|input| input.frames).collect::<Vec<_>>());
    let features: Vec<Vec<Vec<f32>>> = serde_json::from_value(json[0]["features"].clone()).unwrap();
    assert_eq!((features.len(), features[0].len(), features[0][0].len()), (5, 100, 60));
    assert_eq!(features.concat().concat(), all);

    let array = chorus(&["features", clip, "--input", "--format", "npy"]).stdout;
    let length = usize::from(u16::from_le_bytes([array[8], array[9]]));
    assert!(text(&array[10..10 + length]).contains("'shape': (5, 100, 60), }"));
    let numbers: Vec<f32> =
        array[10 + length..].chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect();
    assert_eq!(numbers, all);

    let table = text(&chorus(&["features", clip, "--input"]).stdout);
    assert_eq!(table.lines().count(), 1 + frames.iter().sum::<usize>());
    assert!(table.lines().next().unwrap().ends_with(",short_mfcc_13_std"));
    assert!(table.lines().last().unwrap().starts_with(&format!("{clip},5,{},", frames[4] - 1)));
}

#[test]
fn a_folder_gives_an_array_for_each_sound_in_the_same_folders() {
    let dir = tempfile::tempdir().unwrap();
    let (sounds, arrays) = (dir.path().join("voices"), dir.path().join("arrays"));
    assert!(voices(&sounds).status.success());
    let (from, to) = (sounds.to_str().unwrap(), arrays.to_str().unwrap());
    assert!(chorus(&["features", from, "--format", "npy", "--out", to]).status.success());
    assert!(arrays.join("synthetic_02/happy/02.npy").exists());
    assert_eq!(chorus(&["features", from, "--format", "npy"]).status.code(), Some(1));
}

#[test]
fn a_file_that_is_no_sound_is_reported_and_the_others_are_done() {
    let dir = tempfile::tempdir().unwrap();
    assert!(voices(dir.path()).status.success());
    let clip = dir.path().join("synthetic_01/sad/01.wav");
    let text_file = dir.path().join("README.txt");
    let missing = dir.path().join("missing.wav");
    let paths = [text_file.to_str().unwrap(), missing.to_str().unwrap(), clip.to_str().unwrap()];
    let output = chorus(&[&["features", "--format", "json"], &paths[..]].concat());
    assert_eq!(output.status.code(), Some(1));
    let done: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((done.as_array().unwrap().len(), done[0]["file"].as_str()), (1, Some(paths[2])));
    let complaints = text(&output.stderr);
    assert!(complaints.contains("README.txt") && complaints.contains("missing.wav"), "{complaints}");
    assert!(complaints.contains("2 of 3 inputs"), "{complaints}");
}

#[test]
fn a_folder_covers_every_extension_that_can_be_read_and_says_what_it_passes_over() {
    let dir = tempfile::tempdir().unwrap();
    let wav = corpus::synth::Voice::new(1).say(0, 0).to_wav();
    let readable = ["wav", "opus", "webm", "aiff", "3gp", "mov", "mka", "snd"];
    for extension in readable {
        fs::write(dir.path().join(format!("a.{extension}")), &wav).unwrap();
    }
    let folder = dir.path().to_str().unwrap();
    let files = |output: &Output| {
        let entries: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
        entries.iter().map(|entry| entry["file"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let all = chorus(&["features", folder, "--format", "json"]);
    assert!(all.status.success(), "{}", text(&all.stderr));
    assert_eq!(files(&all).len(), readable.len());

    fs::write(dir.path().join("memo.amr"), b"#!AMR\n").unwrap();
    fs::write(dir.path().join("notes.txt"), b"read me").unwrap();
    let some = chorus(&["features", folder, "--format", "json"]);
    let said = text(&some.stderr);
    assert_eq!((some.status.code(), files(&some).len()), (Some(1), readable.len()), "{said}");
    assert!(said.contains("1 not used: a sound format that is not read here: .amr\n"), "{said}");
    assert!(said.contains("memo.amr") && said.contains("1 not used: not a sound file by its name"), "{said}");
}

/// A stereo WAV file of 16 bits at 16 kHz.
fn stereo(frames: impl Iterator<Item = [i16; 2]>) -> Vec<u8> {
    let data: Vec<u8> = frames.flatten().flat_map(i16::to_le_bytes).collect();
    let mut wav = b"RIFF".to_vec();
    wav.extend((36 + data.len() as u32).to_le_bytes());
    wav.extend(b"WAVEfmt \x10\0\0\0\x01\0\x02\0\x80\x3E\0\0\0\xFA\0\0\x04\0\x10\0data");
    wav.extend((data.len() as u32).to_le_bytes());
    wav.extend(data);
    wav
}

#[test]
fn silence_is_reported_and_what_is_odd_about_a_sound_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let voice = corpus::synth::Voice::new(1).say(0, 0);
    let samples = || voice.samples().iter().map(|sample| (sample * 32_767.0) as i16);
    let write = |name: &str, bytes: Vec<u8>| {
        let path = dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let silent = write("silent.wav", stereo(samples().map(|_| [0, 0])));
    let odd = write("inverted.wav", stereo(samples().map(|sample| [sample, -sample])));

    let output = chorus(&["features", &silent, &odd, "--format", "json"]);
    assert_eq!(output.status.code(), Some(1));
    let done: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((done.as_array().unwrap().len(), done[0]["file"].as_str()), (1, Some(&*odd)));
    let said = text(&output.stderr);
    assert!(said.contains("silent.wav: it is silent"), "{said}");
    assert!(said.contains("inverted.wav: one of its two channels is the other one turned round"), "{said}");
    assert!(chorus(&["features", &odd]).status.success(), "what is odd about a sound is no failure");
}

#[test]
fn a_sound_may_come_through_a_pipe() {
    let wav = corpus::synth::Voice::new(1).say(0, 0).to_wav();
    let mut child = Command::new(env!("CARGO_BIN_EXE_chorus"))
        .args(["features", "-", "--format", "json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&wav).unwrap();
    let output = child.wait_with_output().unwrap();
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json[0]["file"], "-");
    assert!(json[0]["frames"].as_array().unwrap().len() > 8);
}
