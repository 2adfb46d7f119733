//! `chorus synth`: a made-up corpus on disk, for demonstrations and tests where there is no real speech.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use corpus::synth::{SENTENCES, Voice};
use corpus::{EMOTIONS, Row};

use super::progress;

const EXAMPLES: &str = "Examples:
  chorus synth --out voices
  chorus synth --out voices --speakers 16 --per-emotion 20 --seed 7
  chorus synth --out voices && chorus join http://localhost:8080 --room KMPXZ --data voices --participants 8

The same options give the same files on every machine. The folder gets a manifest.csv (file, speaker, emotion, sentence,
gender, duration_s, transcript), a README.txt that says that nobody speaks here, and 16 kHz WAV files.";

const README: &str = "SYNTHETIC SPEECH

Nobody speaks here. These sounds are made by a program (`chorus synth`, a source-filter model of the voice) and say no
words. Their emotions follow rules that were written down, not anything that anybody felt.

They are for demonstrations and tests. A model that was trained on them knows nothing of real emotions, and figures
measured on them are no scientific result.
";

/// Seeds of voices of two corpora do not meet, up to so many speakers.
const VOICES_A_SEED: u64 = 1_000;

/// Write a made-up corpus of synthetic voices.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// Folder to write to; it is made where it is missing
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Speakers: low and high voices in turn
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..=VOICES_A_SEED))]
    speakers: u64,
    /// Clips of each of the four emotions from each speaker
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    per_emotion: u64,
    /// Other numbers give other speakers
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Write into a folder that is not empty, over files of the same names
    #[arg(long)]
    force: bool,
    /// Print what was written as JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(arguments: Arguments) -> Result<()> {
    let out = &arguments.out;
    fs::create_dir_all(out).with_context(|| format!("can't make the folder {}", out.display()))?;
    let mut entries = fs::read_dir(out).with_context(|| format!("can't read the folder {}", out.display()))?;
    ensure!(
        arguments.force || entries.next().is_none(),
        "{} is not empty; choose another folder, or add --force to write over what is there",
        out.display()
    );
    write(&out.join("README.txt"), README.as_bytes())?;

    let progress = progress::bar(arguments.speakers * arguments.per_emotion * EMOTIONS.len() as u64, "clips");
    let mut rows = Vec::new();
    for index in 0..arguments.speakers {
        let voice = Voice::new(arguments.seed.wrapping_mul(VOICES_A_SEED).wrapping_add(index));
        let speaker = format!("synthetic_{:02}", index + 1);
        for (emotion, name) in EMOTIONS.iter().enumerate() {
            let folder = out.join(&speaker).join(name);
            fs::create_dir_all(&folder).with_context(|| format!("can't make the folder {}", folder.display()))?;
            for take in 0..arguments.per_emotion {
                let sound = voice.say(emotion, take);
                let file = format!("{speaker}/{name}/{:02}.wav", take + 1);
                write(&out.join(&file), &sound.to_wav())?;
                rows.push(Row {
                    file,
                    speaker: speaker.clone(),
                    emotion: (*name).to_owned(),
                    sentence: format!("m{:02}", take % SENTENCES + 1),
                    gender: if voice.is_high() { "female" } else { "male" }.to_owned(),
                    duration_s: Some((sound.seconds() * 1_000.0).round() / 1_000.0),
                    transcript: String::new(),
                });
                progress.inc(1);
            }
        }
    }
    progress.finish_and_clear();

    // Last, so that a folder with a manifest is a whole corpus.
    let table = out.join("manifest.csv");
    let writing = || format!("can't write {}", table.display());
    corpus::write_manifest(&rows, File::create(&table).with_context(writing)?).with_context(writing)?;
    let seconds: f64 = rows.iter().filter_map(|row| row.duration_s).sum();
    if arguments.json {
        let summary = serde_json::json!({
            "folder": out, "synthetic": true, "speakers": arguments.speakers, "clips": rows.len(), "seconds": seconds,
        });
        println!("{summary}");
    } else {
        println!(
            "Wrote {} synthetic clips of {} made-up speakers, {:.1} minutes, to {}",
            rows.len(),
            arguments.speakers,
            seconds / 60.0,
            out.display()
        );
    }
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).with_context(|| format!("can't write {}", path.display()))
}
