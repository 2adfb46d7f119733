//! What goes wrong without ending anything: a code for a page that has words of its own, and words for everyone else.

use protocol::{ErrorCode, RefusalReason};

/// The last thing that went wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    /// What it is.
    pub code: NoticeCode,
    /// For a person, in English.
    pub message: String,
}

/// What a notice tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeCode {
    /// An error that the server told of.
    Error(ErrorCode),
    /// The server refused an update, and would refuse it again.
    Refused(RefusalReason),
    /// The server sent what this program does not understand.
    ServerMalformed,
    /// A model came damaged.
    ModelDamaged,
    /// A model does not belong to the room.
    ModelUnfit,
    /// What the server asked for in a masked round would betray somebody, or this program cannot take part in one.
    MaskingRefused,
}

impl NoticeCode {
    /// All of them.
    pub fn all() -> impl Iterator<Item = NoticeCode> {
        let errors = ErrorCode::ALL.into_iter().map(NoticeCode::Error);
        let refusals = RefusalReason::ALL.into_iter().chain([RefusalReason::Unknown]).map(NoticeCode::Refused);
        errors.chain(refusals).chain([
            NoticeCode::ServerMalformed,
            NoticeCode::ModelDamaged,
            NoticeCode::ModelUnfit,
            NoticeCode::MaskingRefused,
        ])
    }

    /// As a page knows it: the protocol's own code of an error, and with `refused_` before it that of a refusal.
    pub fn name(self) -> String {
        match self {
            NoticeCode::Error(code) => code.name().to_owned(),
            NoticeCode::Refused(reason) => format!("refused_{}", reason.name()),
            NoticeCode::ServerMalformed => "server_malformed".to_owned(),
            NoticeCode::ModelDamaged => "model_damaged".to_owned(),
            NoticeCode::ModelUnfit => "model_unfit".to_owned(),
            NoticeCode::MaskingRefused => "masking_refused".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_codes_have_one_name() {
        let names: BTreeSet<String> = NoticeCode::all().map(NoticeCode::name).collect();
        assert_eq!(names.len(), NoticeCode::all().count());
        assert!(names.contains("out_of_order") && names.contains("refused_out_of_order"));
    }
}
