//! `openssl s_server` has a terminal where other servers have a second socket: this joins its pipes to one.
//!
//! The copying is by `dyn`, which keeps the standard library from using splice(2): from a socket, that holds the
//! pipe's lock while it waits for bytes, and so keeps `s_server` from reading what is in the pipe already.

use std::io::{Read, Write, copy};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::process::{ChildStdin, ChildStdout, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::process::{Process, wait_for};
use super::{BOUND, Result};

/// A process that its bridge and its owner share: either may end it.
#[derive(Debug, Clone)]
pub(super) struct Shared(Arc<Mutex<Process>>);

impl Shared {
    pub(super) fn new(process: Process) -> Self {
        Self(Arc::new(Mutex::new(process)))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Process> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends it the polite way, and for certain.
    pub(super) fn end(&self) {
        self.lock().end();
    }
}

/// Starts it for one connection on a free port, with pipes.
pub(super) fn start(certificate: &Path, key: &Path, options: &[&str]) -> Result<Process> {
    Process::start("openssl", "openssl", |command, _| {
        // Without -quiet, lines that begin with Q or R are commands to it.
        command.args(["s_server", "-quiet", "-naccept", "1", "-accept", "127.0.0.1:0"]);
        command.arg("-cert").arg(certificate).arg("-key").arg(key).args(options);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        Ok(())
    })
}

/// Moves bytes between the pipes and a connection to `to` until either ends.
pub(super) fn bridge(process: &Shared, stdin: ChildStdin, mut stdout: ChildStdout, to: SocketAddr) {
    // The client speaks first; until it does, there may never be a session.
    let mut first = [0; 1024];
    let Ok(n @ 1..) = stdout.read(&mut first) else { return };
    let Ok(mut server) = TcpStream::connect_timeout(&to, BOUND) else {
        return process.end();
    };
    let Ok(downstream) = server.try_clone() else { return process.end() };
    std::thread::scope(|scope| {
        scope.spawn(move || {
            down(downstream, stdin, process);
        });
        if server.write_all(&first[..n]).is_ok() {
            let _ = copy::<dyn Read, dyn Write>(&mut stdout, &mut server);
        }
        let _ = server.shutdown(Shutdown::Both);
    });
}

/// From the server to the client; at the server's end the program is ended, as the end of its input alone does
/// not make it leave.
fn down(mut server: TcpStream, mut stdin: ChildStdin, process: &Shared) {
    let _ = copy::<dyn Read, dyn Write>(&mut server, &mut stdin);
    let id = process.lock().id();
    // What is in the pipe, and then in its hands, still belongs to the client.
    let _ = wait_for("delivery by s_server", BOUND, || match state(id) {
        None | Some('Z') => Some(()),
        Some('R') => None,
        Some(_) => rustix::io::ioctl_fionread(&stdin).is_ok_and(|left| left == 0).then_some(()),
    });
    process.end();
}

/// A process's state as proc(5) has it: `S` sleeps, `R` is at work, `Z` is over; none when it is gone.
fn state(id: u32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name before it is in brackets, and may have brackets and spaces in it.
    stat.rsplit(") ").next()?.chars().next()
}
