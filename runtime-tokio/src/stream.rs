//! tokio's streams, as procy-std polls them.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use procy_std::Polls;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// tokio's way to poll.
#[derive(Debug)]
pub(crate) struct Tokio;

impl<S: AsyncRead + AsyncWrite + Unpin> Polls<S> for Tokio {
    fn read(stream: &mut S, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(into);
        Pin::new(stream).poll_read(cx, &mut buffer).map_ok(|()| buffer.filled().len())
    }

    fn write(
        stream: &mut S,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(stream).poll_write_vectored(cx, slices)
    }

    fn flush(stream: &mut S, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(stream).poll_flush(cx)
    }

    fn close(stream: &mut S, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(stream).poll_shutdown(cx)
    }

    fn is_write_vectored(stream: &S) -> bool {
        stream.is_write_vectored()
    }
}
