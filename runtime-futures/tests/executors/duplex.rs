//! A wire in memory, with so much room.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use futures_io::{AsyncRead, AsyncWrite};

#[derive(Default)]
struct Lane {
    bytes: VecDeque<u8>,
    /// The writer has ended, or the reader is gone.
    closed: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Lane {
    fn wake(&mut self) {
        for waker in [self.reader.take(), self.writer.take()].into_iter().flatten() {
            waker.wake();
        }
    }
}

pub(crate) struct Duplex {
    reads: Arc<Mutex<Lane>>,
    writes: Arc<Mutex<Lane>>,
    room: usize,
}

pub(crate) fn duplex(room: usize) -> (Duplex, Duplex) {
    let (a, b) = (Arc::<Mutex<Lane>>::default(), Arc::<Mutex<Lane>>::default());
    let end = |reads: &Arc<_>, writes: &Arc<_>| Duplex {
        reads: Arc::clone(reads),
        writes: Arc::clone(writes),
        room,
    };
    (end(&a, &b), end(&b, &a))
}

impl AsyncRead for Duplex {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut lane = self.reads.lock().unwrap();
        if lane.bytes.is_empty() && !lane.closed {
            lane.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let n = into.len().min(lane.bytes.len());
        into.iter_mut().zip(lane.bytes.drain(..n)).for_each(|(to, from)| *to = from);
        lane.wake();
        Poll::Ready(Ok(n))
    }
}

impl AsyncWrite for Duplex {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut lane = self.writes.lock().unwrap();
        if lane.closed {
            return Poll::Ready(Err(ErrorKind::BrokenPipe.into()));
        }
        let n = bytes.len().min(self.room - lane.bytes.len());
        if n == 0 {
            lane.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        lane.bytes.extend(&bytes[..n]);
        lane.wake();
        Poll::Ready(Ok(n))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut lane = self.writes.lock().unwrap();
        lane.closed = true;
        lane.wake();
        Poll::Ready(Ok(()))
    }
}

impl Drop for Duplex {
    fn drop(&mut self) {
        for lane in [&self.reads, &self.writes] {
            let mut lane = lane.lock().unwrap();
            lane.closed = true;
            lane.wake();
        }
    }
}
