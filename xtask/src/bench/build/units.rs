//! What each crate costs to compile, from the reports of `cargo build --timings` and from cargo's fingerprints, which say
//! what a crate was compiled for; and which were compiled more than once. Both are cargo's own affair and may change: what
//! is not as expected is an error or an unknown place, never a guess.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs,
    path::Path,
};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How many of the costliest are shown.
const COSTLIEST: usize = 15;

/// A crate that was compiled.
#[derive(Clone, Serialize, PartialEq, Debug)]
pub struct Unit {
    /// The program whose build it was.
    program: String,
    profile: String,
    /// What it was compiled for: `host`, where it runs while compiling or natively, or a target.
    place: String,
    name: String,
    version: String,
    /// `lib`, `bin client`, `build-script` …
    kind: String,
    features: Vec<String>,
    seconds: f64,
}

/// What a build cost.
#[derive(Serialize)]
pub struct Units {
    costliest: Vec<Unit>,
    /// By profile and place: how many, and their seconds.
    sums: BTreeMap<String, (usize, f64)>,
    repeated: Vec<Repeated>,
}

/// A crate that was compiled several times in the same profile for the same place.
#[derive(Serialize, PartialEq, Debug)]
struct Repeated {
    name: String,
    version: String,
    profile: String,
    place: String,
    /// Of each time: the program, the seconds, the features.
    times: Vec<(String, f64, Vec<String>)>,
}

impl Repeated {
    fn seconds(&self) -> f64 {
        self.times.iter().map(|(_, seconds, _)| seconds).sum()
    }
}

/// Reads all reports below a target folder; none where there are none.
pub fn read(target: &Path) -> Result<Option<Units>> {
    let mut units = Vec::new();
    // Native builds report in the folder itself, those for the browser in one inside.
    for base in [target.to_owned()].into_iter().chain(folders_in(target)) {
        for file in files_in(&base.join("cargo-timings")) {
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            // The name without a date is that of a copy of the last one.
            if name != "cargo-timing.html" && name.ends_with(".html") {
                let html = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
                let report = Report::parse(&html).with_context(|| format!("in {}", file.display()))?;
                let places = places(&base, &report.profile);
                units.extend(report.units(&places));
            }
        }
    }
    Ok((!units.is_empty()).then(|| Units::of(units)))
}

impl Units {
    fn of(mut units: Vec<Unit>) -> Units {
        units.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
        let mut sums = BTreeMap::<_, (usize, f64)>::new();
        for unit in &units {
            let sum = sums.entry(format!("{}, {}", unit.profile, unit.place)).or_default();
            *sum = (sum.0 + 1, sum.1 + unit.seconds);
        }
        let repeated = repeated(&units);
        units.truncate(COSTLIEST);
        Units { costliest: units, sums, repeated }
    }
}

/// The same crate, of the same version, for the same place and in the same profile; build scripts aside.
fn repeated(units: &[Unit]) -> Vec<Repeated> {
    let mut groups = BTreeMap::<_, Vec<&Unit>>::new();
    for unit in units.iter().filter(|unit| !unit.kind.starts_with("build-script")) {
        groups.entry((&unit.name, &unit.version, &unit.profile, &unit.place, &unit.kind)).or_default().push(unit);
    }
    let several = groups.into_iter().filter(|(_, units)| units.len() > 1);
    let mut repeated: Vec<Repeated> = several
        .map(|((name, version, profile, place, _), units)| Repeated {
            name: name.clone(),
            version: version.clone(),
            profile: profile.clone(),
            place: place.clone(),
            times: units.iter().map(|unit| (unit.program.clone(), unit.seconds, unit.features.clone())).collect(),
        })
        .collect();
    repeated.sort_by(|a, b| b.seconds().total_cmp(&a.seconds()));
    repeated
}

/// One report of cargo.
struct Report {
    program: String,
    profile: String,
    units: Vec<Timed>,
}

/// As cargo writes it.
#[derive(Deserialize)]
struct Timed {
    name: String,
    version: String,
    mode: String,
    target: String,
    features: Vec<String>,
    duration: f64,
}

impl Timed {
    fn kind(&self) -> String {
        match (&*self.mode, self.target.trim()) {
            ("run-custom-build", _) => "build-script (run)".to_owned(),
            (_, "") => "lib".to_owned(),
            (_, kind) => kind.replace('"', ""),
        }
    }
}

impl Report {
    fn parse(html: &str) -> Result<Report> {
        const UNITS: &str = "const UNIT_DATA = ";
        let (_, rest) = html.split_once(UNITS).context("this is no report of cargo's timings")?;
        // What follows is other JavaScript: the first JSON value alone is read.
        let units = serde_json::Deserializer::from_str(rest).into_iter().next().context("it has no units")??;
        let row = |name: &str| {
            let (_, rest) = html.split_once(&format!("<td>{name}:</td><td>"))?;
            rest.split_once("</td>").map(|(value, _)| value.trim().to_owned())
        };
        let targets = row("Targets").unwrap_or_default();
        // `wasm-client 0.1.0 ( client "bin")`, or several of them, parted by commas.
        let first = targets.split_once(')').map_or(&*targets, |(first, _)| first);
        let program = first.replace(['(', '"'], "").replace("&quot;", "");
        let program = program.split_whitespace().collect::<Vec<_>>().join(" ");
        Ok(Report { program, profile: row("Profile").context("it names no profile")?, units })
    }

    /// What was compiled, and not found compiled already.
    fn units(&self, fingerprints: &[Fingerprint]) -> Vec<Unit> {
        let mut units: Vec<Unit> =
            self.units.iter().filter(|unit| unit.duration > 0.0).map(|unit| self.unit(unit)).collect();
        units.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
        let mut given = BTreeMap::<String, usize>::new();
        for unit in &mut units {
            let script = unit.kind.starts_with("build-script") && unit.kind != "build-script (run)";
            let alike = fingerprints.iter().filter(|print| print.is_of(unit));
            let places: BTreeSet<&str> = alike.clone().map(|print| &*print.place).collect();
            // A unit that there is for the host as well as for a target is optimised for the target alone: it is the costlier.
            let key = format!("{} {} {:?}", unit.name, unit.kind, unit.features);
            let nth = given.entry(key).or_default();
            let elsewhere = alike.filter(|print| print.place != HOST).count();
            unit.place = match places.len() {
                _ if script => HOST.to_owned(),
                0 => "unknown".to_owned(),
                1 => places.first().copied().unwrap_or_default().to_owned(),
                _ if *nth < elsewhere => {
                    places.iter().find(|place| **place != HOST).copied().unwrap_or(HOST).to_owned()
                }
                _ => HOST.to_owned(),
            };
            *nth += 1;
        }
        units
    }

    fn unit(&self, timed: &Timed) -> Unit {
        Unit {
            program: self.program.clone(),
            profile: self.profile.clone(),
            place: String::new(),
            name: timed.name.clone(),
            version: timed.version.clone(),
            kind: timed.kind(),
            features: timed.features.clone(),
            seconds: timed.duration,
        }
    }
}

const HOST: &str = "host";

/// What cargo remembers of a crate that it compiled.
struct Fingerprint {
    place: String,
    package: String,
    /// Whether a library; programs and build scripts have other names here than in a report.
    library: bool,
    features: Vec<String>,
}

impl Fingerprint {
    fn is_of(&self, unit: &Unit) -> bool {
        self.package == unit.name && self.library == (unit.kind == "lib") && self.features == unit.features
    }
}

/// The fingerprints of a profile: for the host they lie in the target folder itself, for a target in a folder of its name.
fn places(base: &Path, profile: &str) -> Vec<Fingerprint> {
    let profile = if ["dev", "test"].contains(&profile) { "debug" } else { profile };
    let targets = folders_in(base).into_iter().filter(|folder| folder.join(profile).join(".fingerprint").is_dir());
    let targets =
        targets.filter_map(|folder| Some((folder.file_name()?.to_string_lossy().into_owned(), folder.clone())));
    let mut prints = Vec::new();
    for (place, folder) in [(HOST.to_owned(), base.to_owned())].into_iter().chain(targets) {
        for package in folders_in(&folder.join(profile).join(".fingerprint")) {
            let name = package.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let Some((package_name, _)) = name.rsplit_once('-') else { continue };
            for file in files_in(&package).iter().filter(|file| file.extension().is_some_and(|ending| ending == "json"))
            {
                let read = fs::read(file).ok().and_then(|json| serde_json::from_slice::<Value>(&json).ok());
                // The features are JSON in a text.
                let features = read.and_then(|print| serde_json::from_str(print["features"].as_str()?).ok());
                let library = file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("lib-"));
                if let Some(features) = features {
                    prints.push(Fingerprint {
                        place: place.clone(),
                        package: package_name.to_owned(),
                        library,
                        features,
                    });
                }
            }
        }
    }
    prints
}

fn folders_in(folder: &Path) -> Vec<std::path::PathBuf> {
    entries(folder).into_iter().filter(|entry| entry.is_dir()).collect()
}

fn files_in(folder: &Path) -> Vec<std::path::PathBuf> {
    entries(folder).into_iter().filter(|entry| entry.is_file()).collect()
}

/// In the order of their names; none where there is no such folder.
fn entries(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut entries: Vec<_> = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    entries.sort();
    entries
}

impl fmt::Display for Units {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        writeln!(out, "\nThe costliest to compile\n")?;
        for Unit { program, profile, place, name, version, kind, seconds, .. } in &self.costliest {
            let name = format!("{name} {version}");
            writeln!(
                out,
                "{seconds:>8.1} s  {name:<36} {kind:<20} {:<30} for {program}",
                format!("{profile}, {place}")
            )?;
        }
        writeln!(out, "\nBy profile, and for what\n")?;
        for (which, (count, seconds)) in &self.sums {
            writeln!(out, "{seconds:>8.1} s  {count:>5} of {which}")?;
        }
        if self.repeated.is_empty() {
            return writeln!(out, "\nNothing was compiled more than once for the same.");
        }
        let seconds: f64 = self.repeated.iter().map(Repeated::seconds).sum();
        writeln!(out, "\nCompiled more than once for the same: {}, {seconds:.1} s in all\n", self.repeated.len())?;
        for repeated in &self.repeated {
            let Repeated { name, version, profile, place, times } = repeated;
            writeln!(out, "{:>8.1} s  {name} {version} ({profile}, {place})", repeated.seconds())?;
            for (program, seconds, features) in times {
                writeln!(out, "{seconds:>12.1} s  for {program}, with {}", features.join(" "))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn report(profile: &str, program: &str, units: &Value) -> String {
        format!(
            "<tr>\n<td>Targets:</td><td>{program}</td>\n</tr><tr>\n<td>Profile:</td><td>{profile}</td>\n</tr>\n\
             <script>\nconst UNIT_DATA = {units};\nconst CONCURRENCY_DATA = [];\n</script>"
        )
    }

    fn timed(name: &str, target: &str, features: &[&str], duration: f64) -> Value {
        let mode = if target.ends_with("(run)") { "run-custom-build" } else { "todo" };
        json!({ "i": 0, "name": name, "version": "1.0.0", "mode": mode, "target": target, "features": features,
                "start": 0.5, "duration": duration, "unblocked_units": [], "sections": null })
    }

    #[test]
    fn a_report_is_read_up_to_the_end_of_its_units() -> Result<()> {
        let units = json!([
            timed("syn", "", &["full"], 2.5),
            timed("page", " client \"bin\"", &[], 4.0),
            timed("syn", " build-script", &[], 0.5),
            timed("syn", " build-script (run)", &[], 0.1)
        ]);
        let report = Report::parse(&report("wasm", "page 1.0.0 ( client \"bin\")", &units))?;
        assert_eq!((&*report.profile, &*report.program), ("wasm", "page 1.0.0 client bin"));
        let kinds: Vec<String> = report.units.iter().map(Timed::kind).collect();
        assert_eq!(kinds, ["lib", "client bin", "build-script", "build-script (run)"]);
        assert!(Report::parse("<html>").is_err());
        Ok(())
    }

    #[test]
    fn what_was_compiled_twice_for_the_same_is_found() -> Result<()> {
        let folder = std::env::temp_dir().join(format!("chorus-units-{}", std::process::id()));
        let write = |file: &str, text: &str| -> Result<()> {
            let file = folder.join(file);
            fs::create_dir_all(file.parent().context("a folder")?)?;
            Ok(fs::write(file, text)?)
        };
        let print = |features: &str| json!({ "features": features }).to_string();
        // For the browser: `both` on both sides, `twice` with two choices of features, `once` as it should be.
        let (host, wasm) = ("browser/wasm/.fingerprint", "browser/wasm32-unknown-unknown/wasm/.fingerprint");
        write(&format!("{host}/both-a1/lib-both.json"), &print("[\"std\"]"))?;
        write(&format!("{wasm}/both-a2/lib-both.json"), &print("[\"std\"]"))?;
        write(&format!("{wasm}/twice-a3/lib-twice.json"), &print("[]"))?;
        write(&format!("{wasm}/twice-a4/lib-twice.json"), &print("[\"std\"]"))?;
        write(&format!("{wasm}/once-a5/lib-once.json"), &print("[]"))?;
        let first = json!([
            timed("both", "", &["std"], 1.0),
            timed("both", "", &["std"], 5.0),
            timed("twice", "", &[], 3.0),
            timed("once", "", &[], 2.0),
            timed("once", " build-script", &[], 9.0)
        ]);
        // What was there already takes no time.
        let second = json!([timed("once", "", &[], 0.0), timed("twice", "", &["std"], 4.0)]);
        write("browser/cargo-timings/cargo-timing-1.html", &report("wasm", "a 1.0.0 ( a \"bin\")", &first))?;
        write("browser/cargo-timings/cargo-timing-2.html", &report("wasm", "b 1.0.0 ( b \"bin\")", &second))?;
        write("browser/cargo-timings/cargo-timing.html", &report("wasm", "b 1.0.0 ( b \"bin\")", &second))?;

        let units = read(&folder)?.context("there are reports")?;
        let sums: Vec<_> = units.sums.iter().map(|(which, sum)| (&**which, *sum)).collect();
        assert_eq!(sums, [("wasm, host", (2, 10.0)), ("wasm, wasm32-unknown-unknown", (4, 14.0))]);
        let [twice] = units.repeated.as_slice() else { panic!("{:?}", units.repeated) };
        assert_eq!((&*twice.name, twice.seconds(), twice.times.len()), ("twice", 7.0, 2));
        assert_eq!(units.costliest[0].name, "once");
        assert!(units.to_string().contains("4.0 s  for b 1.0.0 b bin, with std"), "{units}");
        fs::remove_dir_all(&folder)?;
        assert!(read(&folder)?.is_none());
        Ok(())
    }
}
