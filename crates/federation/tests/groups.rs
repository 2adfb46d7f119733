//! How a finished model does by group: what is counted and when, what everyone sees of it, and that nobody's group can be seen or reckoned.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod class;

use class::{Class, config};
use federation::Input;
use protocol::{
    Adversary, ErrorCode, GroupResult, HostCommand, MaskedEncoding, Masking, Phase, RoomConfig, ServerMessage, Status,
};

fn with_groups() -> RoomConfig {
    RoomConfig { groups: ["headset", "laptop"].map(str::to_owned).to_vec(), ..config(5) }
}

fn status(class: &Class) -> Status {
    class.coordinator.status(class.now)
}

/// A class of which each is in the group of its digit, or in none, up to the moment in which it is finished.
fn finishing(room: RoomConfig, groups: &str) -> Class {
    let mut class = Class::new(room);
    for group in groups.chars() {
        let student = class.arrives(None);
        class.input(student, Input::Group(group.to_digit(10)));
    }
    class.run_until(|class| status(class).phase == Phase::Finished);
    assert_eq!((status(&class).final_evaluation, status(&class).final_groups), (None, Vec::new()));
    class
}

/// So many of those of whom each has tried the model on four clips: 3 that it finds, and 1 of the second label that it takes for the first.
fn group(clients: u32) -> Option<GroupResult> {
    let mut confusion = vec![vec![0; 4]; 4];
    (confusion[0][0], confusion[1][0]) = (3 * clients, clients);
    Some(GroupResult { clients, examples: 4 * clients, confusion })
}

/// What a class of these groups sees in the end.
fn shown(room: RoomConfig, groups: &str) -> Vec<Option<GroupResult>> {
    let mut class = finishing(room, groups);
    class.wait(1_000);
    assert_eq!(status(&class).final_evaluation.unwrap().examples, 4 * groups.len() as u32, "all are counted in all");
    status(&class).final_groups
}

fn masked() -> RoomConfig {
    let masking = Masking { server: Adversary::Active, encoding: MaskedEncoding::Masked32, clip: 8.0 };
    RoomConfig { masking: Some(masking), least: 3, weight_cap: 100, ..with_groups() }
}

#[test]
fn everyone_sees_how_the_model_does_with_each_group_of_three() {
    for room in [with_groups(), masked()] {
        assert_eq!(shown(room.clone(), "0001111"), [group(3), group(4)]);
        assert_eq!(shown(room.clone(), "000--111-"), [group(3), group(3)]);
        assert_eq!(shown(room.clone(), "00001-1"), [group(4), None]);
        // One who told none, or two of the other group, would be what is left of all.
        assert_eq!(shown(room.clone(), "000-1111"), [None, group(4)]);
        assert_eq!(shown(room.clone(), "0000011"), [None, None]);
        assert_eq!(shown(room.clone(), "11111"), [None, None]);
        assert_eq!(shown(room.clone(), "-----"), [None, None]);
    }
}

#[test]
fn nobodys_group_is_told_to_anyone_or_kept() {
    for room in [with_groups(), masked()] {
        let mut class = finishing(room, "0001111");
        class.wait(1_000);
        assert_eq!(status(&class).final_groups, [group(3), group(4)]);
        let heard = class.students.iter().flat_map(|student| &student.heard);
        let told = |message: &ServerMessage| serde_json::to_string(message).unwrap();
        assert!(heard.clone().all(|message| !told(message).contains("\"group\"")));
        // The first that says how the model does, and by group, says it of all.
        let first = heard.filter_map(|message| match message {
            ServerMessage::Status(status) | ServerMessage::StatusChanges { status, .. } => {
                Some((status.final_evaluation.as_ref()?.examples, status.final_groups.clone()))
            }
            _ => None,
        });
        assert!(first.clone().count() > 0);
        first.for_each(|(examples, groups)| assert_eq!((examples, groups), (28, vec![group(3), group(4)])));
        let insights = serde_json::to_string(&class.coordinator.insights()).unwrap();
        assert!(!insights.contains("group"), "{insights}");
        let kept = serde_json::to_value(class.coordinator.checkpoint().groups).unwrap();
        assert_eq!((&kept["told"], &kept["edges"]), (&serde_json::json!({}), &serde_json::json!({})));
    }
}

#[test]
fn they_are_counted_once_and_what_comes_later_is_in_no_group() {
    let mut class = finishing(with_groups(), "00001111");
    class.loses_connection(7, false);
    class.wait(9_000);
    assert_eq!(status(&class).final_evaluation, None, "somebody may still come back");
    class.wait(2_000);
    assert_eq!(status(&class).final_groups, [group(4), group(3)]);
    class.loses_connection(7, true);
    class.wait(40_000);
    let now = status(&class);
    assert_eq!((now.final_evaluation.unwrap().examples, now.final_groups), (32, vec![group(4), group(3)]));

    class.kill_server();
    class.start_server();
    class.wait(40_000);
    assert_eq!(status(&class).final_groups, [group(4), group(3)], "after a restart too");

    // Without somebody the counts would show by what they differ: they are shown no more.
    let client = class.students[0].participant.view().client.unwrap();
    class.coordinator.command(class.now, HostCommand::LeaveOut { client }).unwrap();
    let now = status(&class);
    assert_eq!((now.final_evaluation.unwrap().examples, now.final_groups), (28, vec![None, None]));
}

#[test]
fn whoever_is_here_and_says_nothing_is_waited_for_half_a_minute() {
    let mut class = finishing(with_groups(), "00001111");
    let token = class.students[7].token.clone().unwrap();
    class.closes_tab(7);
    let silent = class.stranger();
    let hello =
        format!(r#"{{"type":"hello","protocol":1,"room":"KMPXZ","token":"{}","software":"x"}}"#, token.secret());
    class.text(silent, &hello);
    class.wait(29_000);
    assert_eq!((status(&class).connected, status(&class).final_evaluation), (8, None));
    class.wait(2_000);
    assert_eq!(status(&class).final_groups, [group(4), group(3)]);
}

#[test]
fn who_is_left_out_before_is_in_no_group() {
    let mut class = finishing(with_groups(), "00001111");
    let client = class.students[0].participant.view().client.unwrap();
    class.coordinator.command(class.now, HostCommand::LeaveOut { client }).unwrap();
    class.wait(1_000);
    assert_eq!(status(&class).final_groups, [group(3), group(4)]);
}

#[test]
fn a_wrong_group_is_refused_with_the_reason_and_a_right_one_taken_after_it() {
    let counts = r#"{"examples":4,"loss":1.25,"accuracy":0.75,"confusion":[[3,0,0,0],[1,0,0,0],[0,0,0,0],[0,0,0,0]]}"#;
    let says = |group: &str| format!(r#"{{"type":"evaluation","model_version":3,"evaluation":{counts},{group}}}"#);
    let nobody = r#"{"clients":0,"examples":0,"confusion":[[0,0,0,0],[0,0,0,0],[0,0,0,0],[0,0,0,0]]}"#;
    let by_group = format!(r#""by_group":{{"groups":[{nobody},{nobody}],"others":1}}"#);
    for (room, wrong, why) in [
        (with_groups(), r#""group":2"#, "no such group"),
        (with_groups(), r#""group":8"#, "not between 0 and 7"),
        (with_groups(), r#""group":"headset""#, "invalid type"),
        (with_groups(), by_group.as_str(), "in one group"),
        (config(5), r#""group":0"#, "has no groups"),
        (config(5), by_group.as_str(), "has no groups"),
    ] {
        let mut class = finishing(room, "----");
        let connection = class.students[0].connection.unwrap();
        class.text(connection, &says(wrong));
        class.run();
        let refused = class.students[0].heard.iter().find_map(|message| match message {
            ServerMessage::Error { code: ErrorCode::Malformed, message, .. } => Some(message.clone()),
            _ => None,
        });
        assert!(refused.as_ref().is_some_and(|refused| refused.contains(why)), "{wrong}: {refused:?}");
        class.wait(1_000);
        assert_eq!(status(&class).final_evaluation.unwrap().examples, 16, "its own counts all the same");
    }
}
