//! `chorus simulate` on made-up voices, as a researcher runs it: what it writes, that it can be repeated, and what is
//! refused.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::process::{Command, Output, Stdio};

use protocol::{Aggregation, Choice as _, Strategy};
use serde_json::{Value, json};

fn chorus(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_chorus")).args(arguments).stdin(Stdio::null()).output().unwrap()
}

/// Five speakers with two clips of each emotion, and where features are kept.
struct Voices {
    folder: tempfile::TempDir,
}

impl Voices {
    fn new() -> Self {
        let voices = Self { folder: tempfile::tempdir().unwrap() };
        let made = chorus(&["synth", "--out", &voices.path("data"), "--speakers", "5", "--per-emotion", "2"]);
        assert!(made.status.success());
        voices
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// Three rounds of `compact` on these voices, unless `arguments` say otherwise.
    fn simulate(&self, arguments: &[&str]) -> Output {
        let (data, cache) = (self.path("data"), self.path("cache"));
        let rounds: &[&str] = if arguments.contains(&"--rounds") { &[] } else { &["--rounds", "3"] };
        chorus(&[&["simulate", "--data", &data, "--cache", &cache, "--json", "-"], rounds, arguments].concat())
    }

    fn outcome(&self, arguments: &[&str]) -> Value {
        let output = self.simulate(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn refusal(&self, arguments: &[&str]) -> String {
        let output = self.simulate(arguments);
        assert!(!output.status.success(), "{arguments:?} works");
        String::from_utf8(output.stderr).unwrap()
    }
}

/// An outcome without what a clock measured.
fn without_times(mut outcome: Value) -> Value {
    outcome["seconds"] = Value::Null;
    for round in outcome["rounds"].as_array_mut().unwrap() {
        round["seconds"] = Value::Null;
    }
    outcome
}

/// The sum of a table of counts.
fn total(table: &Value) -> u64 {
    let rows = table.as_array().unwrap().iter();
    rows.flat_map(|row| row.as_array().unwrap()).map(|count| count.as_u64().unwrap()).sum()
}

#[test]
fn the_outcome_says_how_good_the_model_is_and_what_it_took() {
    let voices = Voices::new();
    let outcome = voices.outcome(&["--partition", "by-speaker", "--clients", "4"]);
    for share in ["accuracy", "uar", "precision", "f1"] {
        assert!((0.0..=1.0).contains(&outcome[share].as_f64().unwrap()), "{share}");
    }
    assert_eq!(outcome["test_speakers"], serde_json::json!(["synthetic_05"]));
    assert_eq!((outcome["training_clips"].as_u64(), outcome["test_clips"].as_u64()), (Some(32), Some(8)));
    assert_eq!(total(&outcome["confusion"]), 8);
    assert_eq!(outcome["predictions"].as_array().unwrap().len(), 8);
    assert_eq!(outcome["rounds"].as_array().unwrap().len(), 3);
    assert_eq!(
        outcome["holdings"]["counts"],
        serde_json::json!([[2, 2, 2, 2], [2, 2, 2, 2], [2, 2, 2, 2], [2, 2, 2, 2]])
    );
    // Four clients send and receive a byte for each parameter three times, in groups of 248; beside it there are only some kilobytes of
    // messages. The finished model goes out once more.
    let model = outcome["parameters"].as_u64().unwrap().next_multiple_of(248);
    let (up, down) = (outcome["bytes_up"].as_u64().unwrap(), outcome["bytes_down"].as_u64().unwrap());
    assert!((12 * model..12 * model + 40_000).contains(&up), "{up}");
    assert!((16 * model..16 * model + 80_000).contains(&down), "{down}");
}

#[test]
fn the_same_plan_gives_the_same_outcome_and_another_seed_another() {
    let voices = Voices::new();
    let one = without_times(voices.outcome(&["--seed", "7"]));
    assert_eq!(one, without_times(voices.outcome(&["--seed", "7"])), "now with features from the cache");
    assert_ne!(one["loss"], voices.outcome(&["--seed", "8"])["loss"]);
}

#[test]
fn every_strategy_and_partition_runs() {
    let voices = Voices::new();
    for &strategy in Strategy::NAMES {
        let outcome = voices.outcome(&["--strategy", strategy, "--rounds", "2"]);
        assert_eq!(outcome["plan"]["strategy"]["name"], strategy);
        assert!(outcome["loss"].as_f64().unwrap().is_finite(), "{strategy}");
    }
    for partition in ["centralised", "random", "single-emotion", "by-speaker", "dirichlet:0.5", "quantity-skew"] {
        let outcome = voices.outcome(&["--partition", partition, "--rounds", "1"]);
        assert_eq!(total(&outcome["holdings"]["counts"]), 32, "{partition}: every training clip is with one client");
    }
}

#[test]
fn speakers_are_heard_by_their_own_scales_in_whatever_way_clips_are_divided() {
    let voices = Voices::new();
    let own = |arguments: &[&str]| voices.outcome(&[&["--normalisation", "own", "--rounds", "2"], arguments].concat());
    for partition in ["centralised", "single-emotion", "by-speaker"] {
        let outcome = own(&["--partition", partition]);
        let rows = outcome["of_few_clips"].as_array().unwrap();
        let kinds: Vec<Value> = rows.iter().map(|row| json!([row["clips"], row["one_label"]])).collect();
        let kinds_wanted =
            json!([[0, false], [1, false], [3, false], [10, false], [null, false], [3, true], [null, true]]);
        assert_eq!(json!(kinds), kinds_wanted, "{partition}");
        assert_eq!(rows[0]["untold"], rows[0]["told"], "{partition}: of no clips there is nothing to tell");
        for row in rows {
            assert_eq!(total(&row["told"]["confusion"]), 8, "{partition}");
        }
        assert_ne!(
            outcome["loss"],
            voices.outcome(&["--rounds", "2", "--partition", partition])["loss"],
            "{partition}"
        );
    }
    let plain = own(&["--partition", "by-speaker"]);
    let of_edges = own(&["--partition", "by-speaker", "--edges", "2"]);
    let loss = |outcome: &Value| outcome["loss"].as_f64().unwrap();
    assert!((loss(&plain) - loss(&of_edges)).abs() < 1e-3, "{} and {}", loss(&plain), loss(&of_edges));
    let absent = own(&["--partition", "by-speaker", "--attack", "absent", "--attackers", "0.3"]);
    assert_eq!(absent["rounds"].as_array().unwrap().len(), 2);
    assert!(voices.outcome(&["--rounds", "1"])["of_few_clips"].is_null());
}

#[test]
fn the_mean_of_the_models_changes_the_last_one_alone() {
    let voices = Voices::new();
    for way in
        [&["--partition", "random"][..], &["--partition", "centralised"], &["--edges", "2"], &["--masking", "active"]]
    {
        let outcome =
            |ending: &str| without_times(voices.outcome(&[way, &["--rounds", "3", "--final-model", ending]].concat()));
        let (last, mean) = (outcome("last"), outcome("mean"));
        let lost = |outcome: &Value, of: &str| [0, 1, 2].map(|round| outcome["rounds"][round][of].clone());
        assert_eq!(lost(&last, "loss")[..2], lost(&mean, "loss")[..2], "{way:?}");
        assert_ne!(last["loss"], mean["loss"], "{way:?}");
        assert_eq!(lost(&last, "training_loss"), lost(&mean, "training_loss"), "{way:?}: nobody trained otherwise");
    }
}

#[test]
fn the_made_up_clock_follows_from_the_seed() {
    let voices = Voices::new();
    for way in [&["--selection", "4"][..], &["--asynchronous", "3"], &[]] {
        let arguments = [&["--clients", "8", "--drop-out", "0.4", "--slow", "0.5", "--rounds", "4"], way].concat();
        let outcome = voices.outcome(&arguments);
        assert_eq!(outcome, voices.outcome(&arguments), "{way:?}: also in its seconds");
        assert_eq!(outcome["rounds"].as_array().unwrap().len(), 4, "{way:?}");
        assert!(outcome["rounds"].as_array().unwrap().iter().all(|round| round["seconds"].as_f64().unwrap() > 0.0));
    }
}

#[test]
fn every_aggregation_and_attack_runs_and_can_be_repeated() {
    let voices = Voices::new();
    for &aggregation in Aggregation::NAMES {
        let arguments = ["--clients", "5", "--rounds", "2", "--aggregation", aggregation, "--attack", "noise"];
        let outcome = without_times(voices.outcome(&arguments));
        let named = outcome["plan"]["aggregation"]["name"].as_str();
        assert_eq!(named, (aggregation != "mean").then_some(aggregation), "a plan with the mean is as it always was");
        assert!(outcome["loss"].as_f64().unwrap().is_finite(), "{aggregation}");
        assert_eq!(outcome, without_times(voices.outcome(&arguments)));
    }
    let honest = voices.outcome(&["--clients", "5", "--rounds", "2"]);
    assert_eq!(honest["plan"].get("attack"), None);
    for attack in ["label-flip", "sign-flip", "scale", "noise", "free-rider", "collude", "little", "loud", "statistics"]
    {
        let outcome = voices.outcome(&["--clients", "5", "--rounds", "2", "--attack", attack, "--attackers", "0.4"]);
        assert_eq!(outcome["plan"]["attack"], serde_json::json!({ "behaviour": attack, "share": 0.4 }));
        assert_ne!(outcome["loss"], honest["loss"], "{attack}");
    }
}

#[test]
fn a_round_of_equal_devices_takes_what_they_take() {
    let voices = Voices::new();
    // 8 clips each: 1 s and 8 · 0.05 s; the model of 45,188 numbers takes 0.181 s at 1 MB/s with four bytes each, 0.045 s with one, once
    // down and once up.
    for (encoding, expected) in [(&["--encoding", "f32"][..], 1.762), (&[], 1.491)] {
        let equal = ["--clients", "4", "--slow", "0", "--bandwidth", "8", "--rounds", "2", "--epochs", "1"];
        let outcome = voices.outcome(&[&equal[..], encoding].concat());
        let seconds: Vec<f64> =
            outcome["rounds"].as_array().unwrap().iter().map(|round| round["seconds"].as_f64().unwrap()).collect();
        assert!(seconds.iter().all(|round| (round - expected).abs() < 0.005), "{seconds:?}");
    }
}

#[test]
fn a_lost_client_costs_a_waiting_room_its_grace_and_no_other() {
    let voices = Voices::new();
    let seconds = |way: &[&str]| {
        let trouble = ["--clients", "8", "--drop-out", "0.3", "--rounds", "5", "--epochs", "1"];
        voices.outcome(&[&trouble[..], way].concat())["seconds"].as_f64().unwrap()
    };
    let (waits, goes_on) = (seconds(&[]), seconds(&["--asynchronous", "3"]));
    assert!(waits > 15.0 && goes_on < 15.0, "{waits} s, and {goes_on} s without waiting");
}

#[test]
fn a_model_can_be_tested_on_another_corpus() {
    let voices = Voices::new();
    let other = voices.path("other");
    chorus(&["synth", "--out", &other, "--speakers", "2", "--per-emotion", "1", "--seed", "9"]);
    let outcome = voices.outcome(&["--eval-data", &other]);
    assert_eq!((outcome["training_clips"].as_u64(), outcome["test_clips"].as_u64()), (Some(40), Some(8)));
}

#[test]
fn what_cannot_work_is_refused_in_words() {
    let voices = Voices::new();
    for (arguments, words) in [
        (&["--strategy", "fedadm"][..], "did you mean fedadam?"),
        (&["--model", "convv"], "choose dense, conv"),
        (&["--partition", "singel-emotion"], "single-emotion"),
        (&["--clients", "33"], "too few for 33 clients"),
        (&["--partition", "by-speaker", "--clients", "5"], "4 speakers are too few"),
        (&["--test-speakers", "synthetic_1"], "did you mean"),
        (&["--fold", "1/9"], "folds"),
        (&["--labels", "angry,happy,calm"], "calm"),
        (&["--strategy", "scaffold", "--optimiser", "adam"], "sgd"),
        (&["--strategy", "scaffold", "--asynchronous", "3"], "choose another, or synchronous rounds"),
        (&["--drop-out", "1"], "below 1"),
        (&["--selection", "9"], "selection.clients"),
        (&["--over-selection", "2"], "only with selection"),
        (&["--partition", "centralised", "--slow", "1"], "no clients"),
        (&["--eval-data", "/no such folder"], "/no such folder"),
        (&["--aggregation", "meadian"], "did you mean median?"),
        (&["--aggregation", "krum"], "krum needs rounds of 5"),
        (&["--aggregation", "median", "--trim", "0.1"], "median has no such setting"),
        (&["--aggregation", "median", "--strategy", "scaffold"], "choose mean"),
        (&["--attack", "nois"], "label-flip"),
        (&["--attack", "noise", "--attackers", "0.5"], "below 0.5"),
        (&["--attackers", "0.2"], "--attack"),
    ] {
        let refusal = voices.refusal(arguments);
        assert!(refusal.contains(words), "{arguments:?}: {refusal}");
    }
}

#[test]
fn an_unreadable_clip_is_left_out_and_named() {
    let voices = Voices::new();
    std::fs::write(voices.path("data/synthetic_01/angry/01.wav"), "no sound").unwrap();
    let outcome = voices.outcome(&[]);
    assert_eq!(outcome["training_clips"].as_u64(), Some(31));
    let skipped = outcome["skipped"].as_array().unwrap();
    assert!(skipped.len() == 1 && skipped[0][0].as_str().unwrap().ends_with("angry/01.wav"), "{skipped:?}");
}

#[test]
fn a_folder_of_which_nothing_can_be_read_names_every_file_below_its_reason() {
    let voices = Voices::new();
    let all = std::process::Command::new("find").arg(voices.path("data")).args(["-name", "*.wav"]).output().unwrap();
    let all = String::from_utf8(all.stdout).unwrap();
    for (number, clip) in all.lines().enumerate() {
        std::fs::write(clip, if number == 0 { "" } else { "no sound" }).unwrap();
    }
    let refusal = voices.refusal(&[]);
    assert!(refusal.contains("1 not used: there is no sound in this"), "{refusal}");
    assert!(refusal.contains(&format!("{} not used: this is not a sound file", all.lines().count() - 1)), "{refusal}");
    for clip in all.lines() {
        assert!(refusal.contains(clip.rsplit('/').next().unwrap()), "{clip}: {refusal}");
    }
}

/// Folders as loaders of sound want them, where names alone say who speaks: `train/angry/s1_01.wav`.
#[test]
fn a_split_of_its_own_is_a_choice_and_people_who_cant_be_told_are_not_one() {
    let voices = Voices::new();
    let tree = voices.folder.path().join("tree");
    for speaker in 1..=5 {
        for emotion in corpus::EMOTIONS {
            let to = tree.join(if speaker == 5 { "test" } else { "train" }).join(emotion);
            std::fs::create_dir_all(&to).unwrap();
            for take in ["01", "02"] {
                let from = voices.path(&format!("data/synthetic_0{speaker}/{emotion}/{take}.wav"));
                std::fs::copy(from, to.join(format!("s{speaker}_{take}.wav"))).unwrap();
            }
        }
    }
    let (tree, cache) = (tree.to_str().unwrap(), voices.path("cache"));
    let simulate = |more: &[&str]| {
        let output =
            chorus(&[&["simulate", "--data", tree, "--cache", &cache, "--rounds", "1", "--json", "-"], more].concat());
        (serde_json::from_slice(&output.stdout).unwrap_or(Value::Null), String::from_utf8(output.stderr).unwrap())
    };
    let (outcome, refusal) = simulate(&[]);
    assert_eq!(outcome, Value::Null);
    assert!(refusal.contains("who speaks in 40 of the 40 clips can't be told from names such as tree/"), "{refusal}");
    assert!(refusal.contains("--speaker-pattern '/([^/_-]+)[^/]*$'") && refusal.contains("--own-split"), "{refusal}");
    let (outcome, _) = simulate(&["--speaker-pattern", "/([^/_-]+)[^/]*$"]);
    assert_eq!(outcome["test_speakers"], serde_json::json!(["s5"]));
    let (outcome, said) = simulate(&["--own-split"]);
    assert_eq!((outcome["training_clips"].as_u64(), outcome["test_clips"].as_u64()), (Some(32), Some(8)));
    assert!(said.contains("train 32, test 8") && said.contains("nobody knows whether"), "{said}");
    assert!(voices.refusal(&["--own-split"]).contains("no split of its own"));
    assert!(voices.refusal(&["--speaker-pattern", "("]).contains("--speaker-pattern"));
    assert!(voices.refusal(&["--map", "joy=blue"]).contains("maps to none of the labels"));
}

#[test]
fn training_that_diverges_says_so_and_what_to_do() {
    let voices = Voices::new();
    let words = voices.refusal(&["--model", "conv", "--optimiser", "adam", "--learning-rate", "1", "--clients", "1"]);
    assert!(words.contains("training diverged"), "{words}");
    assert!(words.contains("smaller learning rate") && words.contains("earlier version"), "{words}");
}

#[test]
fn a_folder_of_pointers_is_no_corpus() {
    let voices = Voices::new();
    let data = std::path::PathBuf::from(voices.path("data"));
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0000\nsize 64044\n";
    for speaker in ["synthetic_01", "synthetic_02"] {
        for label in corpus::EMOTIONS {
            std::fs::write(data.join(speaker).join(label).join("01.wav"), pointer).unwrap();
        }
    }
    let words = voices.refusal(&["--clients", "2"]);
    assert!(words.contains("8 of the 40 clips in"), "{words}");
    assert!(words.contains("git lfs pull") && words.contains("--skip-unreadable"), "{words}");
    let lifted = voices.simulate(&["--clients", "2", "--skip-unreadable", "--rounds", "1", "--epochs", "1"]);
    let said = String::from_utf8_lossy(&lifted.stderr).into_owned();
    assert!(lifted.status.success(), "{said}");
    assert!(said.contains("8 not used: a pointer to a large file"), "{said}");
}

#[test]
fn masks_change_nothing_but_what_rounding_does() {
    let voices = Voices::new();
    let usual = ["--partition", "by-speaker", "--clients", "4", "--rounds", "5", "--strategy", "fedavg"];
    let plain = voices.outcome(&usual);
    for masks in [&["--masking", "active"][..], &["--masking", "curious", "--masking-encoding", "masked24"]] {
        let masked = voices.outcome(&[&usual[..], masks].concat());
        assert_eq!(masked["plan"]["masking"]["server"], masks[1]);
        let rounds = |outcome: &Value| outcome["rounds"].as_array().unwrap().clone();
        for (masked, plain) in rounds(&masked).iter().zip(rounds(&plain)) {
            let (found, wanted) = (masked["training_loss"].as_f64().unwrap(), plain["training_loss"].as_f64().unwrap());
            assert!((found - wanted).abs() < 5e-3, "{masks:?}: {found} is not {wanted}");
        }
        assert_eq!(masked["accuracy"], plain["accuracy"], "{masks:?}");
        assert_eq!(without_times(masked.clone()), without_times(voices.outcome(&[&usual[..], masks].concat())));
    }
    assert!(voices.refusal(&["--masking", "active", "--aggregation", "median"]).contains("no single update"));
    assert!(voices.refusal(&["--masking-clip", "1"]).contains("only with masking"));
}

/// Over edges the same clients make the same model, to rounding, and the root hears of edges alone.
#[test]
fn edges_give_the_root_what_their_clients_would() {
    let voices = Voices::new();
    let all = ["--clients", "6", "--strategy", "fedavgm", "--seed", "3"];
    let (flat, tree) = (voices.outcome(&all), voices.outcome(&[&all[..], &["--edges", "2"]].concat()));
    let (of_flat, of_tree) = (flat["rounds"].as_array().unwrap(), tree["rounds"].as_array().unwrap());
    assert_eq!((of_flat.len(), of_tree.len()), (3, 3));
    for (one, other) in of_flat.iter().zip(of_tree) {
        let close = |what: &str| (one[what].as_f64().unwrap() - other[what].as_f64().unwrap()).abs() < 1.0e-3;
        assert!(close("loss") && close("training_loss"), "{one} {other}");
    }
    let up = |outcome: &Value| outcome["bytes_up"].as_f64().unwrap();
    assert!((up(&tree) / up(&flat) - 2.0 / 6.0).abs() < 0.05, "{} of {}", up(&tree), up(&flat));
    let masked = voices.outcome(&["--clients", "6", "--edges", "2", "--masking", "curious"]);
    assert_eq!(masked["rounds"].as_array().unwrap().len(), 3);
    for (wrong, why) in [
        (&["--clients", "6", "--edges", "7"][..], "take fewer edges"),
        (&["--clients", "6", "--edges", "2", "--aggregation", "median"][..], "every client's update"),
        (&["--clients", "6", "--edges", "3", "--masking", "active"][..], "needs 3 clients"),
        (&["--edges", "2", "--selection", "2"][..], "no clock"),
    ] {
        assert!(voices.refusal(wrong).contains(why), "{wrong:?}: {}", voices.refusal(wrong));
    }
}

/// A class in masks, of which two were gone from a round, is played again; one in which too few were left to mask is told so.
#[test]
fn a_masked_session_is_played_again_with_its_losses() {
    let voices = Voices::new();
    let session = |attendance: &[&[u32]]| {
        let gave = |place: &u32| json!({"place": place, "examples": 0, "labels": [], "after_ms": 0, "norm": 0.0});
        let round = |(number, places): (usize, &&[u32])| {
            let record = json!({"round": number + 1, "model_version": number + 1, "clients": places.len(), "examples": 9,
                "refused": 0, "duration_ms": 5, "training": {"loss": 1.0, "accuracy": 0.5}});
            json!({"record": record, "gave": places.iter().map(gave).collect::<Vec<_>>(), "lacking": []})
        };
        let room = json!({"labels": ["angry", "happy", "neutral", "sad"], "architecture": "compact", "parameters": 45_188,
            "features": 60, "encoding": "f32", "rounds": attendance.len(), "goal": 0, "least": 3, "max_clients": 64,
            "deadline_ms": 180_000, "grace_ms": 15_000, "weight_cap": 1_000, "norm_limit": 10_000.0, "seed": 0,
            "training": {"epochs": 1, "batch_size": 20, "learning_rate": 0.001},
            "masking": {"server": "active", "encoding": "masked32", "clip": 1.0}});
        let rounds: Vec<Value> = attendance.iter().enumerate().map(round).collect();
        let file = json!({"chorus_session": 1, "program": "0", "room": room, "places": 5, "rounds": rounds, "final_evaluation": null});
        let path = voices.path("session.json");
        std::fs::write(&path, file.to_string()).unwrap();
        path
    };
    // Four of five open the sum: one may be lost with its masks on, two cannot have been there.
    let file = session(&[&[0, 1, 2, 3, 4], &[0, 1, 2], &[1, 2, 3, 4]]);
    let again = ["--session", &file, "--partition", "random", "--rounds", "3"];
    let outcome = voices.outcome(&again);
    assert_eq!(outcome["rounds"].as_array().map(Vec::len), Some(3));
    assert_eq!(without_times(outcome), without_times(voices.outcome(&again)), "the same again");
    let file = session(&[&[0, 1, 2, 3, 4], &[0, 1]]);
    let refused = voices.refusal(&["--session", &file, "--partition", "random", "--rounds", "2"]);
    assert!(refused.contains("round 2 of the session fewer than 3 gave"), "{refused}");
}
