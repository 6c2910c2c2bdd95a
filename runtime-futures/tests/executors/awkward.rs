//! Streams with habits of their own.

use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_io::{AsyncRead, AsyncWrite};
use procy_futures::core::event::Side;
use procy_futures::core::prologue::Bounds;
use smol::io::AsyncWriteExt;

use crate::executor::{Executor, spawn};
use crate::parts::{
    HELLO, Pipe, code, console_run, device_run, finish, memory, noise, rest, serve, until_relaying,
};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Habit {
    /// So many calls are interrupted: every other one, then again and again.
    Interrupted(usize),
    /// It keeps what is written until it is flushed.
    Keeps,
    /// It takes nothing, and does not say that it blocks.
    TakesNothing,
    /// Its end is an error, as a TLS stream's without close_notify.
    UnexpectedEof,
}

struct Awkward {
    stream: Pipe,
    habit: Habit,
    calls: usize,
    kept: Vec<u8>,
}

fn awkward(stream: Pipe, habit: Habit) -> Pipe {
    Box::new(Awkward { stream, habit, calls: 0, kept: Vec::new() })
}

impl Awkward {
    fn interrupted(&mut self) -> io::Result<()> {
        self.calls += 1;
        let Habit::Interrupted(often) = self.habit else { return Ok(()) };
        let now = self.calls <= often || self.calls % 2 == 1;
        if now { Err(ErrorKind::Interrupted.into()) } else { Ok(()) }
    }

    fn poll_kept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.kept.is_empty() {
            match Pin::new(&mut self.stream).poll_write(cx, &self.kept) {
                Poll::Ready(Ok(n)) => drop(self.kept.drain(..n)),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Awkward {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.interrupted()?;
        let result = Pin::new(&mut self.stream).poll_read(cx, into);
        if self.habit == Habit::UnexpectedEof && matches!(result, Poll::Ready(Ok(0))) {
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
        match self.habit {
            Habit::TakesNothing => Poll::Ready(Ok(0)),
            Habit::Keeps if self.kept.len() < 10_000 => {
                self.kept.extend_from_slice(bytes);
                Poll::Ready(Ok(bytes.len()))
            }
            Habit::Keeps => match self.poll_kept(cx)? {
                Poll::Ready(()) => Pin::new(&mut self.stream).poll_write(cx, bytes),
                Poll::Pending => Poll::Pending,
            },
            _ => Pin::new(&mut self.stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.interrupted()?;
        match self.poll_kept(cx)? {
            Poll::Ready(()) => Pin::new(&mut self.stream).poll_flush(cx),
            Poll::Pending => Poll::Pending,
        }
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.interrupted()?;
        match self.poll_kept(cx)? {
            Poll::Ready(()) => Pin::new(&mut self.stream).poll_close(cx),
            Poll::Pending => Poll::Pending,
        }
    }
}

async fn a_picture_comes_through<E: Executor>(habit: Habit) {
    const LEN: usize = 100_000;
    let ((mut viewer, near), (far, console)) = (memory(5_000), memory(5_000));
    let (local, mut service) = memory(5_000);
    let device = spawn::<E, _>(serve::<E>(device_run::<E>(Bounds::default(), console), local));
    let (near, far) = (awkward(near, habit), awkward(far, habit));
    let mut run = console_run::<E>(Bounds::default(), near, far);
    let session = spawn::<E, _>(async move { finish::<E>(&mut run).await });
    let picture = noise(1, LEN);
    let sent = picture.clone();
    let painting = spawn::<E, _>(async move {
        service.write_all(HELLO).await.unwrap();
        service.write_all(&sent).await.unwrap();
        service.close().await.unwrap();
        rest(&mut service).await;
    });
    let came = rest(&mut viewer).await;
    assert!(came[HELLO.len()..] == picture);
    drop(viewer);
    assert_eq!(code(&session.result().await), "ended");
    painting.result().await;
    device.result().await;
}

pub(crate) async fn interrupted_calls_are_repeated<E: Executor>() {
    a_picture_comes_through::<E>(Habit::Interrupted(0)).await;
    a_picture_comes_through::<E>(Habit::Interrupted(1_000)).await;
}

pub(crate) async fn what_is_written_leaves_although_streams_keep_it_until_flushed<E: Executor>() {
    a_picture_comes_through::<E>(Habit::Keeps).await;
}

pub(crate) async fn an_end_without_close_notify_is_an_end<E: Executor>() {
    let ((mut viewer, near), (far, console)) = (memory(10_000), memory(10_000));
    let (local, mut service) = memory(10_000);
    let device = spawn::<E, _>(serve::<E>(device_run::<E>(Bounds::default(), console), local));
    let near = awkward(near, Habit::UnexpectedEof);
    let mut run = console_run::<E>(Bounds::default(), near, far);
    service.write_all(HELLO).await.unwrap();
    until_relaying::<E>(&mut run).await;
    viewer.write_all(b"last words").await.unwrap();
    viewer.close().await.unwrap();
    let session = spawn::<E, _>(async move { finish::<E>(&mut run).await });
    assert_eq!(rest(&mut service).await, b"last words");
    // Half of it is over, and the other half still flows.
    service.write_all(b"answer").await.unwrap();
    drop(service);
    assert!(rest(&mut viewer).await.ends_with(b"answer"));
    assert_eq!(code(&session.result().await), "ended");
    device.result().await;
}

pub(crate) async fn a_stream_that_takes_nothing_is_broken_and_not_waited_for<E: Executor>() {
    let ((_viewer, near), (far, _device)) = (memory(10_000), memory(10_000));
    let mut bounds = Bounds::default();
    bounds.deadlines.handshake = Duration::from_millis(50);
    bounds.deadlines.close = Duration::from_millis(50);
    let mut run = console_run::<E>(bounds, near, awkward(far, Habit::TakesNothing));
    // The ClientHello cannot leave; what the device may have said before still counts, so it is waited for that.
    let report = finish::<E>(&mut run).await;
    assert!(!run.session().wants_write(Side::Far));
    assert_eq!(code(&report), "handshake-timeout");
}
