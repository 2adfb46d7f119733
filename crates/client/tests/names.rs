//! What reaches the page by name, written down for the test that holds the words of all languages against it
//! (`tests/page/words.test.mjs`).

use client::personal::{Says, Verdict};
use client::{BackendReason, ConnectionState, FailureCode, TrainerState, WorkKind};
use federation::NoticeCode;
use protocol::ClientState;
use serde_json::{Value, json};
use speech::{Complaint, Notice};

#[test]
fn every_name_is_written_down() {
    let complaints = [Complaint::Silent, Complaint::Quiet, Complaint::Clipped, Complaint::TooShort, Complaint::Noisy];
    for complaint in complaints {
        // A complaint that is not in the list above does not compile here.
        match complaint {
            Complaint::Silent | Complaint::Quiet | Complaint::Clipped | Complaint::TooShort | Complaint::Noisy => {}
        }
    }
    let sound_notices = [Notice::Missing { seconds: None }, Notice::OneSided, Notice::Inverted];
    for notice in sound_notices {
        // As with the complaints.
        match notice {
            Notice::Missing { .. } | Notice::OneSided | Notice::Inverted => {}
        }
    }
    // The page shows one more, of someone who is ready and without whom the open round goes on.
    let mut members = vec![json!("passed_over")];
    members.extend(ClientState::ALL.map(|state| json!(state)));
    let notices: Vec<String> = NoticeCode::all().map(NoticeCode::name).collect();
    let names = json!({
        "failures": FailureCode::ALL,
        "notices": notices,
        "connection": ConnectionState::ALL,
        "work": WorkKind::ALL,
        "members": members,
        "trainer": TrainerState::ALL,
        "backend_reasons": BackendReason::ALL,
        "complaints": complaints,
        "sound_notices": sound_notices.map(|notice| json!(notice)["kind"].clone()),
        "verdicts": Verdict::ALL,
        "expectations": Says::ALL,
    });
    let written: Value = serde_json::from_str(include_str!("../../../tests/page/names.json")).unwrap();
    let wanted = serde_json::to_string_pretty(&names).unwrap();
    assert_eq!(written, names, "tests/page/names.json has to hold:\n{wanted}");
}
