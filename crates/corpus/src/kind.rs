//! Which published corpus a folder holds.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A published corpus, told by its files' names, or where labels come from in another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Interactive Emotional Dyadic Motion Capture (Busso et al. 2008).
    Iemocap,
    /// Ryerson Audio-Visual Database of Emotional Speech and Song (Livingstone & Russo 2018).
    Ravdess,
    /// Berlin Database of Emotional Speech (Burkhardt et al. 2005).
    EmoDb,
    /// Crowd-sourced Emotional Multimodal Actors Dataset (Cao et al. 2014).
    CremaD,
    /// Toronto Emotional Speech Set (Pichora-Fuller & Dupuis 2020).
    Tess,
    /// Surrey Audio-Visual Expressed Emotion (Haq & Jackson 2009).
    Savee,
    /// Any other, with a `manifest.csv`.
    Manifest,
    /// Any other, with folders or files called after labels.
    Folders,
}

impl Kind {
    /// How many people speak in the whole corpus as it was published.
    pub fn speakers(self) -> Option<usize> {
        match self {
            Kind::Iemocap | Kind::EmoDb => Some(10),
            Kind::Ravdess => Some(24),
            Kind::CremaD => Some(91),
            Kind::Tess => Some(2),
            Kind::Savee => Some(4),
            Kind::Manifest | Kind::Folders => None,
        }
    }

    /// Whom the literature tests by where a corpus has such a custom: the fifth session of IEMOCAP, as in the paper of
    /// Chau & Garces. Empty for the others.
    pub fn test_speakers(self) -> &'static [&'static str] {
        match self {
            Kind::Iemocap => &["iemocap_05F", "iemocap_05M"],
            _ => &[],
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Kind::Iemocap => "IEMOCAP",
            Kind::Ravdess => "RAVDESS",
            Kind::EmoDb => "EMO-DB",
            Kind::CremaD => "CREMA-D",
            Kind::Tess => "TESS",
            Kind::Savee => "SAVEE",
            Kind::Manifest => "a manifest.csv",
            Kind::Folders => "folders of labels",
        })
    }
}
