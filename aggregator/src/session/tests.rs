use federation::{Coordinator, Identity, MemorySpool};
use protocol::{ModelVersion, Round, Token, TrainingResult};
use serde_json::json;

use super::*;

const NAMES: [&str; 3] = ["Ada Lovelace", "Zoë", "10.0.0.7"];
const TOKEN: &str = "0123456789abcdef0123456789abcdef";

fn evaluation(accuracy: f64) -> Evaluation {
    Evaluation { examples: 4, loss: 1.0, accuracy, confusion: vec![vec![1, 1], vec![1, 1]] }
}

fn given(client: u32, labels: &[u32]) -> Contribution {
    Contribution {
        client: ClientId(client),
        name: NAMES[client as usize % 3].to_owned(),
        examples: labels.iter().sum(),
        labels: labels.to_vec(),
        after_ms: 1_200,
        norm: 0.5,
        clipped: None,
        agreement: Some(0.25),
        evaluation: Some(evaluation(0.5)),
    }
}

/// Three rounds: clients 7 and 4 in the first, 7 alone in the second, and all three in the last.
fn checkpoint() -> Checkpoint {
    let labels = vec!["left".to_owned(), "right".to_owned()];
    let parameters = models::Architecture::Compact.parameters(2);
    let mut config = RoomConfig::new(RoomCode::parse("KMPXZ").unwrap(), "compact", parameters as u32, labels);
    config.name = "Class 7b of Ms Smith".to_owned();
    config.signs = vec!["L".to_owned(), "Sm".to_owned()];
    config.prompts = vec![vec!["Where does Ms Smith sit?".to_owned()], Vec::new()];
    config.rounds = 3;
    let fresh = Coordinator::new(config, vec![0.0; parameters], Box::<MemorySpool>::default()).unwrap().checkpoint();
    let contributions = vec![
        vec![given(7, &[3, 4]), given(4, &[5, 0])],
        vec![given(7, &[4, 4])],
        vec![given(4, &[5, 1]), given(9, &[1, 1]), given(7, &[4, 4])],
    ];
    let record = |(round, gave): (usize, &Vec<Contribution>)| RoundRecord {
        round: Round(round as u32 + 1),
        model_version: ModelVersion(round as u32 + 1),
        clients: gave.len() as u32,
        examples: gave.iter().map(|given| u64::from(given.examples)).sum(),
        refused: 0,
        duration_ms: 2_000,
        evaluation: Some(evaluation([0.25, 0.5, 0.5][round])),
        training: TrainingResult { loss: 1.0, accuracy: 0.5 },
    };
    let identity = |(number, client): (usize, u32)| Identity {
        client: ClientId(client),
        name: NAMES[number].to_owned(),
        token: Token::parse(TOKEN).unwrap(),
        contributed: true,
        removed: false,
        named_by_host: false,
    };
    Checkpoint {
        model_version: ModelVersion(3),
        history: contributions.iter().enumerate().map(record).collect(),
        contributions,
        final_evaluations: [(ClientId(7), evaluation(0.75))].into(),
        identities: [7, 4, 9].into_iter().enumerate().map(identity).collect(),
        ..fresh
    }
}

fn file() -> Value {
    serde_json::to_value(Session::of(&checkpoint()).unwrap()).unwrap()
}

fn refused(file: &Value) -> String {
    Session::read(&serde_json::to_vec(file).unwrap()).unwrap_err().to_string()
}

#[test]
fn a_session_says_who_held_what_and_who_was_there() {
    let (session, room) = Session::read(&serde_json::to_vec(&file()).unwrap()).unwrap();
    assert_eq!(session, Session::of(&checkpoint()).unwrap());
    assert_eq!((room.labels.as_slice(), room.rounds), (&["left".to_owned(), "right".to_owned()][..], 3));
    assert_eq!(session.places, 3);
    assert_eq!(session.attendance(), [vec![0, 1], vec![0], vec![1, 2, 0]]);
    assert_eq!(session.holdings(), Some(vec![vec![4, 4], vec![5, 1], vec![1, 1]]), "as they were at last");
    let lacking: Vec<&[u32]> = session.rounds.iter().map(|round| round.lacking.as_slice()).collect();
    assert_eq!(lacking, [&[][..], &[1], &[]], "who came late was not lost before");
    assert_eq!(session.accuracies(), [Some(0.25), Some(0.5), Some(0.5), Some(0.75)]);
}

/// Of each person the room knows a name, a secret and a number; of itself a name and a code. None of it is in the file, and no field
/// that could carry any: every text in it is a setting's.
#[test]
fn nobody_is_known_by_it() {
    let text = file().to_string();
    for personal in NAMES.iter().chain(&[
        TOKEN,
        "KMPXZ",
        "Class 7b",
        "Smith",
        "prompts",
        "signs",
        "Mozilla",
        "chorus-tab",
        "127.0.0.1",
        "token",
        "name\":",
    ]) {
        let found = text.find(personal).map(|at| &text[at.saturating_sub(30)..(at + 40).min(text.len())]);
        // A strategy and the like are objects with a name of their own.
        let of_a_setting =
            found.is_some_and(|around| ["fedavg", "mean"].iter().any(|setting| around.contains(setting)));
        assert!(found.is_none() || of_a_setting, "{personal} in {found:?}");
    }
    /// Every text below a value, but those of the settings.
    fn texts(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::String(text) => found.push(text.clone()),
            Value::Array(all) => all.iter().for_each(|value| texts(value, found)),
            Value::Object(fields) => fields.values().for_each(|value| texts(value, found)),
            _ => {}
        }
    }
    let mut all = file();
    all["room"] = Value::Null;
    let mut found = Vec::new();
    texts(&all, &mut found);
    assert_eq!(found, [env!("CARGO_PKG_VERSION")], "nothing else is text");
    // Nor are the room's own numbers of clients: 7, 4 and 9 are places 0, 1 and 2.
    let mut places: Vec<u64> = Vec::new();
    for round in all["rounds"].as_array().unwrap() {
        places.extend(round["gave"].as_array().unwrap().iter().map(|gave| gave["place"].as_u64().unwrap()));
    }
    assert_eq!(places, [0, 1, 0, 1, 2, 0]);
}

#[test]
fn what_is_no_session_of_this_version_is_refused_in_words() {
    let whole = serde_json::to_vec(&file()).unwrap();
    let cut = Session::read(&whole[..whole.len() / 2]).unwrap_err().to_string();
    assert!(cut.contains("no whole session file") && cut.contains("download it again"), "{cut}");
    assert!(Session::read(b"").is_err() && Session::read(&[0xFF; 40]).is_err());
    assert!(refused(&json!({"room": 3})).contains("no number `chorus_session`"));
    let newer = json!({"chorus_session": 2, "whatever": "else"});
    assert!(refused(&newer).contains("form 2") && refused(&newer).contains("form 1"));
    let mut more = file();
    more["names"] = json!(["Ada"]);
    assert!(refused(&more).contains("unknown field"), "a field that this form does not have");
}

#[test]
fn impossible_counts_are_refused_in_words() {
    let gave = "/rounds/0/gave/0";
    for (place, value, words) in [
        ("/places", json!(99_999), "99999 places"),
        ("/places", json!(2), "place 2 gave twice to round 3, or there is none"),
        ("/rounds/0/record/round", json!(2), "round 1 is called round 2"),
        ("/rounds/0/record/clients", json!(9), "9 clients, and 2 gave"),
        ("/rounds/0/gave/0/place", json!(1), "place 1 gave twice"),
        ("/rounds/0/gave/0/labels", json!([3, 4, 0]), "3 labels of a room of 2"),
        ("/rounds/0/gave/0/labels", json!([4_000_000_000_u32, 4_000_000_000_u32]), "8000000000 by label"),
        ("/rounds/0/gave/0/examples", json!(8), "trained on 8 clips in round 1, and has 7 by label"),
        ("/rounds/0/gave/0/norm", json!(-1.0), "no length"),
        ("/rounds/1/lacking", json!([0]), "place 0 is lacking in round 2"),
        ("/rounds/0/gave/0/labels", json!([-3, 10]), "invalid value"),
        ("/room/rounds", json!(2), "3 rounds of a room of 2"),
        ("/room/labels", json!(["one"]), "settings make no room"),
        ("/room/training/epochs", json!(0), "settings make no room"),
    ] {
        let mut file = file();
        assert!(file.pointer(gave).is_some());
        *file.pointer_mut(place).unwrap() = value;
        let told = refused(&file);
        assert!(told.contains(words), "{place}: {told}");
    }
}

#[test]
fn a_masked_session_says_that_it_does_not_know() {
    let mut file = file();
    for round in 0..3 {
        for gave in file["rounds"][round]["gave"].as_array_mut().unwrap() {
            (gave["labels"], gave["examples"], gave["norm"]) = (json!([]), json!(0), json!(0.0));
        }
    }
    let (session, _) = Session::read(&serde_json::to_vec(&file).unwrap()).unwrap();
    assert_eq!(session.holdings(), None);
    assert_eq!(session.attendance()[1], [0], "who was there is known all the same");
}
