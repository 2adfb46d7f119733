//! A task of the class's own: vowels with signs and prompts that the teacher typed on the form. Students see them, record, and train a round.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tests::browser::{Browser, Options, Tab};
use tests::program::Server;
use tests::voices::Voices;

const TOKEN: &str = "a-secret-of-the-test";
const SECONDS_10: Duration = Duration::from_secs(10);
const MINUTE: Duration = Duration::from_secs(60);
const VOWELS: [&str; 5] = ["a", "e", "i", "o", "u"];

/// Types into a field of a label's row, as a person who gets to it by the keyboard.
async fn types(teacher: &Tab<'_>, field: &str, row: usize, text: &str) -> Result<()> {
    let script = "const [name, row, text] = arguments;
        const field = document.querySelectorAll(`[data-test=\"${name}\"]`)[row];
        field.focus();
        field.value = text;
        field.dispatchEvent(new Event('input', { bubbles: true }));
        field.dispatchEvent(new Event('change', { bubbles: true }));
        field.blur();";
    teacher.run(script, vec![json!(field), json!(row), json!(text)]).await?;
    Ok(())
}

/// What stands for each label on a page: the letters of its sign, in the colour of the letters and of what they stand on.
async fn signs(tab: &Tab<'_>, place: &str) -> Result<Vec<(String, String, String)>> {
    let script = "return [...document.querySelectorAll(`${arguments[0]} .label-icon.signed`)].map((icon) => [
        icon.querySelector('.sign-letters')?.textContent ?? '',
        getComputedStyle(icon.querySelector('.sign-letters, .sign-lines')).getPropertyValue(icon.querySelector('.sign-letters') ? 'fill' : 'stroke'),
        getComputedStyle(icon.querySelector('.sign-tile')).fill])";
    Ok(serde_json::from_value(tab.run(script, vec![json!(place)]).await?)?)
}

/// The contrast of two colours as a browser writes them (WCAG 2.2, 1.4.3).
fn contrast(one: &str, other: &str) -> f64 {
    let luminance = |colour: &str| {
        let parts = colour.trim_start_matches("rgb(").trim_end_matches(')').split(", ");
        let linear = |part: &str| {
            let part = part.parse::<f64>().unwrap_or(f64::NAN) / 255.0;
            if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        };
        parts.zip([0.2126, 0.7152, 0.0722]).map(|(part, share)| share * linear(part)).sum::<f64>()
    };
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

/// Says what is asked for, as far as the microphone's file can, and keeps it.
async fn records(tab: &Tab<'_>, clips: usize) -> Result<()> {
    tab.click("record-next").await?;
    tab.wait_for("stop-recording").await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    tab.click("stop-recording").await?;
    tab.click("keep-clip").await?;
    tab.wait_for_clips(clips, MINUTE).await
}

async fn says(tab: &Tab<'_>) -> Result<Value> {
    tab.run("return document.querySelector('[data-test=\"prompt-say\"]').innerText", vec![]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_class_teaches_vowels_with_its_own_signs_and_prompts() -> Result<()> {
    let server = Server::start(&["--host-token", TOKEN]).await?;
    let desk = Browser::start(Options::default()).await?;
    let teacher = desk.open(&format!("{}/teach#{TOKEN}", server.origin())).await?;

    // The ready task is there at once, and is changed: one sign first to what somebody would mix up, then to what nobody does.
    teacher.click("lesson-vowels").await?;
    teacher.screenshot("task-lessons").await?;
    teacher.run("document.getElementById('task').open = true", vec![]).await?;
    let letters = "return [...document.querySelectorAll('[data-test=\"label-letters\"]')].map(({ value }) => value)";
    assert_eq!(teacher.run(letters, vec![]).await?, json!(VOWELS));
    types(&teacher, "label-letters", 1, "A").await?;
    teacher.reads("The signs a and A look alike from afar.", SECONDS_10).await?;
    let invalid =
        "return document.querySelectorAll('[data-test=\"label-letters\"]')[1].getAttribute('aria-invalid') === 'true'";
    assert_eq!(teacher.run(invalid, vec![]).await?, true, "it is said which");
    types(&teacher, "label-letters", 1, "😀").await?;
    teacher.click("create-button").await?;
    teacher.reads("The sign of “e” has to be one or two letters or digits.", SECONDS_10).await?;
    for (row, sign) in ["A", "E", "Ih"].iter().enumerate() {
        types(&teacher, "label-letters", row, sign).await?;
    }
    types(&teacher, "label-sign", 4, "owl").await?;
    types(&teacher, "label-prompts", 0, "Say  aaah, as at the doctor’s\n\nSing a low a").await?;
    types(&teacher, "label-prompts", 1, "x".repeat(121).as_str()).await?;
    teacher.click("create-button").await?;
    teacher.reads("A line for “e” is too long: 120 letters at most.", SECONDS_10).await?;
    types(&teacher, "label-prompts", 1, "Say eee, as in “bed”").await?;
    teacher.screenshot("task-form").await?;
    teacher.no_violations("the form with labels, signs and prompts").await?;

    // Another task that is looked at takes nothing away, and keeps nothing of this one.
    teacher.click("lesson-birds").await?;
    assert_eq!(
        teacher.run("return document.querySelectorAll('[data-test=\"label-field\"]')[0].value", vec![]).await?,
        "cuckoo"
    );
    teacher.click("lesson-vowels").await?;

    // A class of one has nobody to hide among.
    teacher.click("create-masked").await?;
    teacher.fill("create-rounds", "1").await?;
    teacher.click("create-button").await?;
    teacher.wait_for("control").await?;
    let code = teacher.run("return document.querySelector('[data-test=\"invite-code\"]').innerText", vec![]).await?;
    let code = code.as_str().context("a code is text")?.to_owned();
    let made = server.room_of(&code).await?["room"].clone();
    assert_eq!((&made["labels"], &made["signs"]), (&json!(VOWELS), &json!(["A", "E", "Ih", "o", "owl"])));
    let prompts = json!([["Say aaah, as at the doctor’s", "Sing a low a"], ["Say eee, as in “bed”"], [], [], []]);
    assert_eq!(made["prompts"], prompts);

    // A student reads them, one after the other; a label without any is asked for in the page's own words.
    let laptop = Browser::start(Options::default()).await?;
    let student = laptop.open(&format!("{}/room/{code}", server.origin())).await?;
    student.wait_for("prompt").await?;
    assert_eq!(says(&student).await?, "Say aaah, as at the doctor’s");
    student.click("other-sentence").await?;
    assert_eq!(says(&student).await?, "Sing a low a");
    let seen = signs(&student, ".record-buttons").await?;
    let shown: Vec<&str> = seen.iter().map(|(letters, ..)| letters.as_str()).collect();
    assert_eq!(shown, ["A", "E", "Ih", "o", ""]);
    for (sign, ink, ground) in &seen {
        assert!(contrast(ink, ground) >= 4.5, "{sign}: {ink} on {ground}");
    }
    let called = "return [...document.querySelectorAll('.record-buttons button')].map((button) => button.querySelector('.visually-hidden').textContent)";
    assert_eq!(
        student.run(called, vec![]).await?,
        json!(VOWELS.map(|vowel| format!("Record {vowel}"))),
        "who hears the page is told the label"
    );
    student.screenshot("task-student").await?;
    student.no_violations("a student’s page with signs").await?;
    records(&student, 1).await?;
    assert_eq!(says(&student).await?, "Say eee, as in “bed”");
    let others = "return document.querySelector('[data-test=\"other-sentence\"]').checkVisibility()";
    assert_eq!(student.run(others, vec![]).await?, false, "there is one line for it");
    records(&student, 2).await?;
    assert_eq!(says(&student).await?, "Hold an “i” as in “machine”.");
    records(&student, 3).await?;
    student.click("take-part").await?;

    // The board has the same signs, and so has the teacher's list of students; a round is trained.
    let board = desk.open(&format!("{}/room/{code}/board", server.origin())).await?;
    board.wait_for("laptop").await?;
    let on_board = signs(&board, "#legend").await?;
    assert_eq!(on_board.iter().map(|(letters, ..)| letters.as_str()).collect::<Vec<_>>(), shown);
    board.screenshot("task-board").await?;
    board.no_violations("the board with signs").await?;
    teacher
        .wait(
            "“Begin now” to make sense",
            "const button = document.querySelector('[data-test=\"next_round\"]'); \
             return !!button && button.getAttribute('aria-disabled') !== 'true'",
            MINUTE,
        )
        .await?;
    assert!(!signs(&teacher, "#students").await?.is_empty());
    teacher.click("next_round").await?;
    board.wait_for("finished").await?;
    let room = server.room_of(&code).await?;
    assert_eq!((&room["history"][0]["clients"], &room["history"][0]["examples"]), (&json!(1), &json!(3)));

    // What is taken home has them as well: the card in words, the page in pictures.
    let card = String::from_utf8(teacher.saved("download-card").await?)?;
    assert!(card.contains("a (Sign: A), e (Sign: E), i (Sign: Ih), o (Sign: o), u (Sign: owl)"), "{card}");
    let home = String::from_utf8(student.saved("save-model").await?)?;
    assert!(home.contains(r#""signs":["A","E","Ih","o","owl"]"#));
    let folder = tempfile::tempdir()?;
    let page = folder.path().join("model.html");
    std::fs::write(&page, home)?;
    let voices = Voices::open()?;
    let offline = laptop.open(&format!("file://{}", page.display())).await?;
    offline.wait_for("offline-choose").await?;
    offline.choose_files("offline-file", &[voices.path(voices.of_speakers(0..1)[0])]).await?;
    offline.wait("an answer", "return document.querySelectorAll('[data-share]').length === 5", MINUTE).await?;
    let at_home = signs(&offline, "#offline-probabilities").await?;
    assert_eq!(at_home.iter().map(|(letters, ..)| letters.as_str()).collect::<Vec<_>>(), shown);
    offline.screenshot("task-offline").await?;
    Ok(())
}
