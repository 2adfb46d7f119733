//! What lives with a seat: receipts, counts, one's own curve. A reload or another language takes nothing of them away.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tests::browser::{Browser, Options, Tab};
use tests::program::Server;
use tests::voices::Voices;

const MINUTE: Duration = Duration::from_secs(60);
const ROUNDS: usize = 3;

/// What the page tells of its past: how many updates were sent, how many bytes the search went through, and how each version
/// did on one's own test clips (the figures alone, whatever the language).
async fn past(tab: &Tab<'_>) -> Result<(u64, u64, Value)> {
    let updates =
        format!("return document.querySelector('[data-test=\"receipts-numbers\"] strong')?.innerText === '{ROUNDS}'");
    tab.wait("the receipts of all updates", &updates, MINUTE).await?;
    tab.run("document.querySelector('[data-test=\"search-result\"]').removeAttribute('data-searched')", vec![]).await?;
    tab.click("search-voice").await?;
    let searched = "return Boolean(document.querySelector('[data-test=\"search-result\"]').dataset.searched)";
    tab.wait("the search", searched, MINUTE).await?;
    let told = "const { found, proved, searched } = document.querySelector('[data-test=\"search-result\"]').dataset;
        const rows = [...document.querySelectorAll('[data-test=\"chart-table\"] tbody tr')];
        return [Number(found), proved, Number(searched), rows.map((row) => row.cells[2].textContent.match(/\\d+/g))]";
    let told = tab.run(told, vec![]).await?;
    ensure!(told[1] == "true", "the search proves nothing: {told}");
    Ok((told[0].as_u64().context("a count")?, told[2].as_u64().context("bytes")?, told[3].clone()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_or_another_language_takes_nothing_of_the_past_away() -> Result<()> {
    let voices = Voices::open()?;
    let server = Server::start(&["--rounds", &ROUNDS.to_string(), "--least", "2", "--epochs", "1"]).await?;
    let browser = Browser::start(Options::default()).await?;
    let tab = browser.open(&server.page()).await?;
    tab.give(&voices.paths_of(0)).await?;
    let other = browser.open(&server.page()).await?;
    other.give(&voices.paths_of(1)).await?;
    tab.click("take-part").await?;
    other.click("take-part").await?;
    server.wait_for_rounds(ROUNDS, Duration::from_secs(240)).await?;
    let measured = format!(
        "return [...document.querySelectorAll('[data-test=\"chart-table\"] tbody tr')].filter((row) => /\\d/.test(row.cells[2].textContent)).length === {ROUNDS}"
    );
    tab.wait("one's own curve up to the last version", &measured, MINUTE).await?;
    let (found, searched, curve) = past(&tab).await?;
    assert_eq!(found, 0, "no voice is in it");
    // Three updates of 45,188 numbers.
    assert!(searched > ROUNDS as u64 * 180_000, "{searched} bytes");

    tab.reload().await?;
    tab.wait("one's own curve after a reload", &measured, MINUTE).await?;
    let (found, again, same) = past(&tab).await?;
    assert_eq!((found, &same), (0, &curve));
    assert!(again > searched, "{again} bytes after a reload, {searched} before: a greeting has come to them");

    tab.fill("language", "de").await?;
    tab.wait("the page in German", "return document.documentElement.lang === 'de' && document.title !== ''", MINUTE)
        .await?;
    tab.wait("one's own curve in German", &measured, MINUTE).await?;
    let (found, in_german, same) = past(&tab).await?;
    assert_eq!((found, &same), (0, &curve));
    assert!(in_german > again);
    // What goes onto the certificate is all that was sent.
    let sent = tab.run("return document.querySelector('[data-test=\"bytes-sent\"]').innerText", vec![]).await?;
    assert!(sent.as_str().is_some_and(|sent| sent.ends_with("kB") && sent.len() >= "600 kB".len()), "{sent}");

    // What lives with the seat goes with it.
    tab.click("forget").await?;
    tab.click("forget-sure").await?;
    tab.wait("the start page", "return location.pathname === '/'", MINUTE).await?;
    let left = "return new Promise((resolve) => {
        const request = indexedDB.open('chorus');
        request.onsuccess = () => {
          const stores = ['seats', 'clips', 'receipts'];
          const transaction = request.result.transaction(stores);
          Promise.all(stores.map((store) => new Promise((found) => {
            const counted = transaction.objectStore(store).getAll();
            counted.onsuccess = () => found(new Set(counted.result.map((row) => row.seat ?? row.id)).size);
          }))).then(resolve);
        };
      })";
    assert_eq!(
        tab.run(left, vec![]).await?,
        serde_json::json!([1, 1, 1]),
        "the other tab's is there, this one's is not"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn clips_come_along_from_one_room_to_the_next() -> Result<()> {
    const TOKEN: &str = "a-secret-of-the-test";
    let server = Server::start(&["--host-token", TOKEN]).await?;
    let browser = Browser::start(Options::default()).await?;
    let first = browser.open(&server.page()).await?;
    first.fill("name", "Ada").await?;
    first.click("made-up").await?;
    let counted = "return [...document.querySelectorAll('.label-count')].map((label) => Number(label.dataset.count))";
    first
        .wait("made-up clips", "return parseInt(document.getElementById('clip-list-title').innerText) > 0", MINUTE)
        .await?;
    let all = first.clips().await?;
    let counts: Vec<usize> = serde_json::from_value(first.run(counted, vec![]).await?)?;
    ensure!(counts.len() == 4 && counts.iter().sum::<usize>() == all, "{counts:?} of {all}");
    let made = format!(
        "return fetch('/api/rooms', {{ method: 'POST', headers: {{ authorization: 'Bearer {TOKEN}', 'content-type': 'application/json' }}, \
         body: JSON.stringify({{ labels: ['happy', 'sad'], code: 'BRASS' }}) }}).then(({{ status }}) => status)"
    );
    assert_eq!(first.run(&made, vec![]).await?, 201);

    let second = browser.open(&format!("{}/room/BRASS", server.origin())).await?;
    second.wait_for("bring-HARPS").await?;
    let offered = second.run("return document.querySelector('[data-test=\"bring-HARPS\"]').innerText", vec![]).await?;
    assert_eq!(offered, format!("{all} clips of Ada, room HARPS"));
    second.click("bring-HARPS").await?;
    // Happy and sad are the second and the fourth of the first room's labels.
    let fitting = counts[1] + counts[3];
    second.wait_for_clips(fitting, MINUTE).await?;
    let said = |count: usize| {
        format!("return document.querySelector('[data-test=\"elsewhere-said\"]').innerText.startsWith('{count} clip')")
    };
    second.wait("how many came", &said(fitting), MINUTE).await?;
    second.click("bring-HARPS").await?;
    second.wait("that all are there already", &said(0), MINUTE).await?;
    assert_eq!(second.clips().await?, fitting, "none is there twice");
    second.reload().await?;
    second.wait_for_clips(fitting, MINUTE).await?;
    assert_eq!(first.clips().await?, all, "they are copies");
    Ok(())
}
