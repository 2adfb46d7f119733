//! A room with groups: the teacher names them on the form, students choose one or none, and the model card says how the finished model
//! does with each of three people or more. Two of each group are native participants.

use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tests::browser::{Browser, Options, Tab};
use tests::program::{Server, program};
use tests::voices::Voices;
use tokio::time::{Instant, sleep};

const TOKEN: &str = "a-secret-of-the-test";
const SECONDS_10: Duration = Duration::from_secs(10);
const MINUTE: Duration = Duration::from_secs(60);
const PATIENCE: Duration = Duration::from_secs(240);

/// Chooses a group, or none, as a person does.
async fn chooses(student: &Tab<'_>, group: &str) -> Result<()> {
    let script = "const field = document.querySelector('[data-test=\"group\"]');
        field.focus();
        field.value = arguments[0];
        field.dispatchEvent(new Event('change', { bubbles: true }));
        field.blur();";
    student.run(script, vec![json!(group)]).await?;
    Ok(())
}

async fn chosen(student: &Tab<'_>) -> Result<Value> {
    student.run("return document.querySelector('[data-test=\"group\"]').selectedOptions[0].text", vec![]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_class_sees_how_its_model_does_with_each_of_its_groups() -> Result<()> {
    let server = Server::start(&["--host-token", TOKEN]).await?;
    let desk = Browser::start(Options::default()).await?;
    let teacher = desk.open(&format!("{}/teach#{TOKEN}", server.origin())).await?;

    // One group alone is none to compare with; the page says so, and the form is as it was.
    teacher.run("document.getElementById('expert').open = true", vec![]).await?;
    teacher.click("create-masked").await?;
    teacher.fill("create-rounds", "1").await?;
    teacher.fill("expert-groups", "headset").await?;
    teacher.click("create-button").await?;
    teacher.reads("At least 2 groups are needed", SECONDS_10).await?;
    teacher.fill("expert-groups", " headset, laptop microphone,").await?;
    teacher.run("document.getElementById('expert-groups').scrollIntoView({ block: 'center' })", vec![]).await?;
    teacher.screenshot("groups-form").await?;
    teacher.no_violations("the form with groups").await?;
    teacher.click("create-button").await?;
    teacher.wait_for("control").await?;
    let code = teacher.run("return document.querySelector('[data-test=\"invite-code\"]').innerText", vec![]).await?;
    let code = code.as_str().context("a code is text")?.to_owned();
    let made = server.room_of(&code).await?["room"].clone();
    assert_eq!(made["groups"], json!(["headset", "laptop microphone"]));

    // Two students choose; one takes it back and chooses again. It is there after a reload, and nowhere else.
    let voices = Voices::open()?;
    let page = format!("{}/room/{code}", server.origin());
    let laptops = [Browser::start(Options::default()).await?, Browser::start(Options::default()).await?];
    let mut students = Vec::new();
    for (index, laptop) in laptops.iter().enumerate() {
        let student = laptop.open(&page).await?;
        student.wait_for("group").await?;
        assert_eq!(chosen(&student).await?, "I’d rather not say");
        let clips = voices.of_speakers(index..index + 1);
        let paths: Vec<_> = clips.iter().map(|clip| voices.path(clip)).collect();
        student.choose_files("file-input", &paths.iter().take(12).cloned().collect::<Vec<_>>()).await?;
        student.wait_for_clips(12, MINUTE).await?;
        students.push(student);
    }
    chooses(&students[0], "1").await?;
    chooses(&students[0], "").await?;
    chooses(&students[0], "0").await?;
    chooses(&students[1], "1").await?;
    students[0].run("location.reload()", vec![]).await?;
    students[0].wait_for_clips(12, MINUTE).await?;
    students[0].wait_for("group").await?;
    assert_eq!(
        (chosen(&students[0]).await?, chosen(&students[1]).await?),
        (json!("headset"), json!("laptop microphone"))
    );
    students[0]
        .run("document.querySelector('[data-test=\"group-choice\"]').scrollIntoView({ block: 'center' })", vec![])
        .await?;
    students[0].click("step-train").await?;
    students[0].screenshot("groups-student").await?;
    students[0].no_violations("a student’s page with groups").await?;
    for student in &students {
        student.click("take-part").await?;
    }

    let mut others = Vec::new();
    for (seed, group) in [("1", "headset"), ("3", "laptop microphone")] {
        let options = ["--synthetic", seed, "--participants", "2", "--clips", "16", "--threads", "1", "--group", group];
        let mut join = Command::new(program()?);
        join.args(["join", &page]).args(options).stdout(Stdio::null()).stderr(Stdio::null());
        others.push(join.spawn()?);
    }
    let patience = Instant::now() + PATIENCE;
    while server.room_of(&code).await?["status"]["ready"] != 6 {
        ensure!(Instant::now() < patience, "not all six are ready");
        sleep(Duration::from_millis(200)).await;
    }
    assert!(!server.room_of(&code).await?["status"].to_string().contains("group"), "nobody's group is on the roster");
    teacher.click("next_round").await?;
    let told = "return document.querySelector('[data-test=\"by-group\"]').checkVisibility()";
    teacher.wait("the results by group", told, PATIENCE).await?;
    for mut other in others {
        assert!(other.wait()?.success(), "its room is finished");
    }

    let status = server.room_of(&code).await?["status"].clone();
    let groups = status["final_groups"].as_array().context("groups are counted")?.clone();
    assert_eq!([&groups[0]["clients"], &groups[1]["clients"]], [3, 3]);
    let count = |of: &Value| of["examples"].as_u64().unwrap_or(0);
    assert_eq!(count(&groups[0]) + count(&groups[1]), count(&status["final_evaluation"]));
    let right = |of: &Value| -> u64 { (0..4).map(|label| of["confusion"][label][label].as_u64().unwrap_or(0)).sum() };

    // The card has what the server counted, and so has the teacher's page.
    let card = String::from_utf8(teacher.saved("download-card").await?)?;
    let students_card = String::from_utf8(students[0].saved("download-card").await?)?;
    for (name, group) in ["headset", "laptop microphone"].iter().zip(&groups) {
        let row = format!("| {name} | {} of {} | ", right(group), count(group));
        assert!(card.contains(&row) && students_card.contains(&row), "{row} is not in {card}");
        teacher.reads(&format!("{} of {}", right(group), count(group)), SECONDS_10).await?;
    }
    teacher.run("document.getElementById('by-group').scrollIntoView({ block: 'center' })", vec![]).await?;
    teacher.screenshot("groups-results").await?;
    teacher.no_violations("the results by group").await?;

    // One's own receipt shows what was told, and the page asks no more.
    let told = "return [...document.querySelectorAll('body *')].some((one) => one.textContent.includes('\"group\":0') || one.textContent.includes('\"group\": 0'))";
    students[0].run("document.querySelectorAll('details').forEach((one) => { one.open = true; })", vec![]).await?;
    students[0].wait("the receipt of the evaluation", told, MINUTE).await?;
    let asked = "return document.querySelector('[data-test=\"group-choice\"]').checkVisibility()";
    assert_eq!(students[0].run(asked, vec![]).await?, false);
    Ok(())
}
