//! A lesson as its teacher leads it: the teacher's page, the board on the projector, and a student's tab.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tests::browser::{Browser, Options, Tab};
use tests::program::Server;

const TOKEN: &str = "a-secret-of-the-test";
const SECONDS_10: Duration = Duration::from_secs(10);
const MINUTE: Duration = Duration::from_secs(60);

async fn text_of(tab: &Tab<'_>, name: &str) -> Result<String> {
    let script = "return document.querySelector(`[data-test=\"${arguments[0]}\"]`)?.innerText ?? ''";
    Ok(tab.run(script, vec![json!(name)]).await?.as_str().unwrap_or_default().to_owned())
}

/// Chooses a value in a field of the form, be it a list.
async fn chooses(teacher: &Tab<'_>, field: &str, value: &str) -> Result<()> {
    let script = "const field = document.getElementById(arguments[0]);
        field.value = arguments[1];
        field.dispatchEvent(new Event('input', { bubbles: true }));";
    teacher.run(script, vec![json!(field), json!(value)]).await?;
    Ok(())
}

/// Presses a button of the control as soon as it may be pressed.
async fn press(tab: &Tab<'_>, command: &str) -> Result<()> {
    let enabled = format!(
        "const button = document.querySelector('[data-test=\"{command}\"]'); \
         return !!button && button.getAttribute('aria-disabled') !== 'true'"
    );
    tab.wait(&format!("“{command}” to make sense"), &enabled, MINUTE).await?;
    tab.click(command).await
}

/// Waits until the room has had that many rounds.
async fn rounds_done(server: &Server, code: &str, rounds: usize) -> Result<()> {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(120);
    loop {
        let room = server.room_of(code).await?;
        if room["history"].as_array().is_some_and(|history| history.len() >= rounds) {
            return Ok(());
        }
        anyhow::ensure!(tokio::time::Instant::now() < deadline, "round {rounds} took too long; the room: {room:#}");
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_secret_opens_nothing_and_the_right_one_leaves_the_address_bar() -> Result<()> {
    let server = Server::start(&["--host-token", TOKEN]).await?;
    let browser = Browser::start(Options::default()).await?;
    let tab = browser.open(&format!("{}/teach#not-the-right-secret", server.origin())).await?;
    tab.reads("does not belong to the program", SECONDS_10).await?;
    tab.screenshot("teach-wrong-secret").await?;
    tab.fill("secret", &format!("{}/teach#{TOKEN}", server.origin())).await?;
    tab.click("unlock-button").await?;
    tab.wait_for("create").await?;
    let address = tab.run("return location.href", vec![]).await?;
    assert!(!address.as_str().context("an address is text")?.contains(TOKEN), "{address}");
    tab.reload().await?;
    tab.wait_for("create").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn labels_that_are_almost_the_same_are_found_before_the_room_is_made() -> Result<()> {
    let server = Server::start(&["--host-token", TOKEN]).await?;
    let browser = Browser::start(Options::default()).await?;
    let tab = browser.open(&format!("{}/teach#{TOKEN}", server.origin())).await?;
    tab.click("lesson-own").await?;
    tab.run(
        "document.querySelectorAll('[data-test=\"label-field\"]').forEach((field, i) => {
           field.value = ['laugh', 'Laugh'][i];
           field.dispatchEvent(new Event('input', { bubbles: true }));
         })",
        vec![],
    )
    .await?;
    tab.click("create-button").await?;
    tab.reads("“laugh” and “Laugh” are almost the same", SECONDS_10).await?;
    // What the server refuses stands beside the form, and what was typed is still there.
    tab.click("lesson-emotions4").await?;
    tab.fill("create-name", "Class 9b").await?;
    tab.fill("create-least", "65").await?;
    tab.click("create-button").await?;
    tab.reads("least", SECONDS_10).await?;
    tab.wait_for("create-problem").await?;
    let name = tab.run("return document.querySelector('[data-test=\"create-name\"]').value", vec![]).await?;
    assert_eq!(name, "Class 9b");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_teacher_leads_a_lesson() -> Result<()> {
    let server = Server::start(&["--host-token", TOKEN]).await?;
    let browser = Browser::start(Options::default()).await?;
    let teacher = browser.open(&format!("{}/teach#{TOKEN}", server.origin())).await?;

    // A room from a template.
    teacher.click("lesson-emotions2").await?;
    teacher.fill("create-name", "Class 9b").await?;
    teacher.fill("create-rounds", "2").await?;
    // A class of one has nobody to hide among.
    teacher.click("create-masked").await?;
    teacher.reads("Not masked: whoever runs the server sees each laptop’s result", SECONDS_10).await?;
    teacher.click("create-button").await?;
    teacher.wait_for("control").await?;
    let code = text_of(&teacher, "invite-code").await?;
    let made = server.room_of(&code).await?["room"].clone();
    assert_eq!((&made["labels"], &made["masking"]), (&json!(["happy", "sad"]), &Value::Null));
    teacher.reads(&format!("/room/{code}"), SECONDS_10).await?;
    teacher.screenshot("teach-lobby").await?;
    assert_eq!(teacher.violations().await?, Vec::<String>::new());

    // The board, and a student who joins.
    let board = browser.open(&format!("{}/room/{code}/board", server.origin())).await?;
    board.wait_for("join-code").await?;
    assert_eq!(text_of(&board, "join-code").await?, code);
    let student = browser.open(&format!("{}/room/{code}", server.origin())).await?;
    student.click("made-up").await?;
    student.wait("clips", "return parseInt(document.getElementById('clip-list-title').innerText) > 0", MINUTE).await?;
    student.click("take-part").await?;
    board
        .wait(
            "the student's card",
            "return document.querySelector('[data-test=\"laptop\"]')?.dataset.state === 'ready'",
            MINUTE,
        )
        .await?;
    board.screenshot("board-lobby").await?;

    // Another name, and a lock that lets nobody new in.
    teacher.click("rename-student").await?;
    teacher.fill("dialog-field", "Mila").await?;
    teacher.click("dialog-confirm").await?;
    board.reads("Mila", SECONDS_10).await?;
    press(&teacher, "lock").await?;
    board.wait_for("locked").await?;
    let late = browser.open(&format!("{}/room/{code}", server.origin())).await?;
    late.wait("a word about the lock", "return /The room is locked/.test(document.body.innerText)", MINUTE).await?;
    // Whoever is locked out reads so, not that the connection is lost, and has nothing to press that does nothing.
    let out = "const line = document.querySelector('[data-test=\"status-line\"]').innerText;
        return line.startsWith('The room is locked') && !document.querySelector('[data-test=\"take-part\"]').checkVisibility()";
    late.wait("the same beside the training", out, SECONDS_10).await?;
    press(&teacher, "unlock").await?;

    // Nobody chose how many laptops begin: the teacher does. With a number the rounds also begin by themselves, and the
    // student reads the same one.
    assert_eq!(teacher.run("return document.querySelector('[data-test=\"least\"]').value", vec![]).await?, "");
    for page in [&teacher, &board, &student] {
        page.reads("One laptop is ready. Whoever is alone presses “Begin now”", SECONDS_10).await?;
    }
    teacher.fill("least", "3").await?;
    teacher.click("least-set").await?;
    teacher.reads("Rounds now begin with 3 laptops.", SECONDS_10).await?;
    assert_eq!(server.room_of(&code).await?["status"]["least"], 3);
    for page in [&board, &student] {
        page.reads("rounds begin by themselves with 3", SECONDS_10).await?;
    }

    // A paused room begins nothing, and everyone reads so; then both rounds with the one who is there, begun once.
    press(&teacher, "pause").await?;
    board.wait_for("paused").await?;
    student.reads("Paused. Nothing begins until the teacher goes on.", SECONDS_10).await?;
    teacher
        .wait(
            "the next round to wait for the pause to end",
            "return document.querySelector('[data-test=\"next_round\"]').getAttribute('aria-disabled') === 'true'",
            SECONDS_10,
        )
        .await?;
    press(&teacher, "resume").await?;
    teacher.reads("A class of one", SECONDS_10).await?;
    press(&teacher, "next_round").await?;
    rounds_done(&server, &code, 2).await?;
    board.wait_for("finished").await?;
    board
        .wait(
            "a learning curve",
            "return !!document.querySelector('[data-test=\"chart-accuracy\"] svg path')",
            Duration::from_secs(30),
        )
        .await?;
    board.screenshot("board-finished").await?;
    assert_eq!(board.violations().await?, Vec::<String>::new());
    teacher.screenshot("teach-finished").await?;
    assert_eq!(teacher.violations().await?, Vec::<String>::new());

    // A finished room goes on from its present version, and is ended by hand.
    press(&teacher, "restart").await?;
    teacher.fill("more-rounds", "500").await?;
    teacher.click("dialog-confirm").await?;
    teacher.wait("the room to go on", "return !document.querySelector('dialog')", SECONDS_10).await?;
    assert_eq!(server.room_of(&code).await?["status"]["rounds"], 502);
    rounds_done(&server, &code, 3).await?;
    press(&teacher, "end").await?;
    teacher.click("dialog-confirm").await?;
    board.wait_for("finished").await?;
    let ended = server.room_of(&code).await?;
    let done = ended["history"].as_array().map_or(0, Vec::len);
    assert_eq!((&ended["status"]["phase"], &ended["status"]["rounds"]), (&json!("finished"), &json!(done)));
    board.reads(&format!("All {done} rounds are done."), SECONDS_10).await?;

    // A student is put out, and the room is deleted.
    teacher.click("remove-student").await?;
    teacher.click("dialog-confirm").await?;
    student
        .wait("a word about being put out", "return /taken this laptop out/.test(document.body.innerText)", MINUTE)
        .await?;
    let pressed = "return document.querySelector('[data-test=\"take-part\"]').checkVisibility()";
    assert_eq!(student.run(pressed, vec![]).await?, false, "nothing to press that does nothing");
    teacher.click("delete-room").await?;
    teacher.click("dialog-confirm").await?;
    board.wait_for("dead-end").await?;
    assert!(server.room_of(&code).await.is_err(), "the room is gone");
    Ok(())
}

/// Nobody has to know of masks to have them; what cannot go with them says so.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_room_is_masked_unless_something_chosen_cannot_be() -> Result<()> {
    let server = Server::start(&["--host-token", TOKEN]).await?;
    let browser = Browser::start(Options::default()).await?;
    let teacher = browser.open(&format!("{}/teach#{TOKEN}", server.origin())).await?;
    teacher.wait_for("create").await?;
    teacher.reads("Masked: whoever runs the server can read only the sum", SECONDS_10).await?;
    teacher.screenshot("teach-masked-form").await?;
    assert_eq!(teacher.violations().await?, Vec::<String>::new());

    teacher.run("document.getElementById('expert').open = true", vec![]).await?;
    let offered = "return document.querySelector('[data-test=\"create-masked\"]').checkVisibility()";
    for (field, value, reason) in [
        ("expert-aggregation", "median", "compares single results"),
        ("expert-strategy", "scaffold", "SCAFFOLD needs each laptop’s own result"),
        ("expert-influence_limit", "1.5", "needs a look at single results"),
        ("expert-asynchronous", "3", "among laptops that do a round together"),
        ("expert-selection", "25%", "begins with all laptops"),
        ("least", "2", "at least three laptops"),
        ("expert-max_clients", "201", "at most 200 laptops"),
    ] {
        chooses(&teacher, field, value).await?;
        teacher.reads(reason, SECONDS_10).await?;
        assert_eq!(teacher.run(offered, vec![]).await?, false, "{field} leaves nothing to choose");
        chooses(&teacher, field, "").await?;
        teacher.reads("Masked: whoever runs the server can read only the sum", SECONDS_10).await?;
    }
    teacher.click("create-button").await?;
    teacher.wait_for("control").await?;
    let code = text_of(&teacher, "invite-code").await?;
    let room = server.room_of(&code).await?["room"].clone();
    assert_eq!(room["masking"]["server"], "active");
    assert_eq!(room["aggregation"], Value::Null, "the mean, which is not named");

    // One laptop is told that it is no class by itself here, and the button why it does nothing.
    let student = browser.open(&format!("{}/room/{code}", server.origin())).await?;
    student.click("made-up").await?;
    student.wait("clips", "return parseInt(document.getElementById('clip-list-title').innerText) > 0", MINUTE).await?;
    student.click("take-part").await?;
    for page in [&student, &teacher] {
        page.reads("A round with masks needs at least three", MINUTE).await?;
    }
    let disabled = "return document.querySelector('[data-test=\"next_round\"]').getAttribute('aria-disabled')";
    assert_eq!(teacher.run(disabled, vec![]).await?, "true");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_noise_promises_is_read_before_the_start_and_after_the_last_round() -> Result<()> {
    let mut server = Server::start(&["--host-token", TOKEN]).await?;
    let browser = Browser::start(Options::default()).await?;
    let teacher = browser.open(&format!("{}/teach#{TOKEN}", server.origin())).await?;
    teacher.wait_for("create").await?;
    teacher.fill("create-rounds", "2").await?;
    teacher.run("document.getElementById('expert').open = true", vec![]).await?;
    let asked = "return document.getElementById('field-clip').checkVisibility()";
    assert_eq!(teacher.run(asked, vec![]).await?, false, "without a budget there is nothing to clip");
    for (field, value) in [("expert-epsilon", "8"), ("expert-clip", "0,01"), ("expert-max_clients", "30")] {
        teacher.fill(field, value).await?;
    }
    // The form says what the room will say, before there is one.
    let promise = "at most 80 times in 100";
    teacher.reads(promise, SECONDS_10).await?;
    teacher.reads("With 30 people the noise is louder", SECONDS_10).await?;
    teacher.reads("Masked: whoever runs the server can read only the sum", SECONDS_10).await?;
    // Gradients of clips are noised by the laptops, or nobody.
    chooses(&teacher, "expert-noise_hides", "clip").await?;
    teacher.reads("say how many clips all participants have", SECONDS_10).await?;
    chooses(&teacher, "expert-noise_hides", "").await?;
    // Without masks a class of one can go through it.
    teacher.click("create-masked").await?;
    teacher.reads("Not masked: whoever runs the server sees each laptop’s result", SECONDS_10).await?;
    teacher.screenshot("teach-noise-form").await?;
    assert_eq!(teacher.violations().await?, Vec::<String>::new());
    // Noise that is needed for a clip which is none is refused in the form's own words.
    teacher.fill("expert-clip", "").await?;
    teacher.reads("noise needs the norm that updates are scaled down to", SECONDS_10).await?;
    teacher.fill("expert-clip", "0,01").await?;
    teacher.reads(promise, SECONDS_10).await?;
    teacher.click("create-button").await?;
    teacher.wait_for("control").await?;
    let code = text_of(&teacher, "invite-code").await?;
    let board = browser.open(&format!("{}/room/{code}/board", server.origin())).await?;
    let student = browser.open(&format!("{}/room/{code}", server.origin())).await?;
    // Two rounds take 0.8488 · √2 of the clip (dp-accounting: 0.6002 for one), and thirty people are few for that.
    let before = "When all rounds are over, whoever knows everything else will guess right at most 80 times in 100";
    for page in [&teacher, &board, &student] {
        page.reads(before, SECONDS_10).await?;
        page.reads("With 30 people the noise is louder", SECONDS_10).await?;
        page.reads("It does not hide that this person took part", SECONDS_10).await?;
    }
    teacher.screenshot("teach-noise").await?;
    assert_eq!(teacher.violations().await?, Vec::<String>::new());

    student.click("made-up").await?;
    student.wait("clips", "return parseInt(document.getElementById('clip-list-title').innerText) > 0", MINUTE).await?;
    student.click("take-part").await?;
    teacher.reads("A class of one", MINUTE).await?;
    press(&teacher, "next_round").await?;
    rounds_done(&server, &code, 2).await?;
    let after = "Whoever knows everything else guesses right at most 80 times in 100";
    for page in [&teacher, &board, &student] {
        page.reads(after, MINUTE).await?;
        page.reads("Another round would give away more than was promised", SECONDS_10).await?;
    }
    board
        .reads("There is no curve: how the model does on everyone’s test clips would say more of them", SECONDS_10)
        .await?;
    board.screenshot("board-noise").await?;
    student.screenshot("student-noise").await?;
    assert_eq!(board.violations().await?, Vec::<String>::new());
    assert_eq!(student.violations().await?, Vec::<String>::new());

    // What is spent is spent, also for a server that was killed, and for who wants to go back.
    server.kill();
    server.start_again().await?;
    let budget = server.room_of(&code).await?["status"]["budget"].clone();
    assert_eq!((&budget["published"], &budget["left"]), (&json!(2), &json!(0)));
    teacher.reload().await?;
    teacher.wait_for("control").await?;
    press(&teacher, "restart").await?;
    teacher.click("dialog-confirm").await?;
    teacher.reads("The privacy budget of this room is spent", SECONDS_10).await?;
    Ok(())
}
