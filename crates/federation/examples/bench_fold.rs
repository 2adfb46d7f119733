//! How quickly a room takes updates in, beside what this machine's memory allows. Prints one line of JSON.
//!
//! One thread, no socket: updates of `--values` f32 (those of `conv` if nothing is said) go into a `Coordinator` in chunks as
//! a socket would bring them. The last chunk of an update has it looked at and folded, which is timed by itself; the others
//! are put together and their checksum is counted. The memory's own speed is a triad a = b + s·c on vectors that fit into no
//! cache, as STREAM has it (J. McCalpin, 1995), counted as three vectors moved. However it is done, folding has to read the
//! update and the mean and write the mean: the share is the time that the triad's speed allows for that, in the time it took.

use std::time::Instant;

use bytes::Bytes;
use federation::{Action, ConnectionId, Coordinator, Event, MemorySpool, Millis};
use protocol::{
    Checksum, Chunk, ClientMessage, Encoding, ModelVersion, RoomCode, RoomConfig, Round, ServerMessage, Token,
    TrainingResult, Transfer, TransferId,
};

const CLIENTS: u64 = 32;

fn main() {
    let values = std::env::args().nth(1).and_then(|values| values.parse().ok()).unwrap_or(1_832_004_u32);
    let triad = triad_bytes_per_second();
    let (together, folding) = take_in(values);
    let bytes = f64::from(values) * 4.0;
    let share = |moved: f64, seconds: f64| moved / triad / seconds;
    println!(
        "{{\"values\": {values}, \"triad_bytes_per_second\": {triad:.0}, \"together_ms\": {:.3}, \"fold_ms\": {:.3}, \
         \"fold_share\": {:.3}, \"whole_share\": {:.3}, \"updates_per_second\": {:.1}, \"bytes_per_second\": {:.0}}}",
        together * 1e3,
        folding * 1e3,
        share(3.0 * bytes, folding),
        // Putting together reads and writes every byte once besides.
        share(5.0 * bytes, together + folding),
        1.0 / (together + folding),
        bytes / (together + folding),
    );
}

/// The best of ten triads over 3 × 128 MB.
fn triad_bytes_per_second() -> f64 {
    const COUNT: usize = 32 << 20;
    let (mut a, b, c) = (vec![0.0_f32; COUNT], vec![1.5_f32; COUNT], vec![2.5_f32; COUNT]);
    let mut best = f64::INFINITY;
    for repetition in 0..10 {
        let factor = std::hint::black_box(repetition as f32);
        let began = Instant::now();
        for ((a, b), c) in a.iter_mut().zip(&b).zip(&c) {
            *a = b + factor * c;
        }
        best = best.min(began.elapsed().as_secs_f64());
        std::hint::black_box(&a);
    }
    (3 * COUNT * size_of::<f32>()) as f64 / best
}

/// Median seconds that putting an update together took, and folding it.
#[expect(clippy::expect_used, reason = "a benchmark that cannot go on has nothing to say")]
fn take_in(values: u32) -> (f64, f64) {
    let code = RoomCode::parse("KMPXZ").expect("a code");
    let mut config = RoomConfig::new(code.clone(), "bench", values, vec!["no".to_owned(), "yes".to_owned()]);
    config.features = 1;
    config.least = CLIENTS as u32;
    let mut room =
        Coordinator::new(config, vec![0.5; values as usize], Box::<MemorySpool>::default()).expect("settings that fit");
    let say = |room: &mut Coordinator, client: u64, message: ClientMessage| {
        let connection = ConnectionId(client);
        room.handle(Millis(1), Event::Message { connection, message });
    };
    for client in 0..CLIENTS {
        let fresh_token = Token::from_random(client.into());
        room.handle(Millis(1), Event::Connected { connection: ConnectionId(client), fresh_token });
        let software = String::new();
        say(
            &mut room,
            client,
            ClientMessage::Hello {
                protocol: 1,
                room: code.clone(),
                token: None,
                name: None,
                software,
                status_changes: false,
            },
        );
        say(
            &mut room,
            client,
            ClientMessage::Ready { examples: 20, labels: vec![10, 10], held_back: None, step_ms: None },
        );
    }
    for client in 0..CLIENTS {
        say(&mut room, client, ClientMessage::Statistics { frames: 10, sum: vec![1.0], sum_squares: vec![1.0] });
    }
    // Four of them, so that no cache has the next one.
    let updates: Vec<Bytes> = (0..4_u32)
        .map(|variant| {
            let value = |index: u32| ((index ^ variant << 20).wrapping_mul(0x9e37_79b9) >> 8) as f32 * 1.0e-12;
            Encoding::F32.encode((0..values).map(value).collect())
        })
        .collect();
    let (mut together, mut folding) = (Vec::new(), Vec::new());
    // The last client would close the round, which is not folding.
    for client in 0..CLIENTS - 1 {
        let update = &updates[(client % 4) as usize];
        let id = TransferId(client as u32);
        let transfer =
            Transfer { id, bytes: update.len() as u32, encoding: Encoding::F32, checksum: Checksum::of(update) };
        say(
            &mut room,
            client,
            ClientMessage::Update {
                round: Round(1),
                model_version: ModelVersion(0),
                examples: 20,
                steps: 1,
                update: transfer,
                evaluation: None,
                training: TrainingResult { loss: 1.0, accuracy: 0.5 },
            },
        );
        let mut frames = protocol::chunks(id, update.clone()).peekable();
        let mut before_last = 0.0;
        while let Some(frame) = frames.next() {
            let chunk = Chunk::parse(frame).expect("our own frame");
            let began = Instant::now();
            room.handle(Millis(1), Event::Chunk { connection: ConnectionId(client), chunk });
            let seconds = began.elapsed().as_secs_f64();
            if frames.peek().is_some() {
                before_last += seconds;
            } else {
                together.push(before_last);
                folding.push(seconds);
            }
        }
        let accepted = std::iter::from_fn(|| room.poll_action())
            .any(|action| matches!(action, Action::Send { message: ServerMessage::Accepted { .. }, .. }));
        assert!(accepted, "the update was refused");
    }
    (median(together), median(folding))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
