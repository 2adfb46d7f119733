//! A message of each type, for tests.

use protocol::{
    Agreement, Checksum, ClientId, ClientMessage, ClientState, ClientSummary, Encoding, ErrorCode, Evaluation, Hex,
    MaskingKeys, ModelVersion, PartialSum, Phase, RefusalReason, RevealedShare, RoomCode, RoomConfig, RosterEntry,
    Round, RoundRecord, RoundTraining, SealedShares, Secret, ServerMessage, Standardisation, Status, Token,
    TrainingResult, Transfer, TransferId,
};

pub fn transfer() -> Transfer {
    Transfer { id: TransferId(1), bytes: 400, encoding: Encoding::F32, checksum: Checksum(0xdead_beef) }
}

pub fn masking_keys() -> MaskingKeys {
    MaskingKeys {
        seat: Hex([1; 32]),
        box_key: Hex([2; 32]),
        mask_key: Hex([3; 32]),
        self_check: Hex([4; 32]),
        signature: Hex([5; 64]),
    }
}

pub fn sealed_shares(client: u32) -> SealedShares {
    let client = ClientId(client);
    SealedShares { client, sealed: Hex([7; 80]), self_check: Hex([8; 16]), mask_check: Hex([0xab; 16]) }
}

pub fn evaluation() -> Evaluation {
    Evaluation { examples: 4, loss: 1.25, accuracy: 0.75, confusion: vec![vec![1, 1], vec![0, 2]] }
}

pub fn room() -> RoomConfig {
    let labels = vec!["angry".to_owned(), "sad".to_owned()];
    RoomConfig::new(RoomCode::parse("KMPXZ").unwrap(), "compact", 100, labels)
}

/// One message of each type, with all of its optional fields but those that came after these bytes were held, in the order of
/// `CLIENT_TYPES`.
pub fn client_messages() -> Vec<ClientMessage> {
    let training = TrainingResult { loss: 0.5, accuracy: 0.9 };
    vec![
        ClientMessage::Hello {
            protocol: 1,
            room: RoomCode::parse("KMPXZ").unwrap(),
            token: Some(Token::from_random(7)),
            name: Some("Zoë".to_owned()),
            software: "chorus-web 0.1.0".to_owned(),
            status_changes: false,
        },
        ClientMessage::Rename { name: "Ada".to_owned() },
        ClientMessage::Ready { examples: 3, labels: vec![1, 2], held_back: Some(1), step_ms: None },
        ClientMessage::Pause { diverged: false },
        ClientMessage::Leave,
        ClientMessage::Statistics { frames: 2, sum: vec![0.1, -2.0], sum_squares: vec![0.01, 4.0] },
        ClientMessage::Download { transfer: TransferId(0) },
        ClientMessage::Progress { round: Round(1), epoch: 1, epochs: 2, step: 3, steps: 9 },
        ClientMessage::Update {
            round: Round(1),
            model_version: ModelVersion(0),
            examples: 3,
            steps: 4,
            update: transfer(),
            evaluation: Some(evaluation()),
            training,
        },
        ClientMessage::Evaluation {
            model_version: ModelVersion(1),
            evaluation: evaluation(),
            group: None,
            by_group: None,
        },
        ClientMessage::Recording { on: true },
        ClientMessage::Keys { round: Round(1), attempt: 7, keys: masking_keys() },
        ClientMessage::Shares { round: Round(1), attempt: 7, boxes: vec![sealed_shares(1), sealed_shares(3)] },
        ClientMessage::Unopened { round: Round(1), attempt: 7, clients: vec![ClientId(3)] },
        ClientMessage::Masked {
            round: Round(1),
            attempt: 7,
            transfer: TransferId(2),
            bytes: 488,
            checksum: Checksum(0xdead_beef),
        },
        ClientMessage::Agree { round: Round(1), attempt: 7, signature: Hex([6; 64]) },
        ClientMessage::Reveal {
            round: Round(1),
            attempt: 7,
            shares: [(1, Secret::SelfSeed), (3, Secret::MaskKey)]
                .map(|(client, secret)| RevealedShare { client: ClientId(client), secret, share: Hex([9; 32]) })
                .to_vec(),
        },
        ClientMessage::MaskedStatistics { round: Round(1), attempt: 7, words: vec![Hex([0xa5; 8]); 3] },
        ClientMessage::EdgeReady {
            key: Token::from_random(9),
            clients: 200,
            examples: 4_000,
            labels: vec![1_500, 2_500],
            held_back: 800,
        },
        ClientMessage::Partial {
            round: Round(1),
            model_version: ModelVersion(0),
            sum: PartialSum {
                clients: 200,
                examples: 4_000,
                weight: 3_900.0,
                steps: 2.5,
                done: 9_750.0,
                planned: 9_750.0,
            },
            update: transfer(),
            evaluation: Some(evaluation()),
            training,
        },
        ClientMessage::Declined {
            round: Round(1),
            attempt: 7,
            opened: vec![[1, 2, 3].map(|seat| Hex([seat; 32])).to_vec()],
        },
    ]
}

/// One message of each type, with all of its optional fields, in the order of `SERVER_TYPES`.
pub fn server_messages() -> Vec<ServerMessage> {
    let status = Status {
        phase: Phase::Collecting,
        round: Round(1),
        rounds: 20,
        model_version: ModelVersion(0),
        connected: 1,
        ready: 1,
        goal: 1,
        least: 1,
        received: 0,
        deadline_ms: Some(1_000),
        paused: true,
        locked: false,
        held: false,
        singles_out: false,
        bytes_up: 12,
        bytes_down: 0,
        clients: vec![ClientSummary {
            client: ClientId(1),
            name: "Ada".to_owned(),
            state: ClientState::Training,
            fraction: Some(0.5),
            passed_over: true,
            examples: 3,
            labels: vec![1, 2],
            behind: None,
            agreement: Some(-0.25),
            update_norm: Some(2.5),
            waited_ms: Some(9_000),
            diverged: false,
        }],
        final_evaluation: None,
        final_groups: Vec::new(),
        budget: None,
    };
    let record = RoundRecord {
        round: Round(1),
        model_version: ModelVersion(1),
        clients: 2,
        examples: 30,
        refused: 0,
        duration_ms: 900,
        evaluation: Some(evaluation()),
        training: TrainingResult { loss: 0.5, accuracy: 0.9 },
    };
    let standardisation = Standardisation { mean: vec![0.0, 1.0], deviation: vec![1.0, 2.0] };
    vec![
        ServerMessage::Welcome {
            protocol: 1,
            token: Token::from_random(7),
            client: ClientId(1),
            name: "Ada".to_owned(),
            room: room(),
            status: status.clone(),
            accepted: Some(Round(1)),
        },
        ServerMessage::Error {
            code: ErrorCode::RoomFull,
            message: "full".to_owned(),
            fatal: false,
            retry_after_ms: Some(20_000),
        },
        ServerMessage::Status(status.clone()),
        ServerMessage::History { rounds: vec![record.clone()] },
        ServerMessage::StatisticsRequest { masked: None },
        ServerMessage::Round {
            round: Round(1),
            model_version: ModelVersion(0),
            deadline_ms: 1_000,
            training: RoundTraining { settings: room().training, seed: 9 },
            standardisation: standardisation.clone(),
            model: transfer(),
            difference: None,
            attempt: None,
        },
        ServerMessage::Upload { transfer: TransferId(1) },
        ServerMessage::Accepted { round: Round(1) },
        ServerMessage::Refused {
            round: Some(Round(1)),
            reason: RefusalReason::Stale,
            message: "late".to_owned(),
            present_round: Round(2),
            present_version: ModelVersion(1),
        },
        ServerMessage::RoundClosed { record },
        ServerMessage::RoundAbandoned { round: None, received: 0, least: 2 },
        ServerMessage::Finished {
            model_version: ModelVersion(20),
            model: transfer(),
            difference: None,
            standardisation,
            attempt: None,
        },
        ServerMessage::Settings { room: room() },
        ServerMessage::Renamed { name: "Grace".to_owned() },
        ServerMessage::Roster {
            round: Round(1),
            attempt: 7,
            clients: [1, 2, 3].map(|client| RosterEntry { client: ClientId(client), keys: masking_keys() }).to_vec(),
        },
        ServerMessage::Boxes {
            round: Round(1),
            attempt: 7,
            clients: [1, 2, 3].map(ClientId).to_vec(),
            boxes: vec![sealed_shares(1), sealed_shares(3)],
        },
        ServerMessage::Survivors { round: Round(1), attempt: 7, clients: [1, 2, 3].map(ClientId).to_vec() },
        ServerMessage::Agreed {
            round: Round(1),
            attempt: 7,
            agreements: [1, 2, 3]
                .map(|client| Agreement { client: ClientId(client), signature: Hex([6; 64]) })
                .to_vec(),
        },
        ServerMessage::StatusChanges { status, gone: vec![ClientId(2)] },
    ]
}
