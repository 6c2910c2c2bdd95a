//! The stream to a device's VNC server, watched.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;

use super::Stream;

/// Tells of the first bytes that come from the server, and stops it after so many.
pub(super) struct Watched {
    stream: Box<dyn Stream>,
    /// How many bytes may still come.
    left: Option<u64>,
    /// None may, and all that came have left: a session reads more only when they have.
    stopped: Arc<Notify>,
    first: Option<Box<dyn FnOnce() + Send>>,
}

impl Watched {
    pub(super) fn new(
        stream: Box<dyn Stream>,
        left: Option<u64>,
        stopped: Arc<Notify>,
        first: Option<Box<dyn FnOnce() + Send>>,
    ) -> Self {
        Self { stream, left, stopped, first }
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.left == Some(0) {
            self.stopped.notify_one();
            return Poll::Pending;
        }
        let left = self.left.map_or(usize::MAX, |left| usize::try_from(left).unwrap_or(usize::MAX));
        let most = left.min(into.remaining());
        let mut part = ReadBuf::new(into.initialize_unfilled_to(most));
        let result = Pin::new(&mut self.stream).poll_read(cx, &mut part);
        let came = part.filled().len();
        into.advance(came);
        if came > 0 {
            self.left = self.left.map(|left| left.saturating_sub(came as u64));
            if let Some(first) = self.first.take() {
                first();
            }
        }
        result
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
