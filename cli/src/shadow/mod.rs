//! `procy shadow`: a port at which viewers see a device.

mod door;
mod eager;
mod runtime;
mod session;
mod target;
pub(crate) mod viewer;

use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::sleep;

use self::door::Door;
use self::eager::Standing;
use self::runtime::Runtime;
use self::session::{Attempt, serve};
use self::target::{Source, Target};
use self::viewer::RunningViewer;
use crate::error::Failure;
use crate::exit::Exit;
use crate::fact::{Fact, Level};
use crate::output::Output;
use crate::settings::{DeviceSettings, ShadowSettings, UmsSettings, ViewerSettings, Wanted};
use crate::stop::Stop;
use crate::ums::Ums;

/// After the viewer that was started has ended: its connection should end by itself.
const AFTER_VIEWER: Duration = Duration::from_secs(1);

/// How a command ends: an exit code, or a failure that is still to be told. One of a session has been told already, and
/// is an exit code here.
pub(crate) type Ending = Result<Exit, Failure>;

/// Runs the whole command.
pub(crate) async fn run(settings: ShadowSettings, output: &Output, mut stop: Stop) -> Ending {
    let ShadowSettings { wanted, runtime, device, viewer } = settings;
    let runtime = Runtime::start(runtime)?;
    match wanted {
        Wanted::Given(credential, address) => {
            let source = Source::Given(Some(credential).into());
            let target =
                Target::new(source, runtime, address.clone(), address, device, viewer.hold);
            open(target.into(), viewer, output, stop).await
        }
        Wanted::Ums(settings, query) => {
            let ums = Arc::new(sign_in(&settings, output, &mut stop).await?);
            let ending = tokio::select! {
                found = find(&ums, &query, runtime, device, &viewer) => Some(found),
                _ = stop.asked() => None,
            };
            let ending = match ending {
                Some(Ok(target)) => {
                    output.say(Level::Inner, &format!("found {}", target.label()));
                    let mut overdue = stop.clone();
                    tokio::select! {
                        ending = open(target.into(), viewer, output, stop) => ending,
                        // Signing out must not wait for a viewer that takes its rest drop by drop.
                        exit = overdue.overdue() => Ok(exit),
                    }
                }
                Some(Err(failure)) => Err(failure),
                None => Ok(stop.exit().unwrap_or(Exit::Interrupted)),
            };
            ums.sign_out(output).await;
            ending
        }
    }
}

/// Signs in to UMS, unless Ctrl-C comes first.
pub(crate) async fn sign_in(
    settings: &UmsSettings,
    output: &Output,
    stop: &mut Stop,
) -> Result<Ums, Failure> {
    let ums = Ums::new(settings)?;
    tokio::select! {
        signed_in = ums.sign_in() => signed_in?,
        exit = stop.asked() => {
            return Err(Failure { exit, ..(&procy_core::error::Error::Cancelled).into() });
        }
    }
    output.say(Level::Inner, "signed in to UMS");
    Ok(ums)
}

/// Finds the device, and refuses what cannot work, without asking for a password.
async fn find(
    ums: &Arc<Ums>,
    query: &procy_core::ums::DeviceQuery,
    runtime: Runtime,
    settings: DeviceSettings,
    viewer: &ViewerSettings,
) -> Result<Target, Failure> {
    let device = ums.find(query).await?;
    if device.os_major() >= Some(12) {
        return Err(Failure::ums(
            "device-os-12",
            format!("the device ({device}) runs IGEL OS 12, which has no Secure VNC on port 5900"),
            "Shadow it with UMS Web App or UMS Console: OS 12 devices open a tunnel to UMS, which IMI does not offer.",
        ));
    }
    let Some(address) = settings.address.clone().or_else(|| device.last_ip.clone()) else {
        return Err(Failure::ums(
            "device-address-unknown",
            format!("UMS knows no address of the device ({device})"),
            "Give it with --device-address, or let the device contact UMS once.",
        ));
    };
    let label = device.to_string();
    let source = Source::Ums { ums: Arc::clone(ums), id: device.id };
    Ok(Target::new(source, runtime, label, address, settings, viewer.hold))
}

/// Opens the port and serves viewers until Ctrl-C, or until the one session of `--once` is over.
async fn open(
    target: Arc<Target>,
    settings: ViewerSettings,
    output: &Output,
    mut stop: Stop,
) -> Ending {
    let mut door = Door::open(settings.listen, settings.allow.clone(), output.clone()).await?;
    let mut standing = None;
    if let Some(renewals) = settings.eager_renewals {
        // It was only to see that the port is free: it opens for good when the device is verified.
        drop(door);
        let mut first = Standing::begin(Arc::clone(&target), output.clone(), 1, renewals);
        let stopped = tokio::select! {
            verified = first.verified() => verified.map(|()| None)?,
            exit = stop.asked() => Some(exit),
        };
        if let Some(exit) = stopped {
            first.close().await;
            return Ok(exit);
        }
        standing = Some(first);
        door = Door::open(settings.listen, settings.allow.clone(), output.clone()).await?;
    }
    let address = door.address();
    output.fact(&Fact::Listening { address });
    let mut child = settings.command.as_ref().map(|command| command.start(address)).transpose()?;

    let mut reception = Reception {
        target,
        output: output.clone(),
        stop,
        sessions_begun: u32::from(standing.is_some()),
        standing,
    };
    if !settings.once {
        return Ok(reception.serve_all(&door, settings.max_viewers).await);
    }
    let ending = reception.serve_one(door, &mut child).await;
    if let Some(child) = child {
        child.end().await;
    }
    ending
}

/// Gives every viewer that comes a session of its own.
struct Reception {
    target: Arc<Target>,
    output: Output,
    stop: Stop,
    sessions_begun: u32,
    standing: Option<Standing>,
}

impl Reception {
    /// Until Ctrl-C.
    async fn serve_all(&mut self, door: &Door, max_viewers: usize) -> Exit {
        let mut sessions = JoinSet::new();
        let full = format!("{max_viewers} viewers are connected already (--max-viewers)");
        let exit = loop {
            tokio::select! {
                // A place that a session has left is free for the viewer that comes next.
                biased;
                exit = self.stop.asked() => break exit,
                // It has told its failure itself.
                Some(_) = sessions.join_next() => {}
                failure = tend(&mut self.standing, &mut self.sessions_begun) => {
                    self.output.failure(&failure);
                    self.output.say(Level::Plain, "from now on, the device is connected to when a viewer comes");
                    self.standing = None;
                }
                (viewer, from) = door.admit(), if sessions.len() < max_viewers => {
                    let attempt = self.receive(viewer, from);
                    let mut stop = self.stop.clone();
                    let close = async move {
                        stop.asked().await;
                    };
                    sessions.spawn(serve(attempt, Instant::now(), close));
                }
                () = door.turn_all_away(&full), if sessions.len() >= max_viewers => {}
            }
        };
        if let Some(standing) = self.standing.take() {
            standing.close().await;
        }
        while sessions.join_next().await.is_some() {}
        exit
    }

    /// The first viewer that comes, and no other.
    async fn serve_one(&mut self, door: Door, child: &mut Option<RunningViewer>) -> Ending {
        let admitted = tokio::select! {
            // A viewer that has connected may have ended too: its connection counts more.
            biased;
            admitted = door.admit() => Ok(admitted),
            status = ended(child) => {
                let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
                Err(Err(Failure::viewer(
                    "viewer-exited",
                    format!("the viewer ended without connecting ({status})"),
                    "Look at what it said; its command must stay in the foreground.",
                )))
            }
            failure = tend(&mut self.standing, &mut self.sessions_begun) => Err(Err(failure)),
            exit = self.stop.asked() => Err(Ok(exit)),
        };
        drop(door);
        let admitted = admitted.map(|(viewer, from)| self.receive(viewer, from));
        // Either it has just been handed over, and a next one is not needed; or nobody has come.
        let unused = self.standing.take();
        let attempt = match (admitted, unused) {
            (Ok(attempt), _) => attempt,
            (Err(ending), Some(standing)) => {
                standing.close().await;
                return ending;
            }
            (Err(ending), None) => return ending,
        };
        let mut stop = self.stop.clone();
        let close = async {
            tokio::select! {
                _ = stop.asked() => {}
                _ = ended(child) => sleep(AFTER_VIEWER).await,
            }
        };
        let result = serve(attempt, Instant::now(), close).await;
        // A session that Ctrl-C ended has come to no end of its own.
        let exit = self.stop.exit();
        Ok(exit.unwrap_or_else(|| result.map_or_else(|failure| failure.exit, |()| Exit::Ok)))
    }

    fn receive(&mut self, viewer: TcpStream, from: std::net::SocketAddr) -> Attempt {
        let attempt = match &mut self.standing {
            Some(standing) => standing.take(&mut self.sessions_begun),
            None => {
                self.sessions_begun += 1;
                let output = self.output.session(self.sessions_begun);
                Attempt::first(Arc::clone(&self.target), output, false)
            }
        };
        attempt.output().fact(&Fact::Viewer { from });
        attempt.attach(viewer);
        attempt
    }
}

/// The end of the viewer that was started; never, if none was.
async fn ended(child: &mut Option<RunningViewer>) -> std::io::Result<std::process::ExitStatus> {
    match child {
        Some(child) => child.ended().await,
        None => std::future::pending().await,
    }
}

/// Keeps the standing connection, if there is one.
async fn tend(standing: &mut Option<Standing>, next_session: &mut u32) -> Failure {
    match standing {
        Some(standing) => standing.tend(next_session).await,
        None => std::future::pending().await,
    }
}
