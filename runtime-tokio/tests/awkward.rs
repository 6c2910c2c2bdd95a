//! Streams with habits of their own, and timers that have moved.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may")]

mod common;

use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use common::{
    HELLO, bounded, bounded_virtually, code, console_run, device_config, device_run, finish, noise,
    serve, until_relaying,
};
use procy_tokio::core::Session;
use procy_tokio::core::error::Error;
use procy_tokio::core::event::Outcome;
use procy_tokio::core::prologue::Bounds;
use procy_tokio::core::timer::Why;
use procy_tokio::{Run, Step, now};
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex,
};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Habit {
    /// Every other call is interrupted.
    Interrupted,
    /// So is every call, for a while.
    MuchInterrupted(usize),
    /// It takes nothing, and does not say that it blocks.
    TakesNothing,
    /// Its end is an error, as a TLS stream's without close_notify.
    UnexpectedEof,
}

struct Awkward {
    stream: DuplexStream,
    habit: Habit,
    calls: usize,
}

impl Awkward {
    fn new(stream: DuplexStream, habit: Habit) -> Self {
        Self { stream, habit, calls: 0 }
    }

    fn interrupted(&mut self) -> io::Result<()> {
        self.calls += 1;
        let interrupted = match self.habit {
            Habit::Interrupted => self.calls % 2 == 1,
            Habit::MuchInterrupted(often) => self.calls <= often,
            _ => false,
        };
        if interrupted { Err(ErrorKind::Interrupted.into()) } else { Ok(()) }
    }
}

impl AsyncRead for Awkward {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.interrupted()?;
        let before = into.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(cx, into);
        if self.habit == Habit::UnexpectedEof
            && matches!(result, Poll::Ready(Ok(())))
            && into.filled().len() == before
        {
            return Poll::Ready(Err(ErrorKind::UnexpectedEof.into()));
        }
        result
    }
}

impl AsyncWrite for Awkward {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.interrupted()?;
        if self.habit == Habit::TakesNothing {
            return Poll::Ready(Ok(0));
        }
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.interrupted()?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.interrupted()?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

async fn a_picture_comes_through(habit: Habit) {
    const LEN: usize = 100_000;
    let (mut viewer, near) = duplex(5_000);
    let (far, console) = duplex(5_000);
    let (local, mut service) = duplex(5_000);
    let device = tokio::spawn(serve(device_run(console), local));
    let mut run =
        console_run(Bounds::default(), Awkward::new(near, habit), Awkward::new(far, habit));
    let session = tokio::spawn(async move { finish(&mut run).await });
    let picture = noise(1, LEN);
    let sent = picture.clone();
    tokio::spawn(async move {
        service.write_all(HELLO).await.unwrap();
        service.write_all(&sent).await.unwrap();
        service.shutdown().await.unwrap();
        service.read_to_end(&mut Vec::new()).await.unwrap();
    });
    let mut came = Vec::new();
    bounded(viewer.read_to_end(&mut came)).await.unwrap();
    assert!(came[HELLO.len()..] == picture);
    drop(viewer);
    assert_eq!(code(&bounded(session).await.unwrap()), "ended");
    bounded(device).await.unwrap();
}

#[tokio::test]
async fn interrupted_calls_are_repeated() {
    a_picture_comes_through(Habit::Interrupted).await;
}

#[tokio::test]
async fn calls_interrupted_again_and_again_are_repeated_later() {
    a_picture_comes_through(Habit::MuchInterrupted(1_000)).await;
}

#[tokio::test]
async fn an_end_without_close_notify_is_an_end() {
    let (far, console) = duplex(10_000);
    let (mut viewer, near) = duplex(10_000);
    let (local, mut service) = duplex(10_000);
    let device = tokio::spawn(serve(device_run(console), local));
    let near = Awkward::new(near, Habit::UnexpectedEof);
    let mut run = console_run(Bounds::default(), near, far);
    service.write_all(HELLO).await.unwrap();
    until_relaying(&mut run).await;
    viewer.write_all(b"last words").await.unwrap();
    viewer.shutdown().await.unwrap();
    let session = tokio::spawn(async move { finish(&mut run).await });
    let mut heard = Vec::new();
    bounded(service.read_to_end(&mut heard)).await.unwrap();
    assert_eq!(heard, b"last words");
    // Half of it is over, and the other half still flows.
    service.write_all(b"answer").await.unwrap();
    drop(service);
    heard.clear();
    bounded(viewer.read_to_end(&mut heard)).await.unwrap();
    assert!(heard.ends_with(b"answer"));
    assert_eq!(code(&bounded(session).await.unwrap()), "ended");
    bounded(device).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_takes_nothing_is_broken_and_not_waited_for() {
    let (far, _device) = duplex(10_000);
    let (_viewer, near) = duplex(10_000);
    let far = Awkward::new(far, Habit::TakesNothing);
    let mut run = console_run(Bounds::default(), near, far);
    // The ClientHello cannot leave; what the device may have said before still counts, so it is waited for that.
    let start = tokio::time::Instant::now();
    let report = finish(&mut run).await;
    assert!(!run.session().wants_write(procy_tokio::core::event::Side::Far));
    assert!(matches!(report.outcome, Outcome::Failed(_)));
    assert!(start.elapsed() < Duration::from_secs(21));
}

fn device_with(connect: u64, handshake: u64) -> Run<DuplexStream, DuplexStream> {
    let mut config = device_config();
    config.bounds.deadlines.connect = Duration::from_secs(connect);
    config.bounds.deadlines.handshake = Duration::from_secs(handshake);
    Run::new(Session::device(&config, now()).unwrap())
}

/// Lets the session wait for a second, so that its timer is armed.
async fn wait_a_second(run: &mut Run<DuplexStream, DuplexStream>) {
    assert!(tokio::time::timeout(Duration::from_secs(1), run.next()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_comes_nearer_is_kept() {
    let mut run = device_with(1_000, 5);
    wait_a_second(&mut run).await;
    let (_console, far) = duplex(1_000);
    run.attach_far(far);
    let start = tokio::time::Instant::now();
    let report = finish(&mut run).await;
    assert_eq!(report.outcome, Outcome::Failed(Error::Timeout(Why::Handshake)));
    assert!(start.elapsed() < Duration::from_secs(12), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_moves_away_costs_a_wake_up_and_no_more() {
    let mut run = device_with(5, 1_000);
    wait_a_second(&mut run).await;
    let (_console, far) = duplex(1_000);
    run.attach_far(far);
    let start = tokio::time::Instant::now();
    let mut polls = 0;
    bounded_virtually(poll_fn(|cx| {
        polls += 1;
        assert!(polls < 20, "it spins");
        loop {
            match run.poll_next(cx) {
                Poll::Ready(Step::Event(_)) => {}
                Poll::Ready(Step::Over) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            }
        }
    }))
    .await;
    assert_eq!(run.outcome(), Some(&Outcome::Failed(Error::Timeout(Why::Handshake))));
    assert!(start.elapsed() >= Duration::from_secs(1_000));
}
