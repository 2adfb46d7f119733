//! What every place where rooms are kept promises, and what only one of them does.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use federation::{Checkpoint, MemorySpool};
use protocol::{Evaluation, Round, RoundRecord, Standardisation, TrainingResult};
use rusqlite::Connection;

use super::*;
use crate::settings::Settings;

/// A place that is opened and left again, as by a program that is started and ended.
pub(super) trait Place {
    fn open(&self) -> Box<dyn Store>;
}

impl Place for tempfile::TempDir {
    fn open(&self) -> Box<dyn Store> {
        Box::new(Folder::open(self.path()).unwrap())
    }
}

/// A new one of each kind that this machine has.
fn places() -> Vec<Box<dyn Place>> {
    let folder = Box::new(tempfile::tempdir().unwrap()) as Box<dyn Place>;
    #[cfg(feature = "cluster")]
    let nats = jetstream::tests::place().map(|place| Box::new(place) as Box<dyn Place>);
    #[cfg(not(feature = "cluster"))]
    let nats = None;
    std::iter::once(folder).chain(nats).collect()
}

fn code() -> RoomCode {
    RoomCode::parse("KMPXZ").unwrap()
}

/// A room of this code.
fn settings(code: &str) -> Settings {
    let given = serde_json::json!({ "code": code, "seed": 9, "encoding": "f32", "final_model": "mean" });
    serde_json::from_value(given).unwrap()
}

fn initial() -> Vec<f32> {
    models::initial_parameters(models::Architecture::Compact, 4, 9)
}

pub(super) fn room() -> Coordinator {
    Coordinator::new(settings("KMPXZ").room().unwrap(), initial(), Box::<MemorySpool>::default()).unwrap()
}

/// A room after so many rounds, whose model's parameters are all `version` / 100; with FedAdam, and to end with their mean, so that it remembers something.
pub(super) fn after(version: u32) -> Coordinator {
    let record = |round: u32| RoundRecord {
        round: Round(round),
        model_version: ModelVersion(round),
        clients: 2,
        examples: 10,
        refused: 0,
        duration_ms: 100,
        // The model that round 4 started from, version 3, is the best.
        evaluation: Some(Evaluation {
            examples: 10,
            loss: 1.0,
            accuracy: if round == 4 { 0.9 } else { 0.5 },
            confusion: Vec::new(),
        }),
        training: TrainingResult { loss: 1.0, accuracy: 0.5 },
    };
    let fresh = room();
    let values = vec![version as f32 / 100.0; fresh.model().parameters().len()];
    let memory: BTreeMap<String, Vec<f32>> =
        fresh.memory().into_keys().map(|name| (name.to_owned(), values.clone())).collect();
    assert_eq!(memory.len(), 3, "compact's rooms use FedAdam");
    let checkpoint = Checkpoint {
        model_version: ModelVersion(version),
        history: (1..=version).map(record).collect(),
        standardisation: Some(Standardisation {
            mean: vec![0.0; models::FEATURES],
            deviation: vec![1.0; models::FEATURES],
        }),
        ..fresh.checkpoint()
    };
    Coordinator::restore(checkpoint, values, memory, Box::<MemorySpool>::default()).unwrap()
}

fn numbers(store: &dyn Store, room: &Coordinator) -> Vec<u32> {
    store.versions(&room.checkpoint()).unwrap().iter().map(|stored| stored.version.0).collect()
}

fn files(state: &Path) -> Vec<String> {
    let entries = fs::read_dir(state.join("models/KMPXZ")).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_room_comes_back_as_it_was() {
    for place in places() {
        let before = after(7);
        {
            let store = place.open();
            store.save(&room(), true).unwrap();
            store.save(&before, true).unwrap();
            store.may_tell(&code()).unwrap();
            store.leave();
        }
        let store = place.open();
        let restored = store.restore().unwrap();
        let [(code, restored)] = restored.as_slice() else { panic!("{} rooms", restored.len()) };
        assert_eq!(code.as_str(), "KMPXZ");
        assert_eq!(restored.checkpoint(), before.checkpoint());
        assert_eq!(restored.model().parameters(), before.model().parameters());
        assert_eq!(restored.memory(), before.memory());
    }
}

/// A hundred rounds whose figures are any that there are come back to the last bit.
#[test]
fn every_number_of_a_record_comes_back_as_it_went() {
    let any = || loop {
        let number = f64::from_bits(rand::random());
        if number.is_finite() {
            return number;
        }
    };
    let single = || loop {
        let number = f32::from_bits(rand::random());
        if number.is_finite() {
            return number;
        }
    };
    let evaluation = || Evaluation { examples: 10, loss: any(), accuracy: any(), confusion: Vec::new() };
    let rounds = 100;
    let mut checkpoint = after(1).checkpoint();
    let (record, client) = (checkpoint.history[0].clone(), protocol::ClientId(1));
    checkpoint.history = (1..=rounds)
        .map(|round| RoundRecord {
            round: Round(round),
            model_version: ModelVersion(round),
            evaluation: Some(evaluation()),
            training: TrainingResult { loss: any(), accuracy: any() },
            ..record.clone()
        })
        .collect();
    let given = || federation::Contribution {
        client,
        name: "Ada".to_owned(),
        examples: 10,
        labels: vec![4, 6],
        after_ms: 1_500,
        norm: single(),
        clipped: Some(single()),
        agreement: Some(single()),
        evaluation: Some(evaluation()),
    };
    checkpoint.contributions = (0..rounds).map(|_| vec![given()]).collect();
    checkpoint.final_evaluations = [(client, evaluation())].into();
    checkpoint.masked_evaluation = Some(evaluation());
    checkpoint.config.groups = vec!["headset".to_owned(), "laptop".to_owned()];
    let counted = r#"[{"clients": 3, "examples": 4, "confusion": [[1, 1], [0, 2]]}, null]"#;
    checkpoint.groups = serde_json::from_str(&format!(r#"{{"told": {{"1": 1}}, "shown": {counted}}}"#)).unwrap();
    let numbers = (0..models::FEATURES).map(|_| single());
    checkpoint.standardisation =
        Some(Standardisation { mean: numbers.collect(), deviation: vec![1.0 + f32::EPSILON; models::FEATURES] });
    let values = vec![0.25; after(1).model().parameters().len()];
    let memory: BTreeMap<String, Vec<f32>> =
        after(1).memory().into_keys().map(|name| (name.to_owned(), values.clone())).collect();
    checkpoint.model_version = ModelVersion(rounds);
    checkpoint.config.rounds = rounds;
    let room = Coordinator::restore(checkpoint.clone(), values, memory, Box::<MemorySpool>::default()).unwrap();
    assert_eq!(room.history(), checkpoint.history);
    for place in places() {
        let store = place.open();
        store.save(&room, true).unwrap();
        let (read, checkpoint) = (store.stored(&code()).unwrap().checkpoint(), room.checkpoint());
        assert!(read == checkpoint);
        // Equal numbers may still differ in a sign of zero; their text does not.
        assert_eq!(serde_json::to_string(&read).unwrap(), serde_json::to_string(&checkpoint).unwrap());
    }
}

#[test]
fn of_versions_that_are_as_good_the_newest_is_kept_as_the_best() {
    for place in places() {
        let store = place.open();
        store.save(&room(), true).unwrap();
        // Rounds up to 3 started from models that are as good as each other.
        for version in 1..=3 {
            store.save(&after(version), true).unwrap();
        }
        let stored = store.versions(&after(3).checkpoint()).unwrap();
        let best: Vec<u32> = stored.iter().filter(|stored| stored.best).map(|stored| stored.version.0).collect();
        assert_eq!(best, [2]);
    }
}

#[test]
fn a_changed_digit_in_a_stored_text_is_found() {
    for change in [
        "UPDATE rounds SET record = replace(record, '0.5', '0.6') WHERE round = 2",
        "UPDATE rooms SET config = replace(config, '\"rounds\":20', '\"rounds\":92')",
        "UPDATE models SET created_at = created_at + 1 WHERE version = 3",
    ] {
        let state = tempfile::tempdir().unwrap();
        {
            let store = Folder::open(state.path()).unwrap();
            store.save(&room(), true).unwrap();
            store.save(&after(3), true).unwrap();
            assert_eq!(store.restore().unwrap().len(), 1);
            assert_eq!(store.database().execute(change, []).unwrap(), 1, "{change}");
        }
        let store = Folder::open(state.path()).unwrap();
        assert!(store.restore().unwrap().is_empty(), "{change}");
        let error = store.stored(&"KMPXZ".parse().unwrap()).err().unwrap().to_string();
        assert!(error.contains("bytes of them changed"), "{error}");
    }
}

#[cfg(unix)]
#[test]
fn nobody_else_may_look_into_a_state_folder() {
    use std::os::unix::fs::PermissionsExt as _;
    let above = tempfile::tempdir().unwrap();
    let state = above.path().join("new/state");
    let store = Folder::open(&state).unwrap();
    store.save(&room(), true).unwrap();
    let mode = |folder: &Path| fs::metadata(folder).unwrap().permissions().mode() & 0o777;
    for folder in [state.clone(), state.join("models"), state.join("models/KMPXZ")] {
        assert_eq!(mode(&folder), 0o700, "{}", folder.display());
    }
    drop(store);
    // As an earlier version made them.
    fs::set_permissions(state.join("models"), fs::Permissions::from_mode(0o755)).unwrap();
    Folder::open(&state).unwrap();
    assert_eq!(mode(&state.join("models")), 0o700);
}

#[test]
fn the_latest_versions_the_first_and_the_best_can_be_gone_back_to() {
    for place in places() {
        let store = place.open();
        store.save(&room(), true).unwrap();
        for version in 1..=12 {
            store.save(&after(version), true).unwrap();
        }
        let last = after(12);
        assert_eq!(numbers(&*store, &last), [0, 3, 8, 9, 10, 11, 12]);
        let best: Vec<u32> = store
            .versions(&last.checkpoint())
            .unwrap()
            .iter()
            .filter(|stored| stored.best)
            .map(|stored| stored.version.0)
            .collect();
        assert_eq!(best, [3]);
        let (parameters, memory) = store.parameters(&last.checkpoint(), ModelVersion(9)).unwrap();
        assert!(parameters.iter().chain(&memory["momentum"]).all(|value| *value == 0.09));
        let (first, _) = store.parameters(&last.checkpoint(), ModelVersion(0)).unwrap();
        assert_eq!(first, initial());
        let missing = store.parameters(&last.checkpoint(), ModelVersion(5)).unwrap_err().to_string();
        assert!(missing.contains("not stored any more"), "{missing}");

        // The host went back to version 9: what came after it is of another time.
        store.save(&after(9), true).unwrap();
        assert_eq!(numbers(&*store, &after(9)), [0, 3, 8, 9]);
        assert_eq!(store.stored(&code()).unwrap().checkpoint(), after(9).checkpoint());
    }
}

#[test]
fn of_versions_that_are_not_kept_no_file_stays() {
    let state = tempfile::tempdir().unwrap();
    let store = state.open();
    for version in 0..=12 {
        store.save(&after(version), true).unwrap();
    }
    assert_eq!(files(state.path()).len(), 2 * 7, "a model and a memory of each, and nothing else");
}

#[test]
fn a_damaged_model_gives_way_to_the_newest_that_is_whole() {
    let state = tempfile::tempdir().unwrap();
    let store = Folder::open(state.path()).unwrap();
    for version in [5, 6, 7] {
        store.save(&after(version), true).unwrap();
    }
    let path = |version: u32| state.path().join(format!("models/KMPXZ/model-{version}.safetensors"));
    let whole = fs::read(path(7)).unwrap();
    let mut damaged = whole.clone();
    *damaged.last_mut().unwrap() ^= 1;
    fs::write(path(7), &damaged).unwrap();
    fs::write(path(6), &whole[..whole.len() / 2]).unwrap();
    let restored = store.restore().unwrap();
    let restored = &restored[0].1;
    assert_eq!(restored.model().version(), ModelVersion(5));
    assert_eq!((restored.history().len(), restored.model().parameters()[0]), (5, 0.05));
    let kept = files(state.path()).into_iter().find(|name| name.starts_with("model-7.safetensors.damaged-")).unwrap();
    let kept = state.path().join("models/KMPXZ").join(kept);
    assert_eq!(fs::read(&kept).unwrap(), damaged, "nothing was overwritten");
    for version in [6, 7] {
        store.save(&after(version), true).unwrap();
    }
    assert_eq!(fs::read(&kept).unwrap(), damaged, "nor is it when there is another version 7");
    assert_eq!(fs::read(path(7)).unwrap(), whole);
}

#[test]
fn a_room_of_which_nothing_can_be_used_is_left_as_it_is_and_the_others_go_on() {
    let state = tempfile::tempdir().unwrap();
    let store = Folder::open(state.path()).unwrap();
    store.save(&room(), true).unwrap();
    let other = Coordinator::new(settings("HARPS").room().unwrap(), initial(), Box::<MemorySpool>::default()).unwrap();
    store.save(&other, true).unwrap();
    fs::remove_file(state.path().join("models/KMPXZ/strategy-0.safetensors")).unwrap();
    let codes: Vec<String> = store.restore().unwrap().iter().map(|(code, _)| code.to_string()).collect();
    assert_eq!(codes, ["HARPS"], "without its strategy's memory a room would go on differently");
    assert!(store.contains(&RoomCode::parse("KMPXZ").unwrap()).unwrap());
    assert!(state.path().join("models/KMPXZ/model-0.safetensors").exists());
}

#[test]
fn a_deleted_room_leaves_nothing() {
    for place in places() {
        let store = place.open();
        store.save(&after(3), true).unwrap();
        assert!(store.contains(&code()).unwrap());
        assert!(store.created_at(&code()).unwrap() > 1_700_000_000);
        store.delete(&code()).unwrap();
        assert!(store.restore().unwrap().is_empty() && !store.contains(&code()).unwrap());
        store.delete(&code()).unwrap();
        // Its code may be used again.
        store.save(&room(), true).unwrap();
        assert_eq!(store.stored(&code()).unwrap().checkpoint(), room().checkpoint());
    }
}

#[test]
fn a_deleted_room_leaves_no_file_and_no_row() {
    let state = tempfile::tempdir().unwrap();
    let store = Folder::open(state.path()).unwrap();
    store.save(&after(3), true).unwrap();
    store.delete(&code()).unwrap();
    assert!(!state.path().join("models/KMPXZ").exists());
    for table in ["rooms", "rounds", "clients", "models"] {
        let rows: u32 =
            store.database().query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap();
        assert_eq!(rows, 0, "{table}");
    }
}

#[test]
fn two_programs_cannot_share_a_state_folder() {
    let state = tempfile::tempdir().unwrap();
    let _first = Folder::open(state.path()).unwrap();
    assert!(Folder::open(state.path()).err().unwrap().to_string().contains("another chorus"));
}

#[test]
fn a_database_of_another_version_is_not_touched() {
    let state = tempfile::tempdir().unwrap();
    drop(Folder::open(state.path()).unwrap());
    let path = state.path().join("chorus.sqlite");
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let error = format!("{:#}", Folder::open(state.path()).err().unwrap());
    assert!(error.contains("another version") && error.contains("--state"), "{error}");
    fs::write(&path, "a shopping list that happens to have this name, and that is long enough to be read").unwrap();
    let error = format!("{:#}", Folder::open(state.path()).err().unwrap());
    assert!(error.contains("left as it is"), "{error}");
    assert!(fs::read_to_string(&path).unwrap().starts_with("a shopping list"));
}

#[test]
fn what_does_not_outlive_the_program_is_deleted_with_it() {
    let store = Folder::passing().unwrap();
    store.save(&room(), true).unwrap();
    let folder = store.models.parent().unwrap().to_owned();
    assert!(folder.join("chorus.sqlite").exists());
    drop(store);
    assert!(!folder.exists());
}

/// A room with noise whose budget knows of so many rounds.
fn noisy(rounds: u32) -> Coordinator {
    let mut settings = settings("KMPXZ");
    settings.learning.noise = serde_json::from_value(serde_json::json!({ "epsilon": 8, "clip": 0.5 })).unwrap();
    let room = Coordinator::new(settings.room().unwrap(), initial(), Box::<MemorySpool>::default()).unwrap();
    let memory = room.memory().into_iter().map(|(name, values)| (name.to_owned(), values.to_vec())).collect();
    let checkpoint = Checkpoint { noisy_rounds: rounds, ..room.checkpoint() };
    Coordinator::restore(checkpoint, initial(), memory, Box::<MemorySpool>::default()).unwrap()
}

#[test]
fn what_a_room_has_spent_of_its_budget_is_stored() {
    for place in places() {
        let store = place.open();
        for rounds in [0, 3] {
            store.save(&noisy(rounds), true).unwrap();
            assert_eq!(store.stored(&code()).unwrap().checkpoint().noisy_rounds, rounds);
        }
    }
}

#[test]
fn a_budget_that_was_changed_or_lost_is_noticed() {
    let state = tempfile::tempdir().unwrap();
    let store = Folder::open(state.path()).unwrap();
    store.save(&noisy(3), true).unwrap();
    store.database().execute("UPDATE budgets SET noisy_rounds = 0", []).unwrap();
    assert!(store.stored(&code()).unwrap_err().to_string().contains("not as they were written"));
    store.database().execute("DELETE FROM budgets", []).unwrap();
    store.database().execute("DELETE FROM sums", []).unwrap();
    assert!(store.stored(&code()).unwrap_err().to_string().contains("budget is missing"));
}

#[test]
fn rooms_of_earlier_tables_go_on() {
    let without_groups = "DROP TABLE by_group; PRAGMA user_version = 4;";
    let without_sums =
        format!("{without_groups} ALTER TABLE rooms DROP COLUMN masked_evaluation; PRAGMA user_version = 3;");
    let without_noise = "DROP TABLE budgets; PRAGMA user_version = 2;";
    for earlier in [without_groups.to_owned(), without_sums.clone(), format!("{without_sums}{without_noise}")] {
        let state = tempfile::tempdir().unwrap();
        let store = Folder::open(state.path()).unwrap();
        store.save(&after(2), true).unwrap();
        store.database().execute_batch(&earlier).unwrap();
        drop(store);
        let store = Folder::open(state.path()).unwrap();
        let room = store.stored(&RoomCode::parse("KMPXZ").unwrap()).unwrap();
        assert_eq!(room.checkpoint(), after(2).checkpoint());
    }
}

#[cfg(unix)]
#[test]
fn identities_are_readable_by_their_host_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let state = tempfile::tempdir().unwrap();
    let store = Folder::open(state.path()).unwrap();
    store.save(&room(), true).unwrap();
    for name in ["chorus.sqlite", "chorus.sqlite-wal", "models/KMPXZ/model-0.safetensors"] {
        let metadata = fs::metadata(state.path().join(name)).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600, "{name}");
    }
}
