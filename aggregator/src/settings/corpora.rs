//! What a simulation is made of: which speech, and how it is tested.

use std::path::PathBuf;

use crate::simulator::{Device, FeatureCache, Normalisation};

/// The speech.
#[derive(Clone, Debug, clap::Args)]
pub struct CorpusOptions {
    /// Folder of labelled speech: a published corpus, a folder for each label, or a manifest.csv; may be given again
    #[arg(long, value_name = "DIR", required = true)]
    pub data: Vec<PathBuf>,
    /// Where features are kept between runs [default: the user's cache folder]
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
}

impl CorpusOptions {
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
    /// What features are standardised by: group, or speaker for each speaker's own mean and deviation first
    #[arg(long, default_value = "group")]
    pub normalisation: Normalisation,
    /// What computes: cpu, or wgpu for a graphics processor
    #[arg(long, default_value = "cpu")]
    pub device: Device,
}
