//! Ctrl-C and SIGTERM: the first asks all to end politely, the second ends the program at once.

use std::io;
use std::process;
use std::time::Duration;

use tokio::sync::watch;

use crate::exit::Exit;

/// How long sessions, and then the viewer that was started, have for their farewells. More than both have of their own (5 s
/// and 3 s), but for a viewer that takes its rest a little at a time.
const FAREWELLS: Duration = Duration::from_secs(9);

/// How long a polite end may take: farewells and the UMS logout (3 s) together, and a little more.
const POLITE_END: Duration = Duration::from_secs(13);

/// Whether the program is to end. Clones see the same.
#[derive(Clone, Debug)]
pub(crate) struct Stop(watch::Receiver<Option<Exit>>);

impl Stop {
    /// From now on, signals no longer end the process by themselves.
    pub(crate) fn on_signals() -> io::Result<Self> {
        let (sender, receiver) = watch::channel(None);
        let mut signals = Signals::new()?;
        tokio::spawn(async move {
            let exit = signals.next().await;
            sender.send_replace(Some(exit));
            let _ = tokio::time::timeout(POLITE_END, signals.next()).await;
            process::exit(exit.code().into());
        });
        Ok(Self(receiver))
    }

    /// Waits until it is to end. Cancellation-safe.
    pub(crate) async fn asked(&mut self) -> Exit {
        let asked = self.0.wait_for(Option::is_some).await.map(|exit| *exit);
        match asked {
            Ok(exit) => exit.unwrap_or(Exit::Interrupted),
            // The task that waits for signals is gone with its runtime; nothing will ask any more.
            Err(_) => std::future::pending().await,
        }
    }

    /// Waits until it is to end and everybody has had time enough for it. Cancellation-safe.
    pub(crate) async fn overdue(&mut self) -> Exit {
        let exit = self.asked().await;
        tokio::time::sleep(FAREWELLS).await;
        exit
    }

    /// What was asked for, if it was.
    pub(crate) fn exit(&self) -> Option<Exit> {
        *self.0.borrow()
    }
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) -> Exit {
        tokio::select! {
            _ = self.interrupt.recv() => Exit::Interrupted,
            _ = self.terminate.recv() => Exit::Terminated,
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> Exit {
        // An error means that there is no console to press it at.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        Exit::Interrupted
    }
}
