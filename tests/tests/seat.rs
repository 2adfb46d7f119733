//! What lives with a seat: receipts, counts, one's own curve. A reload or another language takes nothing of them away.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tests::browser::{Browser, INSECURE_NAME, Options, Tab};
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
    // Three updates of 45,188 numbers, a byte each.
    assert!(searched > ROUNDS as u64 * 45_000, "{searched} bytes");

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

/// A room that is over leaves its recordings where nobody but this browser has them: the start page has them.
#[tokio::test(flavor = "multi_thread")]
async fn recordings_of_a_room_that_is_over_are_found_on_the_start_page() -> Result<()> {
    const TOKEN: &str = "a-secret-of-the-test";
    let server = Server::start(&["--host-token", TOKEN]).await?;
    let browser = Browser::start(Options::default()).await?;
    let start = browser.open(&server.origin()).await?;
    let shown = "return document.querySelector('[data-test=\"kept\"]').checkVisibility()";
    start.wait_for("join-button").await?;
    assert_eq!(start.run(shown, vec![]).await?, false, "there is nothing yet");
    let room = browser.open(&server.page()).await?;
    room.fill("name", "Ada").await?;
    room.click("made-up").await?;
    room.wait("made-up clips", "return parseInt(document.getElementById('clip-list-title').innerText) > 0", MINUTE)
        .await?;
    let clips = room.clips().await?;

    // While a tab is in the room, they are shown, and can't be deleted under it.
    start.reload().await?;
    start.wait_for("kept-HARPS").await?;
    let says = |words: &str| {
        format!("return document.querySelector('[data-test=\"kept-HARPS\"]').innerText.includes({words:?})")
    };
    start.wait("whose they are", &says(&format!("{clips} clips of Ada, room HARPS")), MINUTE).await?;
    start.wait("that a tab is in the room", &says("Another tab is in this room"), MINUTE).await?;
    start
        .wait("the way back", "return document.querySelector('[data-test=\"kept-room\"]').checkVisibility()", MINUTE)
        .await?;
    let deletes = "return document.querySelector('[data-test=\"kept-delete\"]').checkVisibility()";
    assert_eq!(start.run(deletes, vec![]).await?, false);

    let ended = format!(
        "return fetch('/api/rooms/HARPS', {{ method: 'DELETE', headers: {{ authorization: 'Bearer {TOKEN}' }} }}).then(({{ status }}) => status)"
    );
    assert_eq!(start.run(&ended, vec![]).await?, 204);
    room.reload().await?;
    let led = "return document.getElementById('dead-end').innerText.includes('the start page has it')";
    room.wait("where the recordings are", led, MINUTE).await?;
    room.run("location.href = 'about:blank'", vec![]).await?;
    start.reload().await?;
    start.wait_for("kept-HARPS").await?;
    start.wait("that the room is over", &says("This room is over"), MINUTE).await?;

    // They are heard, saved, and deleted.
    start.run("document.querySelector('[data-test=\"kept-listen\"] summary').click()", vec![]).await?;
    let heard = format!("return document.querySelectorAll('[data-test=\"kept-play\"]').length === {clips}");
    start.wait("a button for each clip", &heard, MINUTE).await?;
    assert_eq!(start.violations().await?, Vec::<String>::new());
    start.screenshot("start-kept").await?;
    start.click("kept-play").await?;
    let plays = "return document.querySelector('[data-test=\"kept-play\"]').ariaLabel.includes('Stop clip 1')";
    start.wait("the first to play", plays, MINUTE).await?;
    let zip = zip::ZipArchive::new(std::io::Cursor::new(start.saved("kept-save").await?))?;
    let sounds = zip.file_names().filter(|name| name.as_ref().is_ok_and(|name| name.ends_with(".wav"))).count();
    assert_eq!(sounds, clips);
    start.click("kept-delete").await?;
    start.click("kept-delete-sure").await?;
    start
        .wait("the list to be gone", "return !document.querySelector('[data-test=\"kept\"]').checkVisibility()", MINUTE)
        .await?;
    start.reload().await?;
    start.wait_for("join-button").await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(start.run(shown, vec![]).await?, false, "nothing is left");
    Ok(())
}

/// On plain http over a network browsers have no locks: the tabs ask each other.
#[tokio::test(flavor = "multi_thread")]
async fn on_plain_http_a_duplicated_tab_leaves_the_first_one_its_seat() -> Result<()> {
    let server = Server::start(&["--public-name", INSECURE_NAME]).await?;
    let page = server.page().replace("localhost", INSECURE_NAME).replace("127.0.0.1", INSECURE_NAME);
    let browser = Browser::start(Options::default()).await?;
    let first = browser.open(&page).await?;
    first.click("made-up").await?;
    first
        .wait("made-up clips", "return parseInt(document.getElementById('clip-list-title').innerText) > 0", MINUTE)
        .await?;
    let clips = first.clips().await?;
    let lacking = first.run("return [isSecureContext, 'locks' in navigator]", vec![]).await?;
    assert_eq!(lacking, serde_json::json!([false, false]), "else this would show nothing");
    let seat = "return sessionStorage.getItem('chorus.seat.HARPS')";
    let held = first.run(seat, vec![]).await?;
    ensure!(held.is_string(), "the first tab knows its seat: {held}");

    // What a browser does with a duplicated tab: the copy has what the first one's session storage holds.
    let second = browser.open(&page.replace("/room/HARPS", "/favicon.svg")).await?;
    second.run(&format!("sessionStorage.setItem('chorus.seat.HARPS', {held})"), vec![]).await?;
    second.run(&format!("location.href = '{page}'"), vec![]).await?;
    second.wait_for("take-part").await?;
    let own = format!("const seat = sessionStorage.getItem('chorus.seat.HARPS'); return !!seat && seat !== {held}");
    second.wait("a seat of its own", &own, MINUTE).await?;
    second.wait_for_clips(0, MINUTE).await?;
    let two = "return document.querySelectorAll('.person').length === 2";
    first.wait("two laptops in the room", two, MINUTE).await?;
    assert_eq!(first.clips().await?, clips);

    // Each has its own again after a reload, and a seat that a closed tab left is found again.
    first.reload().await?;
    first.wait_for_clips(clips, MINUTE).await?;
    assert_eq!(first.run(seat, vec![]).await?, held);
    first.run("sessionStorage.clear(); location.href = 'about:blank'", vec![]).await?;
    let third = browser.open(&page).await?;
    third.wait_for_clips(clips, MINUTE).await?;
    assert_eq!(third.run(seat, vec![]).await?, held);
    Ok(())
}
