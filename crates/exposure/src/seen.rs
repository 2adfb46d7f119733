//! One update as a server sees it: masked, or with noise in it.

use masking::{Layout, Member, Purpose, SeatKey, Task, normal};
use protocol::{ClientId, Masking, RoomCode, RosterEntry, Round};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha20Rng;

/// Laptops that the update is masked together with, this one among them: as few as there may be.
const SEATS: u32 = 3;

/// What the server of a masked room reads of an update, in the update's unit: integers that are masked together with two other
/// laptops', by the machine that rooms have (`masking::Member`). `None` where an update has no length that is a number.
///
/// `random` are bytes that nobody can guess: masks are as good as what they are drawn from.
pub fn masked(update: &[f32], masking: &Masking, random: [u8; 32]) -> Option<Vec<f32>> {
    let mut random = ChaCha20Rng::from_seed(random);
    let values = u32::try_from(update.len()).ok()?;
    let layout = Layout { encoding: masking.encoding, values, tail: 0 };
    let task = Task {
        room: RoomCode::from_random(random.random()),
        round: Round(1),
        attempt: 1,
        purpose: Purpose::Update,
        model: [0; 32],
        asked: [0; 32],
        adversary: masking.server,
        layout,
        clip: masking.clip,
        noise: None,
    };
    let largest = task.largest(SEATS as usize);
    let mut members: Vec<(ClientId, Member)> = Vec::new();
    let mut roster = Vec::new();
    for client in (1..=SEATS).map(ClientId) {
        let seat = SeatKey::from_bytes(&random.random());
        let (member, keys) = Member::new(task.clone(), client, seat, &random.random());
        roster.push(RosterEntry { client, keys });
        members.push((client, member));
    }
    let clients: Vec<ClientId> = roster.iter().map(|entry| entry.client).collect();
    let mut for_own = Vec::new();
    for (client, member) in &mut members {
        let dealt = member.roster(roster.clone()).ok()?;
        // What it deals to the first is, on its way there, from it.
        for_own.extend(dealt.into_iter().filter(|sealed| sealed.client == clients[0]).map(|mut sealed| {
            sealed.client = *client;
            sealed
        }));
    }
    let (_, own) = members.first_mut()?;
    own.boxes(clients, &for_own).ok()?;
    let mut clipped = update.to_vec();
    masking::clip(&mut clipped, masking.clip)?;
    let integers = own.quantised(&clipped)?;
    let bytes = own.masked(&integers, &[]).ok()?;
    let signed = layout.signed_values(&bytes)?;
    let values = masking::unquantise(&signed, masking.clip, largest);
    Some(values.into_iter().map(|value| value as f32).collect())
}

/// What whoever knows all other laptops' updates can work out of this one from a noisy sum: the update, scaled down to `clip` where it
/// is longer, and Gaussian noise of deviation `multiplier` · `clip` on each value.
pub fn noised(update: &[f32], clip: f64, multiplier: f64, random: [u8; 32]) -> Option<Vec<f32>> {
    let mut random = ChaCha20Rng::from_seed(random);
    let mut values = update.to_vec();
    masking::clip(&mut values, clip)?;
    let deviation = clip * multiplier;
    values.iter_mut().for_each(|value| *value = (f64::from(*value) + deviation * normal(&mut random)) as f32);
    Some(values)
}
