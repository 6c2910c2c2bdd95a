//! A run's main figures as a picture for the README: bars, written as SVG by hand, readable on light and on dark pages.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::Result;
use crate::proxy::Runtime;
use crate::report::{Block, Report, Row, SCHEMA};
use crate::run::default_out;
use crate::stats::Spread;
use crate::table::short;

/// The workloads that are shown, if they were run: of each the first figure, of which less is better in all.
const SHOWN: [&str; 8] =
    ["down-1", "down-16", "up-1", "records-1k", "trips", "setup-ecdsa", "idle-2000", "stalled"];

/// How many panels stand side by side, and how wide one is.
const COLUMNS: usize = 2;
const PANEL: f64 = 440.0;
/// In a panel: where bars begin, how long they may be, how high a line is, and what stands above the first.
const BAR: f64 = 110.0;
const LENGTH: f64 = 230.0;
const LINE: f64 = 18.0;
const HEAD: f64 = 50.0;
/// A bar longer than so many times the median one is cut, and ends in a point.
const CUT: f64 = 2.5;

const STYLE: &str = "\
text{font:12px system-ui,sans-serif;fill:#1f2328}.title{font-weight:600;font-size:13px}.more{fill:#59636e}\
.own{fill:#0969da}.peer{fill:#9aa4af}.spread{stroke:#1f2328}\
@media(prefers-color-scheme:dark){text{fill:#f0f6fc}.more{fill:#9198a1}.own{fill:#4493f8}.peer{fill:#656c76}\
.spread{stroke:#f0f6fc}}";

#[derive(Args, Debug)]
pub(crate) struct Options {
    /// What `peers` or `drivers` has written, instead of `peers`' in the target folder
    #[arg(long)]
    json: Option<PathBuf>,
    /// Where the picture goes
    #[arg(long, default_value = "docs/images/bench.svg")]
    out: PathBuf,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let json = options.json.clone().map_or_else(|| default_out("peers"), Ok)?;
    let text = fs::read_to_string(&json).map_err(|why| format!("{}: {why}", json.display()))?;
    let report: Report = serde_json::from_str(&text)?;
    if report.schema != SCHEMA {
        return Err(format!("{} has another shape: measure again", json.display()).into());
    }
    fs::write(&options.out, svg(&report))?;
    println!("{}", options.out.display());
    Ok(())
}

/// The whole picture.
fn svg(report: &Report) -> String {
    let shown = SHOWN.iter().filter_map(|id| report.workloads.iter().find(|one| one.id == *id));
    let panels: Vec<Panel<'_>> = shown.map(Panel::new).collect();
    let (mut body, mut top) = (String::new(), 0.0);
    for row in panels.chunks(COLUMNS) {
        for (column, panel) in row.iter().enumerate() {
            body += &panel.draw(column as f64 * PANEL, top);
        }
        top += row.iter().map(Panel::height).fold(0.0, f64::max);
    }
    let machine = &report.machine;
    let about = format!(
        "Less is better. Medians of {} rounds, lines from the least to the most; pointed bars are cut. {}, {} cores, Linux {}.",
        report.rounds, machine.processor, machine.cores, machine.kernel
    );
    let (width, height) = (COLUMNS as f64 * PANEL, top + HEAD);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\">\n\
         <title>What a relay costs: procy and its peers</title>\n\
         <style>{STYLE}</style>\n\
         {body}<text class=\"more\" x=\"8\" y=\"{}\">{}</text>\n\
         </svg>\n",
        top + HEAD / 2.0,
        escaped(&about)
    )
}

/// One workload's bars, the best first.
struct Panel<'r> {
    block: &'r Block,
    bars: Vec<(&'r Row, &'r Spread)>,
    /// The figure of the longest bar.
    full: f64,
}

impl<'r> Panel<'r> {
    fn new(block: &'r Block) -> Self {
        let bar = |row: &'r Row| Some((row, &row.figures.first()?.spread));
        let mut bars: Vec<_> = block.rows.iter().filter_map(bar).collect();
        bars.sort_by(|(_, a), (_, b)| a.median.total_cmp(&b.median));
        let median = bars.get(bars.len() / 2).map_or(0.0, |(_, spread)| spread.median);
        let longest = bars.last().map_or(0.0, |(_, spread)| spread.median);
        Self { block, bars, full: longest.min(CUT * median) }
    }

    fn height(&self) -> f64 {
        HEAD + LINE * self.bars.len() as f64 + LINE
    }

    fn length(&self, value: f64) -> f64 {
        if self.full > 0.0 { (value / self.full).clamp(0.0, 1.0) * LENGTH } else { 0.0 }
    }

    fn draw(&self, left: f64, top: f64) -> String {
        let unit = self.block.metrics.first().map_or("", |metric| &metric.unit);
        let mut text = format!(
            "<text class=\"title\" x=\"{0}\" y=\"{1}\">{2}</text><text class=\"more\" x=\"{0}\" y=\"{3}\">{4}</text>\n",
            left + 8.0,
            top + HEAD - 26.0,
            escaped(&self.block.about),
            top + HEAD - 10.0,
            escaped(unit)
        );
        for (at, (row, spread)) in self.bars.iter().enumerate() {
            let top = top + HEAD + LINE * at as f64;
            text += &self.bar(row, spread, left + BAR, top);
        }
        text
    }

    fn bar(&self, row: &Row, spread: &Spread, left: f64, top: f64) -> String {
        let own = is_own(&row.contender);
        let (class, name) = if own {
            ("own", format!("procy-{}", row.contender))
        } else {
            ("peer", row.contender.clone())
        };
        let cut = spread.median > self.full;
        let (end, bottom, middle) =
            (left + self.length(spread.median), top + LINE - 5.0, top + (LINE - 5.0) / 2.0);
        // The point of a bar that goes on.
        let tip = if cut { end + 8.0 } else { end };
        let mut text = format!(
            "<text text-anchor=\"end\" x=\"{:.1}\" y=\"{:.1}\">{}</text>\
             <path class=\"{class}\" d=\"M{left:.1} {top:.1}H{end:.1}L{tip:.1} {middle:.1}L{end:.1} {bottom:.1}H{left:.1}z\"/>",
            left - 6.0,
            bottom - 2.0,
            escaped(&name)
        );
        let most = left + self.length(spread.max);
        if !cut {
            let least = left + self.length(spread.min);
            let _ =
                write!(text, "<path class=\"spread\" d=\"M{least:.1} {middle:.1}H{most:.1}\"/>");
        }
        let after = tip.max(most) + 6.0;
        let _ = writeln!(
            text,
            "<text class=\"more\" x=\"{after:.1}\" y=\"{:.1}\">{}</text>",
            bottom - 2.0,
            short(spread.median)
        );
        text
    }
}

/// Whether a contender is procy.
fn is_own(name: &str) -> bool {
    let runtime = Runtime::from_str(name, false);
    runtime.is_ok_and(Runtime::is_procys)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Machine;
    use crate::workload::ALL;

    fn picture(medians: &[(&str, f64)]) -> String {
        let rows = medians.iter().map(|(name, median)| {
            ((*name).to_owned(), Ok(vec![vec![*median * 0.75, 1.0], vec![*median * 1.25, 1.0]]))
        });
        let block = Block::new(&ALL[0], rows.collect(), &[]);
        let mut machine = Machine::here();
        machine.processor = "A & B <fast>".to_owned();
        let (verb, programs, workloads) = ("peers".to_owned(), Vec::new(), vec![block]);
        svg(&Report { schema: SCHEMA, verb, machine, programs, rounds: 2, gib: 1.0, workloads })
    }

    #[test]
    fn bars_stand_in_order_with_names_and_figures() {
        let picture = picture(&[("nginx", 2.0), ("mio", 1.0), ("stunnel", 4.0)]);
        let place = |word: &str| picture.find(word).unwrap();
        assert!(place(">procy-mio<") < place(">nginx<") && place(">nginx<") < place(">stunnel<"));
        assert!(place(">1.00<") < place(">2.00<") && place(">2.00<") < place(">4.00<"));
        assert_eq!(picture.matches("class=\"own\"").count(), 1);
        assert_eq!(picture.matches("class=\"peer\"").count(), 2);
        assert!(picture.contains("A &amp; B &lt;fast&gt;"));
    }

    #[test]
    fn the_longest_bar_has_the_full_length_and_the_others_their_share() {
        let picture = picture(&[("mio", 1.0), ("nginx", 2.0)]);
        assert!(picture.contains(&format!("H{:.1}", BAR + LENGTH)));
        assert!(picture.contains(&format!("H{:.1}", BAR + LENGTH / 2.0)));
    }

    #[test]
    fn a_bar_far_longer_than_the_others_is_cut_and_pointed() {
        let point = format!("L{:.1}", BAR + LENGTH + 8.0);
        let cut = picture(&[("mio", 1.0), ("nginx", 2.0), ("socat", 50.0)]);
        assert_eq!(cut.matches(&point).count(), 1);
        assert!(cut.contains(">50.0<"));
        assert!(!picture(&[("mio", 1.0), ("nginx", 2.0)]).contains(&point));
    }

    #[test]
    fn nothing_measured_is_an_empty_picture() {
        assert!(picture(&[]).ends_with("</svg>\n"));
    }
}
