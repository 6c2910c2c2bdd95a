//! The viewers and the device: each has its own seeded part, so that every manner of one meets every manner of the other.
//!
//! The seed fixes what each does, not how they meet: that is for the scheduler to say.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use procy_core::procycmd::COMMAND_LEN;
use rustix::net::sockopt::set_socket_linger;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::some;
use crate::wire::{HELLO, Pattern, invalid};

/// The longest that a peer takes part. Past the host's deadlines, so that these are met.
const LONG: Duration = Duration::from_secs(5);
/// Sent at once by a quick peer.
const CHUNK: usize = 16 * 1024;
/// A stalled peer takes nothing for so long.
const STALL: Duration = Duration::from_secs(3);
/// How long a viewer rests that the operating system has no connection for.
const REST: Duration = Duration::from_millis(10);

/// What one peer does.
#[derive(Debug)]
struct Part {
    sends: u64,
    /// Sent and received at once; between two sends it rests.
    step: usize,
    rest: Duration,
    /// Nothing is received for so long.
    deaf: Duration,
    /// It leaves once it has received so much,
    takes: u64,
    /// or after so long.
    stays: Duration,
    /// Says that it has sent all, instead of leaving that open.
    ends: bool,
    /// Its socket is reset when it leaves.
    resets: bool,
}

impl Part {
    fn draw(rng: &mut fastrand::Rng) -> Self {
        let one_in = |rng: &mut fastrand::Rng, n: u8| rng.u8(0..n) == 0;
        let drips = one_in(rng, 16);
        Self {
            sends: some(rng, 21),
            step: if drips { 13 } else { CHUNK },
            rest: if drips { Duration::from_millis(2) } else { Duration::ZERO },
            deaf: if one_in(rng, 16) { STALL } else { Duration::ZERO },
            takes: if one_in(rng, 8) { some(rng, 20) } else { u64::MAX },
            stays: if one_in(rng, 8) { Duration::from_millis(some(rng, 9)) } else { LONG },
            ends: !one_in(rng, 8),
            resets: one_in(rng, 6),
        }
    }

    /// Sends and receives at once, until both are over. What comes must be the pattern.
    async fn play<S: AsyncRead + AsyncWrite>(
        &self,
        stream: S,
        pattern: &Pattern,
    ) -> io::Result<()> {
        let (reader, writer) = split(stream);
        tokio::try_join!(self.send(writer, pattern), self.receive(reader, pattern)).map(drop)
    }

    /// Who is not listened to any more has sent enough.
    async fn send(&self, mut writer: impl AsyncWrite + Unpin, pattern: &Pattern) -> io::Result<()> {
        let mut place = 0;
        while place < self.sends {
            let length = self.step.min((self.sends - place) as usize);
            for part in pattern.parts(place, length, Pattern::MOST) {
                if writer.write_all(part).await.is_err() {
                    return Ok(());
                }
            }
            place += length as u64;
            if !self.rest.is_zero() {
                sleep(self.rest).await;
            }
        }
        let _ = if self.ends { writer.shutdown().await } else { writer.flush().await };
        Ok(())
    }

    async fn receive(
        &self,
        mut reader: impl AsyncRead + Unpin,
        pattern: &Pattern,
    ) -> io::Result<()> {
        sleep(self.deaf).await;
        let mut buffer = vec![0; self.step];
        let mut place = 0;
        while place < self.takes {
            let Ok(n @ 1..) = reader.read(&mut buffer).await else { return Ok(()) };
            pattern.check(place, &buffer[..n])?;
            place += n as u64;
        }
        // It leaves, whatever it still has to send.
        Err(io::ErrorKind::ConnectionAborted.into())
    }

    /// Plays at most for as long as this peer stays. Of what went wrong only wrong bytes are told: all else is meant to.
    async fn at_most(&self, play: impl Future<Output = io::Result<()>>) -> Option<String> {
        match timeout(self.stays, play).await {
            Ok(Err(error)) if error.kind() == io::ErrorKind::InvalidData => Some(error.to_string()),
            _ => None,
        }
    }
}

fn prepare(stream: &TcpStream, part: &Part) -> io::Result<()> {
    stream.set_nodelay(true)?;
    if part.resets {
        set_socket_linger(stream, Some(Duration::ZERO))?;
    }
    Ok(())
}

/// What the peers have met.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// Viewers that have come and gone.
    pub(super) viewers: AtomicU64,
    /// The first wrong bytes, and which peer met them.
    wrong: OnceLock<String>,
}

impl Findings {
    fn found(&self, who: &str, number: u64, what: Option<String>) {
        if let Some(what) = what {
            let _ = self.wrong.set(format!("{who} {number}: {what}"));
        }
    }

    pub(super) fn wrong(&self) -> Option<&String> {
        self.wrong.get()
    }
}

/// Viewers, so many at once.
pub(super) struct Crowd {
    pub(super) seed: u64,
    pub(super) proxy: SocketAddr,
    pub(super) pattern: Arc<Pattern>,
    pub(super) findings: Arc<Findings>,
}

impl Crowd {
    /// Brings viewers until `end`, and waits until the last has gone.
    pub(super) async fn come_and_go(self: Arc<Self>, at_once: usize, end: Instant) {
        let mut places = JoinSet::new();
        for _ in 0..at_once {
            let crowd = self.clone();
            places.spawn(async move {
                while Instant::now() < end {
                    crowd.viewer().await;
                }
            });
        }
        while places.join_next().await.is_some() {}
    }

    async fn viewer(&self) {
        let number = self.findings.viewers.fetch_add(1, Relaxed);
        let part = Part::draw(&mut fastrand::Rng::with_seed(self.seed.wrapping_add(number)));
        let Ok(stream) = TcpStream::connect(self.proxy).await else { return sleep(REST).await };
        if prepare(&stream, &part).is_ok() {
            let wrong = part.at_most(self.shadow(&part, stream)).await;
            self.findings.found("viewer", number, wrong);
        }
    }

    async fn shadow(&self, part: &Part, mut stream: TcpStream) -> io::Result<()> {
        let mut hello = [0; HELLO.len()];
        let came = stream.read_exact(&mut hello).await;
        match &hello {
            _ if came.is_err() => Ok(()),
            HELLO => part.play(stream, &self.pattern).await,
            // So begins what a viewer is told of a session that has failed.
            b"RFB 003.003\n" => stream.read_to_end(&mut Vec::new()).await.map(drop),
            _ => Err(invalid("this is no hello")),
        }
    }
}

/// The device of all sessions.
pub(super) struct Device {
    pub(super) seed: u64,
    /// With the certificate that is pinned,
    pub(super) right: Arc<ServerConfig>,
    /// and with another one.
    pub(super) wrong: Arc<ServerConfig>,
    pub(super) pattern: Arc<Pattern>,
    pub(super) findings: Arc<Findings>,
}

/// How far a device goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// It says nothing, not even in the handshake.
    Mute,
    /// It has another certificate.
    Stranger,
    /// It refuses the password.
    Refuses,
    /// It says no hello.
    Speechless,
    /// It says hello, and takes part.
    Honest,
}

impl Device {
    pub(super) async fn serve(self: Arc<Self>, listener: TcpListener) {
        for number in 0.. {
            match listener.accept().await {
                Ok((stream, _)) => drop(tokio::spawn(self.clone().session(number, stream))),
                Err(_) => sleep(REST).await,
            }
        }
    }

    async fn session(self: Arc<Self>, number: u64, stream: TcpStream) {
        // Other draws than the viewers'.
        let mut rng = fastrand::Rng::with_seed(!self.seed.wrapping_add(number));
        let manner = match rng.u8(0..32) {
            0 => Manner::Mute,
            1 | 2 => Manner::Stranger,
            3 | 4 => Manner::Refuses,
            5 => Manner::Speechless,
            _ => Manner::Honest,
        };
        let part = Part::draw(&mut rng);
        if prepare(&stream, &part).is_ok() {
            let wrong = part.at_most(self.take_part(&part, manner, stream)).await;
            self.findings.found("device", number, wrong);
        }
    }

    async fn take_part(
        &self,
        part: &Part,
        manner: Manner,
        mut stream: TcpStream,
    ) -> io::Result<()> {
        if manner == Manner::Mute {
            return stream.read_to_end(&mut Vec::new()).await.map(drop);
        }
        let config = if manner == Manner::Stranger { &self.wrong } else { &self.right };
        // A handshake that fails is told as invalid data: it was meant to.
        let accepted = TlsAcceptor::from(config.clone()).accept(stream).await;
        let Ok(mut tls) = accepted else { return Ok(()) };
        let command = tls.read_exact(&mut [0; COMMAND_LEN]).await;
        match manner {
            _ if command.is_err() => Ok(()),
            Manner::Speechless => tls.read_to_end(&mut Vec::new()).await.map(drop),
            Manner::Honest => {
                tls.write_all(HELLO).await?;
                part.play(tls, &self.pattern).await
            }
            _ => tls.shutdown().await,
        }
    }
}
