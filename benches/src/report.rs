//! A run's figures, as they are kept in JSON and shown in tables.

use serde::{Deserialize, Serialize};

use crate::measure::Machine;
use crate::stats::{Spread, ratio};
use crate::workload::{Metric, Workload};

/// The version of this shape; a change that breaks readers raises it.
pub(crate) const SCHEMA: u32 = 1;

/// A whole run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) schema: u32,
    /// `drivers` or `peers`.
    pub(crate) verb: String,
    pub(crate) machine: Machine,
    /// The versions of others' programs.
    pub(crate) programs: Vec<String>,
    pub(crate) rounds: usize,
    /// Of each transfer.
    pub(crate) gib: f64,
    pub(crate) workloads: Vec<Block>,
}

/// A workload's figures.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Block {
    pub(crate) id: String,
    pub(crate) about: String,
    pub(crate) metrics: Vec<Metric>,
    pub(crate) rows: Vec<Row>,
}

/// A contender's.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) contender: String,
    /// In the metrics' order.
    pub(crate) figures: Vec<Figure>,
    /// Why there are none.
    pub(crate) failure: Option<String>,
}

/// One metric of one contender.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figure {
    #[serde(flatten)]
    pub(crate) spread: Spread,
    /// The reference whose median is the best, and this one's ratio to it.
    pub(crate) reference: Option<Ratio>,
}

/// What a figure is to another's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Ratio {
    pub(crate) contender: String,
    pub(crate) ratio: f64,
}

/// What the rounds of a contender have brought so far: a list of figures each.
pub(crate) type Rounds = Result<Vec<Vec<f64>>, String>;

impl Block {
    /// Sums up; ratios are to the best of those that `references` names.
    pub(crate) fn new(
        workload: &Workload,
        contenders: Vec<(String, Rounds)>,
        references: &[String],
    ) -> Self {
        let metrics = workload.metrics();
        let row = |(contender, rounds): (String, Rounds)| {
            let (rounds, failure) = match rounds {
                Ok(rounds) => (rounds, None),
                Err(why) => (Vec::new(), Some(why)),
            };
            let spread = |at: usize| Spread::of(rounds.iter().map(|round| round[at]).collect());
            let spreads = (0..metrics.len()).filter_map(spread);
            let figures = spreads.map(|spread| Figure { spread, reference: None }).collect();
            Row { contender, figures, failure }
        };
        let rows = contenders.into_iter().map(row).collect();
        let mut block =
            Self { id: workload.id.into(), about: workload.about.into(), metrics, rows };
        block.compare(references);
        block
    }

    fn compare(&mut self, references: &[String]) {
        for (at, metric) in self.metrics.iter().enumerate() {
            let named = self.rows.iter().filter(|row| references.contains(&row.contender));
            let medians = named.filter_map(|row| {
                Some((row.contender.clone(), row.figures.get(at)?.spread.median))
            });
            let best = medians.min_by(
                |(_, a), (_, b)| {
                    if metric.less { a.total_cmp(b) } else { b.total_cmp(a) }
                },
            );
            let Some((contender, median)) = best else { continue };
            for figure in self.rows.iter_mut().filter_map(|row| row.figures.get_mut(at)) {
                figure.reference = ratio(figure.spread.median, median)
                    .map(|ratio| Ratio { contender: contender.clone(), ratio });
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::workload::ALL;

    /// `down-1` of three contenders, one of which failed.
    pub(crate) fn block() -> Block {
        let contenders = vec![
            ("fast".to_owned(), Ok(vec![vec![0.25, 2.0], vec![0.5, 4.0]])),
            ("slow".to_owned(), Ok(vec![vec![1.5, 0.5], vec![1.5, 0.5]])),
            ("lost".to_owned(), Err("it did not listen".to_owned())),
        ];
        Block::new(&ALL[0], contenders, &["slow".to_owned(), "lost".to_owned()])
    }

    #[test]
    fn ratios_are_to_the_best_of_the_references_that_came_through() {
        let rows = block().rows;
        let ratios = |row: &Row| -> Vec<_> {
            row.figures.iter().map(|figure| figure.reference.clone().unwrap()).collect()
        };
        let to_slow = |ratio| Ratio { contender: "slow".to_owned(), ratio };
        assert_eq!(ratios(&rows[0]), [to_slow(0.25), to_slow(6.0)]);
        assert_eq!(ratios(&rows[1]), [to_slow(1.0), to_slow(1.0)]);
        assert!(rows[2].figures.is_empty());
    }

    #[test]
    fn of_two_references_each_metric_takes_the_better() {
        let contenders = vec![
            ("thrifty".to_owned(), Ok(vec![vec![1.0, 1.0]])),
            ("quick".to_owned(), Ok(vec![vec![2.0, 3.0]])),
        ];
        let names = ["thrifty".to_owned(), "quick".to_owned()];
        let block = Block::new(&ALL[0], contenders, &names);
        let to = |at: usize| block.rows[0].figures[at].reference.clone().unwrap().contender;
        assert_eq!((to(0), to(1)), ("thrifty".to_owned(), "quick".to_owned()));
    }

    #[test]
    fn the_json_has_this_shape() {
        let block = block();
        let json = serde_json::to_value(&block).unwrap();
        assert_eq!(json["id"], "down-1");
        assert_eq!(
            json["metrics"][1],
            serde_json::json!({"id": "rate", "unit": "GiB/s", "less": false})
        );
        assert_eq!(
            json["rows"][0]["figures"][0],
            serde_json::json!({
                "median": 0.375, "min": 0.25, "max": 0.5, "rounds": [0.25, 0.5],
                "reference": {"contender": "slow", "ratio": 0.25},
            })
        );
        assert_eq!(json["rows"][2]["failure"], "it did not listen");
        let back: Block = serde_json::from_value(json).unwrap();
        assert_eq!(back.rows[0].figures, block.rows[0].figures);
    }
}
