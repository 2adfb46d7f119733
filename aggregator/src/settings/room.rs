//! What is chosen of a room that people come to; a simulation has none of it.

use std::str::FromStr;

use federation::key_check;
use protocol::{Edges, Normalisation, ProtocolError, RoomCode, RoomConfig, Token};
use serde::Deserialize;

use super::set;

/// What people are asked to say or play: lines for each label.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub struct Prompts(Vec<Vec<String>>);

impl FromStr for Prompts {
    type Err = serde_json::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        serde_json::from_str(text)
    }
}

/// How its labels are shown, who may come, how long the room waits for them, and how numbers travel.
#[derive(Clone, Debug, Default, clap::Args, Deserialize)]
#[serde(default)]
pub struct RoomOptions {
    /// Join code, 5 or 6 letters without I, L, O and Q [default: made up]
    #[arg(long)]
    pub code: Option<RoomCode>,
    /// What the room is called on its page [default: its code]
    #[arg(long)]
    pub room_name: Option<String>,
    /// The sign of each label, separated by commas: a letter or two, or a picture by its name, such as bird; nothing leaves it to the
    /// page [default: shapes of the page]
    #[arg(long, value_delimiter = ',')]
    pub signs: Vec<String>,
    /// What people are asked to say or play: a list of lines for each label, as JSON, such as [["Say aaa"], ["Say eee"]] [default: what
    /// the page has for the label]
    #[arg(long, value_name = "JSON")]
    pub prompts: Option<Prompts>,
    /// Groups of which participants may say that they are in one, separated by commas, such as headset,laptop: the finished model is tried on
    /// each, and shown for those that have three participants or more [default: none]
    #[arg(long, value_delimiter = ',')]
    pub groups: Vec<String>,
    /// What participants standardise their clips by: group, or own for each one's own scale, held to the group's where clips are few or
    /// of one label [default: group]
    #[arg(long, value_name = "SCALE")]
    pub normalisation: Option<Normalisation>,
    /// Fewest participants that start a round, and fewest updates that make it count [default: 2; with krum and multi_krum
    /// as many as these need]
    #[arg(long)]
    pub least: Option<u32>,
    /// Updates that close a round; 0 stands for those of everyone who takes part [default: 0]
    #[arg(long)]
    pub goal: Option<u32>,
    /// How long a round waits for a participant who lost the connection, in seconds [default: 15]
    #[arg(long, value_name = "SECONDS")]
    pub grace: Option<u32>,
    /// Most participants at one time [default: 64]
    #[arg(long)]
    pub max_clients: Option<u32>,
    /// Make a room of edges, each of which may stand for so many participants of its own: `chorus edge` is one. --least and
    /// --max-clients then count edges, and --masking is each edge's own
    #[arg(long, value_name = "N")]
    pub edge_clients: Option<u32>,
    /// With --edge-clients: the secret by which the room knows its edges, 32 hexadecimal digits (as of `openssl rand -hex 16`)
    #[arg(long, value_name = "KEY", hide_env_values = true, value_parser = edge_key)]
    pub edge_key: Option<Token>,
}

/// Reads the edges' key.
pub fn edge_key(text: &str) -> Result<Token, String> {
    Token::parse(text)
        .map_err(|_| "32 hexadecimal digits in small letters, as `openssl rand -hex 16` gives them".to_owned())
}

impl RoomOptions {
    /// `least` and `code` have been seen to: they depend on others.
    pub fn choose(&self, room: &mut RoomConfig) {
        set(&mut room.name, &self.room_name);
        // As macOS hands letters over, they may be taken apart.
        let composed = |text: &String| corpus::composed(text).into_owned();
        room.signs = self.signs.iter().map(composed).collect();
        if let Some(Prompts(prompts)) = &self.prompts {
            room.prompts = prompts.iter().map(|prompts| prompts.iter().map(composed).collect()).collect();
        }
        room.groups = self.groups.iter().map(composed).collect();
        set(&mut room.normalisation, &self.normalisation);
        set(&mut room.least, &self.least);
        set(&mut room.goal, &self.goal);
        set(&mut room.grace_ms, &self.grace.map(super::milliseconds));
        // A short deadline shortens the default grace with it.
        if self.grace.is_none() {
            room.grace_ms = room.grace_ms.min(room.deadline_ms);
        }
        set(&mut room.max_clients, &self.max_clients);
    }

    /// Makes it a room of edges, where that is chosen, whose masks are each edge's own.
    ///
    /// # Errors
    /// The edges have no key, or there are none and a key for them.
    pub fn choose_edges(&self, room: &mut RoomConfig) -> Result<(), ProtocolError> {
        room.edges = match (self.edge_clients, &self.edge_key) {
            (Some(clients), Some(key)) => Some(Edges { clients, key: key_check(key), masking: room.masking.take() }),
            (Some(_), None) => return Err(super::needs("edge_clients", "edge_key")),
            (None, Some(_)) => return Err(super::needs("edge_key", "edge_clients")),
            (None, None) => None,
        };
        Ok(())
    }
}
