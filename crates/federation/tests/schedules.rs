//! Rounds under trouble: thousands of schedules, each of which follows from a seed. In each, real participants and a real
//! coordinator are connected by a network that delays, cuts and loses; clients go for good, tabs are loaded anew, and the
//! server is killed and started again from its disk, between any two things that it wanted done. `schedule/ledger.rs` has
//! what must hold after every step; and when the trouble is over, the room must finish.
//!
//! A seed that fails is printed with the command that plays it again, step by step. `CHORUS_SCHEDULES` plays more or fewer.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod schedule;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

use schedule::{Kind, World};

/// How many schedules of a kind are played.
const SCHEDULES: u64 = 1_500;
/// And of masked rooms, whose keys take time.
const MASKED_SCHEDULES: u64 = 300;

/// What happened over all schedules of a kind, to see that the trouble was real.
#[derive(Default)]
struct Sums {
    rounds: AtomicU64,
    kills: AtomicU64,
    cuts: AtomicU64,
    duplicates: AtomicU64,
    stale: AtomicU64,
    abandoned: AtomicU64,
    behind: AtomicU64,
    went_back: AtomicU64,
    stuck: AtomicU64,
}

fn from_environment(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} has to be a whole number, and is {text:?}")))
}

fn play(kind: Kind, test: &str) {
    if let Some(seed) = from_environment("CHORUS_SEED") {
        World::new(kind, seed, true).play();
        return;
    }
    let usual = if kind == Kind::Masked { MASKED_SCHEDULES } else { SCHEDULES };
    let count = from_environment("CHORUS_SCHEDULES").unwrap_or(usual);
    let (next, sums) = (AtomicU64::new(0), Sums::default());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(seed) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|seed| *seed < count) {
                    let played = catch_unwind(AssertUnwindSafe(|| {
                        let mut world = World::new(kind, seed, false);
                        world.play();
                        world.counts
                    }));
                    let Ok(counts) = played else {
                        next.store(count, Ordering::Relaxed);
                        panic!(
                            "seed {seed} fails; play it again with\n  \
                             CHORUS_SEED={seed} cargo test -p federation --test schedules {test} -- --nocapture"
                        );
                    };
                    let add = |sum: &AtomicU64, more: u32| sum.fetch_add(more.into(), Ordering::Relaxed);
                    add(&sums.rounds, counts.rounds);
                    add(&sums.kills, counts.kills);
                    add(&sums.cuts, counts.cuts);
                    add(&sums.duplicates, counts.duplicates);
                    add(&sums.stale, counts.stale);
                    add(&sums.abandoned, counts.abandoned);
                    add(&sums.behind, counts.behind);
                    add(&sums.went_back, counts.went_back);
                    add(&sums.stuck, counts.stuck);
                }
            });
        }
    });
    // Schedules without trouble would prove nothing.
    let (asynchronous, masked) = (kind == Kind::Asynchronous, kind == Kind::Masked);
    let sum = |sum: &AtomicU64| sum.load(Ordering::Relaxed);
    for (what, times, least) in [
        // A masked round takes more messages.
        ("rounds were closed", sum(&sums.rounds), if masked { count / 2 } else { count }),
        ("servers were killed", sum(&sums.kills), count / 2),
        ("connections were cut", sum(&sums.cuts), count),
        ("updates came twice", sum(&sums.duplicates), if masked { 0 } else { count / 50 }),
        ("updates came too late", sum(&sums.stale), count / 50),
        ("rounds were abandoned", sum(&sums.abandoned), if asynchronous { 0 } else { count / 50 }),
        ("updates were behind", sum(&sums.behind), if asynchronous { count / 4 } else { 0 }),
        ("times the host went back", sum(&sums.went_back), if masked { 0 } else { count / 20 }),
    ] {
        println!("{times} {what} in {count} schedules");
        assert!(times >= least, "only {times} {what} in {count} schedules");
    }
    let stuck = sum(&sums.stuck);
    println!("{stuck} rooms of {count} could not finish without betraying somebody");
    assert!(stuck <= if masked { count / 20 } else { 0 }, "too many rooms of {count} could not finish: {stuck}");
}

#[test]
fn everyone_is_asked_in_every_round() {
    play(Kind::Everyone, "everyone_is_asked_in_every_round");
}

#[test]
fn some_are_asked_in_every_round() {
    play(Kind::Some, "some_are_asked_in_every_round");
}

#[test]
fn nobody_waits_for_a_round() {
    play(Kind::Asynchronous, "nobody_waits_for_a_round");
}

#[test]
fn nobody_sees_an_update() {
    play(Kind::Masked, "nobody_sees_an_update");
}
