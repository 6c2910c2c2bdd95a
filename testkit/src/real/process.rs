//! One running program as a value: it ends when the value does.

use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;

use super::{BOUND, Result, RigError};

/// How long a program may take to obey SIGTERM before it gets SIGKILL.
const OBEDIENCE: Duration = Duration::from_secs(3);

/// How often a condition without an event of its own is looked at.
const GLANCE: Duration = Duration::from_millis(10);

/// How much of a program's own words an error repeats, in bytes.
const LAST_WORDS: usize = 2000;

/// A running program, alone in its process group, with a folder for its files and what it prints.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    folder: TempDir,
}

impl Process {
    /// Starts `program` (of the Debian package `package`) after `set_up` has given it arguments; the path is the
    /// process's own folder. Without other wishes it reads nothing and prints into that folder.
    pub fn start(
        program: &str,
        package: &str,
        set_up: impl FnOnce(&mut Command, &Path) -> io::Result<()>,
    ) -> Result<Self> {
        let failed = |error: io::Error| {
            if error.kind() == io::ErrorKind::NotFound {
                RigError::new(format!(
                    "{program} is not installed: it is in the Debian package {package}; \
                     `cargo xtask test` installs all that the tests need"
                ))
            } else {
                RigError::new(format!("starting {program}: {error}"))
            }
        };
        let folder = tempfile::Builder::new().prefix("procy-rig-").tempdir().map_err(failed)?;
        let mut command = Command::new(program);
        command.process_group(0).stdin(Stdio::null());
        command.stdout(File::create(folder.path().join("stdout")).map_err(failed)?);
        command.stderr(File::create(folder.path().join("stderr")).map_err(failed)?);
        set_up(&mut command, folder.path())
            .map_err(RigError::of(format!("preparing {program}")))?;
        let child = command.spawn().map_err(failed)?;
        Ok(Self { name: program.to_owned(), child, folder })
    }

    /// The process's id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The folder for its files; it goes with the value.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What it has printed on stdout so far.
    pub fn stdout(&self) -> String {
        read_lossy(&self.folder.path().join("stdout"))
    }

    /// What it has printed on stderr so far.
    pub fn stderr(&self) -> String {
        read_lossy(&self.folder.path().join("stderr"))
    }

    /// Its end of a pipe, if `set_up` asked for one.
    pub fn take_pipes(&mut self) -> (Option<ChildStdin>, Option<ChildStdout>) {
        (self.child.stdin.take(), self.child.stdout.take())
    }

    /// Waits, at most [`BOUND`], until `probe` gives something; fails at once if the program ends before that.
    pub fn until<T>(&mut self, what: &str, mut probe: impl FnMut(&Self) -> Option<T>) -> Result<T> {
        let deadline = Instant::now() + BOUND;
        loop {
            // The order matters: a program may do its deed and end between the two.
            let ended = self.child.try_wait().ok().flatten();
            if let Some(found) = probe(self) {
                return Ok(found);
            }
            if let Some(status) = ended {
                return Err(self.complaint(&format!("ended ({status}) before {what}")));
            }
            if Instant::now() > deadline {
                return Err(self.complaint(&format!("did not come to {what} within {BOUND:?}")));
            }
            std::thread::sleep(GLANCE);
        }
    }

    /// Waits until the program ends by itself.
    pub fn wait(&mut self, bound: Duration) -> Result<ExitStatus> {
        let deadline = Instant::now() + bound;
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return Ok(status),
                Ok(None) if Instant::now() > deadline => {
                    return Err(self.complaint(&format!("did not end within {bound:?}")));
                }
                Ok(None) => std::thread::sleep(GLANCE),
                Err(error) => {
                    return Err(RigError::of(format!("waiting for {}", self.name))(error));
                }
            }
        }
    }

    /// The port on which this process (not a child of it) listens, if it does already.
    ///
    /// Asking the kernel allows port 0 with programs that do not print the port they got, and sees readiness
    /// without a connection, which a program that accepts only once would take for its client.
    pub fn listening_port(&self) -> Option<u16> {
        let links = std::fs::read_dir(format!("/proc/{}/fd", self.id())).ok()?;
        let sockets: Vec<String> = links
            .filter_map(|link| std::fs::read_link(link.ok()?.path()).ok())
            .filter_map(|to| Some(to.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.into()))
            .collect();
        let table = std::fs::read_to_string("/proc/net/tcp").ok()?;
        table.lines().skip(1).find_map(|line| {
            // sl local_address rem_address st queues timer retransmits uid timeout inode
            let fields: Vec<&str> = line.split_whitespace().collect();
            let listens = *fields.get(3)? == "0A";
            let ours = sockets.iter().any(|inode| Some(&inode.as_str()) == fields.get(9));
            let port = fields.get(1)?.rsplit(':').next()?;
            (listens && ours).then(|| u16::from_str_radix(port, 16).ok()).flatten()
        })
    }

    /// Ends the process: asks it first, and kills it when it does not obey.
    pub fn end(&mut self) {
        self.signal(Signal::TERM);
        if self.wait(OBEDIENCE).is_err() {
            self.kill();
        }
    }

    /// Ends the process at once, without a chance to say goodbye to anybody.
    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
        let _ = self.child.wait();
    }

    /// An error in this program's name, with the last of what it printed.
    pub(crate) fn complaint(&self, what: &str) -> RigError {
        let words = self.stdout() + &self.stderr();
        let start = words.len().saturating_sub(LAST_WORDS);
        let words = String::from_utf8_lossy(&words.as_bytes()[start..]);
        RigError::new(format!("{} {what}; it said:\n{}", self.name, words.trim_end()))
    }

    fn signal(&mut self, signal: Signal) {
        // Only a process that has not been waited for still owns its number, and with it its group's.
        let running = matches!(self.child.try_wait(), Ok(None));
        let id = i32::try_from(self.id()).ok().and_then(Pid::from_raw);
        if let (true, Some(id)) = (running, id) {
            let _ = kill_process_group(id, signal);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

/// The package of what is in the tests' Python environment, for [`Process::start`].
pub const VENV: &str = "none: `cargo xtask test` installs it";

/// The path of a program in the tests' Python environment: the one that `cargo xtask test` names, or else where it is
/// usually.
pub fn from_venv(program: &str) -> Result<String> {
    let venv = std::env::var_os("PROCY_TEST_VENV").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/venv"),
        PathBuf::from,
    );
    let path = venv.join("bin").join(program).into_os_string().into_string();
    path.map_err(|path| RigError::new(format!("not a readable path: {}", path.display())))
}

/// Waits, at most `bound`, until `probe` gives something; `what` is for the error.
pub fn wait_for<T>(what: &str, bound: Duration, mut probe: impl FnMut() -> Option<T>) -> Result<T> {
    let deadline = Instant::now() + bound;
    loop {
        if let Some(found) = probe() {
            return Ok(found);
        }
        if Instant::now() > deadline {
            return Err(RigError::new(format!("no {what} within {bound:?}")));
        }
        std::thread::sleep(GLANCE);
    }
}

/// A port that was free a moment ago, for programs that cannot take port 0; be ready to lose the race.
pub(crate) fn free_port() -> Result<u16> {
    let address = TcpListener::bind(loopback(0)).and_then(|listener| listener.local_addr());
    address.map(|address| address.port()).map_err(RigError::of("looking for a free port"))
}

/// A port on 127.0.0.1.
pub(crate) fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// Runs a program to its end, bounded by [`BOUND`], and gives it with what it printed; failing is an error.
pub(crate) fn run(
    program: &str,
    package: &str,
    set_up: impl FnOnce(&mut Command),
) -> Result<Process> {
    let mut process = Process::start(program, package, |command, _| {
        set_up(command);
        Ok(())
    })?;
    let status = process.wait(BOUND)?;
    if status.success() {
        Ok(process)
    } else {
        Err(process.complaint(&format!("failed ({status})")))
    }
}

fn read_lossy(path: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned()
}
