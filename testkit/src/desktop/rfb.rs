//! The viewer's side of the wire: the opening, and its messages, each bounded (RFC 6143, sections 7.1 to 7.5).

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::pixels::PixelFormat;

const HELLO: &[u8; 12] = b"RFB 003.008\n";
/// Security type None.
const NONE: u8 = 1;
/// Encodings that a viewer may list. Those in use list some thirty.
const MAX_ENCODINGS: u16 = 1024;
/// Bytes of clipboard, which are read and thrown away.
const MAX_CUT_TEXT: u32 = 1024 * 1024;

/// A session with a viewer ended badly.
#[derive(Debug, thiserror::Error)]
pub enum RfbError {
    /// The stream broke, or ended inside a message.
    #[error("the viewer's stream failed: {0}")]
    Stream(#[from] io::Error),
    /// The viewer did not finish the opening in time.
    #[error("the viewer did not finish the opening in time")]
    TooSlow,
    /// The first line was not `RFB ddd.ddd`.
    #[error("the viewer does not speak RFB")]
    NotRfb,
    /// A security type that was not offered.
    #[error("the viewer chose a security type that was not offered")]
    Security,
    /// A colour map, or a pixel that cannot be.
    #[error("the viewer asked for a pixel format that this server does not have")]
    PixelFormat,
    /// An unknown message: what follows cannot be understood.
    #[error("the viewer sent a message of unknown type {0}")]
    UnknownMessage(u8),
    /// A message over its bound.
    #[error("the viewer sent a message that is too long")]
    TooLong,
}

/// What a viewer says once the session runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Message {
    Format(PixelFormat),
    Update(UpdateRequest),
    Key {
        down: bool,
        keysym: u32,
    },
    Pointer {
        buttons: u8,
        at: (u16, u16),
    },
    /// Encodings and clipboard: raw is always allowed, and there is nothing to paste into.
    Ignored,
}

/// The viewer is ready for a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct UpdateRequest {
    /// Only what has changed.
    pub(super) incremental: bool,
    pub(super) area: Area,
}

impl UpdateRequest {
    /// Both at once.
    pub(super) fn join(self, other: Self) -> Self {
        let incremental = self.incremental && other.incremental;
        Self { incremental, area: self.area.join(other.area) }
    }
}

/// A rectangle; the far edges lie outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Area {
    pub(super) left: u16,
    pub(super) top: u16,
    pub(super) right: u16,
    pub(super) bottom: u16,
}

impl Area {
    /// What both cover, if anything.
    pub(super) fn clip(self, other: Self) -> Option<Self> {
        let both = Self {
            left: self.left.max(other.left),
            top: self.top.max(other.top),
            right: self.right.min(other.right),
            bottom: self.bottom.min(other.bottom),
        };
        (both.left < both.right && both.top < both.bottom).then_some(both)
    }

    /// The smallest that covers both.
    pub(super) fn join(self, other: Self) -> Self {
        Self {
            left: self.left.min(other.left),
            top: self.top.min(other.top),
            right: self.right.max(other.right),
            bottom: self.bottom.max(other.bottom),
        }
    }
}

/// Version, security, and the two Init messages.
pub(super) async fn open<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    size: (u16, u16),
    name: &str,
) -> Result<(), RfbError> {
    stream.write_all(HELLO).await?;
    stream.flush().await?;
    let mut line = [0; 12];
    stream.read_exact(&mut line).await?;
    match minor_version(&line)? {
        0..=6 => stream.write_all(&u32::from(NONE).to_be_bytes()).await?,
        version => {
            stream.write_all(&[1, NONE]).await?;
            stream.flush().await?;
            if stream.read_u8().await? != NONE {
                return Err(RfbError::Security);
            }
            // Version 3.7 has no SecurityResult after None.
            if version > 7 {
                stream.write_all(&0_u32.to_be_bytes()).await?;
            }
        }
    }
    stream.flush().await?;
    // ClientInit: whether to share the desktop. It is always shared.
    stream.read_u8().await?;
    let name = name.as_bytes().get(..255).unwrap_or(name.as_bytes());
    let mut init = Vec::with_capacity(24 + name.len());
    init.extend_from_slice(&size.0.to_be_bytes());
    init.extend_from_slice(&size.1.to_be_bytes());
    init.extend_from_slice(&PixelFormat::OFFERED.encode());
    init.extend_from_slice(&(name.len() as u32).to_be_bytes());
    init.extend_from_slice(name);
    stream.write_all(&init).await?;
    stream.flush().await?;
    Ok(())
}

/// The next message; `None` when the viewer has left between two.
pub(super) async fn next<R: AsyncRead + Unpin>(
    stream: &mut R,
) -> Result<Option<Message>, RfbError> {
    let mut kind = [0; 1];
    if stream.read(&mut kind).await? == 0 {
        return Ok(None);
    }
    let [kind] = kind;
    let message = match kind {
        0 => {
            let [_, _, _, format @ ..] = take::<19, _>(stream).await?;
            Message::Format(PixelFormat::decode(&format)?)
        }
        2 => {
            let [_, high, low] = take::<3, _>(stream).await?;
            let count = u16::from_be_bytes([high, low]);
            if count > MAX_ENCODINGS {
                return Err(RfbError::TooLong);
            }
            skip(stream, u64::from(count) * 4).await?;
            Message::Ignored
        }
        3 => {
            let [incremental, x0, x1, y0, y1, w0, w1, h0, h1] = take::<9, _>(stream).await?;
            let (left, top) = (u16::from_be_bytes([x0, x1]), u16::from_be_bytes([y0, y1]));
            let right = left.saturating_add(u16::from_be_bytes([w0, w1]));
            let bottom = top.saturating_add(u16::from_be_bytes([h0, h1]));
            let area = Area { left, top, right, bottom };
            Message::Update(UpdateRequest { incremental: incremental != 0, area })
        }
        4 => {
            let [down, _, _, keysym @ ..] = take::<7, _>(stream).await?;
            Message::Key { down: down != 0, keysym: u32::from_be_bytes(keysym) }
        }
        5 => {
            let [buttons, x0, x1, y0, y1] = take::<5, _>(stream).await?;
            let at = (u16::from_be_bytes([x0, x1]), u16::from_be_bytes([y0, y1]));
            Message::Pointer { buttons, at }
        }
        6 => {
            let [_, _, _, length @ ..] = take::<7, _>(stream).await?;
            let length = u32::from_be_bytes(length);
            if length > MAX_CUT_TEXT {
                return Err(RfbError::TooLong);
            }
            skip(stream, u64::from(length)).await?;
            Message::Ignored
        }
        other => return Err(RfbError::UnknownMessage(other)),
    };
    Ok(Some(message))
}

/// The minor version of 3.x; anything later than 3.8 is 3.8.
fn minor_version(line: &[u8; 12]) -> Result<u16, RfbError> {
    let digits = |three: &[u8]| {
        let text = std::str::from_utf8(three).ok()?;
        text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<u16>().ok())?
    };
    let [b'R', b'F', b'B', b' ', major @ .., b'.', m0, m1, m2, b'\n'] = line else {
        return Err(RfbError::NotRfb);
    };
    match (digits(major), digits(&[*m0, *m1, *m2])) {
        (Some(3), Some(minor)) => Ok(minor.min(8)),
        (Some(major), Some(_)) if major > 3 => Ok(8),
        _ => Err(RfbError::NotRfb),
    }
}

async fn take<const N: usize, R: AsyncRead + Unpin>(stream: &mut R) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}

async fn skip<R: AsyncRead + Unpin>(stream: &mut R, length: u64) -> io::Result<()> {
    let skipped = tokio::io::copy(&mut stream.take(length), &mut tokio::io::sink()).await?;
    if skipped < length { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
}
