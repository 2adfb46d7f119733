//! Everything that a tab may have to say no to, by codes that the page has words for in every language.

use speech::SoundError;

use crate::named::named;

named! {
    /// What went wrong.
    FailureCode {
        /// A tab joins one room.
        AlreadyOpen = "already_open",
        /// A sound that programs hear differently.
        Ambiguous = "ambiguous",
        /// The attack on an update of one's own failed.
        Attacker = "attacker",
        /// A measurement of the program failed.
        Bench = "bench",
        /// The trainer works for the group.
        Busy = "busy",
        /// The charts could not be given to the page.
        Charts = "charts",
        /// The page asked for what this version does not know.
        Command = "command",
        /// A sound or archive that breaks its format's rules.
        Damaged = "damaged",
        /// Training got worse and worse, up to numbers that are of no use.
        Diverged = "diverged",
        /// The very same sound is in the list.
        Duplicate = "duplicate",
        /// A sound file without sound.
        Empty = "empty",
        /// Training goes on without the graphics processor.
        GpuFailed = "gpu_failed",
        /// The room has no such label.
        Label = "label",
        /// A text that is too long to be what is said in a clip.
        LongText = "long_text",
        /// The network does not answer.
        Model = "model",
        /// A sound that only the browser's own decoder may know.
        NeedsBrowserDecoder = "needs_browser_decoder",
        /// Nothing says which label a clip has.
        NeedsLabel = "needs_label",
        /// The clip is not in the list.
        NoClip = "no_clip",
        /// There is nothing to train on.
        NoClips = "no_clips",
        /// The decoder's program can't be had.
        NoDecoder = "no_decoder",
        /// Made-up voices can say none of the room's labels.
        NoMadeUp = "no_made_up",
        /// The shared model has not come.
        NoModel = "no_model",
        /// There is no personal model.
        NoPersonalModel = "no_personal_model",
        /// Nothing outlives the page.
        NoStorage = "no_storage",
        /// The browser has no graphics processor to train on.
        NoWebgpu = "no_webgpu",
        /// A room that looks at text alone, and no text.
        NoText = "no_text",
        /// A file that is no sound.
        NotSound = "not_sound",
        /// Silence, where something was to be corrected.
        NothingHeard = "nothing_heard",
        /// The quality of a recording could not be given to the page.
        Quality = "quality",
        /// A microphone with an unusual sample rate.
        Rate = "rate",
        /// The receipts could not be given to the page.
        Receipts = "receipts",
        /// The room could not be given to the page.
        Room = "room",
        /// The browser opens no connection.
        Socket = "socket",
        /// The browser stores or reads nothing.
        Storage = "storage",
        /// The browser's storage is full.
        StorageFull = "storage_full",
        /// Training goes on on one core.
        ThreadsFailed = "threads_failed",
        /// A sound that is too long for a clip.
        TooLong = "too_long",
        /// A sound that is shorter than a window of features.
        TooShort = "too_short",
        /// The trainer could not do its job.
        Trainer = "trainer",
        /// The trainer is gone.
        TrainerCrashed = "trainer_crashed",
        /// The personal model was given up.
        TuningStopped = "tuning_stopped",
        /// There is no room with this code.
        UnknownRoom = "unknown_room",
        /// The aggregator does not answer.
        Unreachable = "unreachable",
        /// The program does not run where it should.
        Worker = "worker",
        /// The archive could not be made.
        Zip = "zip",
        /// The archive is compressed.
        ZipCompressed = "zip_compressed",
    }
}

impl FailureCode {
    /// What a sound may be refused with.
    pub const OF_SOUND: [Self; 7] = [
        Self::NotSound,
        Self::NeedsBrowserDecoder,
        Self::Ambiguous,
        Self::Empty,
        Self::TooLong,
        Self::TooShort,
        Self::Damaged,
    ];
}

impl From<&SoundError> for FailureCode {
    fn from(error: &SoundError) -> Self {
        match error {
            SoundError::NotSound => Self::NotSound,
            SoundError::Unsupported { .. } => Self::NeedsBrowserDecoder,
            SoundError::Ambiguous { .. } => Self::Ambiguous,
            SoundError::Empty => Self::Empty,
            SoundError::TooLong { .. } => Self::TooLong,
            SoundError::TooShort { .. } => Self::TooShort,
            SoundError::Damaged { .. } => Self::Damaged,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_codes_are_the_same() {
        let mut names: Vec<&str> = FailureCode::ALL.iter().map(|code| code.name()).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn a_sound_is_refused_with_the_codes_of_sounds() {
        for (error, code) in [
            (SoundError::NotSound, "not_sound"),
            (SoundError::Unsupported { format: "a WebM recording".to_owned() }, "needs_browser_decoder"),
            (SoundError::Ambiguous { format: "a WAV file".to_owned() }, "ambiguous"),
            (SoundError::Empty, "empty"),
            (SoundError::TooLong { limit_seconds: 7200 }, "too_long"),
            (SoundError::TooShort { seconds: 0.1 }, "too_short"),
            (SoundError::Damaged { detail: "no frames".to_owned() }, "damaged"),
        ] {
            let found = FailureCode::from(&error);
            assert_eq!(found.name(), code);
            assert!(FailureCode::OF_SOUND.contains(&found));
        }
    }
}
