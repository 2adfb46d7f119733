//! `chorus experiment paper` and `personal` on made-up voices, as a researcher runs them: the report, going on after an
//! interruption, and what is refused.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use serde_json::Value;
use support::voices::{Voices, chorus, outcome, text};

/// Name and time of every stored run.
fn stored(out: &Path) -> Vec<(String, SystemTime)> {
    let entries = fs::read_dir(out.join("runs")).unwrap().map(|entry| entry.unwrap());
    let mut all: Vec<(String, SystemTime)> = entries
        .map(|entry| (entry.file_name().into_string().unwrap(), entry.metadata().unwrap().modified().unwrap()))
        .collect();
    all.sort();
    all
}

#[test]
fn the_small_report_is_whole_and_goes_on_where_it_was_stopped() {
    let voices = Voices::new();
    let out = voices.out("report");
    fs::create_dir_all(&out).unwrap();
    fs::write(out.join("notes.txt"), "mine").unwrap();
    let first = voices.experiment(&out, &[]);
    assert!(first.status.success(), "{}", text(&first.stderr));
    assert!(text(&first.stdout).trim().ends_with("report.html"));
    assert_eq!(fs::read_to_string(out.join("notes.txt")).unwrap(), "mine", "what lay there stays");

    // Two networks: experiment 1 has 7 systems, experiment 2 three counts of clients in two recipes, experiment 3 four.
    let runs = stored(&out);
    assert_eq!(runs.len(), 2 * (7 + 3 * 2 + 4), "{runs:?}");
    let results: Value = serde_json::from_slice(&fs::read(out.join("results.json")).unwrap()).unwrap();
    assert_eq!(results["runs"].as_array().unwrap().len(), runs.len());
    assert_eq!(results["failures"], serde_json::json!([]));
    for condition in results["conditions"].as_array().unwrap() {
        let uar = condition["uar"]["mean"].as_f64().unwrap();
        assert!((0.0..=1.0).contains(&uar), "{condition}");
        let tested: u64 = condition["confusion"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|row| row.as_array().unwrap())
            .map(|count| count.as_u64().unwrap())
            .sum();
        assert_eq!(tested, 16, "a fifth of six speakers is two of them, with eight clips each");
        let central = condition["system"] == "centralised";
        assert_eq!(condition["bytes_up"].as_f64().unwrap() == 0.0, central, "{condition}");
    }

    // Six federated systems of experiment 1 and four of experiment 3 beside each baseline, two recipes beside the paper's
    // for two systems, two counts of clients beside the smallest in two recipes, and compact beside conv.
    let comparisons = results["comparisons"].as_array().unwrap();
    assert_eq!(comparisons.len(), 2 * (6 + 4 + 2 * 2 + 2 * 2) + 1);
    for comparison in comparisons {
        let [low, high] = ["low", "high"].map(|end| comparison[end].as_f64().unwrap());
        assert!(low <= high && comparison["speakers"] == 2, "{comparison}");
    }

    let mut table = csv::Reader::from_path(out.join("results.csv")).unwrap();
    assert_eq!(table.headers().unwrap().iter().take(3).collect::<Vec<_>>(), ["key", "experiment", "model"]);
    assert_eq!(
        table.records().filter(|row| row.as_ref().unwrap().iter().next_back() == Some("yes")).count(),
        runs.len()
    );

    let page = fs::read_to_string(out.join("report.html")).unwrap();
    for id in [
        "summary",
        "experiment-1",
        "experiment-2",
        "experiment-3",
        "cost",
        "holdings",
        "statistics",
        "against-the-paper",
        "recipes",
        "corpus",
        "repeat",
    ] {
        assert!(page.contains(&format!("<section id=\"{id}\"")), "{id}");
    }
    assert!(!page.contains("id=\"failures\"") && !page.contains("not done"));
    // The name space of SVG is an address that nobody follows.
    let own = page.replace("http://www.w3.org/2000/svg", "");
    for wrong in ["NaN", ">inf<", "inf ±", "\"inf", "<script", "<link", "http://", "src=", "url("] {
        assert!(!own.contains(wrong), "{wrong}");
    }

    // The same again: nothing is repeated. Then with one run missing and one damaged: those two alone.
    assert!(voices.experiment(&out, &[]).status.success());
    assert_eq!(stored(&out), runs);
    fs::remove_file(out.join("runs").join(&runs[3].0)).unwrap();
    fs::write(out.join("runs").join(&runs[5].0), "{\"plan\": half").unwrap();
    let third = voices.experiment(&out, &[]);
    assert!(third.status.success());
    assert!(text(&third.stderr).contains(&format!("{} of {} runs are stored already", runs.len() - 2, runs.len())));
    let again = stored(&out);
    for (place, (before, after)) in runs.iter().zip(&again).enumerate() {
        assert_eq!(before == after, place != 3 && place != 5, "{before:?} {after:?}");
    }

    // The command beside a number gives just that number.
    let key = "e1-compact-single-emotion-gradient-k4-s0";
    let condition =
        results["conditions"].as_array().unwrap().iter().find(|one| key.starts_with(one["key"].as_str().unwrap()));
    let command = condition.unwrap()["commands"][0].as_str().unwrap();
    assert!(command.starts_with("chorus simulate --data '"), "{command}");
    let command = format!(
        "exec {} --json - --cache {}",
        command.replacen("chorus", env!("CARGO_BIN_EXE_chorus"), 1),
        voices.cache
    );
    let alone = Command::new("sh").args(["-c", &command]).output().unwrap();
    let alone: Value = serde_json::from_slice(&alone.stdout).unwrap();
    let kept: Value =
        serde_json::from_slice(&fs::read(out.join("runs").join(key).with_extension("json")).unwrap()).unwrap();
    for field in ["plan", "accuracy", "uar", "loss", "confusion", "predictions", "bytes_up"] {
        assert_eq!(alone[field], kept[field], "{field}");
    }
}

#[test]
fn everyone_is_tested_once_with_folds() {
    let voices = Voices::new();
    let out = voices.out("report");
    let done = voices.experiment(&out, &["--folds", "3", "--models", "compact", "--experiments", "3", "--rounds", "1"]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    assert_eq!(stored(&out).len(), 4 * 3);
    let results: Value = serde_json::from_slice(&fs::read(out.join("results.json")).unwrap()).unwrap();
    assert_eq!(results["tested"]["speakers"].as_array().unwrap().len(), 6);
    assert_eq!(results["tested"]["clips"], 48);
    let page = fs::read_to_string(out.join("report.html")).unwrap();
    assert!(page.contains("Experiment 1 was not asked for") && page.contains("--fold 3/3"));
}

/// Three speakers are left to train on, too few for four groups of speakers.
#[test]
fn what_cannot_be_done_is_told_and_the_rest_is_done() {
    let voices = Voices::new();
    let out = voices.out("report");
    let tested = ["--test-speakers", "synthetic_04,synthetic_05,synthetic_06"];
    let done = voices
        .experiment(&out, &[&tested[..], &["--models", "compact", "--experiments", "3", "--rounds", "1"]].concat());
    assert_eq!(done.status.code(), Some(1));
    let said = text(&done.stderr);
    assert!(
        said.contains("2 of 4 runs could not be done") && said.contains("3 speakers are too few for 4 clients"),
        "{said}"
    );
    let page = fs::read_to_string(out.join("report.html")).unwrap();
    assert!(page.contains("id=\"failures\"") && page.contains("too few for 4 clients"));
    assert_eq!(stored(&out).len(), 2);
    let table = fs::read_to_string(out.join("results.csv")).unwrap();
    assert_eq!(table.lines().filter(|line| line.ends_with(",no")).count(), 2, "{table}");
}

#[test]
fn what_cannot_work_is_refused_before_anything_runs() {
    let voices = Voices::new();
    let refused = |more: &[&str], code: i32, words: &str| {
        let out = voices.out("refused");
        let output = voices.experiment(&out, more);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{more:?}: {said}");
        assert!(said.contains(words), "{more:?}: {said}");
        assert!(!out.join("report.html").exists());
    };
    refused(&["--models", "convv"], 2, "there is no model called \"convv\"");
    refused(&["--experiments", "4"], 2, "choose among 1, 2 and 3");
    refused(&["--folds", "7"], 1, "7 folds of 6 speakers");
    refused(&["--test-speakers", "synthetic_07"], 1, "there is no speaker \"synthetic_07\"");
    refused(&["--labels", "angry,bored"], 1, "has no clip of bored");
    refused(&["--device", "gpu"], 2, "choose cpu, wgpu or burn-wgpu");
    let file = voices.out("a file");
    fs::write(&file, "").unwrap();
    let output = voices.experiment(&file, &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("can't make the folder"), "{}", text(&output.stderr));
}

/// What a Slurm array or HyperQueue does, in small: each run by a program of its own, several at the same time and in any order.
#[test]
fn runs_that_several_programs_did_are_those_of_one() {
    let voices = Voices::new();
    let series = ["--models", "conv", "--experiments", "3"];
    let alone = voices.out("alone");
    let listed = voices.experiment(&alone, &[&series[..], &["--list"]].concat());
    assert!(listed.status.success(), "{}", text(&listed.stderr));
    let list = text(&listed.stdout);
    let lines: Vec<Vec<&str>> = list.lines().map(|line| line.split(' ').collect()).collect();
    assert_eq!(lines.len(), 4, "{list}");
    assert_eq!(stored(&alone), [], "a list runs nothing");
    let whole = voices.experiment(&alone, &series);
    assert!(whole.status.success(), "{}", text(&whole.stderr));

    let shared = voices.out("shared");
    let of_shared = |more: &[&str]| voices.experiment(&shared, &[&series[..], more].concat());
    std::thread::scope(|threads| {
        for number in ["4", "2", "1", "3"] {
            threads.spawn(move || {
                let one = of_shared(&["--only", number]);
                assert!(one.status.success(), "{}", text(&one.stderr));
            });
        }
    });
    assert!(!shared.join("report.html").exists(), "one run is no report");
    let gathered = of_shared(&[]);
    let said = text(&gathered.stderr);
    assert!(gathered.status.success() && said.contains("4 of 4 runs are stored already"), "{said}");
    assert!(shared.join("report.html").is_file());
    for line in &lines {
        let [_, hash, name] = line[..] else { panic!("{line:?}") };
        assert_eq!(outcome(&alone, name), outcome(&shared, name), "{name}");
        assert!(hash.len() == 64 && hash.bytes().all(|digit| digit.is_ascii_hexdigit()), "{hash}");
    }
    let hashes: std::collections::BTreeSet<&str> = lines.iter().map(|line| line[1]).collect();
    assert_eq!(
        hashes.len(),
        2,
        "of four speakers, four groups and a client a speaker are the same plan, in two recipes"
    );
    let beyond = of_shared(&["--only", "5"]);
    assert!(!beyond.status.success() && text(&beyond.stderr).contains("this series has 4"), "{}", text(&beyond.stderr));
}

#[test]
fn each_speaker_tunes_from_each_start_and_nothing_is_done_twice() {
    let voices = Voices::new();
    let out = voices.out("personal");
    let personal = |more: &[&str]| {
        let out = out.to_str().unwrap();
        let series = ["experiment", "personal", "--data", &voices.data, "--out", out, "--cache", &voices.cache];
        let small = ["--folds", "2", "--rounds", "1", "--draws", "2", "--clips", "1,2"];
        chorus(&[&series[..], &small, more].concat())
    };
    let listed = text(&personal(&["--list"]).stdout);
    assert_eq!(listed.lines().count(), 3 * 2, "three starts, two parts of the speakers: {listed}");
    assert!(personal(&["--only", "6"]).status.success());
    assert_eq!(stored(&out).len(), 1);
    let all = personal(&[]);
    assert!(all.status.success(), "{}", text(&all.stderr));
    let runs = stored(&out);
    assert_eq!(runs.len(), 6);

    let cells: Value = serde_json::from_slice(&fs::read(out.join("personal.json")).unwrap()).unwrap();
    let cells = cells.as_array().unwrap();
    // Of the two clips of an emotion, or of the two sentences, one is tested, so that there is never a second to tune on. Five ways from
    // the usual room, three from the others, and none.
    assert_eq!(cells.len(), 2 * ((1 + 5) + 2 * (1 + 3)));
    for cell in cells {
        assert_eq!((cell["clips"].as_u64(), cell["tuned_on"].as_f64()), (Some(1), Some(4.0)), "{cell}");
        assert_eq!(cell["speakers"], 6, "{cell}");
        let of = |name: &str| cell[name].as_f64().unwrap();
        let gained = cell["difference"]["uar"].as_f64().unwrap();
        assert!((of("uar") - of("shared") - gained).abs() < 1e-9 && (0.0..=1.0).contains(&of("uar")), "{cell}");
        assert!(cell["way"].is_null() || (1.0..=30.0).contains(&of("epochs")), "{cell}");
    }
    let page = fs::read_to_string(out.join("personal.md")).unwrap();
    assert_eq!(page.matches("| clips a label |").count(), 3 * 2, "{page}");

    assert!(personal(&[]).status.success());
    assert_eq!(stored(&out), runs, "nothing is done twice");
}
