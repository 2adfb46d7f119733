//! A lesson with text: the teacher chooses `compact-text`, two laptops read prompts, one types what is said. The text goes with the
//! clip wherever that goes, is trained on, tried, and looked for in what was sent.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tests::browser::{Browser, Options, Tab};
use tests::program::Server;
use tests::recorder::Recorder;
use tests::voices::Voices;

const TOKEN: &str = "a-secret-of-the-test";
const MINUTE: Duration = Duration::from_secs(60);
const PATIENCE: Duration = Duration::from_secs(240);
const ROUNDS: usize = 5;
/// What the third one types for a clip: in this order for the first clips of the list, which has the newest first.
const TYPED: [&str; 4] =
    ["My bicycle was stolen, Kunigunde!", "Nobody came to my party", "Wir fahren über die Brücke", "我把它放在厨房里"];

/// The texts of the clips in the page's list, the newest first, as the fields show them.
async fn texts(tab: &Tab<'_>) -> Result<Vec<String>> {
    let script = "document.getElementById('show-all').checkVisibility() && \
                  document.getElementById('show-all').textContent.match(/\\d/) && document.getElementById('show-all').click();
        return [...document.querySelectorAll('[data-test=\"clip-text\"]')].map(({ value }) => value)";
    Ok(serde_json::from_value(tab.run(script, vec![]).await?)?)
}

/// Types what is said in the clip at this place of the list.
async fn types(tab: &Tab<'_>, place: usize, text: &str) -> Result<()> {
    let script = "const [place, text] = arguments;
        const field = document.querySelectorAll('[data-test=\"clip-text\"]')[place];
        field.focus();
        field.value = text;
        field.dispatchEvent(new Event('change', { bubbles: true }));
        field.blur();";
    tab.run(script, vec![json!(place), json!(text)]).await?;
    Ok(())
}

async fn text_of(tab: &Tab<'_>, name: &str) -> Result<String> {
    let value =
        tab.run("return document.querySelector(`[data-test=\"${arguments[0]}\"]`).value", vec![json!(name)]).await?;
    Ok(value.as_str().context("a field has a value")?.to_owned())
}

/// What voice and text say, and how far each is trusted, once they say something.
async fn branches(tab: &Tab<'_>) -> Result<(Value, Value, f64, f64)> {
    let seen = "return !!document.querySelector('[data-test=\"branch-voice\"]')?.checkVisibility() && \
                document.querySelector('[data-test=\"branch-voice\"]').dataset.trust !== undefined";
    tab.wait("what voice and text say", seen, MINUTE).await?;
    let script = "return ['voice', 'text'].map((side) => ({ ...document.querySelector(`[data-test=\"branch-${side}\"]`).dataset }))";
    let found = tab.run(script, vec![]).await?;
    let trust = |side: usize| found[side]["trust"].as_str().and_then(|trust| trust.parse().ok()).context("a trust");
    Ok((found[0]["says"].clone(), found[1]["says"].clone(), trust(0)?, trust(1)?))
}

async fn shares(tab: &Tab<'_>) -> Result<Vec<f64>> {
    let script = "return [...document.querySelectorAll('[data-share]')].map(({ dataset }) => Number(dataset.share))";
    Ok(serde_json::from_value(tab.run(script, vec![]).await?)?)
}

/// Reads the prompt aloud, as far as the microphone's file can, and gives the sentence that stands there.
async fn reads(tab: &Tab<'_>, says_otherwise: Option<&str>) -> Result<String> {
    tab.wait_for("record-reads").await?;
    let prompt = tab.run("return document.querySelector('[data-test=\"prompt-say\"]').innerText", vec![]).await?;
    tab.click("record-next").await?;
    tab.wait_for("stop-recording").await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    tab.click("stop-recording").await?;
    tab.wait_for("review-text").await?;
    let said = text_of(tab, "review-text").await?;
    assert!(prompt.as_str().is_some_and(|prompt| prompt.contains(&said)) && said.len() > 10, "{said} of {prompt}");
    if let Some(text) = says_otherwise {
        tab.fill("review-text", text).await?;
    }
    tab.screenshot("text-review").await?;
    tab.no_violations("a recording with its text").await?;
    tab.click("keep-clip").await?;
    tab.wait_for_clips(1, MINUTE).await?;
    Ok(said)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_read_prompts_and_one_types() -> Result<()> {
    let voices = Voices::open()?;
    let folder = tempfile::tempdir()?;
    let server = Server::start(&["--host-token", TOKEN]).await?;
    let host = server.origin().trim_start_matches("http://").to_owned();

    let desk = Browser::start(Options::default()).await?;
    let teacher = desk.open(&format!("{}/teach#{TOKEN}", server.origin())).await?;
    teacher.click("lesson-emotions4").await?;
    teacher.run("document.getElementById('expert').open = true", vec![]).await?;
    teacher.click("network-compact-text").await?;
    teacher.fill("create-rounds", &ROUNDS.to_string()).await?;
    teacher.fill("create-least", "3").await?;
    // In masks nobody would know who held what, and the session is to be played with that.
    teacher.click("create-masked").await?;
    let asked = "return document.getElementById('field-modalities').checkVisibility()";
    assert_eq!(teacher.run(asked, vec![]).await?, true, "the form asks what the network looks at");
    teacher.screenshot("text-form").await?;
    teacher.click("create-button").await?;
    teacher.wait_for("invite-code").await?;
    let code = teacher.run("return document.querySelector('[data-test=\"invite-code\"]').innerText", vec![]).await?;
    let code = code.as_str().context("a code is text")?.to_owned();
    let page = format!("{}/room/{code}", server.origin());

    // Two read what stands there; the second says something else, and corrects the text.
    let mut laptops = Vec::new();
    for student in 0..2 {
        let microphone = voices.microphone_of(student, folder.path())?;
        laptops.push(Browser::start(Options { microphone: Some(microphone), ..Options::default() }).await?);
    }
    let recorder = Recorder::start(&host).await?;
    laptops.push(Browser::start(Options { proxy: Some(recorder.port()), ..Options::default() }).await?);
    let mut students = Vec::new();
    for (student, laptop) in laptops.iter().enumerate() {
        let tab = laptop.open(&page).await?;
        tab.wait_for("take-part").await?;
        let mut clips = voices.paths_of(student).len();
        if student < 2 {
            let otherwise = (student == 1).then_some("I said something of my own");
            let said = reads(&tab, otherwise).await?;
            assert_eq!(texts(&tab).await?, [otherwise.unwrap_or(&said)]);
            clips += 1;
        }
        tab.choose_files("file-input", &voices.paths_of(student)).await?;
        tab.wait_for_clips(clips, Duration::from_secs(120)).await?;
        students.push(tab);
    }

    // The third types, in several scripts; what cannot be seen is left out, and what is too long is refused and stays to be shortened.
    let typist = &students[2];
    for (place, text) in TYPED.iter().enumerate() {
        types(typist, place, text).await?;
    }
    types(typist, 4, "\u{202E}u\u{308}ber\t\u{7}den \u{200F}Wolken").await?;
    types(typist, 5, &"a".repeat(100_000)).await?;
    let refused =
        "return document.querySelectorAll('[data-test=\"clip-text\"]')[5].getAttribute('aria-invalid') === 'true'";
    typist.wait("the long text to be refused", refused, MINUTE).await?;
    typist.screenshot("text-typed").await?;
    typist.reload().await?;
    typist.wait_for_clips(voices.paths_of(2).len(), MINUTE).await?;
    let kept = texts(typist).await?;
    assert_eq!(kept[..4], TYPED);
    assert_eq!(
        kept[4..6],
        ["über den Wolken", ""],
        "composed, without what cannot be seen; the long one was never kept"
    );
    typist.no_violations("the page of whoever types").await?;

    // It goes home with the clips, and comes back.
    let zip = folder.path().join("clips.zip");
    std::fs::write(&zip, typist.saved("save-clips").await?)?;
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(std::fs::read(&zip)?))?;
    let unpacked = folder.path().join("unpacked");
    archive.extract(&unpacked)?;
    let corpus = corpus::Corpus::open(&unpacked, &tests::voices::labels())?;
    let told = corpus.clips.iter().filter(|clip| clip.transcript.is_some()).count();
    assert_eq!((corpus.clips.len(), told), (voices.paths_of(2).len(), 5), "another program reads it");
    {
        let elsewhere = Browser::start(Options::default()).await?;
        let tab = elsewhere.open(&page).await?;
        tab.wait_for("take-part").await?;
        tab.choose_files("file-input", std::slice::from_ref(&zip)).await?;
        tab.wait_for_clips(voices.paths_of(2).len(), MINUTE).await?;
        let mut back = texts(&tab).await?;
        let mut before = kept.clone();
        back.sort();
        before.sort();
        assert_eq!(back, before);
    }

    for tab in &students {
        tab.click("take-part").await?;
    }
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let room = server.room_of(&code).await?;
        if room["status"]["phase"] == "finished" {
            let history = room["history"].as_array().context("a room has a history")?;
            assert!(history.len() == ROUNDS && history.iter().all(|record| record["clients"] == 3), "{history:?}");
            break;
        }
        ensure!(tokio::time::Instant::now() < deadline, "the last round does not come: {room:#}");
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    let reason =
        "return document.querySelector('[data-test=\"backend\"]').innerText.includes('Graphics chips cannot train')";
    typist.wait("why the processor trains", reason, MINUTE).await?;

    // Tried: heard and read, read alone, heard alone, live.
    typist.wait_for("finished").await?;
    typist.fill("try-text", TYPED[1]).await?;
    typist.choose_files("try-file", &voices.paths_of(2)[..1]).await?;
    let (voice, text, heard, read) = branches(typist).await?;
    assert!(voice != "" && text != "" && (heard + read - 1.0).abs() < 1e-5 && heard > 0.0 && read > 0.0);
    println!("voice {voice}, text {text}, gate {heard}");
    typist.screenshot("text-try").await?;
    typist.no_violations("voice and text side by side").await?;
    typist.click("try-read").await?;
    let alone = "return document.querySelector('[data-test=\"branch-voice\"]').dataset.trust === '0.000000'";
    typist.wait("the text alone", alone, MINUTE).await?;
    let in_the_room = shares(typist).await?;
    typist.fill("try-text", "").await?;
    typist.choose_files("try-file", &voices.paths_of(2)[..1]).await?;
    let alone = "return document.querySelector('[data-test=\"branch-voice\"]').dataset.trust === '1.000000'";
    typist.wait("the voice alone", alone, MINUTE).await?;
    students[0].fill("try-text", TYPED[0]).await?;
    students[0].click("try-live").await?;
    let (_, text, heard, read) = branches(&students[0]).await?;
    assert!(text != "" && (heard + read - 1.0).abs() < 1e-5 && read > 0.0, "live as well");
    students[0].click("try-live").await?;

    // At home it reads as in the room.
    let home = folder.path().join("model.html");
    std::fs::write(&home, typist.saved("save-model").await?)?;
    let nobody = Recorder::start("nobody:1").await?;
    let offline = Browser::start(Options { proxy: Some(nobody.port()), ..Options::default() }).await?;
    let tab = offline.open(&format!("file://{}", home.display())).await?;
    tab.fill("offline-text", TYPED[1]).await?;
    tab.click("offline-read").await?;
    tab.wait("an answer", "return document.querySelectorAll('[data-share]').length === 4", MINUTE).await?;
    tab.screenshot("text-offline").await?;
    let at_home = shares(&tab).await?;
    println!("read in the room {in_the_room:?}, at home {at_home:?}");
    for (room, home) in in_the_room.iter().zip(&at_home) {
        assert!((room - home).abs() <= 1.5e-4, "{in_the_room:?} {at_home:?}");
    }

    // The session file of this lesson knows nobody, and is played again with other voices in the places of the three.
    let session = teacher.saved("download-session").await?;
    let text = String::from_utf8(session.clone())?;
    for personal in TYPED.iter().chain(&["Student", code.as_str(), "Mozilla", "127.0.0.1"]) {
        assert!(!text.contains(personal), "{personal}");
    }
    plays(&session, folder.path())?;

    // No text has left, and the page's own search says so and proves that it would have found one.
    typist.click("search-voice").await?;
    let searched = "return document.querySelector('[data-test=\"search-result\"]').dataset.texts !== undefined";
    typist.wait("the search", searched, MINUTE).await?;
    let result =
        typist.run("return { ...document.querySelector('[data-test=\"search-result\"]').dataset }", vec![]).await?;
    assert_eq!(
        (&result["found"], &result["foundText"], &result["textProved"]),
        (&json!("0"), &json!("0"), &json!("true"))
    );
    assert_eq!(result["texts"], "5");
    typist.screenshot("text-receipts").await?;
    for connection in recorder.recorded() {
        let (_, frames) = connection.requests().unwrap_or_default();
        for bytes in frames.iter().map(|frame| &frame.payload).chain([&connection.sent]) {
            for text in TYPED {
                assert!(!bytes.windows(text.len()).any(|part| part == text.as_bytes()), "“{text}” was sent");
            }
        }
    }
    Ok(())
}

/// Has the simulator play a session with made-up voices, as it was and with everything otherwise.
fn plays(session: &[u8], folder: &Path) -> Result<()> {
    let (file, corpus, curve) = (folder.join("session.json"), folder.join("corpus"), folder.join("curve.svg"));
    std::fs::write(&file, session)?;
    let run = |words: &[&str]| -> Result<String> {
        let done = std::process::Command::new(tests::program::program()?).args(words).output()?;
        ensure!(done.status.success(), "{words:?}: {}", String::from_utf8_lossy(&done.stderr));
        Ok(String::from_utf8(done.stdout)?)
    };
    let [file, corpus, curve] =
        [&file, &corpus, &curve].map(|path| path.to_str().context("a path is text").map(str::to_owned));
    let (file, corpus, curve) = (file?, corpus?, curve?);
    run(&["synth", "--out", &corpus, "--speakers", "5", "--per-emotion", "10", "--transcripts", "same"])?;
    let played = ["simulate", "--session", &file, "--data", &corpus];
    let told = run(&[&played[..], &["--curve", &curve]].concat())?;
    println!("{told}");
    assert!(told.contains("of 3 clients trained on"), "{told}");
    let rows = told.lines().skip_while(|line| !line.contains("played again")).skip(1).count();
    assert_eq!(rows, ROUNDS, "a row for each round: {told}");
    assert!(std::fs::read_to_string(&curve)?.contains("the class, on what it held back"));
    let masked = ["--nobody-lost", "--masking", "active", "--partition", "random", "--json", "-"];
    let outcome: Value = serde_json::from_str(&run(&[&played[..], &masked].concat())?)?;
    assert_eq!(outcome["rounds"].as_array().map(Vec::len), Some(ROUNDS));
    assert_eq!(outcome["plan"]["model"], "compact-text");
    Ok(())
}

/// Texts and masks go together: what three type is trained on, and neither a text nor a result of one alone leaves a laptop.
#[tokio::test(flavor = "multi_thread")]
async fn what_three_type_is_learnt_under_masks() -> Result<()> {
    let voices = Voices::open()?;
    let rounds = 2;
    let settings = ["--model", "compact-text", "--masking", "active", "--rounds", "2", "--deadline", "120"];
    let server = Server::start(&settings).await?;
    let recorder = Recorder::start(server.origin().trim_start_matches("http://")).await?;
    let mut laptops = Vec::new();
    for laptop in 0..3 {
        let proxy = (laptop == 2).then_some(recorder.port());
        laptops.push(Browser::start(Options { proxy, ..Options::default() }).await?);
    }
    let mut students = Vec::new();
    for (student, laptop) in laptops.iter().enumerate() {
        let tab = laptop.open(&server.page()).await?;
        tab.give(&voices.paths_of(student)).await?;
        for (place, text) in TYPED.iter().enumerate() {
            types(&tab, place, text).await?;
        }
        students.push(tab);
    }
    for tab in &students {
        tab.click("take-part").await?;
    }
    let history = server.wait_for_rounds(rounds, PATIENCE).await?;
    for record in &history {
        assert_eq!((&record["clients"], &record["refused"]), (&json!(3), &json!(0)), "{record:#}");
        assert!(record["evaluation"]["loss"].as_f64().is_some_and(f64::is_finite), "{record:#}");
    }

    // All have one model, which reads and hears.
    let mut read = Vec::new();
    for tab in &students {
        tab.wait_for("finished").await?;
        tab.fill("try-text", TYPED[1]).await?;
        tab.click("try-read").await?;
        let alone = "return document.querySelector('[data-test=\"branch-voice\"]')?.dataset.trust === '0.000000'";
        tab.wait("the text alone", alone, MINUTE).await?;
        read.push(shares(tab).await?);
    }
    assert!(read.iter().all(|shares| *shares == read[0]), "{read:?}");
    let typist = &students[2];
    typist.choose_files("try-file", &voices.paths_of(2)[..1]).await?;
    let heard = "return document.querySelector('[data-test=\"branch-voice\"]').dataset.trust !== '0.000000'";
    typist.wait("the voice beside the text", heard, MINUTE).await?;
    let (voice, text, heard, trusted) = branches(typist).await?;
    assert!(voice != "" && text != "" && (heard + trusted - 1.0).abs() < 1e-5 && trusted > 0.0);

    // Its text is looked for in all that it sent, and would have been found; masks or not, no count of a label is in it either.
    typist.click("search-voice").await?;
    let searched = "return document.querySelector('[data-test=\"search-result\"]').dataset.texts !== undefined";
    typist.wait("the search", searched, MINUTE).await?;
    let found =
        typist.run("return { ...document.querySelector('[data-test=\"search-result\"]').dataset }", vec![]).await?;
    assert_eq!(
        (&found["found"], &found["foundText"], &found["textProved"], &found["texts"]),
        (&json!("0"), &json!("0"), &json!("true"), &json!("4"))
    );
    let mut said = Vec::new();
    for connection in recorder.recorded() {
        let (_, frames) = connection.requests().unwrap_or_default();
        for payload in frames.iter().map(|frame| &frame.payload) {
            assert!(TYPED.iter().all(|text| !payload.windows(text.len()).any(|part| part == text.as_bytes())));
            said.extend(serde_json::from_slice::<Value>(payload).ok().filter(Value::is_object));
        }
    }
    let of = |kind: &str| said.iter().filter(|message| message["type"] == kind).collect::<Vec<_>>();
    assert_eq!((of("masked").len(), of("update").len(), of("statistics").len()), (rounds, 0, 0));
    assert!(of("ready").iter().all(|ready| ready["labels"] == json!([])), "{:?}", of("ready"));
    Ok(())
}

/// A room that looks at text alone passes over clips without any, and says so.
#[tokio::test(flavor = "multi_thread")]
async fn clips_without_text_are_passed_over_where_the_room_only_reads() -> Result<()> {
    let voices = Voices::open()?;
    let server =
        Server::start(&["--model", "compact-text", "--modalities", "text", "--least", "1", "--rounds", "1"]).await?;
    let browser = Browser::start(Options::default()).await?;
    let tab = browser.open(&server.page()).await?;
    let clips = voices.paths_of(0);
    tab.give(&clips).await?;
    tab.wait_for("unseen").await?;
    tab.click("take-part").await?;
    let told = "return document.getElementById('notices').innerText.includes('only reads')";
    tab.wait("that there is nothing to read", told, MINUTE).await?;
    for place in 0..6 {
        types(&tab, place, &format!("Sentence number {place}")).await?;
    }
    let seen = format!(
        "return [...document.querySelectorAll('[data-test=\"unseen\"]')].filter((tag) => tag.checkVisibility()).length < {}",
        clips.len().min(12)
    );
    tab.wait("clips that are read", &seen, MINUTE).await?;
    tab.screenshot("text-alone").await?;
    tab.click("take-part").await?;
    let history = server.wait_for_rounds(1, MINUTE).await?;
    let examples = history[0]["examples"].as_u64().context("a round has examples")?;
    assert!((4..=6).contains(&examples), "six clips have text, of which some may be held back: {examples}");
    Ok(())
}
