//! What goes wrong over HTTP: a code for programs, which stays as it is, words for a person, in English, and the status that
//! belongs to the code. Which error of another part gets which code is decided here alone.

use std::io;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use federation::HostError;
use serde::Serialize;
use serde_json::json;

use crate::server::gate::Full;
use crate::server::rooms::{CommandError, CreateError, InspectError};

/// When one who was refused for a moment may try again, seconds.
const RETRY_SECONDS: &str = "10";

macro_rules! codes {
    ($($(#[$what:meta])* $code:ident = $status:ident,)*) => {
        /// Every code that an error over HTTP can have. docs/http.md and docs/openapi.json list them too, and a test holds both
        /// to this list.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Code {
            $($(#[$what])* $code,)*
        }

        impl Code {
            /// All of them.
            #[cfg(test)]
            pub const ALL: &[Self] = &[$(Self::$code),*];

            /// The status of an answer with this code.
            pub const fn status(self) -> StatusCode {
                match self {
                    $(Self::$code => StatusCode::$status,)*
                }
            }
        }
    };
}

codes! {
    /// There is no room with this code.
    RoomUnknown = NOT_FOUND,
    /// The room was ended while it was asked.
    RoomEnded = SERVICE_UNAVAILABLE,
    /// The room cannot be stored and waits, and what was stored of it before cannot be read.
    RoomUnreadable = SERVICE_UNAVAILABLE,
    /// The room cannot be stored, and does nothing until it can.
    RoomHeld = SERVICE_UNAVAILABLE,
    /// The settings of a new room do not fit together.
    SettingsInvalid = UNPROCESSABLE_ENTITY,
    /// There is already a room with the code that was chosen.
    RoomExists = CONFLICT,
    /// There are as many rooms as this program serves.
    TooManyRooms = SERVICE_UNAVAILABLE,
    /// As many rooms were made within a minute as may be.
    TooManyNewRooms = TOO_MANY_REQUESTS,
    /// The models of all rooms would take too much memory.
    RoomsTooLarge = SERVICE_UNAVAILABLE,
    /// A command's name or number is out of bounds.
    CommandInvalid = UNPROCESSABLE_ENTITY,
    /// The client is not in the room any more.
    ClientUnknown = CONFLICT,
    /// Nothing is in with which a round could be closed.
    NothingIn = CONFLICT,
    /// Nobody is ready with whom a round could begin.
    NobodyReady = CONFLICT,
    /// A masked round needs more.
    TooFewToMask = CONFLICT,
    /// The room is paused.
    RoomPaused = CONFLICT,
    /// All rounds are over.
    RoomFinished = CONFLICT,
    /// The room's privacy budget is spent.
    BudgetSpent = CONFLICT,
    /// No round is over with whose model the room could end.
    RoomUntrained = CONFLICT,
    /// The room's model never had this version.
    VersionUnknown = CONFLICT,
    /// The version is damaged, or not stored any more.
    VersionUnusable = CONFLICT,
    /// Fewer rounds than there were, or more than there may be.
    RoundsInvalid = CONFLICT,
    /// The host's secret is missing or wrong.
    HostTokenWrong = UNAUTHORIZED,
    /// The secret for metrics is missing or wrong.
    MetricsTokenWrong = UNAUTHORIZED,
    /// The first round is not over, before which there is no such file.
    ModelNotReady = CONFLICT,
    /// The room's link does not fit a QR code.
    LinkTooLong = NOT_FOUND,
    /// As many boards follow rooms as may.
    TooManyBoards = SERVICE_UNAVAILABLE,
    /// There are as many connections as this program takes.
    TooManyConnections = SERVICE_UNAVAILABLE,
    /// There are as many connections from this address as may be.
    TooManyFromAddress = TOO_MANY_REQUESTS,
    /// Too many requests came from this address.
    TooManyRequests = TOO_MANY_REQUESTS,
    /// The body is too long, or ended before its end.
    BodyTooLarge = PAYLOAD_TOO_LARGE,
    /// The body took too long to arrive.
    BodyTooSlow = REQUEST_TIMEOUT,
    /// The body could not be taken for another reason.
    BodyUnreadable = BAD_REQUEST,
    /// The body is no JSON.
    BodyNotJson = BAD_REQUEST,
    /// `Content-Type` does not say that the body is JSON.
    BodyNotDeclared = UNSUPPORTED_MEDIA_TYPE,
    /// The body has a field that is unknown, missing or of the wrong type.
    BodyWrong = UNPROCESSABLE_ENTITY,
    /// A name was asked for that is not this program's.
    HostUnknown = MISDIRECTED_REQUEST,
    /// Where only servers of the cluster come, somebody else came.
    MemberUnknown = FORBIDDEN,
    /// A page of another host asks for a WebSocket.
    OriginForeign = FORBIDDEN,
    /// The request is none for a WebSocket.
    NoWebsocket = BAD_REQUEST,
    /// The WebSocket's subprotocol is not named.
    SubprotocolMissing = BAD_REQUEST,
    /// There is nothing at this address.
    AddressUnknown = NOT_FOUND,
    /// The address does not take this method.
    MethodUnknown = METHOD_NOT_ALLOWED,
    /// The program is stopping.
    Stopping = SERVICE_UNAVAILABLE,
    /// The state folder cannot be written, or does not answer.
    StateNotWritable = SERVICE_UNAVAILABLE,
    /// There is no space left to store it.
    NoSpace = INSUFFICIENT_STORAGE,
    /// Something else failed; the log may say more.
    Internal = INTERNAL_SERVER_ERROR,
}

/// What went wrong, as `{"error": "…", "code": "…"}` with the code's status.
pub struct Failure {
    code: Code,
    words: String,
}

impl Failure {
    /// A failure in words for a person.
    pub fn new(code: Code, words: impl Into<String>) -> Self {
        Self { code, words: words.into() }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = self.code.status();
        let mut response = (status, Json(json!({ "error": self.words, "code": self.code }))).into_response();
        if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static(RETRY_SECONDS));
        }
        response
    }
}

impl From<Full> for Failure {
    fn from(full: Full) -> Self {
        match full {
            Full::Everyone => Self::new(
                Code::TooManyConnections,
                "this server has as many connections as it takes; try again in a moment",
            ),
            Full::Address => Self::new(
                Code::TooManyFromAddress,
                "too many connections come from your address; close some pages, or try again in a moment",
            ),
            Full::Requests | Full::Newcomers => {
                Self::new(Code::TooManyRequests, "too many requests come from your address; try again in a moment")
            }
        }
    }
}

impl From<JsonRejection> for Failure {
    fn from(rejection: JsonRejection) -> Self {
        let code = match &rejection {
            JsonRejection::JsonDataError(_) => Code::BodyWrong,
            JsonRejection::JsonSyntaxError(_) => Code::BodyNotJson,
            JsonRejection::MissingJsonContentType(_) => Code::BodyNotDeclared,
            other if other.status() == StatusCode::PAYLOAD_TOO_LARGE => Code::BodyTooLarge,
            _ => Code::BodyUnreadable,
        };
        Self::new(code, rejection.body_text())
    }
}

impl From<InspectError> for Failure {
    fn from(error: InspectError) -> Self {
        let code = match error {
            InspectError::Ended(_) => Code::RoomEnded,
            InspectError::Unreadable(_) => Code::RoomUnreadable,
        };
        Self::new(code, error.to_string())
    }
}

impl From<CreateError> for Failure {
    fn from(error: CreateError) -> Self {
        let code = match error {
            CreateError::Taken(_) => Code::RoomExists,
            CreateError::TooMany(_) => Code::TooManyRooms,
            CreateError::TooLarge { .. } => Code::RoomsTooLarge,
            CreateError::TooFast(_) => Code::TooManyNewRooms,
            CreateError::Model(_) => Code::Internal,
            CreateError::Other(error) => return error.into(),
        };
        Self::new(code, error.to_string())
    }
}

impl From<CommandError> for Failure {
    fn from(error: CommandError) -> Self {
        let code = match &error {
            CommandError::Ended(_) => Code::RoomEnded,
            CommandError::Held(_) => Code::RoomHeld,
            CommandError::Stored(_) => Code::VersionUnusable,
            CommandError::Host(error) => match error {
                HostError::Invalid(_) | HostError::Led => Code::CommandInvalid,
                HostError::NoClient(_) => Code::ClientUnknown,
                HostError::NothingIn | HostError::GaveNothing(_) => Code::NothingIn,
                HostError::NobodyReady => Code::NobodyReady,
                HostError::TooFewToMask(_) => Code::TooFewToMask,
                HostError::Paused => Code::RoomPaused,
                HostError::Finished => Code::RoomFinished,
                HostError::BudgetSpent => Code::BudgetSpent,
                HostError::Untrained => Code::RoomUntrained,
                HostError::NoVersion(_) => Code::VersionUnknown,
                HostError::NoRounds { .. } => Code::RoundsInvalid,
                HostError::Stored(_) => Code::VersionUnusable,
            },
        };
        Self::new(code, format!("{:#}", anyhow::Error::from(error)))
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        let no_space = |cause: &(dyn std::error::Error + 'static)| {
            let file = cause.downcast_ref::<io::Error>().map(io::Error::kind);
            let database = cause.downcast_ref::<rusqlite::Error>().and_then(rusqlite::Error::sqlite_error_code);
            matches!(
                file,
                Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge)
            ) || database == Some(rusqlite::ErrorCode::DiskFull)
        };
        let code = if error.chain().any(no_space) { Code::NoSpace } else { Code::Internal };
        Self::new(code, format!("{error:#}"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// `code status`, as the documents write them.
    fn listed() -> Vec<String> {
        let line = |code: &Code| format!("{} {}", json!(code).as_str().unwrap(), code.status().as_u16());
        Code::ALL.iter().map(line).collect()
    }

    #[test]
    fn the_documents_list_every_code_with_its_status() {
        let page = include_str!("../../../../docs/http.md");
        let rows = page.split("## Errors").nth(1).unwrap().lines().filter_map(|line| line.strip_prefix("| `"));
        let rows = rows.map(|row| row.split(['`', '|']).map(str::trim).filter(|cell| !cell.is_empty()));
        let rows: Vec<String> = rows.map(|cells| cells.take(2).collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(rows, listed());

        let description: Value = serde_json::from_str(super::super::DESCRIPTION).unwrap();
        let described = description["components"]["schemas"]["Error"]["properties"]["code"]["enum"].as_array().unwrap();
        let codes: Vec<Value> = Code::ALL.iter().map(|code| json!(code)).collect();
        assert_eq!(described, &codes);
    }

    #[test]
    fn a_full_disk_has_a_code_of_its_own_however_deep_it_lies() {
        let full =
            anyhow::Error::from(io::Error::from(io::ErrorKind::StorageFull)).context("cannot write").context("x");
        assert_eq!(Failure::from(full).code, Code::NoSpace);
        assert_eq!(Failure::from(anyhow::anyhow!("cannot write")).code, Code::Internal);
    }
}
