//! The harness: rounds in turn, so that what disturbs the machine disturbs everybody.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use clap::builder::RangedU64ValueParser;
use tempfile::TempDir;

use crate::Result;
use crate::child::Role;
use crate::client::{Done, OPEN, WARM};
use crate::contender::{Contender, Way, value_name};
use crate::identity::{Files, KeyKind};
use crate::measure::Machine;
use crate::peers::versions;
use crate::report::{Block, Report, Rounds, SCHEMA};
use crate::table::table;
use crate::workload::{ALL, Looks, Scale, Workload};

#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// How often everything is measured
    #[arg(long, default_value_t = 5, value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    rounds: usize,
    /// GiB of each transfer
    #[arg(long, default_value_t = 1.0, value_parser = gib)]
    gib: f64,
    /// Once, and as little as shows that all works
    #[arg(long, conflicts_with_all = ["rounds", "gib"])]
    quick: bool,
    /// Only these workloads
    #[arg(long, value_delimiter = ',', value_parser = workload)]
    only: Vec<&'static Workload>,
    /// Only these contenders
    #[arg(long, value_delimiter = ',')]
    contenders: Vec<String>,
    /// Ratios are to the best of these
    #[arg(long, value_delimiter = ',')]
    reference: Vec<String>,
    /// Where the JSON goes, instead of the target folder
    #[arg(long)]
    out: Option<PathBuf>,
}

fn workload(id: &str) -> std::result::Result<&'static Workload, String> {
    ALL.iter().find(|workload| workload.id == id).ok_or_else(|| {
        let ids: Vec<_> = ALL.iter().map(|workload| workload.id).collect();
        format!("there are {}", ids.join(", "))
    })
}

fn gib(text: &str) -> std::result::Result<f64, String> {
    let gib: f64 = text.parse().map_err(|_| "this is no number".to_owned())?;
    if gib > 0.0 && gib < 1024.0 { Ok(gib) } else { Err("not between 0 and 1024".to_owned()) }
}

/// The runtimes, against the usual way.
pub(crate) fn drivers(options: &Options) -> Result<()> {
    run("drivers", options, &Contender::runtimes(), &["copy".to_owned()])
}

/// The runtimes, against everybody else's programs.
pub(crate) fn peers(options: &Options) -> Result<()> {
    let contenders = Contender::peers();
    let others = contenders.iter().filter(|contender| matches!(contender, Contender::Peer(_)));
    let others: Vec<String> = others.map(ToString::to_string).collect();
    run("peers", options, &contenders, &others)
}

fn run(
    verb: &str,
    options: &Options,
    contenders: &[Contender],
    references: &[String],
) -> Result<()> {
    let contenders = options.choose(contenders)?;
    let references = if options.reference.is_empty() { references } else { &options.reference[..] };
    let (scale, rounds, gib) = if options.quick {
        (Scale::quick(), 1, 0.0)
    } else {
        (Scale::full(options.gib), options.rounds, options.gib)
    };
    let out = options.out.clone().map_or_else(|| default_out(verb), Ok)?;
    let rig = Rig::new()?;
    let mut report = Report {
        schema: SCHEMA,
        verb: verb.to_owned(),
        machine: Machine::here(),
        programs: if verb == "peers" { versions() } else { Vec::new() },
        rounds,
        gib,
        workloads: Vec::new(),
    };
    let chosen = |workload: &&Workload| {
        options.only.is_empty() || options.only.iter().any(|only| only.id == workload.id)
    };
    for workload in ALL.iter().filter(chosen) {
        let takers = contenders.iter().copied().filter(|contender| contender.takes(workload));
        let results = rig.rounds(workload, &takers.collect::<Vec<_>>(), &scale, rounds);
        let block = Block::new(workload, results, references);
        println!("{}", table(&block));
        report.workloads.push(block);
        // Each time: what has been measured is kept, if the rest is not waited for.
        report.machine.over();
        fs::write(&out, serde_json::to_string_pretty(&report)? + "\n")?;
    }
    println!("{}", out.display());
    let mut rows = report.workloads.iter().flat_map(|block| &block.rows);
    match rows.any(|row| row.failure.is_some()) {
        true => Err("not everything could be measured".into()),
        false => Ok(()),
    }
}

/// `bench/VERB.json` in the target folder, which is where this program is.
pub(crate) fn default_out(verb: &str) -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    let target = program.ancestors().nth(2).ok_or("this program is in no target folder")?;
    fs::create_dir_all(target.join("bench"))?;
    Ok(target.join("bench").join(verb).with_extension("json"))
}

impl Options {
    fn choose(&self, all: &[Contender]) -> Result<Vec<Contender>> {
        let names: Vec<String> = all.iter().map(ToString::to_string).collect();
        let unknown = |name: &&String| !names.contains(name);
        if let Some(name) = self.contenders.iter().chain(&self.reference).find(unknown) {
            return Err(format!("{name} is none of {}", names.join(", ")).into());
        }
        let chosen = |contender: &Contender| {
            self.contenders.is_empty() || self.contenders.contains(&contender.to_string())
        };
        Ok(all.iter().copied().filter(chosen).collect())
    }
}

/// What lasts for a whole run.
struct Rig {
    /// For the devices' files, and what peers need to write.
    folder: TempDir,
    devices: Vec<Device>,
}

struct Device {
    key: KeyKind,
    files: Files,
    address: SocketAddr,
    role: Role,
}

impl Rig {
    fn new() -> Result<Self> {
        let folder = TempDir::new()?;
        let devices = [KeyKind::Ecdsa, KeyKind::Rsa]
            .map(|key| Device::start(Files::make(folder.path(), key)?, key));
        Ok(Self { devices: devices.into_iter().collect::<Result<_>>()?, folder })
    }

    /// Measures all in turn, again and again. Whoever fails once is left out from then on.
    fn rounds(
        &self,
        workload: &Workload,
        contenders: &[Contender],
        scale: &Scale,
        rounds: usize,
    ) -> Vec<(String, Rounds)> {
        let mut results: Vec<(String, Rounds)> =
            contenders.iter().map(|contender| (contender.to_string(), Ok(Vec::new()))).collect();
        for round in 1..=rounds {
            for (contender, (name, result)) in contenders.iter().zip(&mut results) {
                let Ok(figures) = result else { continue };
                eprintln!("{} {round}/{rounds}: {name}", workload.id);
                match self.measure(workload, *contender, scale) {
                    Ok(more) => figures.push(more),
                    Err(why) => *result = Err(why.to_string()),
                }
            }
        }
        results
    }

    /// One process, one load.
    fn measure(
        &self,
        workload: &Workload,
        contender: Contender,
        scale: &Scale,
    ) -> Result<Vec<f64>> {
        let device = self.devices.iter().find(|device| device.key == workload.key);
        let device = device.ok_or("no device has such a key")?;
        let way = Way { device: device.address, files: &device.files, folder: self.folder.path() };
        let (proxy, address) = contender.start(workload, &way)?;
        let mut words: Vec<String> = ["client".into(), value_name(workload.job)].into();
        words.extend(["--proxy".into(), address.to_string()]);
        words.extend(["--sessions".into(), scale.sessions(workload).to_string()]);
        words.extend(["--amount".into(), scale.amount(workload.job).to_string()]);
        words.extend(["--record".into(), workload.record.to_string()]);
        words.extend(contender.says_hello().then(|| "--hello".into()));
        let look = || proxy.tree().snapshot(device.role.tree(), workload.quiet());
        let mut client = Role::start(&words)?;
        client.expect(WARM)?;
        let warm = look()?;
        client.go()?;
        client.expect(OPEN)?;
        let open = look()?;
        client.go()?;
        let said: Done = serde_json::from_str(&client.line()?)?;
        let done = look()?;
        Ok(workload.figures(scale, &Looks { warm, open, done }, said))
    }
}

impl Device {
    fn start(files: Files, key: KeyKind) -> Result<Self> {
        let mut words: Vec<String> = ["device".into(), "--certificate".into()].into();
        words.push(files.certificate.display().to_string());
        words.extend(["--key".into(), files.key.display().to_string()]);
        let mut role = Role::start(&words)?;
        let address = role.line()?.parse()?;
        Ok(Self { key, files, address, role })
    }
}
