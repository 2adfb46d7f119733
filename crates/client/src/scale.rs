//! The scale of features that a masked room begins with: nobody tells it the sums of their own sound. It was computed from
//! published speech (RAVDESS and EMO-DB) by the command in docs/masking.md, and is the same in every program of this version.

use protocol::Standardisation;

/// Mean and deviation of each of the 60 features over all frames of these recordings, as `chorus features --format scale` writes it.
pub fn common_scale() -> Standardisation {
    // A file of this crate's own, which the test below reads.
    serde_json::from_str(include_str!("scale.json"))
        .unwrap_or_else(|_| Standardisation { mean: Vec::new(), deviation: Vec::new() })
}

#[cfg(test)]
mod tests {
    use protocol::RoomConfig;

    use super::*;

    #[test]
    fn it_has_every_feature_of_a_room() {
        let scale = common_scale();
        assert_eq!(
            (scale.mean.len(), scale.deviation.len()),
            (RoomConfig::FEATURES as usize, RoomConfig::FEATURES as usize)
        );
        assert!(scale.check().is_ok());
    }
}
