//! `chorus join` against `chorus serve`: the two programs as people start them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::process::{Command, Output};

use anyhow::Result;
use serde_json::Value;
use support::server::Server;

const PROGRAM: &str = env!("CARGO_BIN_EXE_chorus");

fn join(arguments: &[&str]) -> Result<Output> {
    Ok(Command::new(PROGRAM).arg("join").args(arguments).output()?)
}

/// The lines of JSON that it said.
fn news(output: &Output) -> Vec<Value> {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).expect("each line is JSON"))
        .collect()
}

fn events<'a>(news: &'a [Value], name: &str) -> Vec<&'a Value> {
    news.iter().filter(|news| news["event"] == name).collect()
}

#[test]
fn two_made_up_voices_train_together() -> Result<()> {
    let server = Server::start(PROGRAM.as_ref(), &["--rounds", "2", "--epochs", "1"])?;
    let link = format!("{}/room/{}", server.origin, server.room);
    let news = news(&join(&[&link, "--synthetic", "1", "--participants", "2", "--clips", "40", "--json"])?);

    assert_eq!(events(&news, "joined").len(), 2);
    assert_eq!(events(&news, "accepted").len(), 4, "two participants, two rounds");
    assert!(events(&news, "done").iter().all(|done| done["finished"] == true));
    // Three versions of the model were tried by both: the first one, that of round 1, and the finished one.
    assert_eq!(events(&news, "evaluated").len(), 6);

    let history = format!("{}/api/rooms/{}/history", server.origin, server.room);
    let history: Vec<Value> = serde_json::from_str(&ureq::get(history).call()?.body_mut().read_to_string()?)?;
    assert_eq!(history.len(), 2);
    for (record, round) in history.iter().zip(1..) {
        assert_eq!(record["round"], round);
        assert_eq!(record["clients"], 2);
        assert_eq!(record["examples"], 64, "40 clips each, a fifth of them held back");
        assert_eq!(record["evaluation"]["examples"], 16);
    }
    Ok(())
}

#[test]
fn participants_hear_by_their_own_scales_where_the_room_wants_it() -> Result<()> {
    let losses = |normalisation: &str| -> Result<Vec<f64>> {
        let server =
            Server::start(PROGRAM.as_ref(), &["--rounds", "2", "--epochs", "1", "--normalisation", normalisation])?;
        let link = format!("{}/room/{}", server.origin, server.room);
        let news = news(&join(&[&link, "--synthetic", "1", "--participants", "2", "--clips", "20", "--json"])?);
        assert!(events(&news, "done").iter().all(|done| done["finished"] == true), "{normalisation}");
        let about = format!("{}/api/rooms/{}/model.json", server.origin, server.room);
        let about: Value = serde_json::from_str(&ureq::get(about).call()?.body_mut().read_to_string()?)?;
        let says_so = about.get("normalisation").is_some_and(|said| said == "own");
        assert_eq!(says_so, normalisation == "own", "{about}");
        // Everyone's frames have the mean and deviation that the files say, whoever hears by which scale.
        assert_eq!(about["mean"].as_array().map(Vec::len), Some(60));
        let first = events(&news, "evaluated").into_iter().filter(|evaluated| evaluated["model_version"] == 0);
        let mut losses: Vec<f64> = first.filter_map(|first| first["evaluation"]["loss"].as_f64()).collect();
        losses.sort_by(f64::total_cmp);
        Ok(losses)
    };
    let (by_group, by_own) = (losses("group")?, losses("own")?);
    assert_eq!((by_group.len(), by_own.len()), (2, 2));
    assert!(by_group.iter().zip(&by_own).all(|(group, own)| (group - own).abs() > 1e-6), "{by_group:?} {by_own:?}");
    Ok(())
}

#[test]
fn a_scaffold_room_goes_on_after_a_restart() -> Result<()> {
    let state = tempfile::tempdir()?;
    let folder = state.path().to_str().unwrap();
    let arguments =
        ["--state", folder, "--strategy", "scaffold", "--learning-rate", "0.05", "--rounds", "2", "--epochs", "1"];
    let take_part = |server: &Server, more: &[&str]| {
        let link = format!("{}/room/{}", server.origin, server.room);
        let mut words = vec![link.as_str(), "--synthetic", "1", "--participants", "2", "--clips", "20", "--json"];
        words.extend(more);
        join(&words)
    };
    let server = Server::start(PROGRAM.as_ref(), &arguments)?;
    let first = news(&take_part(&server, &["--rounds-then-leave", "1"])?);
    let room = &events(&first, "joined")[0]["room"];
    assert_eq!((&room["strategy"]["name"], &room["training"]["optimiser"]), (&"scaffold".into(), &"sgd".into()));
    let code = server.room.clone();
    // The participants leave when their updates are in; the round is closed and stored a moment later.
    let stored = state.path().join(format!("models/{code}/strategy-1.safetensors"));
    let patience = std::time::Instant::now() + std::time::Duration::from_secs(20);
    let room = format!("{}/api/rooms/{code}/history", server.origin);
    while ureq::get(&room).call()?.body_mut().read_to_string()? == "[]" && std::time::Instant::now() < patience {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    drop(server);
    // The control variate is not zero once a round is over.
    let remembered = std::fs::read(stored)?;
    assert!(remembered.iter().rev().take(1_000).any(|byte| *byte != 0));

    let server = Server::start(PROGRAM.as_ref(), &arguments)?;
    assert_eq!(server.room, code);
    let second = news(&take_part(&server, &[])?);
    assert_eq!(events(&second, "accepted").len(), 2);
    assert!(events(&second, "done").iter().all(|done| done["finished"] == true));
    Ok(())
}

#[test]
fn a_room_that_takes_the_median_keeps_its_updates_in_no_file_that_stays() -> Result<()> {
    let state = tempfile::tempdir()?;
    let folder = state.path().to_str().unwrap();
    let arguments = ["--state", folder, "--aggregation", "median", "--least", "3", "--rounds", "2", "--epochs", "1"];
    let server = Server::start(PROGRAM.as_ref(), &arguments)?;
    let link = format!("{}/room/{}", server.origin, server.room);
    let news = news(&join(&[&link, "--synthetic", "1", "--participants", "3", "--clips", "20", "--json"])?);
    let room = &events(&news, "joined")[0]["room"];
    assert_eq!(room["aggregation"], serde_json::json!({ "name": "median" }));
    assert_eq!(events(&news, "accepted").len(), 6, "three participants, two rounds");
    assert!(events(&news, "done").iter().all(|done| done["finished"] == true));
    let stored = std::fs::read_dir(state.path().join("models"))?.map(|entry| Ok(entry?.file_name()));
    assert_eq!(stored.collect::<Result<Vec<_>>>()?, [server.room.as_str()]);
    Ok(())
}

#[test]
fn a_participant_may_leave_early() -> Result<()> {
    let server = Server::start(PROGRAM.as_ref(), &["--rounds", "50", "--least", "1", "--epochs", "1"])?;
    let link = format!("{}/room/{}", server.origin, server.room);
    let news = news(&join(&[&link, "--synthetic", "4", "--clips", "8", "--rounds-then-leave", "1", "--json"])?);
    assert_eq!(events(&news, "accepted").len(), 1);
    assert_eq!(events(&news, "done")[0]["finished"], false);
    Ok(())
}

#[test]
fn who_drops_out_of_a_masked_round_comes_back_as_somebody_new_and_the_room_is_finished() -> Result<()> {
    let arguments = ["--masking", "active", "--least", "6", "--rounds", "4", "--epochs", "1"];
    let server = Server::start(PROGRAM.as_ref(), &arguments)?;
    let link = format!("{}/room/{}", server.origin, server.room);
    let others = ["--participants", "6", "--clips", "8", "--drop-out", "0.3", "--json"];
    let news = news(&join(&[&[&*link, "--synthetic", "1"][..], &others].concat())?);
    // By chance: that nobody does so in 24 trainings happens twice in ten thousand runs.
    assert!(events(&news, "joined").len() > 6);
    assert_eq!(events(&news, "done").iter().filter(|done| done["finished"] == true).count(), 6);
    Ok(())
}

#[test]
fn a_self_signed_certificate_is_taken_only_where_that_was_said() -> Result<()> {
    let state = tempfile::tempdir()?;
    let state = state.path().to_str().unwrap();
    let arguments = ["--tls", "self-signed", "--state", state, "--rounds", "1", "--least", "1", "--epochs", "1"];
    let server = Server::start(PROGRAM.as_ref(), &arguments)?;
    let fingerprint = server.tls_sha256.clone().expect("a fingerprint");
    assert!(server.origin.starts_with("https://"));
    let link = format!("{}/room/{}", server.origin, server.room);

    let refused = join(&[&link, "--synthetic", "1", "--clips", "8"])?;
    assert_eq!(refused.status.code(), Some(1));
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(words.contains("certificate"), "{words}");
    let taken = news(&join(&[&link, "--synthetic", "1", "--clips", "8", "--insecure", "--json"])?);
    assert_eq!(events(&taken, "accepted").len(), 1);

    drop(server);
    let again = Server::start(PROGRAM.as_ref(), &arguments)?;
    assert_eq!(again.tls_sha256, Some(fingerprint), "a restart keeps the certificate");
    Ok(())
}

#[test]
fn what_cannot_work_is_said_with_what_to_do() -> Result<()> {
    let server = Server::start(PROGRAM.as_ref(), &[])?;
    let nowhere = join(&[&format!("{}/room/ZZZZZ", server.origin), "--synthetic", "1"])?;
    assert_eq!(nowhere.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&nowhere.stderr).contains("no room ZZZZZ"));

    let link = format!("{}/room/{}", server.origin, server.room);
    let empty = tempfile::tempdir()?;
    let no_clips = join(&[&link, "--data", empty.path().to_str().unwrap()])?;
    assert_eq!(no_clips.status.code(), Some(1));
    let neither = join(&[&link])?;
    assert_eq!(neither.status.code(), Some(2), "neither clips nor a voice");
    let mistyped = Command::new(PROGRAM).args(["serve", "--strategy", "fedadm"]).output()?;
    assert_eq!(mistyped.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&mistyped.stderr).contains("did you mean fedadam?"));
    Ok(())
}

#[test]
fn training_that_diverges_says_so_and_what_to_do() -> Result<()> {
    let wild = ["--model", "conv", "--optimiser", "adam", "--learning-rate", "1", "--least", "1", "--rounds", "3"];
    let server = Server::start(PROGRAM.as_ref(), &wild)?;
    let link = format!("{}/room/{}", server.origin, server.room);
    let joined = join(&[&link, "--synthetic", "1", "--clips", "20"])?;
    assert_eq!(joined.status.code(), Some(1));
    let words = String::from_utf8_lossy(&joined.stderr);
    assert!(words.contains("training diverged"), "{words}");
    assert!(words.contains("smaller learning rate") && words.contains("earlier version"), "{words}");
    Ok(())
}
