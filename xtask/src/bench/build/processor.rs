//! The processor time of a program and of all that it has started, as Linux tells it in /proc: of every living one its own,
//! and that of the ended ones which it has waited for.

use std::{
    collections::HashMap,
    fs,
    sync::Mutex,
    time::{Duration, Instant},
};

use crate::process;

/// Output may come a hundred lines at a time; looking at all processes anew for each of them would be work itself.
const FRESH: Duration = Duration::from_millis(100);

/// How far a program was when something happened.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Stamp {
    /// Seconds since its start.
    pub wall: f64,
    /// Seconds of processor; none where the system does not tell.
    pub processor: Option<f64>,
}

/// The times of a program from its start on.
pub struct Clock {
    process: u32,
    started: Instant,
    ticks_a_second: f64,
    last: Mutex<Option<(Instant, Option<f64>)>>,
}

impl Clock {
    /// Of a program that has just been started.
    pub fn of(process: u32, started: Instant) -> Clock {
        let ticks = process::read(process::program("getconf").arg("CLK_TCK"));
        let ticks_a_second = ticks.ok().and_then(|ticks| ticks.trim().parse().ok()).unwrap_or(100.0);
        Clock { process, started, ticks_a_second, last: Mutex::new(None) }
    }

    /// How far it is; exact in wall time, and in processor time to a tenth of a second.
    pub fn stamp(&self) -> Stamp {
        let mut last = self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let processor = match *last {
            Some((when, processor)) if when.elapsed() < FRESH => processor,
            _ => {
                let processor = ticks(self.process).map(|ticks| ticks as f64 / self.ticks_a_second);
                *last = Some((Instant::now(), processor));
                processor
            }
        };
        Stamp { wall: self.started.elapsed().as_secs_f64(), processor }
    }
}

/// A process and all that descend from it, those that are waited for included.
pub fn family(process: u32) -> Vec<u32> {
    family_in(&snapshot(), process)
}

/// Processor time of a process and its descendants, in the system's ticks.
fn ticks(process: u32) -> Option<u64> {
    // A child that is waited for between two looks would be counted twice or not at all, so nobody may have left meanwhile.
    let mut before = snapshot();
    for _ in 0..5 {
        let after = snapshot();
        if family_in(&before, process).iter().all(|member| after.contains_key(member)) {
            break;
        }
        before = after;
    }
    let family = family_in(&before, process);
    before.contains_key(&process).then(|| family.iter().map(|member| before[member].ticks).sum())
}

fn snapshot() -> HashMap<u32, Stat> {
    let numbers = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = numbers.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    numbers.filter_map(|number| Some((number, Stat::of(&fs::read_to_string(stat_file(number)).ok()?)?))).collect()
}

fn stat_file(process: u32) -> String {
    format!("/proc/{process}/stat")
}

fn family_in(processes: &HashMap<u32, Stat>, first: u32) -> Vec<u32> {
    let mut family: Vec<u32> = processes.contains_key(&first).then_some(first).into_iter().collect();
    let mut index = 0;
    while let Some(&parent) = family.get(index) {
        family.extend(processes.iter().filter(|(_, stat)| stat.parent == parent).map(|(child, _)| child));
        index += 1;
    }
    family
}

/// What is needed of a line of /proc/PID/stat (proc_pid_stat(5)).
#[derive(PartialEq, Debug)]
struct Stat {
    parent: u32,
    /// In user and system mode, its own and that of the children it has waited for.
    ticks: u64,
}

impl Stat {
    fn of(line: &str) -> Option<Stat> {
        // The second field is the program's name in brackets, and may itself have spaces and brackets in it.
        let (_, rest) = line.rsplit_once(')')?;
        let mut fields = rest.split_whitespace().skip(1);
        let parent = fields.next()?.parse().ok()?;
        let times: Option<Vec<u64>> = fields.skip(9).take(4).map(|field| field.parse().ok()).collect();
        times.filter(|times| times.len() == 4).map(|times| Stat { parent, ticks: times.iter().sum() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_spaces_and_brackets_is_passed_over() {
        let line = "4711 (a) b (c d) S 42 4711 4711 34816 4711 4194304 100 200 0 0 7 11 13 17 20 0 1 0 5 1000 2";
        assert_eq!(Stat::of(line), Some(Stat { parent: 42, ticks: 7 + 11 + 13 + 17 }));
        assert_eq!(Stat::of("4711 (short) S 42 1"), None);
        assert_eq!(Stat::of(""), None);
    }

    #[test]
    fn a_family_is_all_that_descends_from_one() {
        let stat = |parent| Stat { parent, ticks: 1 };
        let processes = HashMap::from([(1, stat(0)), (5, stat(1)), (6, stat(5)), (7, stat(6)), (8, stat(1))]);
        let mut family = family_in(&processes, 5);
        family.sort();
        assert_eq!(family, [5, 6, 7]);
        assert_eq!(family_in(&processes, 9), [0; 0]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_a_child_computes_is_counted_while_it_lives_and_afterwards() {
        let work = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";
        let script = format!("sh -c '{work}'; {work}; read line");
        let mut shell = std::process::Command::new("sh");
        let mut shell = shell.args(["-c", &script]).stdin(std::process::Stdio::piped()).spawn().unwrap();
        let clock = Clock::of(shell.id(), Instant::now());
        let waited = Instant::now();
        let mut seen = Vec::new();
        while waited.elapsed() < Duration::from_secs(20) && seen.last().is_none_or(|time| *time < 0.1) {
            std::thread::sleep(Duration::from_millis(110));
            seen.extend(clock.stamp().processor);
        }
        drop(shell.stdin.take());
        shell.wait().unwrap();
        assert!(seen.is_sorted() && seen.last().is_some_and(|time| *time >= 0.1), "{seen:?}");
    }
}
