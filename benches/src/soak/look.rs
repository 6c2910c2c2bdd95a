//! What a process holds, seen from outside, and what of it is left over.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::host::Count;
use crate::Result;
use crate::measure::Tree;

/// How much more memory a process may hold at the end: what an allocator keeps differs from burst to burst. It does not
/// grow with the sessions, so that the longer a soak the smaller a leak it finds.
const ALLOWANCE: f64 = 8.0 * 1024.0 * 1024.0;

/// A process at one moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Look {
    /// Each file descriptor, and what it is.
    pub(super) files: BTreeSet<String>,
    /// Each thread, and its name.
    pub(super) threads: BTreeSet<String>,
    /// Bytes of memory of its own.
    pub(super) memory: f64,
    /// Tasks, threads or slots that hold a session.
    pub(super) tasks: usize,
}

impl Look {
    pub(super) fn at(process: Tree, count: &Count) -> Result<Self> {
        let folder = PathBuf::from(format!("/proc/{}", process.0));
        Ok(Self {
            files: entries(&folder.join("fd"), |file| {
                fs::read_link(file).map(|target| target.display().to_string())
            })?,
            threads: entries(&folder.join("task"), |thread| {
                fs::read_to_string(thread.join("comm")).map(|name| name.trim_end().to_owned())
            })?,
            memory: process.memory(),
            tasks: count.open,
        })
    }

    /// Names what there is more of than there was at the `start`.
    pub(super) fn left_over(&self, start: &Self) -> Vec<String> {
        let mut left = Vec::new();
        let pairs = [
            ("file descriptors", &self.files, &start.files),
            ("threads", &self.threads, &start.threads),
        ];
        for (kind, now, then) in pairs {
            if now.len() > then.len() {
                let more: Vec<_> = now.difference(then).map(String::as_str).collect();
                left.push(format!("{kind}: {}", more.join(", ")));
            }
        }
        if self.tasks > start.tasks {
            left.push(format!("tasks: {}", self.tasks - start.tasks));
        }
        if self.memory > start.memory + ALLOWANCE {
            left.push(format!("memory: {:.0} KiB", (self.memory - start.memory) / 1024.0));
        }
        left
    }
}

/// A folder's entries as `NAME WHAT`. One that has gone meanwhile is none.
fn entries(
    folder: &Path,
    what: impl Fn(&Path) -> std::io::Result<String>,
) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if let Ok(what) = what(&entry.path()) {
            found.insert(format!("{} {what}", entry.file_name().display()));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_process_holds_is_seen() {
        let held = tempfile::NamedTempFile::new().unwrap();
        let (ready, wait) = std::sync::mpsc::channel();
        let (done, end) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::Builder::new().name("left-over".into());
        let thread = thread.spawn(move || ready.send(()).map(|()| end.recv())).unwrap();
        wait.recv().unwrap();
        let count = Count { open: 3, ..Count::default() };
        let look = Look::at(Tree(std::process::id()), &count).unwrap();
        drop(done);
        let _ = thread.join().unwrap();
        let path = held.path().display().to_string();
        assert!(look.files.iter().any(|file| file.ends_with(&path)), "{look:?}");
        assert!(look.threads.iter().any(|thread| thread.ends_with(" left-over")), "{look:?}");
        assert_eq!(look.tasks, 3);
        assert!(look.memory > 0.0);
    }

    #[test]
    fn what_is_left_over_is_named_and_what_was_there_is_not() {
        let set = |words: &[&str]| words.iter().map(ToString::to_string).collect();
        let start = Look {
            files: set(&["0 pipe:[1]", "9 socket:[5]"]),
            threads: set(&["1 procy-bench"]),
            memory: 1e6,
            tasks: 0,
        };
        // Another socket in the place of one that has gone, and what an allocator keeps.
        let files = set(&["0 pipe:[1]", "9 socket:[6]"]);
        let end = Look { files, memory: 1e6 + ALLOWANCE, ..start.clone() };
        assert_eq!(end.left_over(&start), [""; 0]);
        let end = Look {
            files: set(&["0 pipe:[1]", "9 socket:[5]", "11 socket:[7]"]),
            threads: set(&["1 procy-bench", "4 procy session"]),
            memory: 1e6 + ALLOWANCE + 1024.0,
            tasks: 2,
        };
        assert_eq!(
            end.left_over(&start),
            [
                "file descriptors: 11 socket:[7]",
                "threads: 4 procy session",
                "tasks: 2",
                "memory: 8193 KiB"
            ]
        );
    }
}
