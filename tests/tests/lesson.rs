//! A whole lesson as `docs/classroom.md` describes it: a teacher, a board, and four students on laptops of their own, each with
//! another person's voice in the microphone. One closes the lid, one corrects the model.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tests::browser::{Browser, Options, Tab};
use tests::program::Server;
use tests::voices::Voices;

const TOKEN: &str = "a-secret-of-the-test";
const MINUTE: Duration = Duration::from_secs(60);
const STUDENTS: usize = 4;
const ROUNDS: usize = 24;
/// Longer than the room waits for a laptop that is lost.
const LID_CLOSED: Duration = Duration::from_secs(25);

/// Waits until the room is as `wanted` says.
async fn wait_for_room(server: &Server, code: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(240);
    loop {
        let room = server.room_of(code).await?;
        if wanted(&room) {
            return Ok(room);
        }
        ensure!(tokio::time::Instant::now() < deadline, "waited for {what}; the room: {room:#}");
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

fn rounds(room: &Value) -> usize {
    room["history"].as_array().map_or(0, Vec::len)
}

/// What one of the room's clients does now.
fn state<'a>(room: &'a Value, name: &str) -> Option<&'a str> {
    room["status"]["clients"].as_array()?.iter().find(|client| client["name"] == name)?["state"].as_str()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_class_holds_its_lesson() -> Result<()> {
    let voices = Voices::open()?;
    let folder = tempfile::tempdir()?;
    let server = Server::start(&["--host-token", TOKEN]).await?;

    // Minutes 0 to 10: the teacher makes a room, and the board goes to the projector.
    let desk = Browser::start(Options::default()).await?;
    let teacher = desk.open(&format!("{}/teach#{TOKEN}", server.origin())).await?;
    teacher.click("lesson-emotions4").await?;
    teacher.fill("create-name", "Class 7b").await?;
    teacher.fill("create-rounds", &ROUNDS.to_string()).await?;
    // One fewer than the class: a round counts without a laptop that was closed.
    teacher.fill("create-least", &(STUDENTS - 1).to_string()).await?;
    teacher.no_violations("the form for a new room").await?;
    teacher.click("create-button").await?;
    teacher.wait_for("invite-code").await?;
    let code = teacher.run("return document.querySelector('[data-test=\"invite-code\"]').innerText", vec![]).await?;
    let code = code.as_str().context("a code is text")?.to_owned();
    assert_eq!(server.room_of(&code).await?["room"]["masking"]["server"], "active", "as the form makes rooms");
    let board = desk.open(&format!("{}/room/{code}/board", server.origin())).await?;
    board.wait_for("join-code").await?;

    // Minutes 10 to 20: four students record and add what they have.
    let mut laptops = Vec::new();
    for student in 0..STUDENTS {
        let microphone = voices.microphone_of(student, folder.path())?;
        laptops.push(Browser::start(Options { microphone: Some(microphone), ..Options::default() }).await?);
    }
    let mut students = Vec::new();
    for (student, laptop) in laptops.iter().enumerate() {
        let tab = laptop.open(&format!("{}/room/{code}", server.origin())).await?;
        tab.wait_for("take-part").await?;
        tab.fill("name", &format!("Student {student}")).await?;
        tab.click("record-next").await?;
        tab.wait_for("stop-recording").await?;
        wait_for_room(&server, &code, "the board to tell of the recording", |room| {
            state(room, &format!("Student {student}")) == Some("recording")
        })
        .await?;
        tokio::time::sleep(Duration::from_secs(2)).await;
        tab.click("stop-recording").await?;
        tab.click("keep-clip").await?;
        tab.wait_for_clips(1, MINUTE).await?;
        let clips = voices.paths_of(student);
        tab.choose_files("file-input", &clips).await?;
        tab.wait_for_clips(1 + clips.len(), Duration::from_secs(120)).await?;
        students.push(tab);
    }
    students[0].no_violations("the student's page with clips").await?;
    board.screenshot("lesson-board-lobby").await?;
    board.no_violations("the board before the first round").await?;

    // Minutes 25 to 32: all train. The fourth closes the lid in the middle of it, and the others go on without it.
    for tab in &students {
        tab.click("take-part").await?;
    }
    wait_for_room(&server, &code, "a round of all four", |room| {
        room["history"].as_array().is_some_and(|rounds| rounds.iter().any(|record| record["clients"] == 4))
    })
    .await?;
    laptops[3].close_lid()?;
    tokio::time::sleep(LID_CLOSED).await;
    let without = rounds(&server.room_of(&code).await?);
    wait_for_room(&server, &code, "a round without the closed laptop", |room| {
        rounds(room) > without || room["status"]["phase"] == "finished"
    })
    .await?;
    laptops[3].open_lid()?;

    // Minutes 32 to 38: the first listens live, and corrects what the model hears.
    let first = &students[0];
    let clips = voices.of_speakers(0..1).len() + 1;
    first.click("try-live").await?;
    let moving = "return Number(document.querySelector('[data-test=\"try-probabilities\"]').dataset.latencyMs) > 0";
    first.wait("bars that move", moving, MINUTE).await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    first.click("correct-3").await?;
    first.wait_for_clips(clips + 1, MINUTE).await?;
    first.screenshot("lesson-corrected").await?;
    first.no_violations("the student's page in live use").await?;

    // The last rounds, with everyone in them again.
    let room = wait_for_room(&server, &code, "the last round", |room| room["status"]["phase"] == "finished").await?;
    assert_eq!(rounds(&room), ROUNDS);
    let history = room["history"].as_array().context("a room has a history")?;
    let clients: Vec<u64> = history.iter().filter_map(|record| record["clients"].as_u64()).collect();
    assert!(clients.contains(&4), "all four were in a round together: {clients:?}");
    assert!(clients.contains(&3), "three went on while the lid was closed: {clients:?}");
    students[3]
        .wait(
            "the finished model on the laptop that had been closed",
            "return !!document.querySelector('[data-test=\"finished\"]')?.checkVisibility()",
            MINUTE,
        )
        .await?;
    wait_for_room(&server, &code, "the laptop whose lid was closed", |room| {
        state(room, "Student 3").is_some_and(|state| state != "offline")
    })
    .await?;

    // Minutes 38 to 45: mine against ours, and what everyone takes home.
    let compared = "return document.querySelectorAll('[data-test=\"compared\"]').length > 0";
    students[1].wait("both models' answers", compared, MINUTE).await?;
    students[1].no_violations("the student's page at the end").await?;
    students[1].screenshot("lesson-mine").await?;
    board.wait_for("finished").await?;
    board.screenshot("lesson-board-finished").await?;
    board.no_violations("the finished board").await?;
    teacher.screenshot("lesson-teacher-finished").await?;
    teacher.no_violations("the teacher's page at the end").await?;
    let table = String::from_utf8(server.get(&format!("/api/rooms/{code}/results.csv")).await?)?;
    assert_eq!(table.lines().count(), 1 + ROUNDS + 1, "a row for each version:\n{table}");
    let model = server.get(&format!("/api/rooms/{code}/model.safetensors")).await?;
    assert!(model.len() > 45_188 * 4);
    let onnx = server.get(&format!("/api/rooms/{code}/model.onnx")).await?;
    assert!(onnx.len() > 45_188 * 4);
    let uar: Vec<f64> = table.lines().skip(1).filter_map(|row| row.split(',').nth(4)?.parse().ok()).collect();
    println!("UAR on held-back clips, version by version: {uar:?}");
    let (start, best) = (uar.first().context("tested at the start")?, uar.iter().copied().fold(0.0, f64::max));
    assert!(best > start + 0.1, "the class's model has learnt something: {uar:?}");
    Ok(())
}

/// Presses what makes a room with the form as it stands but for its masks, which are not for so few, and gives the room's code.
async fn opens_a_room(teacher: &Tab<'_>) -> Result<String> {
    teacher.click("lesson-emotions4").await?;
    if teacher.run("return document.querySelector('[data-test=\"create-masked\"]').checked", vec![]).await? == true {
        teacher.click("create-masked").await?;
    }
    teacher.click("create-button").await?;
    teacher.wait_for("invite-code").await?;
    let code = teacher.run("return document.querySelector('[data-test=\"invite-code\"]').innerText", vec![]).await?;
    Ok(code.as_str().context("a code is text")?.to_owned())
}

/// The guide word for word, for who has three laptops: the dry run of the day before with one of them, then the lesson. Nothing is
/// pressed that the guide does not name, and *Begin now* once a room.
#[tokio::test(flavor = "multi_thread")]
async fn three_laptops_hold_the_lesson_of_the_guide() -> Result<()> {
    let server = Server::start(&["--host-token", TOKEN]).await?;
    let desk = Browser::start(Options::default()).await?;
    let teacher = desk.open(&format!("{}/teach#{TOKEN}", server.origin())).await?;

    // The day before: a class of one.
    let code = opens_a_room(&teacher).await?;
    let mut laptops = vec![Browser::start(Options::default()).await?];
    let dry = laptops[0].open(&format!("{}/room/{code}", server.origin())).await?;
    dry.click("made-up").await?;
    dry.wait("made-up clips", "return parseInt(document.getElementById('clip-list-title').innerText) > 0", MINUTE)
        .await?;
    dry.click("take-part").await?;
    let alone = "return document.querySelector('[data-test=\"status-line\"]').innerText.includes('a class of one')";
    dry.wait("the sentence that says what one laptop is", alone, MINUTE).await?;
    teacher.click("next_round").await?;
    let room =
        wait_for_room(&server, &code, "all rounds of one laptop", |room| room["status"]["phase"] == "finished").await?;
    assert_eq!(rounds(&room), 20, "begun means begun");
    dry.wait("a curve", "return !!document.querySelector('[data-test=\"chart-accuracy\"] svg path')", MINUTE).await?;
    teacher.click("delete-room").await?;
    teacher.click("dialog-confirm").await?;
    let over = "return document.querySelector('[data-test=\"status-line\"]').innerText.includes('it was deleted') \
                && !document.querySelector('[data-test=\"take-part\"]').checkVisibility()";
    dry.wait("that the room is over", over, MINUTE).await?;

    // The lesson.
    let code = opens_a_room(&teacher).await?;
    let board = desk.open(&format!("{}/room/{code}/board", server.origin())).await?;
    board.wait_for("join-code").await?;
    for _ in 1..3 {
        laptops.push(Browser::start(Options::default()).await?);
    }
    let mut students = Vec::new();
    for (student, laptop) in laptops.iter().enumerate() {
        let tab = laptop.open(&format!("{}/room/{code}", server.origin())).await?;
        tab.fill("name", &format!("Student {student}")).await?;
        tab.click("made-up").await?;
        tab.wait("made-up clips", "return parseInt(document.getElementById('clip-list-title').innerText) > 0", MINUTE)
            .await?;
        tab.click("step-receipts").await?;
        tab.wait_for("search-voice").await?;
        students.push(tab);
    }
    for tab in &students {
        tab.click("take-part").await?;
    }
    wait_for_room(&server, &code, "three who are ready", |room| room["status"]["ready"] == 3).await?;
    teacher.click("next_round").await?;
    wait_for_room(&server, &code, "two rounds of all three", |room| rounds(room) >= 2).await?;
    // The third one's tab is closed, and opened again later.
    students[2].run("location.href = 'about:blank'", vec![]).await?;
    let named = "return document.querySelector('[data-test=\"waited-for\"]').innerText.includes('Student 2')";
    for (page, what) in [(&board, "board"), (&teacher, "teacher's page"), (&students[0], "student's page")] {
        page.wait(&format!("the {what} to say who is waited for"), named, MINUTE).await?;
    }
    let lost = rounds(&server.room_of(&code).await?);
    let went_on = tokio::time::Instant::now();
    wait_for_room(&server, &code, "the class to go on", |room| rounds(room) > lost + 1).await?;
    ensure!(went_on.elapsed() < Duration::from_secs(40), "the class waited {:?} for one laptop", went_on.elapsed());
    let page = format!("location.href = '{}/room/{code}'", server.origin());
    students[2].run(&page, vec![]).await?;
    let room = wait_for_room(&server, &code, "the last round", |room| room["status"]["phase"] == "finished").await?;
    assert_eq!(rounds(&room), 20);
    for tab in &students {
        tab.wait_for("print-certificate").await?;
    }
    let compared = "return document.querySelectorAll('[data-test=\"compared\"]').length > 0";
    students[0].wait("both models' answers", compared, MINUTE).await?;
    students[0].click("search-voice").await?;
    let nothing = "return document.querySelector('[data-test=\"search-result\"]').dataset.found === '0'";
    students[0].wait("the search for the voice", nothing, MINUTE).await?;
    students[0].click("forget").await?;
    students[0].click("forget-sure").await?;
    students[0].wait("the start page", "return location.pathname === '/'", MINUTE).await?;
    board.wait_for("finished").await
}
