//! A process seen from outside: what it and its descendants have cost, and what they hold. And the machine.
//!
//! The processor's time is read from the process's own CPU clock (clock_getcpuclockid(3)): nanoseconds that its threads,
//! those that have ended among them, have been on a processor. `/proc/PID/stat` has the same sum in ticks of 10 ms, and
//! `schedstat` forgets threads that have ended, which is where a relay with a thread a session spends its time. Only of
//! children that have ended and been waited for nothing finer is kept than those ticks.

use std::collections::HashMap;
use std::fs;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::time::ClockId;
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use crate::Result;

/// A process is at rest when its clock has gone on by no more than `REST` in each of several times `LOOK`. It is waited
/// for so many times at the most.
const LOOK: Duration = Duration::from_millis(20);
const REST: Duration = Duration::from_micros(100);
const LOOKS: usize = 500;

/// A process and its descendants.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tree(pub(crate) u32);

/// What a process tree has cost and holds, at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Snapshot {
    /// Seconds on a processor, in user space and in the kernel.
    pub(crate) cpu: f64,
    /// Bytes of memory of its own.
    pub(crate) memory: f64,
}

impl Tree {
    /// Looks at it once it and its `source` have been at rest for so many looks. More are needed where what has not come
    /// yet counts: on a busy machine, whoever waits for a processor seems to rest.
    pub(crate) fn snapshot(self, source: Self, quiet: usize) -> Result<Snapshot> {
        let both = || Ok::<_, crate::Failure>(self.cpu()? + source.cpu()?);
        let (mut before, mut rested) = (both()?, 0);
        for _ in 0..LOOKS {
            thread::sleep(LOOK);
            let now = both()?;
            rested = if now.saturating_sub(before) <= REST { rested + 1 } else { 0 };
            before = now;
            if rested >= quiet {
                break;
            }
        }
        Ok(Snapshot { cpu: self.cpu()?.as_secs_f64(), memory: self.memory() })
    }

    fn cpu(self) -> Result<Duration> {
        let root = ClockId::pid_cpu_clock_id(Pid::from_raw(self.0.cast_signed()))?.now()?;
        let mut sum = Duration::from(root);
        let ticks = rustix::param::clock_ticks_per_second() as f64;
        for process in self.processes() {
            sum += Duration::from_secs_f64(process.reaped as f64 / ticks);
            if process.id == self.0 {
                continue;
            }
            // One that has ended since is among what its parent has waited for, or soon will be.
            let clock = ClockId::pid_cpu_clock_id(Pid::from_raw(process.id.cast_signed()));
            sum += clock.and_then(ClockId::now).map_or(Duration::ZERO, Duration::from);
        }
        Ok(sum)
    }

    /// Anonymous and shared memory, each process's share of what several hold. Files' pages are left out: the system
    /// can drop them, and most are shared with programs that are no part of this.
    pub(crate) fn memory(self) -> f64 {
        let share = |process: &Process| {
            let path = format!("/proc/{}/smaps_rollup", process.id);
            fs::read_to_string(path).map_or(0.0, |text| own_memory(&text))
        };
        self.processes().iter().map(share).sum()
    }

    fn processes(self) -> Vec<Process> {
        let mut children: HashMap<u32, Vec<Process>> = HashMap::new();
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else { continue };
            let Some((process, parent)) = Process::parse(id, &stat) else { continue };
            if id == self.0 {
                found.push(process);
            } else {
                children.entry(parent).or_default().push(process);
            }
        }
        let mut next = 0;
        while let Some(process) = found.get(next) {
            found.extend(children.remove(&process.id).unwrap_or_default());
            next += 1;
        }
        found
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Process {
    id: u32,
    /// Ticks that children had cost when they were waited for.
    reaped: u64,
}

impl Process {
    /// Reads a line of `/proc/PID/stat` (proc_pid_stat(5)): the process, and its parent.
    fn parse(id: u32, stat: &str) -> Option<(Self, u32)> {
        // Its name may hold anything.
        let (_, rest) = stat.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let reaped = |field: usize| fields.get(field)?.parse::<u64>().ok();
        Some((Self { id, reaped: reaped(13)? + reaped(14)? }, fields.get(1)?.parse().ok()?))
    }
}

/// Bytes, from the text of `/proc/PID/smaps_rollup`.
fn own_memory(text: &str) -> f64 {
    let kibibytes = |line: &str| -> Option<f64> {
        let (name, value) = line.split_once(':')?;
        let counts = matches!(name, "Pss_Anon" | "Pss_Shmem");
        counts.then(|| value.trim().strip_suffix(" kB")?.parse().ok())?
    };
    1024.0 * text.lines().filter_map(kibibytes).sum::<f64>()
}

/// Where and when figures were measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) kernel: String,
    /// Seconds since 1970.
    pub(crate) time: u64,
    /// Runnable tasks over the last minute, before the run and after it.
    pub(crate) load: [f64; 2],
}

impl Machine {
    /// Before a run.
    pub(crate) fn here() -> Self {
        let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = processors.lines().find_map(|line| line.strip_prefix("model name"));
        let model = model.map_or("unknown", |model| model.trim_start_matches(['\t', ' ', ':']));
        Self {
            processor: model.to_owned(),
            cores: thread::available_parallelism().map_or(0, usize::from),
            kernel: rustix::system::uname().release().to_string_lossy().into_owned(),
            time: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
            load: [load(), 0.0],
        }
    }

    /// After it, so far.
    pub(crate) fn over(&mut self) {
        self.load[1] = load();
    }
}

fn load() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|word| word.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_stat_line_is_read_whatever_the_programs_name() {
        let stat = "42 (a) b) (c) S 7 42 42 0 -1 4194560 100 200 0 0 11 22 33 44 20 0 1 0 12345";
        assert_eq!(Process::parse(42, stat), Some((Process { id: 42, reaped: 77 }, 7)));
        assert_eq!(Process::parse(42, "42 (short) S 7"), None);
    }

    #[test]
    fn memory_is_anonymous_and_shared_and_no_files() {
        let text = "00400000-7ffe [rollup]\nRss:   900 kB\nPss:  500 kB\nPss_Dirty: 3 kB\n\
            Pss_Anon:      100 kB\nPss_File:   300 kB\nPss_Shmem:       20 kB\n";
        assert_eq!(own_memory(text), 120.0 * 1024.0);
    }

    #[test]
    fn what_threads_and_children_cost_still_counts_when_they_have_ended() {
        let me = Tree(std::process::id());
        let burn = |floor: Duration| {
            let start = Instant::now();
            while start.elapsed() < floor {}
        };
        let before = me.cpu().unwrap();
        thread::spawn(move || burn(Duration::from_millis(60))).join().unwrap();
        let between = me.cpu().unwrap();
        assert!(between > before);
        let count = "i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done";
        assert!(Command::new("sh").args(["-c", count]).status().unwrap().success());
        assert!(me.cpu().unwrap() > between);
    }

    #[test]
    fn memory_grows_by_what_is_held() {
        let me = Tree(std::process::id());
        let before = me.memory();
        let held = std::hint::black_box(vec![1_u8; 64 << 20]);
        assert!(me.memory() - before > 0.8 * held.len() as f64);
    }
}
