//! What leaves a laptop: all traffic of a browser during a whole lesson is recorded and held against what
//! `docs/protocol.md` promises.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use client::{RoundWork, translate};
use models::{Architecture, Backend, Learner};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tests::browser::{Browser, Options, Tab};
use tests::overheard::{
    BINARY, PING, PONG, TEXT, change, correlation, frames, hides, masked_vectors, models_heard, recorded_laptops,
    texts, transfers, values_of_8_bits,
};
use tests::program::{CODE, Server};
use tests::recorder::{Frame, Recorded, Recorder};
use tests::voices::{Voices, labels};
use tokio::net::TcpListener;

/// Rounds of the lesson.
const ROUNDS: usize = 4;
/// Bytes of the voice that must not be found together anywhere.
const WINDOW: usize = 16;
/// A window with fewer different bytes is silence or padding, which is in everything.
const DIFFERENT: usize = 6;

/// Where Chromium goes by itself with any page or none (updates, its account, form filling, its search engine). The
/// recorder refuses all of it. What a page would send there could not be told apart here: that it cannot, is what the
/// other test says.
const ERRANDS: [&str; 4] = [".googleapis.com", ".google.com", ".gvt1.com", ".duckduckgo.com"];

/// A clip as the browser has stored it.
struct Stored {
    /// 16-bit samples.
    pcm: Vec<u8>,
    /// f32, not standardised, of the clip at each speed.
    features: Vec<f32>,
    /// Real frames of the clip at each speed.
    frames: Vec<u32>,
    label: String,
    name: String,
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_the_voice_leaves_the_laptop_in_a_whole_lesson() -> Result<()> {
    let voices = Voices::open()?;
    let rounds = ROUNDS.to_string();
    let server = Server::start(&["--rounds", &rounds, "--least", "1", "--epochs", "2"]).await?;
    let origin = server.origin();
    let host = origin.trim_start_matches("http://").to_owned();
    let recorder = Recorder::start(&host).await?;
    let browser = Browser::start(Options { proxy: Some(recorder.port()), ..Options::default() }).await?;
    let tab = browser.open(&server.page()).await?;

    // The lesson: clips, training to the end, trying the model, taking it home.
    let clips = voices.of_speakers(0..1);
    let paths: Vec<PathBuf> = clips.iter().map(|clip| voices.path(clip)).collect();
    tab.give(&paths).await?;
    tab.click("take-part").await?;
    server.wait_for_rounds(ROUNDS, Duration::from_secs(240)).await?;
    tab.wait_for("download").await?;
    tab.choose_files("try-file", &paths[..1]).await?;
    tab.wait_for("try-probabilities").await?;
    tab.click("download").await?;
    let labels_of: Vec<usize> = clips.iter().map(|clip| clip.label).collect();
    let held_back = client::held_back(&labels_of).iter().filter(|held| **held).count();
    server.wait_for_final_evaluation(held_back, Duration::from_secs(60)).await?;
    let receipt = page_searches_and_saves(&tab).await?;
    let stored = stored_clips(&tab).await?;
    assert_eq!(stored.len(), clips.len());

    let recorded = not_errands(recorder.recorded());
    only_the_aggregator_was_asked(&recorded, &host)?;
    let (connection, frames) = the_socket(&recorded)?;
    let (head, answers) = connection.response()?;
    assert!(!head.to_ascii_lowercase().contains("sec-websocket-extensions"), "frames are not compressed: {head}");
    let room = server.room().await?;
    every_frame_is_documented(&frames, &answers, &room)?;
    the_receipt_is_true(&receipt, &frames)?;

    // Without masks whoever runs the server has exactly what the laptop has learnt: here it is computed anew from its clips.
    let own = own_updates(&stored, &answers).await?;
    let vectors = transfers(&frames);
    for message in texts(&frames).iter().filter(|message| message["type"] == "update") {
        let id = message["update"]["id"].as_u64().context("a transfer has an id")? as u32;
        let round = message["round"].as_u64().context("an update has a round")? as u32;
        let own = own.get(&round).with_context(|| format!("the model of round {round} was not heard"))?;
        let sent: Vec<f64> = values_of_8_bits(&vectors[&id]).into_iter().map(f64::from).take(own.len()).collect();
        let alike = correlation(&sent, own);
        assert!(alike > 0.99, "round {round}: {alike}");
    }
    assert_eq!(own.len(), ROUNDS);

    // The search, over the frames as they were before masking and over every byte that was sent at all.
    let mut sent: Vec<Vec<u8>> = frames.iter().map(|frame| frame.payload.clone()).collect();
    sent.extend(recorded.iter().map(|connection| connection.sent.clone()));
    let windows: HashSet<&[u8]> = sent.iter().flat_map(|bytes| bytes.windows(WINDOW)).collect();
    let needles = needles(&stored, &standardisation(&answers)?);
    let total: usize = sent.iter().map(Vec::len).sum();
    let looked_for: usize = needles.iter().map(|(_, bytes)| bytes.len()).sum();
    println!("looked for {looked_for} bytes of {} clips in {total} bytes that were sent", stored.len());
    for (what, bytes) in &needles {
        assert_eq!(found(bytes, &windows), None, "{what} is in what was sent");
    }
    for name in stored.iter().map(|clip| clip.name.as_str()) {
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        assert!(!sent.iter().any(|bytes| bytes.windows(stem.len()).any(|part| part == stem.as_bytes())), "{name}");
    }

    // The same search does find a piece of the voice where there is one, wherever it lies.
    for (what, bytes) in &needles {
        let at = (0..bytes.len() - WINDOW)
            .find(|&at| says_something(&bytes[at..at + WINDOW]))
            .with_context(|| format!("{what} is all silence"))?;
        let mut planted = sent.iter().max_by_key(|bytes| bytes.len()).context("something was sent")?.clone();
        let place = planted.len() / 2 + 1;
        planted[place..place + WINDOW].copy_from_slice(&bytes[at..at + WINDOW]);
        let windows = planted.windows(WINDOW).collect();
        assert!(found(bytes, &windows).is_some(), "a planted piece of {what} is found");
    }
    Ok(())
}

/// Whoever runs the server of a masked room, and has all that each laptop sends: no message of one laptop has to do with what it
/// has learnt, which is computed anew from its clips, nor with what the round made of the model.
#[tokio::test(flavor = "multi_thread")]
async fn no_message_of_a_masked_laptop_tells_what_it_has_learnt() -> Result<()> {
    const LAPTOPS: usize = 3;
    let voices = Voices::open()?;
    let (rounds, least) = (ROUNDS.to_string(), LAPTOPS.to_string());
    let server =
        Server::start(&["--rounds", &rounds, "--least", &least, "--epochs", "2", "--masking", "active"]).await?;
    let (recorders, laptops) = recorded_laptops(&server, LAPTOPS).await?;
    let mut students = Vec::new();
    for (student, laptop) in laptops.iter().enumerate() {
        let tab = laptop.open(&server.page()).await?;
        tab.give(&voices.paths_of(student)).await?;
        students.push(tab);
    }
    for tab in &students {
        tab.click("take-part").await?;
    }
    server.wait_for_rounds(ROUNDS, Duration::from_secs(240)).await?;
    for tab in &students {
        tab.wait_for("download").await?;
    }

    let mut compared = 0;
    for (recorder, tab) in recorders.iter().zip(&students) {
        let stored = stored_clips(tab).await?;
        for (sent, heard) in frames(recorder) {
            let (models, own) = (models_heard(&heard), own_updates(&stored, &heard).await?);
            let parameters = models.values().next().context("a laptop hears models")?.len();
            for (round, values) in masked_vectors(&sent, parameters) {
                let own = own.get(&round).with_context(|| format!("round {round} was heard"))?;
                hides(&values, own).with_context(|| format!("round {round}, what this laptop has learnt"))?;
                let (Some(from), Some(to)) = (models.get(&(round - 1)), models.get(&round)) else { continue };
                // What everyone has learnt together is of it, too: here masks have to hide something.
                assert!(correlation(own, &change(from, to)) > 0.05, "round {round}");
                hides(&values, &change(from, to)).with_context(|| format!("round {round}, what the model has"))?;
                compared += 1;
            }
            for message in texts(&sent) {
                let kind = message["type"].as_str().context("a message has a type")?;
                assert!(!["update", "evaluation", "statistics"].contains(&kind), "a masked laptop sends {message}");
                let text = message.to_string();
                assert!(labels().iter().all(|label| !text.contains(label.as_str())), "{text}");
            }
        }
    }
    println!("{compared} masked vectors held against what their laptops have learnt");
    assert!(compared >= LAPTOPS * (ROUNDS - 1), "{compared}");
    Ok(())
}

/// The update that a laptop must have made in each round: from its clips, and from the model, the scale and the plan of training
/// that it has heard.
async fn own_updates(stored: &[Stored], heard: &[Frame]) -> Result<BTreeMap<u32, Vec<f64>>> {
    let models = models_heard(heard);
    let names = labels();
    let mut learner = Learner::new(Architecture::Compact, names.len(), Backend::Cpu).await?;
    let mut updates = BTreeMap::new();
    for message in texts(heard).iter().filter(|message| message["type"] == "round") {
        let round = message["round"].as_u64().context("a round has a number")? as u32;
        let version = message["model_version"].as_u64().context("a round has a version")? as u32;
        let Some(model) = models.get(&version) else { continue };
        let training: protocol::RoundTraining = serde_json::from_value(message["training"].clone())?;
        let scale: protocol::Standardisation = serde_json::from_value(message["standardisation"].clone())?;
        let label_of = |clip: &Stored| names.iter().position(|name| *name == clip.label).context("a clip has a label");
        let label_of = stored.iter().map(label_of).collect::<Result<Vec<usize>>>()?;
        let held_back = client::held_back(&label_of);
        let trained_on = stored.iter().zip(&label_of).zip(held_back).filter(|(_, held_back)| !held_back);
        let examples: Vec<_> = trained_on
            .filter_map(|((clip, label), _)| {
                let inputs = client::unpacked(&clip.features, &clip.frames);
                client::example(inputs, *label, training.settings.augmentation)
            })
            .collect();
        let work = RoundWork {
            model: Cow::Borrowed(model),
            standardisation: translate::standardisation(&scale),
            training: translate::training_plan(training.settings, training.seed),
            correction: None,
            most_steps: None,
            gradients: None,
        };
        let done = client::local_round(&mut learner, work, &examples, &[], async |_| ControlFlow::Continue(())).await?;
        updates.insert(round, change(model, &done.context("nobody stops it")?.parameters));
    }
    Ok(updates)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_can_reach_no_other_server() -> Result<()> {
    let server = Server::start(&[]).await?;
    let origin = server.origin();
    let host = origin.trim_start_matches("http://").to_owned();
    let recorder = Recorder::start(&host).await?;
    let browser = Browser::start(Options { proxy: Some(recorder.port()), ..Options::default() }).await?;
    let tab = browser.open(&server.page()).await?;
    tab.wait_for("take-part").await?;

    let page = recorder.recorded();
    let (head, _) = page
        .iter()
        .find(|connection| connection.sent.windows(10).any(|part| part == b"/room/HARP"))
        .context("the page was asked for")?
        .response()?;
    let policy = head
        .lines()
        .find_map(|line| line.split_once(": ").filter(|(name, _)| name.eq_ignore_ascii_case("content-security-policy")))
        .context("the page has a policy")?
        .1;
    let directives: BTreeMap<&str, Vec<&str>> = policy
        .split(';')
        .filter_map(|directive| {
            let mut words = directive.split_whitespace();
            Some((words.next()?, words.collect()))
        })
        .collect();
    assert_eq!(directives["default-src"], ["'self'"]);
    let (ws, wss) = (format!("ws://{host}"), format!("wss://{host}"));
    assert_eq!(directives["connect-src"], ["'self'", &ws, &wss]);
    assert_eq!(directives["img-src"], ["'self'", "data:", "blob:"]);
    assert_eq!(directives["script-src"], ["'self'", "'wasm-unsafe-eval'"]);
    assert_eq!(directives["form-action"], ["'self'"]);

    let other = TcpListener::bind("127.0.0.1:0").await?;
    let port = other.local_addr()?.port();
    let outcome = tab
        .run(
            "const [port] = arguments;
             const refused = [];
             document.addEventListener('securitypolicyviolation', (event) => refused.push(event.effectiveDirective));
             const attempts = [
               fetch(`http://127.0.0.1:${port}/`, { mode: 'no-cors' }),
               new Promise((resolve, reject) => {
                 const image = new Image();
                 image.onload = resolve;
                 image.onerror = reject;
                 image.src = `http://127.0.0.1:${port}/pixel.png`;
               }),
               new Promise((resolve, reject) => {
                 const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`);
                 socket.onopen = resolve;
                 socket.onerror = reject;
               }),
             ];
             return Promise.allSettled(attempts).then(async (all) => {
               await new Promise((resolve) => setTimeout(resolve, 500));
               return [all.map(({ status }) => status), refused.sort()];
             });",
            vec![json!(port)],
        )
        .await?;
    assert_eq!(outcome, json!([["rejected", "rejected", "rejected"], ["connect-src", "connect-src", "img-src"]]));
    let targets: BTreeSet<String> = not_errands(recorder.recorded()).into_iter().map(|one| one.target).collect();
    assert_eq!(targets, BTreeSet::from([host]), "the refusal came from the browser, not from the network");
    Ok(())
}

/// What was asked for by pages and workers.
fn not_errands(recorded: Vec<Recorded>) -> Vec<Recorded> {
    let errand = |target: &str| {
        let host = target.rsplit_once(':').map_or(target, |(host, _)| host);
        ERRANDS.iter().any(|errand| host.ends_with(errand))
    };
    recorded.into_iter().filter(|connection| !errand(&connection.target)).collect()
}

/// Presses “Show me my voice in here”, checks what it says, and saves the receipt.
async fn page_searches_and_saves(tab: &Tab<'_>) -> Result<Value> {
    tab.click("search-voice").await?;
    tab.wait(
        "the end of the search",
        "return document.querySelector('[data-test=\"search-result\"]').innerText !== ''",
        Duration::from_secs(60),
    )
    .await?;
    tab.screenshot("receipts").await?;
    let result = tab.run("return {...document.querySelector('[data-test=\"search-result\"]').dataset}", vec![]).await?;
    assert_eq!((&result["found"], &result["proved"]), (&json!("0"), &json!("true")), "{result}");
    tab.run(
        "const make = URL.createObjectURL.bind(URL);
         URL.createObjectURL = (blob) => { window.saved = blob; return make(blob); };",
        vec![],
    )
    .await?;
    tab.click("save-receipt").await?;
    tab.wait("the receipt", "return window.saved !== undefined", Duration::from_secs(10)).await?;
    let text = tab.run("return window.saved.text()", vec![]).await?;
    let receipt: Value = serde_json::from_str(text.as_str().context("a receipt is text")?)?;
    assert_eq!(result["searched"], json!(receipt["sent_bytes"].to_string()), "all that was sent was searched");
    Ok(receipt)
}

/// The clips, as they lie in the browser's database.
async fn stored_clips(tab: &Tab<'_>) -> Result<Vec<Stored>> {
    let script = "
        const base64 = (bytes) => new Promise((resolve) => {
          const reader = new FileReader();
          reader.onload = () => resolve(reader.result.split(',')[1]);
          reader.readAsDataURL(new Blob([bytes]));
        });
        const answer = (request) => new Promise((resolve, reject) => {
          request.onsuccess = () => resolve(request.result);
          request.onerror = () => reject(request.error);
        });
        return answer(indexedDB.open('chorus'))
          .then((database) => answer(database.transaction(['clips']).objectStore('clips').getAll()))
          .then((clips) => Promise.all(clips.sort((one, two) => one.id - two.id).map(async ({ wav, inputs, input_frames, label, name }) =>
            [await base64(wav), await base64(inputs), input_frames, label, name])));";
    let rows: Vec<(String, String, Vec<u32>, String, String)> = serde_json::from_value(tab.run(script, vec![]).await?)?;
    rows.into_iter()
        .map(|(wav, inputs, frames, label, name)| {
            let wav = BASE64_STANDARD.decode(wav)?;
            let inputs = BASE64_STANDARD.decode(inputs)?;
            let (header, pcm) = wav.split_at_checked(44).context("a WAV file has a header")?;
            assert_eq!(&header[36..40], b"data");
            let features = inputs.as_chunks::<4>().0.iter().map(|&value| f32::from_le_bytes(value)).collect();
            Ok(Stored { pcm: pcm.to_vec(), features, frames, label, name })
        })
        .collect()
}

fn only_the_aggregator_was_asked(recorded: &[Recorded], host: &str) -> Result<()> {
    let files = ["/js/", "/css/", "/words/", "/pkg/"];
    let room = format!("/api/rooms/{CODE}");
    let (mut model, mut count) = (false, 0);
    for connection in recorded {
        assert_eq!(connection.target, host, "a request to another server");
        for head in connection.requests()?.0 {
            let mut words = head.split(' ');
            assert!(matches!(words.next(), Some("GET" | "HEAD")), "{head}");
            let address = words.next().unwrap_or_default();
            let path = address.strip_prefix(&format!("http://{host}")).unwrap_or(address);
            model |= path == format!("{room}/model.safetensors");
            count += 1;
            assert!(
                files.iter().any(|folder| path.starts_with(folder))
                    || [&format!("/room/{CODE}"), "/favicon.svg", "/voices.svg", "/ws"].contains(&path)
                    || path.starts_with(&room),
                "an unknown request: {path}"
            );
            assert!(!path.contains('?'), "a request that carries something: {path}");
            assert!(!head.to_ascii_lowercase().contains("\r\ncookie:"), "{head}");
        }
    }
    assert!(model, "the model was downloaded");
    println!("{count} requests, all to {host}");
    Ok(())
}

/// The one WebSocket, and what was sent over it.
fn the_socket(recorded: &[Recorded]) -> Result<(&Recorded, Vec<Frame>)> {
    let mut sockets = Vec::new();
    for connection in recorded {
        let (heads, frames) = connection.requests()?;
        if heads.iter().any(|head| head.to_ascii_lowercase().contains("upgrade: websocket")) {
            sockets.push((connection, frames));
        }
    }
    assert_eq!(sockets.len(), 1, "a lesson without interruptions has one connection");
    sockets.pop().context("a lesson has a socket")
}

/// The fields of each message “from the client”, by its table, and an example of it.
fn documented() -> Result<BTreeMap<String, (BTreeSet<String>, Value)>> {
    let page = std::fs::read_to_string(Path::new("../docs/protocol.md"))?;
    let page = page.split("## From the client").nth(1).context("the page says what clients send")?;
    let page = page.split("## From the server").next().unwrap_or_default();
    page.split("### `")
        .skip(1)
        .map(|section| {
            let kind = section.split('`').next().unwrap_or_default().to_owned();
            let mut fields = BTreeSet::from(["type".to_owned()]);
            for row in section.lines().filter(|line| line.starts_with("| `")) {
                let cell = row.split('|').nth(1).unwrap_or_default();
                fields.extend(cell.split('`').skip(1).step_by(2).map(str::to_owned));
            }
            let example = section.split("```json").nth(1).and_then(|rest| rest.split("```").next());
            Ok((kind, (fields, serde_json::from_str(example.context("each message has an example")?)?)))
        })
        .collect()
}

fn every_frame_is_documented(frames: &[Frame], answers: &[Frame], room: &Value) -> Result<()> {
    let documented = documented()?;
    let pings: HashSet<&[u8]> =
        answers.iter().filter(|answer| answer.opcode == PING).map(|answer| &*answer.payload).collect();
    let parameters = room["room"]["parameters"].as_u64().context("a model has parameters")?;
    let mut kinds = BTreeMap::<String, usize>::new();
    let mut announced = BTreeMap::<u32, u64>::new();
    let mut arrived = BTreeMap::<u32, u64>::new();
    for frame in frames {
        match frame.opcode {
            TEXT => {
                let message: Value = serde_json::from_slice(&frame.payload)?;
                let kind = message["type"].as_str().context("a message has a type")?;
                let (fields, example) = documented.get(kind).with_context(|| format!("“{kind}” is not documented"))?;
                for (field, value) in message.as_object().context("a message is an object")? {
                    assert!(fields.contains(field), "{kind}.{field} is not documented");
                    if !example[field].is_null() {
                        same_shape(&format!("{kind}.{field}"), value, &example[field]);
                    }
                }
                counts_only(kind, &message);
                if kind == "update" {
                    let transfer = &message["update"];
                    assert_eq!(transfer["encoding"], "q8");
                    let bytes = transfer["bytes"].as_u64().context("an update has a length")?;
                    // A byte a value, in groups of 248.
                    let values = parameters.next_multiple_of(248);
                    assert_eq!(bytes, values, "an update has a value for each parameter and nothing else");
                    let id = u32::try_from(transfer["id"].as_u64().context("a transfer has an id")?)?;
                    assert_eq!(announced.insert(id, bytes), None);
                }
                *kinds.entry(kind.to_owned()).or_default() += 1;
            }
            BINARY => {
                let (id, rest) = frame.payload.split_first_chunk::<4>().context("a binary frame has a header")?;
                let (offset, payload) = rest.split_first_chunk::<4>().context("a binary frame has a header")?;
                let id = u32::from_le_bytes(*id);
                assert!(announced.contains_key(&id), "a binary frame of a transfer that was not announced");
                let before = arrived.entry(id).or_default();
                assert_eq!(u64::from(u32::from_le_bytes(*offset)), *before);
                *before += payload.len() as u64;
            }
            // It gives back what the server said: how many bytes it had sent.
            PONG => assert!(frame.payload.len() == 8 && pings.contains(&*frame.payload), "a pong of its own"),
            // A close with no more than its code.
            _ => assert!(frame.payload.len() <= 2, "a control frame that carries something"),
        }
    }
    println!("messages: {kinds:?}; updates: {announced:?}");
    assert_eq!(announced, arrived, "the bytes of the updates, and no others");
    assert_eq!(announced.len(), ROUNDS);
    for kind in ["hello", "ready", "statistics", "download", "update", "evaluation"] {
        assert!(kinds.contains_key(kind), "a lesson has a “{kind}”");
    }
    Ok(())
}

/// The value has the example's fields, some perhaps left out, and the same types all the way down.
fn same_shape(at: &str, value: &Value, example: &Value) {
    match (value, example) {
        (Value::Object(value), Value::Object(example)) => {
            for (field, value) in value {
                let example = example.get(field).unwrap_or_else(|| panic!("{at}.{field} is not documented"));
                same_shape(&format!("{at}.{field}"), value, example);
            }
        }
        (Value::Array(value), Value::Array(example)) => {
            for value in value {
                same_shape(at, value, &example[0]);
            }
        }
        (Value::Number(_), Value::Number(_)) | (Value::String(_), Value::String(_)) => {}
        _ => panic!("{at} is {value}, not like {example}"),
    }
}

/// No label of a single clip: what is said of labels are counts over all clips, and no text names one.
fn counts_only(kind: &str, message: &Value) {
    let labels = labels();
    if kind == "ready" {
        let counts: Vec<u64> = serde_json::from_value(message["labels"].clone()).unwrap_or_default();
        assert_eq!(counts.len(), labels.len());
        assert_eq!(json!(counts.iter().sum::<u64>()), message["examples"]);
    }
    for sums in ["sum", "sum_squares"] {
        if let Some(sums) = message[sums].as_array() {
            assert_eq!(sums.len(), models::FEATURES, "one sum a feature, over all frames of all clips");
        }
    }
    let text = message.to_string();
    for label in &labels {
        assert!(!text.contains(label.as_str()), "{kind} names the label {label}");
    }
}

/// What the page says that it sent is what the proxy saw: sizes, hashes and words.
fn the_receipt_is_true(receipt: &Value, frames: &[Frame]) -> Result<()> {
    let of = |opcode| frames.iter().filter(move |frame| frame.opcode == opcode).map(|frame| frame.payload.as_slice());
    let (mut texts, mut binaries) = (of(TEXT), of(BINARY));
    let hash = |bytes: &[u8]| Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let mut total = 0;
    for row in receipt["receipts"].as_array().context("a receipt has rows")? {
        let count = usize::try_from(row["count"].as_u64().context("a row has a count")?)?;
        let of_numbers = row["kind"] == "numbers";
        let pieces: Vec<&[u8]> =
            if of_numbers { binaries.by_ref().take(count).collect() } else { texts.by_ref().take(count).collect() };
        assert_eq!(pieces.len(), count);
        let bytes: usize = pieces.iter().map(|piece| piece.len()).sum();
        assert_eq!(row["bytes"], json!(bytes));
        total += bytes;
        if of_numbers {
            assert_eq!(row["sha256"], json!(hash(&pieces.concat())));
            let groups: Vec<u8> = pieces.iter().flat_map(|piece| &piece[8..]).copied().collect();
            let values: Vec<f64> = values_of_8_bits(&groups).into_iter().map(f64::from).collect();
            let norm = values.iter().map(|value| value * value).sum::<f64>().sqrt();
            let said = row["numbers"]["norm"].as_f64().context("numbers have a norm")?;
            assert!((said - norm).abs() <= 1e-9 * norm, "{said} {norm}");
            assert_eq!(row["numbers"]["count"], json!(values.len()));
        } else {
            let last = pieces.last().context("a row is of something")?;
            assert_eq!(row["sha256"], json!(hash(last)));
            assert_eq!(row["json"], json!(std::str::from_utf8(last)?), "a first visit has no secret to hide");
        }
    }
    assert_eq!((texts.next(), binaries.next()), (None, None), "every frame has its row");
    assert_eq!(receipt["sent_bytes"], json!(total));
    Ok(())
}

/// Mean and deviation of each feature, as the aggregator has sent them.
fn standardisation(answers: &[Frame]) -> Result<(Vec<f32>, Vec<f32>)> {
    let scale = answers
        .iter()
        .filter(|frame| frame.opcode == TEXT)
        .filter_map(|frame| serde_json::from_slice::<Value>(&frame.payload).ok())
        .find_map(|message| message.get("standardisation").cloned())
        .context("a round has a standardisation")?;
    let of = |name: &str| serde_json::from_value(scale[name].clone());
    Ok((of("mean")?, of("deviation")?))
}

/// Everything of the clips that must not be found, in words and bytes.
fn needles(stored: &[Stored], (mean, deviation): &(Vec<f32>, Vec<f32>)) -> Vec<(String, Vec<u8>)> {
    let mut needles = Vec::new();
    for Stored { pcm, features, name, .. } in stored {
        let floats = pcm.as_chunks::<2>().0.iter().map(|&sample| f32::from(i16::from_le_bytes(sample)) / 32_768.0);
        let scales = mean.iter().zip(deviation).cycle();
        let standardised = features.iter().zip(scales).map(|(x, (mean, deviation))| (x - mean) / deviation);
        let bytes = |values: &mut dyn Iterator<Item = f32>| values.flat_map(f32::to_le_bytes).collect::<Vec<u8>>();
        needles.push((format!("the sound of {name}, 16 bits"), pcm.clone()));
        needles.push((format!("the sound of {name}, f32"), bytes(&mut floats.into_iter())));
        needles.push((format!("the features of {name}"), bytes(&mut features.iter().copied())));
        needles.push((format!("the standardised features of {name}"), bytes(&mut standardised.into_iter())));
    }
    needles
}

fn says_something(window: &[u8]) -> bool {
    window.iter().collect::<HashSet<_>>().len() >= DIFFERENT
}

/// Where in `bytes` the first window lies that is among `windows`.
fn found(bytes: &[u8], windows: &HashSet<&[u8]>) -> Option<usize> {
    bytes.windows(WINDOW).position(|window| windows.contains(window) && says_something(window))
}
