//! What the board says of what the server holds: in a plain room a class sees results that can be read, in a masked one chance.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tests::browser::{Browser, Options, Tab};
use tests::overheard::codes_of_8_bits;
use tests::program::Server;
use tests::voices::Voices;

const TOKEN: &str = "a-secret-of-the-test";
const MINUTE: Duration = Duration::from_secs(60);
const PATIENCE: Duration = Duration::from_secs(180);
const LAPTOPS: usize = 3;

/// What a part of the dialog shows of how something begins: bytes, numbers, and how high the bars of its spread are.
async fn shown(board: &Tab<'_>, place: &str) -> Result<(String, String, Vec<f64>)> {
    let script = "const [place] = arguments;
        const begins = document.querySelector(`${place} [data-test=\"held-begins\"]`);
        return [begins.querySelector('.held-hex code').textContent, begins.querySelector('.held-numbers code').textContent,
          [...begins.querySelectorAll('rect')].map((bar) => Number(bar.getAttribute('height')))]";
    Ok(serde_json::from_value(board.run(script, vec![json!(place)]).await?)?)
}

/// A board whose dialog is open while three laptops do a round: what it showed of a part of it, and what the server says now.
async fn in_the_middle_of_a_round(
    settings: &[&str],
    name: &str,
    seen: &str,
) -> Result<(Value, (String, String, Vec<f64>))> {
    let voices = Voices::open()?;
    let least = LAPTOPS.to_string();
    let usual = [
        "--host-token",
        TOKEN,
        "--rounds",
        "2",
        "--least",
        &least,
        "--deadline",
        "240",
        "--grace",
        "200",
        "--epochs",
        "100",
    ];
    let server = Server::start(&[&usual, settings].concat()).await?;
    let mut laptops = Vec::new();
    for _ in 0..LAPTOPS {
        laptops.push(Browser::start(Options::default()).await?);
    }
    let mut students = Vec::new();
    for (student, laptop) in laptops.iter().enumerate() {
        let tab = laptop.open(&server.page()).await?;
        // The more clips, the longer it trains: the results come one after the other.
        let paths = voices.paths_of(student);
        tab.give(&paths[..paths.len() / (LAPTOPS - student)]).await?;
        students.push(tab);
    }
    let desk = Browser::start(Options::default()).await?;
    let board = desk.open(&format!("{}/board", server.page())).await?;
    board.click("held-open").await?;
    board.wait_for("held-about").await?;
    for tab in &students {
        tab.click("take-part").await?;
    }
    // The dialog keeps the last that it saw, which in a short round is what counts.
    let there = format!("return !!document.querySelector('{seen} [data-test=\"held-begins\"]')?.checkVisibility()");
    board.wait("something that is held", &there, PATIENCE).await?;
    board.screenshot(name).await?;
    board.no_violations("the board with what the server holds").await?;
    let beginning = shown(&board, seen).await?;
    let held = board
        .run("return fetch(location.pathname.replace('/room/', '/api/rooms/').replace('/board', '/held')).then((answer) => answer.json())", vec![])
        .await?;
    let about = board.run("return document.querySelector('[data-test=\"held-about\"]').textContent", vec![]).await?;
    let masked = settings.contains(&"--masking");
    assert_eq!(about.as_str().context("words")?.starts_with("This room is masked."), masked);
    board.click("held-close").await?;
    let closed = "return !document.getElementById('held').open && document.activeElement.id === 'held-open'";
    board.wait("the dialog to be closed", closed, MINUTE).await?;
    Ok((held, beginning))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_result_can_be_read() -> Result<()> {
    let (held, (hex, numbers, spread)) =
        in_the_middle_of_a_round(&["--aggregation", "median"], "held-plain", ".held-client").await?;
    assert_eq!(hex.split(' ').count(), 32, "{hex}");
    // The first word has the codes of four values, which share a scale (q8 in docs/protocol.md).
    let word = u32::from_str_radix(&hex[..11].split(' ').rev().collect::<String>(), 16)?;
    let codes = codes_of_8_bits(word).into_iter().map(f64::from);
    let read: Vec<f64> = numbers.split("  ").map(str::parse).collect::<Result<_, _>>()?;
    let values: Vec<(f64, f64)> = codes.zip(read.iter().copied()).collect();
    let (code, value) = values.iter().copied().max_by(|a, b| a.0.abs().total_cmp(&b.0.abs())).context("four values")?;
    let scale = value / code;
    for (code, value) in &values {
        assert!((value - code * scale).abs() <= 0.02 * (code * scale).abs(), "{numbers} is not {hex}");
    }
    assert!(values.iter().any(|(code, _)| *code != 0.0) && scale > 0.0, "{numbers} is not {hex}");
    assert!(read.iter().all(|number| number.abs() < 1.0), "{numbers}");
    // A hill: the two parts in the middle, a sixteenth of the range, hold far more than a sixteenth.
    let middle = spread[15] + spread[16];
    assert!(middle > 3.0 * spread.iter().sum::<f64>() / 16.0, "{spread:?}");
    assert_eq!(held["clients"].as_array().map(Vec::len), Some(LAPTOPS));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_masked_one_is_chance() -> Result<()> {
    let (held, (hex, numbers, spread)) =
        in_the_middle_of_a_round(&["--masking", "active"], "held-masked", "#held-together").await?;
    assert_eq!(hex.split(' ').count(), 32, "{hex}");
    let read: Vec<f64> = numbers.split("  ").map(|number| number.replace(',', "").parse()).collect::<Result<_, _>>()?;
    assert!(read.iter().filter(|number| number.abs() > 1e6).count() >= 6, "{numbers}");
    // Flat: of 128 in each part on average none has twice that, and none half.
    let mean = spread.iter().sum::<f64>() / 32.0;
    assert!(spread.iter().all(|part| (0.5..2.0).contains(&(part / mean))), "{spread:?}");
    for client in held["clients"].as_array().context("clients")? {
        let kinds: Vec<&str> =
            client["holds"].as_array().context("holds")?.iter().filter_map(|held| held["what"].as_str()).collect();
        assert!(kinds.iter().all(|kind| !["update", "folded", "labels", "statistics"].contains(kind)), "{kinds:?}");
    }
    Ok(())
}
