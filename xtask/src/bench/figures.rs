//! The figures of a run, as a table and as JSON. Must not know how any of them was measured.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;
use serde_json::Value;

/// All figures, and the machine that they were measured on.
#[derive(Serialize)]
pub struct Figures {
    machine: Machine,
    figures: Vec<Figure>,
    /// What a part has to say beyond figures; in JSON only.
    #[serde(flatten)]
    reports: BTreeMap<&'static str, Value>,
}

#[derive(Serialize)]
struct Machine {
    system: String,
    processor: String,
    cores: usize,
    /// Programs that wanted a core in the minute before the run.
    load: Option<f64>,
}

/// One thing measured, and what it is held against.
#[derive(Clone, Serialize)]
pub struct Figure {
    /// The part of Chorus.
    pub part: &'static str,
    /// What was measured.
    pub what: String,
    /// Of `value`, `other_value` and `goal`.
    pub unit: &'static str,
    /// Whether more is better.
    pub better: Better,
    /// Chorus' figure; none where it could not be had, and `note` says why.
    pub value: Option<f64>,
    /// What Chorus is compared with.
    pub other: Option<String>,
    /// Its figure.
    pub other_value: Option<f64>,
    /// What is aimed at.
    pub goal: Option<f64>,
    /// How it was measured, or why it was not.
    pub note: Option<String>,
    /// Whether other programs were at work: then it is not held against the other's.
    disturbed: bool,
    /// How many times as good as the other; filled in when the figure is added.
    ratio: Option<f64>,
    /// Whether the goal is reached; filled in when the figure is added.
    reached: Option<bool>,
}

/// Which way is good.
#[derive(Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    /// Times, sizes.
    Lower,
    /// Speeds.
    Higher,
}

impl Figure {
    /// A figure that is still to be filled in.
    pub fn new(part: &'static str, what: impl Into<String>, unit: &'static str, better: Better) -> Figure {
        Figure {
            part,
            what: what.into(),
            unit,
            better,
            value: None,
            other: None,
            other_value: None,
            goal: None,
            note: None,
            disturbed: false,
            ratio: None,
            reached: None,
        }
    }

    /// Adds why something is missing to what is already noted.
    pub fn note(&mut self, note: impl fmt::Display) {
        self.note = Some(match self.note.take() {
            Some(before) => format!("{before}; {note}"),
            None => note.to_string(),
        });
    }

    /// Says that other programs were at work, and how the load tells; the figure stands alone then.
    pub fn disturbed(&mut self, how: impl fmt::Display) {
        self.disturbed = true;
        self.note(how);
    }

    fn judge(&mut self) {
        let held_against = self.other_value.filter(|_| !self.disturbed);
        self.ratio = self.value.zip(held_against).map(|(value, other)| match self.better {
            Better::Lower => other / value,
            Better::Higher => value / other,
        });
        self.reached = self.value.zip(self.goal).map(|(value, goal)| match self.better {
            Better::Lower => value <= goal,
            Better::Higher => value >= goal,
        });
    }
}

impl Figures {
    /// No figures yet.
    pub fn of_this_machine() -> Figures {
        let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let name = cpu.lines().find(|line| line.starts_with("model name")).and_then(|line| line.split(": ").nth(1));
        let machine = Machine {
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            processor: name.unwrap_or("unknown").to_owned(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            load: load(),
        };
        Figures { machine, figures: Vec::new(), reports: BTreeMap::new() }
    }

    /// Programs that wanted a core in the minute before the run, where the system tells.
    pub fn load(&self) -> Option<f64> {
        self.machine.load
    }

    /// How many cores there are.
    pub fn cores(&self) -> usize {
        self.machine.cores
    }

    /// Takes figures in, working out their ratios.
    pub fn add(&mut self, figures: impl IntoIterator<Item = Figure>) {
        for mut figure in figures {
            figure.judge();
            self.figures.push(figure);
        }
    }

    /// Takes in what a part has to say beyond figures.
    pub fn attach(&mut self, part: &'static str, report: Value) {
        self.reports.insert(part, report);
    }
}

/// Programs that wanted a core in the last minute, where the system tells.
pub fn load() -> Option<f64> {
    std::fs::read_to_string("/proc/loadavg").ok()?.split(' ').next()?.parse().ok()
}

impl fmt::Display for Figures {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        let Machine { system, processor, cores, load } = &self.machine;
        write!(out, "\n{processor}, {cores} cores, {system}")?;
        match load {
            Some(load) => writeln!(out, ", load before the run {load:.2}\n")?,
            None => writeln!(out, "\n")?,
        }
        let mut rows =
            vec![["", "unit", "Chorus", "other", "ratio", "goal", "compared with, notes"].map(str::to_owned)];
        rows.extend(self.figures.iter().map(Figure::row));
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: [usize; 6] = std::array::from_fn(width);
        for row in &rows {
            let [what, unit, value, other, ratio, goal, notes] = row;
            let [w0, w1, w2, w3, w4, w5] = widths;
            let line =
                format!("{what:<w0$}  {unit:<w1$}  {value:>w2$}  {other:>w3$}  {ratio:>w4$}  {goal:>w5$}  {notes}");
            writeln!(out, "{}", line.trim_end())?;
        }
        writeln!(out, "\nratio: how many times as good as the other; above 1 Chorus is ahead.")
    }
}

impl Figure {
    fn row(&self) -> [String; 7] {
        let goal = self.goal.map(|goal| {
            let sign = if self.better == Better::Lower { '≤' } else { '≥' };
            let word = match self.reached {
                Some(true) => "reached",
                Some(false) => "MISSED",
                None => "not measured",
            };
            format!("{sign} {} {word}", number(goal))
        });
        let notes = [self.other.clone(), self.note.clone()];
        [
            format!("{}: {}", self.part, self.what),
            self.unit.to_owned(),
            self.value.map_or("-".to_owned(), number),
            self.other_value.map_or("-".to_owned(), number),
            self.ratio.map_or(String::new(), |ratio| format!("{} x", number(ratio))),
            goal.unwrap_or_default(),
            notes.into_iter().flatten().collect::<Vec<_>>().join("; "),
        ]
    }
}

/// Three digits that count, and thousands apart.
fn number(value: f64) -> String {
    if !value.is_finite() {
        return value.to_string();
    }
    let decimals = match value.abs() {
        size if size >= 99.95 => 0,
        size if size >= 9.995 => 1,
        size if size >= 0.9995 => 2,
        _ => 3,
    };
    let plain = format!("{value:.decimals$}");
    let (whole, rest) = plain.split_at(plain.find('.').unwrap_or(plain.len()));
    let mut apart = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && digit.is_ascii_digit() && (whole.len() - index) % 3 == 0 && !apart.ends_with('-') {
            apart.push(',');
        }
        apart.push(digit);
    }
    apart + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_long_as_they_say_something() {
        let shown = [0.0421, 1.0, 9.999, 92.4, 160.0, 1_580.4, 26_008_068.0, -1_000.0].map(number);
        assert_eq!(shown, ["0.042", "1.00", "10.0", "92.4", "160", "1,580", "26,008,068", "-1,000"]);
    }

    #[test]
    fn a_ratio_above_one_is_ahead_whichever_way_is_good() {
        let mut figures = Figures::of_this_machine();
        let mut time = Figure::new("models", "conv", "ms", Better::Lower);
        (time.value, time.other_value, time.goal) = (Some(20.0), Some(40.0), Some(10.0));
        let mut speed = Figure::new("speech", "features", "times real time", Better::Higher);
        (speed.value, speed.other_value, speed.goal) = (Some(1_000.0), Some(500.0), Some(300.0));
        figures.add([time, speed]);
        let judged: Vec<_> = figures.figures.iter().map(|figure| (figure.ratio, figure.reached)).collect();
        assert_eq!(judged, [(Some(2.0), Some(false)), (Some(2.0), Some(true))]);
    }

    #[test]
    fn a_figure_that_others_disturbed_has_no_ratio_and_says_why() {
        let mut figures = Figures::of_this_machine();
        let mut time = Figure::new("browser", "conv", "ms", Better::Lower);
        (time.value, time.other_value) = (Some(20.0), Some(40.0));
        time.disturbed("no ratio: load 7.00");
        figures.add([time]);
        let [figure] = &figures.figures[..] else { panic!("one was added") };
        assert_eq!(figure.ratio, None);
        let row = figure.row();
        assert_eq!((&*row[2], &*row[3], &*row[4]), ("20.0", "40.0", ""));
        assert!(row[6].ends_with("no ratio: load 7.00"), "{row:?}");
    }

    #[test]
    fn what_was_not_measured_says_why() {
        let mut figure = Figure::new("browser", "conv", "ms", Better::Lower);
        (figure.value, figure.goal) = (None, Some(100.0));
        figure.note("not run: no browser");
        figure.judge();
        let row = figure.row().join("|");
        assert!(row.contains("|-|-|") && row.contains("not run: no browser") && row.contains("not measured"), "{row}");
    }
}
