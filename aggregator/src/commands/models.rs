//! `chorus models`: the networks that a room can train, layer by layer, with their exact sizes.

use std::io::{self, Write as _};

use anyhow::Result;
use models::{Architecture, LEAST_LABELS, MOST_LABELS, TensorSpec};
use serde::Serialize;

use crate::experiment::grouped;

const EXAMPLES: &str = "Examples:
  chorus models
  chorus models --labels 7
  chorus models --json | jq '.[] | {name, parameters}'

Bytes are those of one transfer: each participant of a round receives the model once and sends one update of that size.";

/// List the networks: layers, parameters, bytes.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// Labels that the networks tell apart
    #[arg(long, value_name = "N", default_value_t = 4,
          value_parser = clap::value_parser!(u8).range(LEAST_LABELS as i64..=MOST_LABELS as i64))]
    labels: u8,
    /// Print JSON, with the place of every tensor in the flat vector
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Network {
    name: &'static str,
    labels: usize,
    parameters: usize,
    bytes_f32: usize,
    bytes_f16: usize,
    layers: Vec<LayerSize>,
    tensors: Vec<TensorSpec>,
}

#[derive(Serialize)]
struct LayerSize {
    layer: String,
    parameters: usize,
}

/// Runs the command.
pub fn run(arguments: Arguments) -> Result<()> {
    let labels = usize::from(arguments.labels);
    let networks: Vec<Network> =
        Architecture::ALL.into_iter().map(|architecture| describe(architecture, labels)).collect();
    let mut text = if arguments.json { serde_json::to_string_pretty(&networks)? } else { table(&networks) };
    text.push('\n');
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

fn describe(architecture: Architecture, labels: usize) -> Network {
    let layout = architecture.layout(labels);
    let parameters = layout.total();
    Network {
        name: architecture.name(),
        labels,
        parameters,
        bytes_f32: parameters * 4,
        bytes_f16: parameters * 2,
        layers: architecture
            .layers(labels)
            .iter()
            .map(|layer| LayerSize { layer: layer.to_string(), parameters: layer.parameters() })
            .collect(),
        tensors: layout.tensors,
    }
}

fn table(networks: &[Network]) -> String {
    let mut lines = Vec::new();
    for network in networks {
        lines.push(format!(
            "{}: {} parameters, {} bytes as f32, {} as f16",
            network.name,
            grouped(network.parameters),
            grouped(network.bytes_f32),
            grouped(network.bytes_f16)
        ));
        for layer in &network.layers {
            lines.push(format!("  {:>12}  {}", grouped(layer.parameters), layer.layer));
        }
        lines.push(String::new());
    }
    lines.pop();
    lines.join("\n")
}
