//! What comes of settings as a person gives them.

use std::collections::BTreeSet;

use protocol::{
    Adversary, Aggregation, Augmentation, Choice, FinalModel, MaskedEncoding, Masking, Optimiser, Pace, Selection,
    Strategy,
};

use super::strategy::GRADIENT;
use super::training::SGD_LEARNING_RATE;
use super::*;

/// The room with these settings.
fn room(json: &str) -> Result<RoomConfig, ProtocolError> {
    serde_json::from_str::<Settings>(json).unwrap().room()
}

#[test]
fn nothing_chosen_is_a_room_for_a_class() {
    let room = room("{}").unwrap();
    assert_eq!(room.labels, ["angry", "happy", "neutral", "sad"]);
    assert_eq!(room.architecture, "compact");
    assert_eq!(room.least, 2);
    assert_eq!((room.training.optimiser, room.training.learning_rate, room.strategy), GRADIENT);
    assert_eq!(room.training.augmentation, Augmentation::Speed);
    assert_eq!((room.aggregation, room.influence_limit), (Aggregation::Median, Some(RoomConfig::INFLUENCE_LIMIT)));
}

#[test]
fn a_room_has_the_signs_and_prompts_of_its_host_where_people_can_read_them() {
    let vowels =
        room(r#"{"labels": ["a", "e"], "signs": ["A", "bird"], "prompts": [["Say aaa", "Sing it"], []]}"#).unwrap();
    assert_eq!(vowels.signs, ["A", "bird"]);
    assert_eq!(vowels.prompts, [vec!["Say aaa", "Sing it"], vec![]]);
    // As macOS hands letters over, they may be taken apart.
    assert_eq!(room(r#"{"labels": ["a", "e"], "signs": ["a\u0308", ""]}"#).unwrap().signs, ["ä", ""]);
    for (settings, reason) in [
        (r#""signs": ["I", "l"]"#, "look alike"),
        (r#""signs": ["a", "A"]"#, "look alike"),
        (r#""signs": ["a", "a"]"#, "its own"),
        (r#""signs": ["penguin", "a"]"#, "no picture"),
        (r#""signs": ["<b>", "a"]"#, "neither"),
        (r#""signs": ["a"]"#, "signs"),
        (r#""prompts": [[], [], []]"#, "prompts"),
        (r#""prompts": [["two\nlines"], []]"#, "control characters"),
    ] {
        let refused = room(&format!(r#"{{"labels": ["a", "e"], {settings}}}"#)).unwrap_err().to_string();
        assert!(refused.contains(reason), "{settings}: {refused}");
    }
}

#[test]
fn a_room_has_the_groups_that_its_host_names() {
    let two = room(r#"{"groups": ["German at home", "a\u0308 another language"]}"#).unwrap();
    assert_eq!(two.groups, ["German at home", "ä another language"]);
    for (groups, reason) in [
        (r#"["alone"]"#, "between 2 and 8"),
        (r#"["1","2","3","4","5","6","7","8","9"]"#, "between 2 and 8"),
        (r#"["a", "a"]"#, "twice"),
        (r#"["a", "a\u0308", "\u00e4"]"#, "twice"),
        (r#"["a", " "]"#, "blank"),
        (r#"["a", "two\nlines"]"#, "control characters"),
    ] {
        let refused = room(&format!(r#"{{"groups": {groups}}}"#)).unwrap_err().to_string();
        assert!(refused.starts_with("groups: ") && refused.contains(reason), "{groups}: {refused}");
    }
}

#[test]
fn what_guards_a_room_can_be_chosen() {
    let chosen = room(r#"{"aggregation": "mean", "influence_limit": 0}"#).unwrap();
    assert_eq!((chosen.aggregation, chosen.influence_limit), (Aggregation::Mean, None));
    let fedavg = room(r#"{"strategy": "fedavg", "influence_limit": 2}"#).unwrap();
    assert_eq!((fedavg.aggregation, fedavg.influence_limit), (Aggregation::Median, Some(2.0)));
    for &strategy in Strategy::ALL {
        let room = room(&format!(r#"{{"strategy": "{}"}}"#, strategy.name())).unwrap();
        assert_eq!(
            room.aggregation.is_mean(),
            strategy.counts_steps(),
            "{strategy}: the median wherever it goes with it"
        );
    }
    assert!(room(r#"{"influence_limit": 0.5}"#).unwrap_err().to_string().starts_with("influence_limit: "));
}

#[test]
fn a_masked_room_has_what_goes_with_masks_and_refuses_what_does_not() {
    let masked = room(r#"{"masking": "active"}"#).unwrap();
    let masking = masked.masking.unwrap();
    assert_eq!((masking.server, masking.encoding), (Adversary::Active, MaskedEncoding::Masked32));
    assert_eq!((masked.least, masked.aggregation, masked.influence_limit), (3, Aggregation::Mean, None));
    assert_eq!(masked.strategy, GRADIENT.2, "compact learns in its own way under masks too");
    let chosen =
        room(r#"{"masking": "curious", "masking_encoding": "masked24", "masking_clip": 2.5, "least": 5}"#).unwrap();
    let masking = Masking { server: Adversary::Curious, encoding: MaskedEncoding::Masked24, clip: 2.5 };
    assert_eq!((chosen.masking, chosen.least), (Some(masking), 5));
    for (settings, reason) in [
        (r#""aggregation": "median""#, "no single update"),
        (r#""influence_limit": 1.5"#, "nobody's counts"),
        (r#""strategy": "scaffold""#, "each client's update"),
        (r#""asynchronous": 4, "strategy": "fedavg""#, "cancel among clients of one round"),
        (r#""selection": 4"#, "all clients that are there"),
        (r#""stragglers": "fewer_steps""#, "count of steps"),
        (r#""encoding": "q8""#, "choose f32"),
        (r#""least": 2"#, "needs at least 3"),
        (r#""max_clients": 300"#, "at most 200"),
        (r#""masking_encoding": "masked16", "max_clients": 65"#, "at most 64"),
        (r#""masking_clip": 0"#, "above 0"),
    ] {
        let refused = room(&format!(r#"{{"masking": "active", {settings}}}"#)).unwrap_err().to_string();
        assert!(refused.contains(reason), "{settings}: {refused}");
    }
    assert!(room(r#"{"masking_clip": 2}"#).unwrap_err().to_string().contains("only with masking"));
}

#[test]
fn compact_has_its_own_way_only_where_nothing_is_chosen() {
    let room = |json: &str| room(json).unwrap();
    let conv = room(r#"{"model": "conv"}"#);
    assert_eq!((conv.strategy, conv.training.optimiser), (Strategy::DEFAULT, Optimiser::Adam));
    assert_eq!(conv.training.augmentation, Augmentation::None);
    let fedavg = room(r#"{"strategy": "fedavg"}"#);
    assert_eq!((fedavg.strategy, fedavg.training.optimiser), (Strategy::DEFAULT, Optimiser::Adam));
    let adam = room(r#"{"optimiser": "adam"}"#);
    assert_eq!((adam.strategy, adam.training.learning_rate), (Strategy::DEFAULT, 1.0e-3));
    let mean = room(r#"{"final_model": "mean"}"#);
    assert_eq!((mean.final_model, mean.strategy), (FinalModel::Mean, GRADIENT.2), "it changes no step");
    let half = room(r#"{"encoding": "f16"}"#);
    assert_eq!(half.strategy, Strategy::DEFAULT);
}

#[test]
fn compact_sends_a_byte_a_value_where_that_was_shown_to_cost_nothing() {
    let encoding = |json: &str| room(json).unwrap().encoding;
    assert_eq!(encoding("{}"), Encoding::Q8);
    for exact in [
        r#"{"encoding": "f32"}"#,
        r#"{"model": "conv"}"#,
        r#"{"model": "compact-text"}"#,
        r#"{"strategy": "fedavg"}"#,
        r#"{"masking": "active"}"#,
        r#"{"edge_clients": 300, "edge_key": "0123456789abcdef0123456789abcdef"}"#,
        r#"{"epsilon": 8, "clip": 1, "noise_clients": 10}"#,
    ] {
        assert_eq!(encoding(exact), Encoding::F32, "{exact}");
    }
}

#[test]
fn a_room_as_another_was_keeps_its_bits_where_its_choices_go_with_them() {
    let as_usual = |json: &str| {
        let mut settings: Settings = serde_json::from_str(json).unwrap();
        settings.learning.fill(&room("{}").unwrap()).unwrap();
        settings.room().unwrap().encoding
    };
    assert_eq!(as_usual("{}"), Encoding::Q8);
    assert_eq!(as_usual(r#"{"strategy": "fedavg"}"#), Encoding::Q8);
    assert_eq!(
        as_usual(r#"{"strategy": "scaffold", "optimiser": "sgd", "learning_rate": 0.01, "aggregation": "mean"}"#),
        Encoding::F32
    );
    assert_eq!(as_usual(r#"{"masking": "active"}"#), Encoding::F32);
}

#[test]
fn a_choice_that_cannot_work_is_refused_in_words() {
    assert!(room(r#"{"labels": ["angry"]}"#).unwrap_err().to_string().contains("labels"));
    let unknown: Result<Settings, _> = serde_json::from_str(r#"{"round": 3}"#);
    assert!(unknown.unwrap_err().to_string().contains("unknown field `round`"));
}

#[test]
fn a_strategy_is_a_name_with_settings_of_its_own() {
    let settings: Settings =
        serde_json::from_str(r#"{"strategy": "fedadam", "server_learning_rate": 0.02, "optimiser": "sgd"}"#).unwrap();
    let room = settings.room().unwrap();
    let adam = Strategy::FedAdam { server_learning_rate: 0.02, beta_1: 0.9, beta_2: 0.99, tau: 1.0e-3 };
    assert_eq!((room.strategy, room.training.optimiser), (adam, Optimiser::Sgd));
    assert_eq!(room.training.learning_rate, SGD_LEARNING_RATE);

    let whole: Settings = serde_json::from_str(r#"{"strategy": {"name": "fedprox", "mu": 0.5}}"#).unwrap();
    assert_eq!(whole.room().unwrap().strategy, Strategy::FedProx { mu: 0.5 });
    let error = serde_json::from_str::<Settings>(r#"{"strategy": "fedyogy"}"#).unwrap_err().to_string();
    assert!(error.contains("did you mean fedyogi?"), "{error}");
}

#[test]
fn scaffold_trains_with_sgd_and_refuses_adam() {
    assert_eq!(room(r#"{"strategy": "scaffold"}"#).unwrap().training.optimiser, Optimiser::Sgd);
    let with_adam = r#"{"strategy": "scaffold", "optimiser": "adam"}"#;
    assert!(room(with_adam).unwrap_err().to_string().contains("choose sgd"));
}

#[test]
fn a_setting_of_another_strategy_is_refused() {
    assert!(room(r#"{"proximal": 0.1}"#).unwrap_err().to_string().contains("fedavg has no such setting"));
    let nova = r#"{"strategy": "fednova", "server_learning_rate": 0.1}"#;
    assert!(room(nova).unwrap_err().to_string().starts_with("server_learning_rate: fednova"));
}

#[test]
fn some_are_asked_or_nobody_waits() {
    let room = |json: &str| serde_json::from_str::<Settings>(json).map(|settings| settings.room());
    let wants = |json| room(json).unwrap().unwrap().selection;
    assert_eq!(wants(r#"{"selection": 10}"#), Selection::Number { clients: 10, over_selection: 1.3 });
    let quarter = Selection::Share { share: 0.25, over_selection: 2.0 };
    assert_eq!(wants(r#"{"selection": "25%", "over_selection": 2}"#), quarter);
    let pace = Pace::Asynchronous { buffer: 8, staleness_exponent: 1.0, most_stale: 20 };
    let asynchronous = r#"{"asynchronous": 8, "staleness_exponent": 1, "strategy": "fedavg"}"#;
    assert_eq!(room(asynchronous).unwrap().unwrap().pace, pace);
    let refused = |json| room(json).unwrap().unwrap_err().to_string();
    assert!(refused(r#"{"over_selection": 2}"#).contains("only with selection"));
    assert!(refused(r#"{"most_stale": 2}"#).contains("only with asynchronous"));
    assert!(refused(r#"{"asynchronous": 8, "selection": 4}"#).starts_with("selection"));
    assert!(refused(r#"{"asynchronous": 8, "strategy": "fednova"}"#).contains("fednova"));
    assert!(room(r#"{"selection": "some"}"#).unwrap_err().to_string().contains("25%"));
}

#[test]
fn an_aggregation_is_a_name_with_settings_of_its_own() {
    assert_eq!(room(r#"{"model": "conv"}"#).unwrap().aggregation, Aggregation::Mean);
    let median = room(r#"{"aggregation": "median"}"#).unwrap();
    assert_eq!((median.aggregation, median.strategy), (Aggregation::Median, GRADIENT.2));
    let trimmed = room(r#"{"aggregation": "trimmed_mean", "trim": 0.3}"#).unwrap();
    assert_eq!(trimmed.aggregation, Aggregation::TrimmedMean { trim: 0.3 });
    let clipping = room(r#"{"aggregation": {"name": "clipping"}, "clip_norm": 2}"#).unwrap();
    assert_eq!(clipping.aggregation, Aggregation::Clipping { norm: Some(2.0) });
    let error = serde_json::from_str::<Settings>(r#"{"aggregation": "krumm"}"#).unwrap_err().to_string();
    assert!(error.contains("did you mean krum?"), "{error}");
    let other = room(r#"{"aggregation": "median", "faulty": 2}"#).unwrap_err().to_string();
    assert_eq!(other, "faulty: median has no such setting; leave it out, or choose another aggregation");
    let scaffold = room(r#"{"aggregation": "median", "strategy": "scaffold"}"#).unwrap_err().to_string();
    assert!(scaffold.contains("choose mean"), "{scaffold}");
}

#[test]
fn krum_raises_the_least_unless_that_is_chosen_too() {
    let krum = room(r#"{"aggregation": "krum", "faulty": 3}"#).unwrap();
    assert_eq!((krum.aggregation, krum.least), (Aggregation::Krum { faulty: 3 }, 9));
    let several = room(r#"{"aggregation": "multi_krum", "faulty": 3}"#).unwrap();
    assert_eq!((several.aggregation, several.least), (Aggregation::MultiKrum { faulty: 3, chosen: 4 }, 9));
    let more = room(r#"{"aggregation": "multi_krum", "faulty": 1, "chosen": 6}"#).unwrap();
    assert_eq!(more.least, 9);
    let refused = room(r#"{"aggregation": "krum", "faulty": 3, "least": 8}"#).unwrap_err().to_string();
    assert!(refused.starts_with("least: krum needs rounds of 9"), "{refused}");
}

#[test]
fn the_count_of_parameters_follows_from_model_and_labels() {
    assert_eq!(room(r#"{"model": "dense"}"#).unwrap().parameters, 26_008_068);
}

#[test]
fn a_field_of_the_wrong_kind_is_named() {
    let said = |json: &str| serde_json::from_str::<Settings>(json).unwrap_err().to_string();
    assert!(said(r#"{"rounds": "many"}"#).starts_with("rounds: invalid type"), "{}", said(r#"{"rounds": "many"}"#));
    assert!(said(r#"{"strategy": {"name": "fedprox"}}"#).contains("missing field `mu`"));
    assert!(said("[]").contains("expected a map"));
}

/// Each option of a group, but for the one that names the choice, sets something that one of the choices has.
/// `besides` are of the room, whatever is chosen.
fn sets_all<T: Choice, G: clap::Args>(given: &[choice::Given], besides: &[&'static str]) {
    let group = G::augment_args(Command::new("group"));
    let options: BTreeSet<&str> = group.get_arguments().map(|one| one.get_id().as_str()).collect();
    let besides = besides.iter().copied();
    let set: BTreeSet<&str> = given.iter().map(|given| given.option).chain([T::WHAT]).chain(besides).collect();
    assert_eq!(set, options);
    for given in given {
        assert!(T::ALL.iter().any(|one| one.clone().set(given.setting, 1.0)), "{}", given.option);
    }
}

#[test]
fn every_option_of_a_strategy_or_an_aggregation_sets_something() {
    let learning = Learning::default();
    sets_all::<Strategy, strategy::StrategyOptions>(&learning.strategy.given(), &["final_model"]);
    sets_all::<Aggregation, aggregation::AggregationOptions>(&learning.aggregation.given(), &["influence_limit"]);
}

#[test]
fn a_room_of_edges_takes_their_sums_and_masks_are_each_edges_own() {
    let key = "00112233445566778899aabbccddeeff";
    let chosen = |more: &str| room(&format!(r#"{{"edge_clients": 300, "edge_key": "{key}"{more}}}"#));
    let plain = chosen("").unwrap();
    let edges = plain.edges.unwrap();
    assert_eq!((edges.clients, edges.masking), (300, None));
    // printf '\x0fchorus edge key00112233445566778899aabbccddeeff' | sha256sum
    assert_eq!(
        serde_json::to_value(edges.key).unwrap(),
        "eea000ff6a18b9ad31b32d355c188a6b34bfccdc0a95eef43b20024689b055e9"
    );
    assert_eq!((plain.aggregation, plain.influence_limit, plain.least), (Aggregation::Mean, None, 2));
    let masked = chosen(r#", "masking": "active""#).unwrap();
    assert_eq!((masked.masking, masked.least), (None, 2));
    assert!(masked.edges.unwrap().masking.is_some() && masked.of_edge().unwrap().masking.is_some());
    for (settings, reason) in [
        (r#", "aggregation": "median""#, "every client's update"),
        (r#", "influence_limit": 1.5"#, "middle of all clients"),
        (r#", "noise_multiplier": 1.0"#, "noise"),
    ] {
        let refused = chosen(settings).unwrap_err().to_string();
        assert!(refused.contains(reason), "{settings}: {refused}");
    }
    assert!(room(r#"{"edge_clients": 300}"#).unwrap_err().to_string().contains("edge_key"));
    assert!(room(&format!(r#"{{"edge_key": "{key}"}}"#)).unwrap_err().to_string().contains("edge_clients"));
}
