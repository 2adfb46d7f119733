//! Who holds what: a table for reports and figures.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::table::Table;

/// How many clips of each label each client holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holdings {
    /// The labels, in the order of the columns.
    pub labels: Vec<String>,
    /// A row for each client, with a number for each label.
    pub counts: Vec<Vec<usize>>,
    /// How many people speak in each client's clips.
    pub speakers: Vec<usize>,
}

impl Holdings {
    /// Counts what `parts`, indices of clips for each client, hold. `label_of` and `speaker_of` have an entry for each
    /// clip; a label beyond `labels` or an index beyond the clips isn't counted.
    pub fn of<S: AsRef<str>>(
        parts: &[Vec<usize>],
        labels: &[String],
        label_of: &[usize],
        speaker_of: &[S],
    ) -> Holdings {
        let count = |part: &Vec<usize>| {
            let mut counts = vec![0; labels.len()];
            for label in part.iter().filter_map(|&clip| label_of.get(clip)) {
                if let Some(count) = counts.get_mut(*label) {
                    *count += 1;
                }
            }
            counts
        };
        let voices = |part: &Vec<usize>| {
            let names = part.iter().filter_map(|&clip| speaker_of.get(clip)).map(AsRef::as_ref);
            names.collect::<std::collections::BTreeSet<&str>>().len()
        };
        Holdings {
            labels: labels.to_vec(),
            counts: parts.iter().map(count).collect(),
            speakers: parts.iter().map(voices).collect(),
        }
    }
}

/// A table of plain text, a line a client.
impl fmt::Display for Holdings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new(["client"].into_iter().chain(self.labels.iter().map(String::as_str)));
        table.heading.extend(["clips", "speakers"].map(String::from));
        for (client, (counts, speakers)) in self.counts.iter().zip(&self.speakers).enumerate() {
            let mut row = vec![(client + 1).to_string()];
            row.extend(counts.iter().map(usize::to_string));
            row.extend([counts.iter().sum::<usize>(), *speakers].map(|number| number.to_string()));
            table.rows.push(row);
        }
        table.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_a_client() {
        let labels = ["angry", "sad"].map(String::from);
        let holdings = Holdings::of(&[vec![0, 2], vec![1]], &labels, &[0, 1, 0], &["Anna", "Ben", "Ben"]);
        assert_eq!(
            holdings.to_string(),
            "client  angry  sad  clips  speakers\n1           2    0      2         2\n2           0    1      1         1\n"
        );
        assert_eq!(
            serde_json::to_string(&holdings).unwrap(),
            r#"{"labels":["angry","sad"],"counts":[[2,0],[0,1]],"speakers":[2,1]}"#
        );
    }
}
