//! How the pages stand: nothing that one reads jumps away while they load, every press is large enough for a thumb and every word
//! for an eye, and on a phone one step is there at a time.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::Value;
use tests::browser::{Browser, Options, Tab};
use tests::program::Server;
use tests::voices::Voices;

const TOKEN: &str = "a-secret-of-the-test";
const MINUTE: Duration = Duration::from_secs(60);
/// Above this people notice that a page jumps (web.dev, "Cumulative Layout Shift": good is below 0.1).
const MOST_SHIFT: f64 = 0.1;
const DESKTOP: (u32, u32) = (1280, 900);
const PHONE: (u32, u32) = (390, 844);

/// Loads the page again in each size, and looks how far what was seen has moved until all is there.
async fn stands_still(tab: &Tab<'_>, name: &str, there: &str) -> Result<()> {
    for size in [DESKTOP, PHONE] {
        tab.resize(Some(size)).await?;
        tab.reload().await?;
        tab.wait_for(there).await?;
        tokio::time::sleep(Duration::from_secs(3)).await;
        let (shift, moved) = tab.layout_shift().await?;
        println!("{name} at {} px: layout shift {shift:.3}", size.0);
        ensure!(shift < MOST_SHIFT, "{name} at {} px jumps by {shift:.3} while it loads: {moved:#}", size.0);
    }
    tab.resize(None).await
}

/// What of the page is smaller than a thumb or an eye needs, at this size.
async fn too_small(tab: &Tab<'_>, size: (u32, u32)) -> Result<Vec<String>> {
    tab.resize(Some(size)).await?;
    let search = "const seen = (element) => element.checkVisibility({ visibilityProperty: true }) && !element.closest('.visually-hidden, .skip');
        const name = (element) => `${element.localName}#${element.id}.${element.className?.baseVal ?? element.className}: ${(element.innerText ?? element.textContent).slice(0, 30)}`;
        const small = [];
        for (const element of document.querySelectorAll('button, a.button, nav a, select, summary, input:not([type=file]):not([type=radio])')) {
            const { width, height } = element.getBoundingClientRect();
            if (seen(element) && width > 0 && (height < 43.5 || width < 43.5)) small.push(`${width.toFixed(0)} x ${height.toFixed(0)} px: ${name(element)}`);
        }
        const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
        while (walker.nextNode()) {
            const element = walker.currentNode.parentElement;
            if (!walker.currentNode.data.trim() || !seen(element) || element.closest('title, desc, option')) continue;
            const scale = element.ownerSVGElement ? element.ownerSVGElement.getBoundingClientRect().width / element.ownerSVGElement.viewBox.baseVal.width : 1;
            const pixels = parseFloat(getComputedStyle(element).fontSize) * scale;
            if (pixels < 11.9) small.push(`${pixels.toFixed(1)} px: ${name(element)}`);
        }
        return small;";
    let found = tab.run(search, vec![]).await?;
    tab.resize(None).await?;
    Ok(serde_json::from_value(found)?)
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_stand_still_and_are_large_enough() -> Result<()> {
    let voices = Voices::open()?;
    let server = Server::start(&["--host-token", TOKEN, "--rounds", "3", "--least", "2", "--epochs", "1"]).await?;
    let browser = Browser::start(Options::default()).await?;
    let code = server.page().rsplit('/').next().unwrap_or_default().to_owned();
    let board = browser.open(&format!("{}/room/{code}/board", server.origin())).await?;
    stands_still(&board, "the board, nobody here", "join-code").await?;
    let teacher = browser.open(&format!("{}/teach?room={code}#{TOKEN}", server.origin())).await?;
    stands_still(&teacher, "the teacher's page, nobody here", "next_round").await?;
    let student = browser.open(&server.page()).await?;
    stands_still(&student, "the student's page, empty", "record-next").await?;

    // Before anything has happened, a phone shows the first step and no more of it than a few screens.
    student.resize(Some(PHONE)).await?;
    let height = student.run("return document.documentElement.scrollHeight", vec![]).await?;
    println!("the student's page is {height} px long on a phone");
    ensure!(height.as_u64().is_some_and(|height| height < 2000), "the empty page is {height} px long on a phone");
    for (step, seen) in
        [("train", "take-part"), ("try", "try-live"), ("receipts", "search-voice"), ("clips", "record-next")]
    {
        student.click(&format!("step-{step}")).await?;
        student.wait_for(seen).await?;
    }
    student.resize(None).await?;

    student.give(&voices.paths_of(0)).await?;
    let second = browser.open(&server.page()).await?;
    second.give(&voices.paths_of(1)).await?;
    student.click("take-part").await?;
    second.click("take-part").await?;
    server.wait_for_rounds(3, Duration::from_secs(240)).await?;
    student
        .wait("both models' answers", "return document.querySelectorAll('[data-test=\"compared\"]').length > 0", MINUTE)
        .await?;
    stands_still(&board, "the finished board", "finished").await?;
    stands_still(&teacher, "the teacher's page at the end", "restart").await?;
    stands_still(&student, "the student's page at the end", "room-code").await?;
    second.run("location.href = '/'", vec![]).await?;
    stands_still(&second, "the start page with recordings", "kept-listen").await?;
    let unfold = "document.querySelectorAll('details').forEach((fold) => { fold.open = true })";
    teacher.run(unfold, vec![]).await?;
    second.run(unfold, vec![]).await?;
    second.wait_for("kept-play").await?;
    let mut small = Vec::new();
    for (tab, name) in [(&board, "board"), (&teacher, "teacher"), (&student, "student"), (&second, "start page")] {
        for size in [DESKTOP, PHONE] {
            let found = too_small(tab, size).await?;
            small.extend(found.into_iter().map(|what| format!("{name} at {} px: {what}", size.0)));
        }
    }
    ensure!(small.is_empty(), "too small:\n{}", small.join("\n"));
    Ok(())
}

/// After a change of the language nothing stands there without words, not even for a moment.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_has_its_words_before_it_is_seen() -> Result<()> {
    let server = Server::start(&[]).await?;
    let browser = Browser::start(Options::default()).await?;
    let tab = browser.open(&server.page()).await?;
    tab.wait_for("take-part").await?;
    tab.fill("language", "de").await?;
    let seen_without_words = "return document.documentElement.lang === 'de' \
         && ![...document.querySelectorAll('[data-words]')].some((element) => element.checkVisibility({ visibilityProperty: true }) && !element.textContent)";
    tab.wait("German words wherever something is seen", seen_without_words, MINUTE).await?;
    let hidden = tab
        .run("const html = await (await fetch(location.href)).text(); return /<body data-wordless>/.test(html)", vec![])
        .await;
    ensure!(
        hidden.is_ok_and(|hidden| hidden == Value::Bool(true)),
        "the page comes with its places hidden until they have words"
    );
    Ok(())
}
