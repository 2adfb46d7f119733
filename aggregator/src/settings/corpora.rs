//! What a simulation is made of: which speech, and how it is tested.

use std::path::PathBuf;

use corpus::{Mapping, Pattern, Reading};

use crate::simulator::{Device, FeatureCache, Normalisation};

/// The speech.
#[derive(Clone, Debug, clap::Args)]
pub struct CorpusOptions {
    /// Folder of labelled speech: a published corpus, a folder for each label, or a manifest.csv; may be given again
    #[arg(long, value_name = "DIR", required = true)]
    pub data: Vec<PathBuf>,
    #[command(flatten)]
    reading: ReadingOptions,
    /// Where features are kept between runs [default: the user's cache folder]
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
}

/// How names are read, and what becomes of files that can't be.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct ReadingOptions {
    /// Where the speaker stands in a path such as DIR/a/b.wav: the first group of this regular expression
    #[arg(long, value_name = "REGEX")]
    speaker_pattern: Option<Pattern>,
    /// Where the label stands in a path, likewise
    #[arg(long, value_name = "REGEX")]
    label_pattern: Option<Pattern>,
    /// What a word in names or tables stands for, such as excited=happy; several with commas
    #[arg(long, value_name = "WORD=LABEL", value_delimiter = ',')]
    map: Vec<Mapping>,
    /// Go on without the clips that can't be read, even where they are more than a tenth
    #[arg(long)]
    skip_unreadable: bool,
}

impl ReadingOptions {
    /// As the corpus takes it.
    pub fn reading(&self) -> Reading {
        let Self { speaker_pattern, label_pattern, map, skip_unreadable } = self.clone();
        Reading { speaker_pattern, label_pattern, map, skip_unreadable }
    }
}

impl CorpusOptions {
    /// How names are read.
    pub fn reading(&self) -> Reading {
        self.reading.reading()
    }

    /// Where features are kept, if anywhere.
    pub fn cache(&self) -> Option<FeatureCache> {
        self.cache.clone().map(FeatureCache::new).or_else(FeatureCache::of_this_user)
    }
}

/// Who is tested, with which features, and on what it is computed.
#[derive(Clone, Debug, clap::Args)]
pub struct TestOptions {
    /// Who is tested, by name, separated by commas [default: the corpus' usual test speakers, else the last fifth by name]
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub test_speakers: Vec<String>,
    /// Test by the corpus' own split: train on what lies in folders called train (or has that in its table's column split), test
    /// on test; a third part, for validation, is left out
    #[arg(long, conflicts_with = "test_speakers")]
    pub own_split: bool,
    /// What features are standardised by: group; own for each speaker's own scale, held to the group's where clips are few or of one
    /// label, as in a room with that; or speaker for each speaker's own mean and deviation over all of their clips, and then the group's
    /// [default: group; with --session as it was]
    #[arg(long, value_name = "SCALE")]
    pub normalisation: Option<Normalisation>,
    /// What computes: cpu, or wgpu for a graphics processor
    #[arg(long, default_value = "cpu")]
    pub device: Device,
}
