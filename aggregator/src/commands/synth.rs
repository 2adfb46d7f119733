//! `chorus synth`: a made-up corpus on disk, for demonstrations and tests where there is no real speech.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use corpus::synth::told::{self, Telling, Told};
use corpus::synth::{SENTENCES, Voice};
use corpus::{EMOTIONS, Row};
use indicatif::ProgressBar;
use speech::Sound;

use super::progress;

const EXAMPLES: &str = "Examples:
  chorus synth --out voices
  chorus synth --out voices --speakers 16 --per-emotion 20 --seed 7
  chorus synth --out voices && chorus join http://localhost:8080 --room KMPXZ --data voices --participants 8
  chorus synth --out told --transcripts telling --speakers 20 --per-emotion 4

The same options give the same files on every machine. The folder gets a manifest.csv (file, speaker, emotion, sentence,
gender, duration_s, transcript), a README.txt that says that nobody speaks here, and 16 kHz WAV files.";

const TOLD: &str = "
The transcripts are made up as well: nobody says these words. ";
const TELLING: &str = "In the folder `voice` the voice alone tells the label, in `text` the text alone, in `both` both do,
in `neither` nothing does, and in `against` the two say different labels, of which the voice's is right three times of four.
There are no neutral clips: what is neutral, voice or text, tells nothing. The voices show what they feel twice as strongly as
others that this program makes up.
";
const SAME: &str = "They are the same sentences in every mood, so that they tell nothing of it.
";

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
    /// Make up transcripts, too: telling, of which it is known what tells the label (of three emotions, each --per-emotion times in
    /// each of five ways), or same, sentences that are the same in every mood [default: none]
    #[arg(long, value_name = "KIND")]
    transcripts: Option<Transcripts>,
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
    let MadeUp { speakers, per_emotion, seed, transcripts } = arguments.made_up();
    let ways = if transcripts == Some(Transcripts::Telling) { Telling::ALL.len() * 3 } else { EMOTIONS.len() };
    let progress = progress::bar(speakers * per_emotion * ways as u64, "clips");
    let rows = make_up(out, &MadeUp { speakers, per_emotion, seed, transcripts }, &progress)?;
    progress.finish_and_clear();
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

/// Transcripts that are made up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Transcripts {
    /// Such that it is known what tells the label.
    Telling,
    /// The same in every mood.
    Same,
}

/// A made-up corpus.
pub struct MadeUp {
    /// Speakers.
    pub speakers: u64,
    /// Clips of each emotion from each of them; with transcripts that tell, in each of the ways.
    pub per_emotion: u64,
    /// Which speakers.
    pub seed: u64,
    /// What is said, if anything.
    pub transcripts: Option<Transcripts>,
}

impl Arguments {
    fn made_up(&self) -> MadeUp {
        let Self { speakers, per_emotion, seed, transcripts, .. } = *self;
        MadeUp { speakers, per_emotion, seed, transcripts }
    }
}

/// How many times as strongly as others the voices of a telling corpus show what they feel.
const STRENGTH: f64 = 2.0;

/// Writes a made-up corpus into a folder that is there; what is in its manifest.
pub fn make_up(out: &Path, what: &MadeUp, progress: &ProgressBar) -> Result<Vec<Row>> {
    let readme = match what.transcripts {
        None => README.to_owned(),
        Some(Transcripts::Telling) => format!("{README}{TOLD}{TELLING}"),
        Some(Transcripts::Same) => format!("{README}{TOLD}{SAME}"),
    };
    write(&out.join("README.txt"), readme.as_bytes())?;
    let mut rows = Vec::new();
    for index in 0..what.speakers {
        let voice = Voice::new(what.seed.wrapping_mul(VOICES_A_SEED).wrapping_add(index));
        let speaker = format!("synthetic_{:02}", index + 1);
        let mut add = |file: String, emotion: usize, sentence: String, transcript: String, sound: &Sound| {
            let path = out.join(&file);
            let folder = path.parent().unwrap_or(out);
            fs::create_dir_all(folder).with_context(|| format!("can't make the folder {}", folder.display()))?;
            write(&path, &sound.to_wav())?;
            rows.push(Row {
                file,
                speaker: speaker.clone(),
                emotion: EMOTIONS[emotion].to_owned(),
                sentence,
                gender: if voice.is_high() { "female" } else { "male" }.to_owned(),
                duration_s: Some((sound.seconds() * 1_000.0).round() / 1_000.0),
                transcript,
            });
            progress.inc(1);
            anyhow::Ok(())
        };
        if what.transcripts == Some(Transcripts::Telling) {
            for (telling, label) in Telling::ALL.into_iter().flat_map(|one| told::LABELS.map(|label| (one, label))) {
                for take in 0..what.per_emotion {
                    let Told { script, transcript, sound, .. } = told::tell(&voice, telling, label, take, STRENGTH);
                    let file = format!("{speaker}/{}/{}-{:02}.wav", telling.name(), EMOTIONS[label], take + 1);
                    add(file, label, format!("t{:02}", script + 1), transcript, &sound)?;
                }
            }
            continue;
        }
        for (emotion, name) in EMOTIONS.iter().enumerate() {
            for take in 0..what.per_emotion {
                let file = format!("{speaker}/{name}/{:02}.wav", take + 1);
                let transcript = what.transcripts.map_or(String::new(), |_| told::in_every_mood(take));
                add(file, emotion, format!("m{:02}", take % SENTENCES + 1), transcript, &voice.say(emotion, take))?;
            }
        }
    }
    // Last, so that a folder with a manifest is a whole corpus.
    let table = out.join("manifest.csv");
    let writing = || format!("can't write {}", table.display());
    corpus::write_manifest(&rows, File::create(&table).with_context(writing)?).with_context(writing)?;
    Ok(rows)
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).with_context(|| format!("can't write {}", path.display()))
}
