//! A workload's figures for a terminal.

use crate::report::{Block, Figure};

/// The table, aligned; a line above it says what it is.
pub(crate) fn table(block: &Block) -> String {
    let mut lines = vec![vec![String::new()]];
    for metric in &block.metrics {
        lines[0].extend([metric.unit.clone(), "ratio".to_owned()]);
    }
    for row in &block.rows {
        let mut cells = vec![row.contender.clone()];
        match &row.failure {
            Some(why) => cells.push(format!("failed: {why}")),
            None => cells.extend(row.figures.iter().flat_map(cells_of)),
        }
        lines.push(cells);
    }
    let width = |at: usize| {
        // What stands last needs no room, and a failure takes what it needs.
        let cells = lines.iter().filter(|line| line.len() == lines[0].len());
        cells.map(|line| line[at].chars().count()).max().unwrap_or_default()
    };
    let first = lines.iter().map(|line| line[0].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> =
        (0..lines[0].len()).map(|at| if at == 0 { first } else { width(at) }).collect();
    let mut text = format!("{}: {}\n", block.id, block.about);
    for line in &lines {
        let cells: Vec<String> = std::iter::zip(line, &widths)
            .map(|(cell, width)| format!("{cell:<0$}", width))
            .collect();
        text += &format!("  {}\n", cells.join("  ").trim_end());
    }
    text
}

fn cells_of(figure: &Figure) -> [String; 2] {
    let spread = &figure.spread;
    let values = format!("{} [{}..{}]", short(spread.median), short(spread.min), short(spread.max));
    let ratio = figure.reference.as_ref();
    [values, ratio.map_or_else(|| "-".to_owned(), |reference| short(reference.ratio))]
}

/// Three digits that say something, where there are so many.
pub(crate) fn short(value: f64) -> String {
    let decimals = match value.abs() {
        100.0.. => 0,
        10.0.. => 1,
        1.0.. => 2,
        _ => 3,
    };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::block;

    #[test]
    fn columns_are_aligned_and_failures_told() {
        assert_eq!(
            table(&block()),
            "down-1: download, 1 session\n\
             \x20       CPU s/GiB             ratio  GiB/s                 ratio\n\
             \x20 fast  0.375 [0.250..0.500]  0.250  3.00 [2.00..4.00]     6.00\n\
             \x20 slow  1.50 [1.50..1.50]     1.00   0.500 [0.500..0.500]  1.00\n\
             \x20 lost  failed: it did not listen\n"
        );
    }

    #[test]
    fn numbers_have_three_digits() {
        let shown: Vec<_> = [1234.5, 99.94, 9.994, 0.1234, 0.0].map(short).into();
        assert_eq!(shown, ["1234", "99.9", "9.99", "0.123", "0.000"]);
    }
}
