//! `chorus features`: the 34 short-term features of sound files, or what networks hear of them, for programs that read CSV, JSON
//! or NumPy's arrays.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, BufWriter, IsTerminal as _, Read as _, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressStyle};
use protocol::Standardisation;
use serde::Serialize;
use speech::{
    FEATURE_NAMES, FEATURES, Frame, HOP, INPUT_FEATURES, INPUT_NAMES, Input, MAX_FRAMES, SAMPLE_RATE, SILENT_BELOW_DB,
};

use crate::participant::sound_file;
use crate::participant::unused::by_reason;

const EXAMPLES: &str = "Examples:
  chorus features clip.wav
  chorus features recordings --format json --out features.json
  chorus features clip.wav --format npy --out clip.npy     numpy.load gives an array (frames, 34) of float32
  chorus features recordings --format npy --out arrays     one array a sound, in the same folders below arrays/
  chorus features recordings --input --format scale --out scale.json
  arecord -r 16000 -f S16_LE -d 3 | chorus features -
  chorus features clip.wav --input --format npy --out clip.npy   what a model's ONNX file takes: (speeds, 100, 60)

Each frame is 0.2 s long and begins 0.1 s after the one before; frames are neither cut to 100 nor standardised. With --input they
are cut to 100 and filled up with zeros, as networks hear a clip: at its own speed, and then at 0.85, 0.92, 1.08 and 1.17 times that
(without those at which less than a frame is left). They are not standardised there either: a model file does that itself.
docs/sounds.md defines all 60.
Exit codes: 0 all files are done; 1 some could not be read or are silent (the reasons are on stderr, the others are
done).";

/// What is read from stdin at most: two hours of CD sound and some more.
const MOST_BYTES: u64 = 2 << 30;

/// Print the 34 short-term features of sound files, or all that networks hear.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// Sound files; folders stand for all the sound files in them, and - for stdin
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Give what networks hear: 60 features of at most 100 frames, at all speeds
    #[arg(long)]
    input: bool,
    /// csv: a line a frame; json: [{"file", "frames": [[34 numbers], …]}], with --input [{"file", "frames": [real frames of each
    /// speed], "features": [[[60 numbers] × 100], …]}]; npy: NumPy arrays (frames, 34), with --input (speeds, 100, 60); scale: with
    /// --input, the mean and the deviation of each feature over all real frames at their own speed, as JSON
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
    Scale,
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
        Ok(output) => write_all(&sources, arguments.input, output, &mut failures),
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
fn write_all(sources: &[Source], input: bool, mut output: Output, failures: &mut usize) -> Result<()> {
    // On a terminal only, and not for a handful of files: those are done before a bar is seen.
    let progress = if sources.len() > 5 { ProgressBar::new(sources.len() as u64) } else { ProgressBar::hidden() };
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {wide_msg}") {
        progress.set_style(style);
    }
    for source in sources {
        progress.set_message(source.path.display().to_string());
        match heard_of(&source.path, input) {
            Ok(heard) => output.add(source, &heard)?,
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

/// What is asked of a sound.
enum Heard {
    /// All its frames.
    Frames(Vec<Frame>),
    /// What a network hears, at each speed.
    Inputs(Vec<Input>),
}

fn heard_of(path: &Path, input: bool) -> Result<Heard> {
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
    Ok(match input {
        true => Heard::Inputs(speech::inputs_at_speeds(&sound)?),
        false => Heard::Frames(speech::features(&sound)?),
    })
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
#[serde(untagged)]
enum Entry<'a> {
    Frames { file: &'a str, frames: Vec<&'a [f32]> },
    Inputs { file: &'a str, frames: Vec<usize>, features: Vec<Vec<&'a [f32]>> },
}

impl<'a> Entry<'a> {
    fn of(file: &'a str, heard: &'a Heard) -> Self {
        match heard {
            Heard::Frames(frames) => Self::Frames { file, frames: frames.iter().map(|frame| &frame[..]).collect() },
            Heard::Inputs(inputs) => Self::Inputs {
                file,
                frames: inputs.iter().map(|input| input.frames).collect(),
                features: inputs.iter().map(|input| input.values.chunks_exact(INPUT_FEATURES).collect()).collect(),
            },
        }
    }
}

type Sink = Box<dyn Write>;

/// Where features go, sound by sound, so that no more than one sound's are held.
enum Output {
    Csv(Box<csv::Writer<Sink>>),
    Json { sink: Sink, first: bool },
    Array(Option<Sink>),
    Arrays { folder: PathBuf, written: HashSet<PathBuf> },
    Scale { sink: Sink, sums: Sums },
}

/// Sums over frames.
#[derive(Default)]
struct Sums {
    frames: f64,
    /// Of each feature, its sum and that of its squares.
    features: Vec<(f64, f64)>,
}

impl Sums {
    fn add(&mut self, input: &Input) {
        self.features.resize(INPUT_FEATURES, (0.0, 0.0));
        for frame in input.values.chunks_exact(INPUT_FEATURES).take(input.frames) {
            self.frames += 1.0;
            for ((sum, squares), &value) in self.features.iter_mut().zip(frame) {
                *sum += f64::from(value);
                *squares += f64::from(value).powi(2);
            }
        }
    }

    /// Mean and deviation (population) of each feature, in the feature's own unit.
    fn scale(&self) -> Standardisation {
        let mean_of = |sum: f64| sum / self.frames;
        let mean = self.features.iter().map(|&(sum, _)| mean_of(sum) as f32).collect();
        let deviation = |&(sum, squares): &(f64, f64)| (mean_of(squares) - mean_of(sum).powi(2)).max(0.0).sqrt() as f32;
        Standardisation { mean, deviation: self.features.iter().map(deviation).collect() }
    }
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
                if arguments.input {
                    let names = INPUT_NAMES.iter().map(String::as_str);
                    writer.write_record(["file", "speed", "frame", "time_s"].into_iter().chain(names))?;
                } else {
                    writer.write_record(["file", "frame", "time_s"].iter().chain(&FEATURE_NAMES))?;
                }
                Ok(Output::Csv(Box::new(writer)))
            }
            (Format::Json, _) => Ok(Output::Json { sink: sink()?, first: true }),
            (Format::Scale, _) if !arguments.input => bail!("a scale is of what networks hear; add --input"),
            (Format::Scale, _) => Ok(Output::Scale { sink: sink()?, sums: Sums::default() }),
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

    fn add(&mut self, source: &Source, heard: &Heard) -> Result<()> {
        let file = source.path.to_string_lossy();
        match self {
            Output::Csv(writer) => {
                let hop = HOP as f64 / f64::from(SAMPLE_RATE);
                let mut line = |start: &[String], index: usize, frame: &[f32]| {
                    let time = format!("{:.1}", index as f64 * hop);
                    let start = start.iter().cloned().chain([index.to_string(), time]);
                    writer.write_record(start.chain(frame.iter().map(f32::to_string)))
                };
                match heard {
                    Heard::Frames(frames) => {
                        for (index, frame) in frames.iter().enumerate() {
                            line(&[file.to_string()], index, frame)?;
                        }
                    }
                    Heard::Inputs(inputs) => {
                        for (input, speed) in inputs.iter().zip(1..) {
                            let start = [file.to_string(), i32::to_string(&speed)];
                            for (index, frame) in
                                input.values.chunks_exact(INPUT_FEATURES).take(input.frames).enumerate()
                            {
                                line(&start, index, frame)?;
                            }
                        }
                    }
                }
            }
            Output::Json { sink, first } => {
                sink.write_all(if *first { b"[\n" } else { b",\n" })?;
                *first = false;
                serde_json::to_writer(sink, &Entry::of(&file, heard))?;
            }
            Output::Array(sink) => {
                if let Some(sink) = sink {
                    write_array(sink, heard)?;
                }
            }
            Output::Scale { sums, .. } => {
                // Of the speeds, the first is its own.
                if let Heard::Inputs(inputs) = heard
                    && let Some(own) = inputs.first()
                {
                    sums.add(own);
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
                write_array(&mut array, heard)?;
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
            Output::Scale { mut sink, sums } => {
                ensure!(sums.frames > 0.0, "without a frame there is no scale");
                serde_json::to_writer(&mut sink, &sums.scale())?;
                sink.write_all(b"\n")?;
                sink.flush()?;
            }
            Output::Arrays { .. } => {}
        }
        Ok(())
    }
}

/// NumPy's format, version 1.0 (numpy.lib.format): magic, length of the header, a Python dictionary padded to a multiple
/// of 64 bytes, then the numbers.
fn write_array(sink: &mut impl Write, heard: &Heard) -> io::Result<()> {
    let (shape, values): (String, Vec<f32>) = match heard {
        Heard::Frames(frames) => (format!("{}, {FEATURES}", frames.len()), frames.concat()),
        Heard::Inputs(inputs) => {
            let values = inputs.iter().flat_map(|input| &input.values).copied().collect();
            (format!("{}, {MAX_FRAMES}, {INPUT_FEATURES}", inputs.len()), values)
        }
    };
    let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({shape}), }}");
    let padded = (10 + header.len() + 1).next_multiple_of(64) - 10;
    sink.write_all(b"\x93NUMPY\x01\x00")?;
    sink.write_all(&(padded as u16).to_le_bytes())?;
    sink.write_all(format!("{header:<width$}\n", width = padded - 1).as_bytes())?;
    for value in values {
        sink.write_all(&value.to_le_bytes())?;
    }
    Ok(())
}
