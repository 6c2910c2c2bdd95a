//! The role `client`: viewers under load, which check every byte.
//!
//! It works in phases, and says when each is over on stdout; the harness looks at the proxy then, and lets it go on by
//! a line on stdin.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::stats::percentile;
use crate::wire::{ANSWER, BATCH, HELLO, Order, Pattern, QUESTION, WHOLE, invalid, write_parts};

/// How long the proxy may be silent where it owes something.
const SILENCE: Duration = Duration::from_secs(60);
/// Downloaded before anything is counted, by each of a few sessions.
const WARM_BYTES: u64 = 8 << 20;
const WARM_SESSIONS: usize = 4;
/// Round trips before any is counted.
const WARM_TRIPS: u64 = 200;
/// How many sessions are being opened at once when many are wanted.
const OPENERS: usize = 8;
/// What a stalled viewer has been sent and does not take: more than every buffer on the way.
const STALL_BYTES: u64 = 64 << 20;
/// The largest content of a TLS record.
const RECORD: u32 = 16_384;

#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// What to do
    pub(crate) job: Job,
    /// The proxy's address
    #[arg(long)]
    pub(crate) proxy: SocketAddr,
    /// A hello comes first
    #[arg(long)]
    pub(crate) hello: bool,
    /// Sessions at once
    #[arg(long)]
    pub(crate) sessions: usize,
    /// Bytes, round trips or sessions, altogether
    #[arg(long)]
    pub(crate) amount: u64,
    /// The content of the device's TLS records, in bytes
    #[arg(long, default_value_t = RECORD)]
    pub(crate) record: u32,
}

/// A kind of load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Job {
    /// Bytes from the device
    Down,
    /// Bytes to the device
    Up,
    /// Questions and answers
    Trips,
    /// Sessions opened, asked once and closed
    Setup,
    /// Sessions that have been asked once, and wait
    Idle,
    /// Sessions whose viewers take nothing
    Stall,
}

/// What the last phase came to.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Done {
    pub(crate) seconds: f64,
    /// The median round trip, in microseconds.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

/// The phases' words; the third is a [`Done`].
pub(crate) const WARM: &str = "warm";
pub(crate) const OPEN: &str = "open";

pub(crate) fn run(options: &Options) -> Result<()> {
    let client = Client { options: options.clone(), pattern: Pattern::new() };
    client.warm()?;
    checkpoint(WARM)?;
    let sessions = client.open()?;
    checkpoint(OPEN)?;
    let start = Instant::now();
    let (sessions, trips) = client.work(sessions)?;
    let done = Done {
        seconds: start.elapsed().as_secs_f64(),
        p50: percentile(&trips, 0.50),
        p99: percentile(&trips, 0.99),
    };
    checkpoint(&serde_json::to_string(&done)?)?;
    drop(sessions);
    Ok(())
}

fn checkpoint(word: &str) -> Result<()> {
    println!("{word}");
    match io::stdin().read_line(&mut String::new())? {
        0 => Err("the harness has gone".into()),
        _ => Ok(()),
    }
}

struct Client {
    options: Options,
    pattern: Pattern,
}

impl Client {
    fn warm(&self) -> io::Result<()> {
        let sessions = self.options.sessions.min(WARM_SESSIONS);
        let session = |_| self.download(self.connect()?, WARM_BYTES);
        at_once(0..sessions, session).map(drop)
    }

    fn open(&self) -> io::Result<Vec<TcpStream>> {
        let sessions = match self.options.job {
            Job::Setup => 0,
            _ => self.options.sessions,
        };
        let openers = OPENERS.min(sessions);
        let opened = at_once(0..openers, |opener| {
            (opener..sessions).step_by(openers).map(|_| self.opened()).collect::<io::Result<_>>()
        });
        Ok(opened?.into_iter().flat_map(|sessions: Vec<_>| sessions).collect())
    }

    /// A session, as far as it is to be before anything counts.
    fn opened(&self) -> io::Result<TcpStream> {
        let mut stream = self.connect()?;
        match self.options.job {
            Job::Idle => self.asked(&mut stream, 1).map(drop)?,
            Job::Trips => self.asked(&mut stream, WARM_TRIPS).map(drop)?,
            Job::Down | Job::Up | Job::Setup | Job::Stall => {}
        }
        Ok(stream)
    }

    /// Brings the sessions that are still open, and how long each round trip took, in microseconds.
    fn work(&self, sessions: Vec<TcpStream>) -> io::Result<(Vec<TcpStream>, Vec<f64>)> {
        let Options { job, sessions: count, amount, .. } = self.options;
        let share = amount / count.max(1) as u64;
        match job {
            Job::Down => at_once(sessions, |stream| self.download(stream, share)),
            Job::Up => at_once(sessions, |stream| self.upload(stream, share)),
            Job::Idle => Ok(sessions),
            Job::Stall => at_once(sessions, |mut stream| {
                let order = Order::Down { bytes: STALL_BYTES, record: self.options.record };
                stream.write_all(&order.encode()).map(|()| stream)
            }),
            Job::Setup => at_once(0..count, |_| {
                (0..share).try_for_each(|_| self.asked(&mut self.connect()?, 1).map(drop))
            })
            .map(|_| Vec::new()),
            Job::Trips => {
                let trips = at_once(sessions, |mut stream| {
                    let trips = self.trips(&mut stream, WARM_TRIPS, share)?;
                    Ok((stream, trips))
                })?;
                let (sessions, trips): (Vec<_>, Vec<_>) = trips.into_iter().unzip();
                return Ok((sessions, trips.concat()));
            }
        }
        .map(|sessions| (sessions, Vec::new()))
    }

    fn connect(&self) -> io::Result<TcpStream> {
        let mut stream = TcpStream::connect(self.options.proxy)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(SILENCE))?;
        stream.set_write_timeout(Some(SILENCE))?;
        if self.options.hello {
            let mut hello = [0; HELLO.len()];
            stream.read_exact(&mut hello)?;
            if hello != *HELLO {
                return Err(invalid("this is not the device's hello"));
            }
        }
        Ok(stream)
    }

    fn download(&self, mut stream: TcpStream, bytes: u64) -> io::Result<TcpStream> {
        let order = Order::Down { bytes, record: self.options.record };
        stream.write_all(&order.encode())?;
        let mut buffer = vec![0; BATCH];
        let mut place = 0;
        while place < bytes {
            let n = stream.read(&mut buffer)?;
            if n == 0 {
                return Err(invalid(&format!("the download ended after {place} bytes")));
            }
            self.pattern.check(place, &buffer[..n])?;
            place += n as u64;
        }
        Ok(stream)
    }

    fn upload(&self, mut stream: TcpStream, bytes: u64) -> io::Result<TcpStream> {
        stream.write_all(&Order::Up { bytes }.encode())?;
        let mut place = 0;
        while place < bytes {
            let length = (bytes - place).min(BATCH as u64);
            write_parts(&mut stream, self.pattern.parts(place, length as usize, Pattern::MOST))?;
            place += length;
        }
        let mut word = [0];
        stream.read_exact(&mut word)?;
        if word == [WHOLE] { Ok(stream) } else { Err(invalid("the upload did not come whole")) }
    }

    /// Orders round trips, and makes the first of them.
    fn asked(&self, stream: &mut TcpStream, count: u64) -> io::Result<Vec<f64>> {
        stream.write_all(&Order::Trips.encode())?;
        self.trips(stream, 0, count)
    }

    /// Makes `count` round trips after `past` that have been made; how long each took, in microseconds.
    fn trips(&self, stream: &mut TcpStream, past: u64, count: u64) -> io::Result<Vec<f64>> {
        let mut answer = [0; ANSWER];
        let mut trip = |number: u64| {
            let start = Instant::now();
            stream.write_all(self.pattern.at(number * QUESTION as u64, QUESTION))?;
            stream.read_exact(&mut answer)?;
            let took = start.elapsed();
            self.pattern.check(number * ANSWER as u64, &answer)?;
            Ok(took.as_secs_f64() * 1e6)
        };
        (past..past + count).map(&mut trip).collect()
    }
}

/// Does something for each, each on a thread of its own; the first failure counts.
fn at_once<I: Send, T: Send>(
    items: impl IntoIterator<Item = I>,
    job: impl Fn(I) -> io::Result<T> + Sync,
) -> io::Result<Vec<T>> {
    let job = &job;
    thread::scope(|scope| {
        let threads: Vec<_> =
            items.into_iter().map(|item| scope.spawn(move || job(item))).collect();
        let panicked = |_| Err(io::Error::other("a client's thread panicked"));
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(panicked)).collect()
    })
}
