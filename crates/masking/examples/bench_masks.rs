//! How long one client's masks take on one thread, natively. Prints one line of JSON.
//!
//! One of 30 clients, or as many as the argument says, with as many values as `conv`: hashing the model that
//! all is bound to, rounding the values to integers, and masking them.

use std::time::Instant;

use masking::{Layout, Member, Purpose, SeatKey, Tally, Task, fingerprint};
use protocol::{Adversary, ClientId, MaskedEncoding, RoomCode, Round};

const VALUES: u32 = 1_832_004;
const REPETITIONS: u32 = 5;

#[expect(clippy::expect_used, reason = "a benchmark that cannot go on has nothing to say")]
fn main() {
    let clients = std::env::args().nth(1).and_then(|clients| clients.parse().ok()).unwrap_or(30_u32);
    let update: Vec<f32> = (0..VALUES).map(|index| (index as f32).sin() / 2_000.0).collect();
    let mut seconds = [(); 3].map(|()| Vec::new());
    for attempt in 0..REPETITIONS {
        let began = Instant::now();
        let model = fingerprint(&update);
        seconds[0].push(began.elapsed().as_secs_f64());
        let task = Task {
            room: RoomCode::from_random(1),
            round: Round(1),
            attempt,
            purpose: Purpose::Update,
            model,
            asked: [0; 32],
            adversary: Adversary::Active,
            layout: Layout { encoding: MaskedEncoding::Masked32, values: VALUES, tail: 0 },
            clip: 1.0,
            noise: None,
        };
        let mut member = first_of(task, clients).expect("honest clients go on");
        let began = Instant::now();
        let integers = member.quantised(&update).expect("the others' shares are here");
        seconds[1].push(began.elapsed().as_secs_f64());
        let began = Instant::now();
        std::hint::black_box(member.masked(&integers, &[]).expect("the numbers fit"));
        seconds[2].push(began.elapsed().as_secs_f64());
    }
    let [hash, round, mask] = seconds.map(|mut seconds| {
        seconds.sort_by(f64::total_cmp);
        seconds[seconds.len() / 2]
    });
    let stream = f64::from(VALUES) * 4.0 * f64::from(clients);
    println!(
        "{{\"clients\": {clients}, \"hash_ms\": {:.2}, \"round_ms\": {:.2}, \"mask_ms\": {:.1}, \"masks_bytes_per_second\": {:.3e}}}",
        hash * 1e3,
        round * 1e3,
        mask * 1e3,
        stream / mask
    );
}

/// The first of so many clients, once it has all others' shares.
fn first_of(task: Task, clients: u32) -> Option<Member> {
    let mut tally = Tally::new(task.clone());
    let mut members = Vec::new();
    for number in 1..=clients {
        let mut seed = [7; 32];
        seed[..4].copy_from_slice(&number.to_le_bytes());
        let (member, keys) = Member::new(task.clone(), ClientId(number), SeatKey::from_bytes(&seed), &seed);
        tally.keys(ClientId(number), keys).ok()?;
        members.push((ClientId(number), member));
    }
    let roster = tally.close_keys().ok()?;
    for (client, member) in &mut members {
        tally.shares(*client, member.roster(roster.clone()).ok()?).ok()?;
    }
    tally.close_shares().ok()?;
    let (client, mut member) = members.swap_remove(0);
    let boxes = tally.boxes_for(client)?;
    member.boxes(boxes.clients, &boxes.boxes).ok()?;
    Some(member)
}
