//! What a model file says about a room's model.

use anyhow::Result;
use federation::Checkpoint;
use model_file::{Description, Learnt};

/// Of the model stored beside a checkpoint.
pub fn of(checkpoint: &Checkpoint) -> Result<Description<'_>> {
    Ok(Description {
        architecture: checkpoint.config.architecture.parse()?,
        labels: &checkpoint.config.labels,
        standardisation: checkpoint.standardisation.as_ref().map(client::translate::standardisation),
        several_speeds: client::at_several_speeds(checkpoint.config.training.augmentation),
        own_scales: !checkpoint.config.normalisation.is_group(),
        room: checkpoint.config.code.as_str(),
        model_version: checkpoint.model_version.0,
        learnt: Learnt::Together {
            round: checkpoint.history.last().map_or(0, |record| record.round.0),
            updates: checkpoint.history.iter().map(|record| u64::from(record.clients)).sum(),
            examples: checkpoint.history.iter().map(|record| record.examples).sum(),
        },
    })
}
