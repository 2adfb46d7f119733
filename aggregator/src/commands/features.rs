//! `chorus features`: the 34 short-term features of sound files, for programs that read CSV, JSON or NumPy's arrays.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, BufWriter, IsTerminal as _, Read as _, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use speech::{FEATURE_NAMES, FEATURES, Frame, HOP, SAMPLE_RATE, SILENT_BELOW_DB};

use crate::participant::sound_file;
use crate::participant::unused::by_reason;

const EXAMPLES: &str = "Examples:
  chorus features clip.wav
  chorus features recordings --format json --out features.json
  chorus features clip.wav --format npy --out clip.npy     numpy.load gives an array (frames, 34) of float32
  chorus features recordings --format npy --out arrays     one array a sound, in the same folders below arrays/
  arecord -r 16000 -f S16_LE -d 3 | chorus features -

Each frame is 0.2 s long and begins 0.1 s after the one before; frames are neither cut to 100 nor standardised.
Exit codes: 0 all files are done; 1 some could not be read or are silent (the reasons are on stderr, the others are
done).";

/// What is read from stdin at most: two hours of CD sound and some more.
const MOST_BYTES: u64 = 2 << 30;

/// Print the 34 short-term features of sound files.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// Sound files; folders stand for all the sound files in them, and - for stdin
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// csv: a line a frame; json: [{"file", "frames": [[34 numbers], …]}]; npy: NumPy arrays (frames, 34)
    #[arg(long, value_enum, default_value_t = Format::Csv)]
    format: Format,
    /// Write here and not to stdout; with npy and more than one sound, a folder
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Csv,
    Json,
    Npy,
}

/// A sound that was asked for.
struct Source {
    path: PathBuf,
    /// Its path below the folder that was named, or its own name.
    relative: PathBuf,
}

/// Runs the command.
pub fn run(arguments: Arguments) -> Result<()> {
    let mut failures = 0usize;
    let mut sources = Vec::new();
    let mut folders = false;
    for path in &arguments.files {
        if path.is_dir() {
            folders = true;
            match corpus::sound_files(path) {
                Ok(found) => {
                    eprint!("{}", by_reason(&found.skipped));
                    failures += corpus::unreadable(&found.skipped).count();
                    if found.files.is_empty() {
                        failed(&mut failures, path, "no sound files in this folder");
                    }
                    sources.extend(found.files.into_iter().map(|file| Source {
                        relative: file.strip_prefix(path).unwrap_or(&file).to_path_buf(),
                        path: file,
                    }));
                }
                Err(error) => failed(&mut failures, path, error),
            }
        } else {
            let name = path.file_name().unwrap_or(path.as_os_str());
            sources.push(Source { path: path.clone(), relative: name.into() });
        }
    }

    let one = sources.len() == 1 && !folders;
    let written = match Output::open(&arguments, one) {
        Err(error) if is_broken_pipe(&error) => Ok(()),
        Err(error) => return Err(error),
        Ok(output) => write_all(&sources, output, &mut failures),
    };
    match written {
        // Whoever reads has had enough, as `head` has.
        Err(error) if is_broken_pipe(&error) => return Ok(()),
        other => other?,
    }
    ensure!(failures == 0, "{failures} of {} inputs could not be done (see above)", sources.len().max(failures));
    Ok(())
}

/// Writes the features of each source that can be read, and reports the others.
fn write_all(sources: &[Source], mut output: Output, failures: &mut usize) -> Result<()> {
    // On a terminal only, and not for a handful of files: those are done before a bar is seen.
    let progress = if sources.len() > 5 { ProgressBar::new(sources.len() as u64) } else { ProgressBar::hidden() };
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {wide_msg}") {
        progress.set_style(style);
    }
    for source in sources {
        progress.set_message(source.path.display().to_string());
        match frames_of(&source.path) {
            Ok(frames) => output.add(source, &frames)?,
            Err(error) => progress.suspend(|| failed(failures, &source.path, format!("{error:#}"))),
        }
        progress.inc(1);
    }
    progress.finish_and_clear();
    output.finish()
}

fn failed(failures: &mut usize, path: &Path, reason: impl std::fmt::Display) {
    *failures += 1;
    eprintln!("chorus: {}: {reason}", path.display());
}

fn frames_of(path: &Path) -> Result<Vec<Frame>> {
    let bytes = if path.as_os_str() == "-" {
        let mut bytes = Vec::new();
        io::stdin().lock().take(MOST_BYTES).read_to_end(&mut bytes).context("can't read stdin")?;
        bytes
    } else {
        fs::read(path).context("can't be read")?
    };
    let sound = sound_file::decode(bytes, path)?;
    let loud = speech::quality(&sound).speech_db;
    ensure!(loud >= SILENT_BELOW_DB, "it is silent ({loud:.0} dB): features of it would say nothing");
    Ok(speech::features(&sound)?)
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let plain = cause.downcast_ref::<io::Error>().map(io::Error::kind);
        let json = cause.downcast_ref::<serde_json::Error>().and_then(serde_json::Error::io_error_kind);
        let table = cause.downcast_ref::<csv::Error>().and_then(|error| match error.kind() {
            csv::ErrorKind::Io(error) => Some(error.kind()),
            _ => None,
        });
        [plain, json, table].contains(&Some(io::ErrorKind::BrokenPipe))
    })
}

/// One sound in the JSON output.
#[derive(Serialize)]
struct Entry<'a> {
    file: &'a str,
    frames: Vec<&'a [f32]>,
}

type Sink = Box<dyn Write>;

/// Where features go, sound by sound, so that no more than one sound's are held.
enum Output {
    Csv(Box<csv::Writer<Sink>>),
    Json { sink: Sink, first: bool },
    Array(Option<Sink>),
    Arrays { folder: PathBuf, written: HashSet<PathBuf> },
}

impl Output {
    fn open(arguments: &Arguments, one: bool) -> Result<Output> {
        let sink = || -> Result<Sink> {
            Ok(match &arguments.out {
                None => Box::new(BufWriter::new(io::stdout().lock())),
                Some(path) => {
                    let file = File::create(path).with_context(|| format!("can't write {}", path.display()))?;
                    Box::new(BufWriter::new(file))
                }
            })
        };
        match (arguments.format, &arguments.out) {
            (Format::Csv, _) => {
                let mut writer = csv::Writer::from_writer(sink()?);
                writer.write_record(["file", "frame", "time_s"].iter().chain(&FEATURE_NAMES))?;
                Ok(Output::Csv(Box::new(writer)))
            }
            (Format::Json, _) => Ok(Output::Json { sink: sink()?, first: true }),
            (Format::Npy, None) if one && io::stdout().is_terminal() => {
                bail!("an array is no text for a terminal; add --out FILE.npy or send stdout to a file")
            }
            (Format::Npy, _) if one => Ok(Output::Array(Some(sink()?))),
            (Format::Npy, None) => bail!("more than one array needs a folder; add --out DIR"),
            (Format::Npy, Some(folder)) => {
                fs::create_dir_all(folder).with_context(|| format!("can't make the folder {}", folder.display()))?;
                Ok(Output::Arrays { folder: folder.clone(), written: HashSet::new() })
            }
        }
    }

    fn add(&mut self, source: &Source, frames: &[Frame]) -> Result<()> {
        let file = source.path.to_string_lossy();
        match self {
            Output::Csv(writer) => {
                let hop = HOP as f64 / f64::from(SAMPLE_RATE);
                for (index, frame) in frames.iter().enumerate() {
                    let time = format!("{:.1}", index as f64 * hop);
                    let start = [file.to_string(), index.to_string(), time];
                    writer.write_record(start.into_iter().chain(frame.iter().map(f32::to_string)))?;
                }
            }
            Output::Json { sink, first } => {
                sink.write_all(if *first { b"[\n" } else { b",\n" })?;
                *first = false;
                let frames = frames.iter().map(|frame| frame.as_slice()).collect();
                serde_json::to_writer(sink, &Entry { file: &file, frames })?;
            }
            Output::Array(sink) => {
                if let Some(sink) = sink {
                    write_array(sink, frames)?;
                }
            }
            Output::Arrays { folder, written } => {
                let path = folder.join(&source.relative).with_extension("npy");
                ensure!(
                    written.insert(path.clone()),
                    "{} would be written twice; two sounds differ only in their extension or are named twice",
                    path.display()
                );
                if let Some(parent) = path.parent() {
                    fs::create_dir_all(parent).with_context(|| format!("can't make {}", parent.display()))?;
                }
                let array = File::create(&path).with_context(|| format!("can't write {}", path.display()))?;
                let mut array = BufWriter::new(array);
                write_array(&mut array, frames)?;
                array.flush()?;
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<()> {
        match self {
            Output::Csv(mut writer) => writer.flush()?,
            Output::Json { mut sink, first } => {
                sink.write_all(if first { b"[]\n" } else { b"\n]\n" })?;
                sink.flush()?;
            }
            Output::Array(sink) => {
                if let Some(mut sink) = sink {
                    sink.flush()?;
                }
            }
            Output::Arrays { .. } => {}
        }
        Ok(())
    }
}

/// NumPy's format, version 1.0 (numpy.lib.format): magic, length of the header, a Python dictionary padded to a multiple
/// of 64 bytes, then the numbers.
fn write_array(sink: &mut impl Write, frames: &[Frame]) -> io::Result<()> {
    let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {FEATURES}), }}", frames.len());
    let padded = (10 + header.len() + 1).next_multiple_of(64) - 10;
    sink.write_all(b"\x93NUMPY\x01\x00")?;
    sink.write_all(&(padded as u16).to_le_bytes())?;
    sink.write_all(format!("{header:<width$}\n", width = padded - 1).as_bytes())?;
    for value in frames.iter().flatten() {
        sink.write_all(&value.to_le_bytes())?;
    }
    Ok(())
}
