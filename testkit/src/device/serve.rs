//! One session of a stand-in device.

use std::future::pending;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use procy_core::Session;
use procy_core::error::Broken;
use procy_core::event::{Event, Side};
use procy_core::procycmd::{Offer, Verb};
use procy_core::prologue::device;
use procy_tokio::{Report, Run, Step, now};
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::net::TcpStream;
use tokio::sync::{Notify, broadcast};
use tokio::time::timeout;

use super::watched::Watched;
use super::{Behaviour, Boxed, DeviceConfig, DeviceEvent, Stream, What};

/// What a VNC server without TLS says first.
const PLAIN_HELLO: &[u8] = b"RFB 003.008\n";

/// What all sessions of a device share.
pub(super) struct Parts {
    pub(super) config: DeviceConfig,
    pub(super) session: device::Config,
    pub(super) events: broadcast::Sender<DeviceEvent>,
}

/// What the device's own work has come to.
enum Answer {
    Verdict(bool),
    Service(Result<Near, Broken>),
}

/// The VNC server; or what stands in its place, which has to live as long as the stream to it.
struct Near(Box<dyn Stream>, Option<DuplexStream>);

/// One session, from the console's connection to its end.
pub(super) async fn serve(parts: Arc<Parts>, number: u64, mut stream: TcpStream) {
    let events = parts.events.clone();
    let tell = move |what| {
        // Nobody has to listen.
        let _ = events.send(DeviceEvent { session: number, what });
    };
    tell(What::Connected);
    let report = match parts.config.behaviour {
        Behaviour::Silent => {
            parts.drain(&mut stream).await;
            None
        }
        Behaviour::PlainVnc => {
            let _ = stream.write_all(PLAIN_HELLO).await;
            parts.drain(&mut stream).await;
            None
        }
        _ => run(&parts, stream, tell.clone()).await,
    };
    tell(What::Ended(report));
}

/// A session of the core's; `None` if the device's behaviour cut it.
async fn run(
    parts: &Arc<Parts>,
    stream: TcpStream,
    tell: impl Fn(What) + Clone + Send + 'static,
) -> Option<Report> {
    // A second handle, for what a session would never do to its socket.
    let (stream, raw) = twice(stream).ok()?;
    let cut = Arc::new(Notify::new());
    let mut run = Run::new(Session::device(&parts.session, now()).ok()?);
    run.attach_far(stream);
    let mut work: Option<Boxed<Answer>> = None;
    let mut held = None;
    loop {
        let answer = tokio::select! {
            step = run.next() => {
                match step {
                    Step::Over => break,
                    Step::Event(Event::Established { version }) => {
                        tell(What::CertificateSent { version });
                    }
                    Step::Event(Event::PasswordOffered(offer)) => {
                        tell(What::PasswordOffered { verb: offer.verb });
                        work = Some(Box::pin(judge(parts.clone(), offer)));
                    }
                    Step::Event(Event::ServiceNeeded) => {
                        work = Some(Box::pin(open(parts.clone())));
                    }
                    // A server leaves when its client has left.
                    Step::Event(Event::HalfClosed(_)) => held = None,
                    Step::Event(_) => {}
                }
                continue;
            }
            answer = done(&mut work) => answer,
            () = cut.notified() => {
                drop(run);
                parts.cut(raw).await;
                return None;
            }
        };
        match answer {
            Answer::Verdict(true) => {
                tell(What::Accepted);
                run.accept();
            }
            Answer::Verdict(false) => {
                tell(What::Refused);
                run.refuse();
            }
            Answer::Service(Ok(Near(near, other))) => {
                let said = tell.clone();
                let hello: Box<dyn FnOnce() + Send> = Box::new(move || said(What::Hello));
                let hello = other.is_none().then_some(hello);
                run.attach_near(Watched::new(near, parts.limit(), cut.clone(), hello));
                held = other;
            }
            Answer::Service(Err(how)) => run.broken(Side::Near, how),
        }
    }
    drop(held);
    run.outcome().map(|outcome| Report { outcome: outcome.clone(), traffic: run.traffic() })
}

/// Steps 9 to 11: whether the password holds.
async fn judge(parts: Arc<Parts>, offer: Offer) -> Answer {
    let holds = match &parts.config.behaviour {
        Behaviour::CloseBeforeHello => false,
        Behaviour::ProxycmdOnly if offer.verb != Verb::Proxycmd => false,
        Behaviour::SlowConsent(consent) => {
            let holds = (parts.config.check)(offer.password).await;
            if holds {
                consent.notified().await;
            }
            holds
        }
        _ => (parts.config.check)(offer.password).await,
    };
    Answer::Verdict(holds)
}

/// Connects to the VNC server, or to what stands in its place.
async fn open(parts: Arc<Parts>) -> Answer {
    let near = if let Behaviour::GarbageHello(garbage) = &parts.config.behaviour {
        garbage_server(garbage).await
    } else {
        (parts.config.service.0)().await.map(|stream| Near(stream, None))
    };
    Answer::Service(near.map_err(|error| procy_tokio::broken(&error)))
}

/// A server that says this, and then nothing.
async fn garbage_server(garbage: &[u8]) -> io::Result<Near> {
    let (near, mut server) = tokio::io::duplex(garbage.len().max(1));
    server.write_all(garbage).await?;
    Ok(Near(Box::new(near), Some(server)))
}

/// The answer of work that is under way; without any, none ever.
async fn done(work: &mut Option<Boxed<Answer>>) -> Answer {
    let Some(answer) = work else { return pending().await };
    let answer = answer.await;
    *work = None;
    answer
}

fn twice(stream: TcpStream) -> io::Result<(TcpStream, TcpStream)> {
    let stream = stream.into_std()?;
    let raw = stream.try_clone()?;
    Ok((TcpStream::from_std(stream)?, TcpStream::from_std(raw)?))
}

impl Parts {
    /// After how many bytes of the VNC server's the connection is cut.
    const fn limit(&self) -> Option<u64> {
        match self.config.behaviour {
            Behaviour::ResetAfter(limit) | Behaviour::CutAfter(limit) => Some(limit),
            _ => None,
        }
    }

    /// Cuts the connection; the session has already let go of it.
    async fn cut(&self, mut raw: TcpStream) {
        if let Behaviour::ResetAfter(_) = self.config.behaviour {
            let _ = SockRef::from(&raw).set_linger(Some(Duration::ZERO));
        } else {
            let _ = raw.shutdown().await;
            // To close with bytes unread would be a reset.
            self.drain(&mut raw).await;
        }
    }

    /// Reads until the console leaves, or for as long as a device waits for a command.
    async fn drain(&self, stream: &mut TcpStream) {
        let mut bytes = [0; 4_096];
        let leaving = async { while let Ok(1..) = stream.read(&mut bytes).await {} };
        let _ = timeout(self.config.bounds.deadlines.command, leaving).await;
    }
}
