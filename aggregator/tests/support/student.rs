//! A participant over a real socket that goes through rounds as every shell does, with training that is made up: what it gives is known to
//! the last digit, and so is the model that it has in the end.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use federation::in_memory::{Client, Frame};
use federation::{Input, Millis, Output, Participant, ParticipantConfig};
use protocol::{Encoding, RoomCode, ServerMessage, TrainingResult};

use super::raw_client::{Heard, RawClient};

/// The participant is told so often at least what time it is.
const TICK: Duration = Duration::from_millis(50);
/// All of it takes no longer.
const PATIENCE: Duration = Duration::from_secs(120);
/// The most that a round's training adds to a parameter.
pub const STEP: f64 = 0.01;

/// What a student's training adds to a parameter in a round.
pub fn step(student: u32, version: u32, index: usize) -> f64 {
    // Of all signs and sizes up to STEP, and another one for each student, round and parameter.
    STEP * (0.7 * f64::from(student + 1) + 1.3 * f64::from(version) + 0.37 * index as f64).sin()
}

/// How many clips a student has.
pub fn examples(student: u32) -> u32 {
    3 + 5 * student
}

/// A model's version, and as a difference to which version and in which encoding it came, where it did.
pub type Way = (u32, Option<(Option<u32>, Encoding)>);

/// What a student has when the room is finished.
pub struct Finished {
    pub model: Vec<f32>,
    /// How each model came that it was told of.
    pub ways: Vec<Way>,
    /// Bytes of models and updates.
    pub sent: u64,
    pub received: u64,
}

/// Takes part to the end.
pub async fn take_part(origin: String, room: RoomCode, student: u32) -> Result<Finished> {
    let began = Instant::now();
    let now = || Millis(began.elapsed().as_millis() as u64);
    let config = ParticipantConfig {
        room,
        name: None,
        token: None,
        software: "test".to_owned(),
        seed: u64::from(student),
        masking: None,
    };
    let mut client = Client::new(Participant::new(config, now()), None);
    let examples = examples(student);
    let holdings = Input::Holdings { examples, labels: vec![examples, 0], held_back: 0, step_ms: None };
    client.participant.handle(now(), holdings);
    client.participant.handle(now(), Input::TakePart(true));
    let (mut socket, mut ways, mut model) = (None, Vec::new(), None);
    while began.elapsed() < PATIENCE {
        while let Some(wish) = client.next_wish() {
            let input = match wish {
                Output::Connect => {
                    socket = Some(RawClient::open(&origin, None).await?);
                    Input::Opened
                }
                Output::Send(message) => {
                    socket.as_mut().context("no socket")?.say(&message).await?;
                    continue;
                }
                Output::ComputeStatistics => {
                    let features = client.participant.view().room.context("no room")?.features as usize;
                    Input::Statistics { frames: 100, sum: vec![200.0; features], sum_squares: vec![500.0; features] }
                }
                Output::Train(request) => {
                    let version = request.model_version;
                    let moved = request.model.iter().enumerate();
                    let parameters =
                        moved.map(|(index, value)| (f64::from(*value) + step(student, version.0, index)) as f32);
                    Input::Trained {
                        round: request.round,
                        model_version: version,
                        parameters: parameters.collect(),
                        examples,
                        steps: 1,
                        training: TrainingResult { loss: 1.0, accuracy: 0.5 },
                    }
                }
                Output::Finished { model: last, .. } => {
                    model = Some(last.to_vec());
                    continue;
                }
                _ => continue,
            };
            client.participant.handle(now(), input);
        }
        let socket = socket.as_mut().context("it never connected")?;
        while let Some((frame, sent)) = client.next_frame() {
            let Frame::Binary(bytes) = frame else { continue };
            socket.say_bytes(bytes).await?;
            client.participant.handle(now(), sent);
        }
        if let Some(model) = model {
            let view = client.participant.view();
            return Ok(Finished { model, ways, sent: view.sent, received: view.received });
        }
        match tokio::time::timeout(TICK, socket.hear()).await {
            Err(_) => client.participant.handle_timeout(now()),
            Ok(heard) => match heard? {
                Heard::Message(message) => {
                    if let ServerMessage::Round { difference, model, .. }
                    | ServerMessage::Finished { difference, model, .. } = &*message
                    {
                        let way = difference.as_ref().map(|way| (way.from.map(|from| from.0), way.transfer.encoding));
                        ways.push((model.id.0, way));
                    }
                    client.participant.handle(now(), Input::Message(*message));
                }
                Heard::Chunk(chunk) => client.participant.handle(now(), Input::Chunk(chunk)),
                Heard::Close(frame) => bail!("closed: {frame:?}"),
            },
        }
    }
    bail!("student {student} is not done after {PATIENCE:?}")
}
