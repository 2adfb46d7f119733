//! Against the paper: where its experiments and these differ, and why. Facts about the paper come from its report and its
//! published notebooks.

use maud::{Markup, html};

use super::number;
use crate::experiment::condition::System;
use crate::experiment::reference::{ADDRESS, SOURCE};
use crate::experiment::results::Results;

/// The whole section.
pub fn section(results: &Results) -> Markup {
    html! {
        section id="against-the-paper" {
            h2 { "Against the paper" }
            p { "The paper’s numbers are those of " a href=(ADDRESS) { (SOURCE) } ", and of its published notebooks for single emotions." }
            (corpora(results))
            ul {
                li {
                    strong { "Speakers. " }
                    "The notebooks draw a tenth of the utterances at random as the test set, so the people who are tested were also "
                    "trained on. Here nobody is on both sides. That makes the task harder, and a number from one way cannot be "
                    "held against a number from the other."
                }
                li {
                    strong { "Features. " }
                    "The paper’s 34 features go into the networks as they are, though their sizes lie orders of magnitude apart. Here "
                    "they are standardised by mean and deviation, which clients work out together without showing a clip."
                }
                li {
                    strong { "The round that counts. " }
                    "Of the 20 rounds the notebooks keep the one with the least loss on a batch of the test set. Here it is the last "
                    "one, whatever it is, and the mean over the last five stands beside it: nothing is chosen on the test speakers."
                }
                li {
                    strong { "The baselines. " }
                    "In the published notebooks the calls that train the dense and the convolutional baseline are given " code { "Y" }
                    ", the labels of all utterances before the split, where lstm’s call is given the training part’s own labels. As far "
                    "as the notebooks show, inputs and labels then do not belong together, which would explain why these two "
                    "baselines (F1 0.22 and 0.16) lie at chance and below their own federated versions (0.49 and 0.37). How the "
                    "baselines stand to federation here is what the tables of Experiment 1 say. Their baselines also have batches of "
                    "64, and ours of 20, as the clients have."
                }
                li {
                    strong { "A network of our own. " }
                    code { "compact" } " is not in the paper. It sees 26 more features of each frame, learns from each clip at five speeds, "
                    "and answers with the mean over these; all other networks here have the paper’s 34 features and each clip "
                    "as it is."
                }
                li {
                    strong { "Clients. " }
                    "The paper’s text has four clients; the notebook of the random system has five with 800 utterances each, drawn "
                    "for each client anew, so that clients overlap. Here every training clip is on exactly one client."
                }
                li {
                    strong { "Padding. " }
                    "A clip has 100 frames, the shorter ones end in zeros, and the paper’s lstm is read at the hundredth frame, after the "
                    "zeros. " code { "lstm" } " is read at the last real frame here; " code { "lstm-padded" }
                    " is the paper’s way, and the paper’s numbers stand beside both."
                }
                li {
                    strong { "The server’s Adam. " }
                    "The recipe “paper” has the rates of the notebooks, with FedAdam as Reddi et al. (2021) write it, which does "
                    "not correct the bias of its moments; Keras’ Adam, which the notebooks have on the server, does."
                }
                li {
                    strong { "A single emotion. " }
                    "The paper’s systems of a single emotion answer with one label whatever they hear (UAR 0.25, chance). "
                    (single_emotion(results))
                }
            }
        }
    }
}

fn corpora(results: &Results) -> Markup {
    html! {
        @if results.is_iemocap {
            p {
                "The paper’s corpus, IEMOCAP, is also the one of this report. What is left between both is told below; the test "
                "sets are not the same."
            }
        } @else {
            p {
                strong { "The numbers stand beside each other, and are no contest. " }
                "The paper’s are from IEMOCAP, with utterances of the same speakers on both sides; those of this report are from "
                "the corpus named below, with speakers whom no model has heard. What can be compared is how systems stand to each "
                "other within one column of numbers."
            }
        }
    }
}

/// What was measured here about clients of a single emotion.
fn single_emotion(results: &Results) -> Markup {
    let of = |recipe: &str| {
        let is = |condition: &crate::experiment::condition::Condition| {
            condition.system == System::SingleEmotion && condition.recipe == recipe
        };
        let values = results.conditions.iter().filter(|one| is(&one.condition));
        let written: Vec<String> =
            values.map(|one| format!("{} with {}", number::share(one.uar.mean), one.condition.model)).collect();
        (!written.is_empty()).then(|| written.join(", "))
    };
    html! {
        "A client that knows one label alone can learn no more than to answer with it, and the mean of such models need not "
        "know anything. "
        @if let Some(paper) = of("paper") { "The recipe “paper” reaches a UAR of " (paper) " here. " }
        @if let Some(fedavg) = of("fedavg") { "FedAvg reaches " (fedavg) ". " }
        @if let Some(gradient) = of("gradient") {
            "When clients send what is nearly a gradient, the server’s optimiser sees all labels at once: the recipe “gradient” "
            "reaches " (gradient) "."
        }
    }
}
