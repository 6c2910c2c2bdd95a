//! What is measured: the loads, and how looks at the proxy become figures.

use serde::{Deserialize, Serialize};

use crate::client::{Done, Job};
use crate::identity::KeyKind;
use crate::measure::Snapshot;

const KIB: f64 = 1024.0;
const GIB: f64 = KIB * KIB * KIB;

/// A load, in the same words for every proxy.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Workload {
    pub(crate) id: &'static str,
    pub(crate) about: &'static str,
    pub(crate) job: Job,
    /// At once.
    pub(crate) sessions: usize,
    /// That the proxy is given, where it has a choice.
    pub(crate) threads: usize,
    /// The content of the device's TLS records, in bytes.
    pub(crate) record: u32,
    pub(crate) key: KeyKind,
    /// X25519MLKEM768 instead of X25519.
    pub(crate) post_quantum: bool,
}

const fn load(id: &'static str, about: &'static str, job: Job, sessions: usize) -> Workload {
    let (threads, record, key, post_quantum) = (1, 16_384, KeyKind::Ecdsa, false);
    Workload { id, about, job, sessions, threads, record, key, post_quantum }
}

/// Every workload, in the order in which they are run and shown.
#[rustfmt::skip]
pub(crate) const ALL: [Workload; 15] = [
    load("down-1", "download, 1 session", Job::Down, 1),
    load("down-16", "download, 16 sessions", Job::Down, 16),
    Workload { threads: 2, ..load("down-16-two", "download, 16 sessions, two threads", Job::Down, 16) },
    load("up-1", "upload, 1 session", Job::Up, 1),
    Workload { record: 4_096, ..load("records-4k", "download, 1 session, records of 4 KiB", Job::Down, 1) },
    Workload { record: 1_024, ..load("records-1k", "download, 1 session, records of 1 KiB", Job::Down, 1) },
    load("trips", "round trips, 64 B up and 1 KiB down", Job::Trips, 1),
    load("setup-ecdsa", "session set-up, ECDSA P-256 and X25519", Job::Setup, 8),
    Workload { key: KeyKind::Rsa, ..load("setup-rsa", "session set-up, RSA-2048 and X25519", Job::Setup, 8) },
    Workload { post_quantum: true, ..load("setup-mlkem", "session set-up, ECDSA P-256 and X25519MLKEM768", Job::Setup, 8) },
    Workload { threads: 2, ..load("setup-two", "session set-up, ECDSA P-256 and X25519, two threads", Job::Setup, 8) },
    load("idle-300", "300 sessions that wait", Job::Idle, 300),
    load("idle-2000", "2,000 sessions that wait", Job::Idle, 2_000),
    load("idle-9000", "9,000 sessions that wait", Job::Idle, 9_000),
    load("stalled", "50 sessions whose viewers take nothing", Job::Stall, 50),
];

impl Workload {
    /// What comes of it.
    pub(crate) fn metrics(&self) -> Vec<Metric> {
        let less = |id: &str, unit: &str| Metric { id: id.into(), unit: unit.into(), less: true };
        let more = |id: &str, unit: &str| Metric { less: false, ..less(id, unit) };
        match self.job {
            Job::Down | Job::Up => vec![less("cpu", "CPU s/GiB"), more("rate", "GiB/s")],
            Job::Trips => {
                vec![less("cpu", "CPU s/100k"), less("p50", "p50 µs"), less("p99", "p99 µs")]
            }
            Job::Setup => vec![less("cpu", "CPU s/1000"), more("rate", "sessions/s")],
            Job::Idle | Job::Stall => vec![less("memory", "KiB/session")],
        }
    }

    /// Whether what counts is bytes that move, rather than sessions.
    pub(crate) fn moves_bytes(&self) -> bool {
        matches!(self.job, Job::Down | Job::Up | Job::Trips)
    }

    /// For how many looks the proxy is to be at rest before one counts.
    pub(crate) fn quiet(&self) -> usize {
        if matches!(self.job, Job::Idle | Job::Stall) { 15 } else { 1 }
    }

    /// The figures, in the metrics' order.
    pub(crate) fn figures(&self, scale: &Scale, looks: &Looks, done: Done) -> Vec<f64> {
        let amount = scale.amount(self.job) as f64;
        let sessions = scale.sessions(self) as f64;
        let cpu = looks.done.cpu - looks.open.cpu;
        let memory = |at: Snapshot| vec![(at.memory - looks.warm.memory) / sessions / KIB];
        match self.job {
            Job::Down | Job::Up => vec![cpu / (amount / GIB), amount / GIB / done.seconds],
            Job::Trips => vec![cpu / amount * 100_000.0, done.p50, done.p99],
            Job::Setup => vec![cpu / amount * 1_000.0, amount / done.seconds],
            Job::Idle => memory(looks.open),
            Job::Stall => memory(looks.done),
        }
    }
}

/// A figure's name, unit, and which way is better.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Metric {
    pub(crate) id: String,
    pub(crate) unit: String,
    /// Less is better.
    pub(crate) less: bool,
}

/// The proxy at the end of each of the client's phases.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Looks {
    pub(crate) warm: Snapshot,
    pub(crate) open: Snapshot,
    pub(crate) done: Snapshot,
}

/// How much of everything.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scale {
    bytes: u64,
    trips: u64,
    setups: u64,
    /// At once, at the most.
    sessions: usize,
}

impl Scale {
    pub(crate) fn full(gib: f64) -> Self {
        Self { bytes: (gib * GIB) as u64, trips: 50_000, setups: 2_000, sessions: usize::MAX }
    }

    /// Enough to see that all works.
    pub(crate) const fn quick() -> Self {
        Self { bytes: 1 << 20, trips: 50, setups: 16, sessions: 8 }
    }

    /// Bytes, round trips or sessions, in such portions that each session gets the same.
    pub(crate) fn amount(&self, job: Job) -> u64 {
        match job {
            Job::Down | Job::Up => self.bytes.next_multiple_of(16),
            Job::Trips => self.trips,
            Job::Setup => self.setups.next_multiple_of(8),
            Job::Idle | Job::Stall => 0,
        }
    }

    pub(crate) fn sessions(&self, workload: &Workload) -> usize {
        workload.sessions.min(self.sessions)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn figures(id: &str, scale: &Scale) -> Vec<f64> {
        let workload = ALL.iter().find(|workload| workload.id == id).unwrap();
        let look = |cpu, memory| Snapshot { cpu, memory };
        let looks = Looks {
            warm: look(1.0, 1_000.0 * KIB),
            open: look(2.0, 3_000.0 * KIB),
            done: look(5.0, 6_000.0 * KIB),
        };
        let figures = workload.figures(scale, &looks, Done { seconds: 4.0, p50: 80.0, p99: 110.0 });
        assert_eq!(figures.len(), workload.metrics().len());
        figures
    }

    #[test]
    fn every_workload_has_a_name_of_its_own_and_whole_shares() {
        let ids: HashSet<_> = ALL.iter().map(|workload| workload.id).collect();
        assert_eq!(ids.len(), ALL.len());
        for scale in [Scale::full(0.7), Scale::quick()] {
            for workload in &ALL {
                let (amount, sessions) = (scale.amount(workload.job), scale.sessions(workload));
                assert_eq!(amount % sessions as u64, 0, "{}", workload.id);
            }
        }
    }

    #[test]
    fn looks_become_figures() {
        let scale = Scale::full(2.0);
        assert_eq!(figures("down-16", &scale), [1.5, 0.5]);
        assert_eq!(figures("trips", &scale), [6.0, 80.0, 110.0]);
        assert_eq!(figures("setup-rsa", &scale), [1.5, 500.0]);
        assert_eq!(figures("idle-2000", &scale), [1.0]);
        assert_eq!(figures("stalled", &scale), [100.0]);
    }
}
