//! rustls 0.23's unbuffered API, and the care that it needs: the whole of TLS until the handshake is over, and of TLS 1.2.
//!
//! ```text
//!   input:  [ revealed ............ | not yet revealed ...... ]
//!             rustls has seen these, and must
//!             see them again, unchanged
//! ```
//!
//! What rustls asks of its caller, all measured on 0.23.46 (docs/architecture.md):
//!
//! 1. Encode only into enough room: a dropped `EncodeTlsData` loses its bytes. Hence [`ROOM`](super::engine::ROOM), asked
//!    for before a call.
//! 2. Show the same bytes again, less what was discarded, and only append: in the middle of a fragmented message it
//!    holds ranges into them, and panics on an empty slice. Hence `revealed`.
//! 3. Content that is not taken hides everything else, writing too. Hence one record at a time, revealed only when
//!    there is room for its content.
//! 4. The answer to a KeyUpdate rides on the next `encrypt`. Hence the slack in [`sealed_len`](super::sealed_len).
//! 5. After a fatal error, and after our own close_notify, it still encrypts. Hence the engine's `failed` and `closed`.
//! 6. After a fatal error, ask for no more than the alert: shown the offending record again, debug builds panic.
//! 7. After our own close_notify, a bad record makes debug builds of rustls panic, and other builds say an alert. Hence
//!    `mute`, and the workspace's profiles without rustls' debug assertions.
//! 8. A message in fragments is discarded only when it is whole, and a record of 23 bytes may hold one byte of it. Hence
//!    [`MAX_TLS_MESSAGE`]: else there would be no room to read the rest into, ever.
//! 9. The end of the stream is the caller's to judge.
//! 10. It copies every record, into memory that it allocates. Hence [`Traffic`](super::traffic::Traffic).

use alloc::boxed::Box;
use alloc::sync::Arc;

use rustls::client::{ClientConnectionData, UnbufferedClientConnection};
use rustls::pki_types::{IpAddr, Ipv4Addr, ServerName};
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{ConnectionState, EncryptError, UnbufferedStatus, WriteTraffic};
use rustls::{ClientConfig, CommonState, ProtocolVersion, ServerConfig};

use super::engine::{Fault, ROOM, Seen};
use super::record;
use crate::limits::MAX_TLS_MESSAGE;
use crate::scratch::{Content, Out};

/// How often rustls is asked before it comes to rest without having moved a byte; a bound, never reached.
const ASKED: usize = 16;

/// A connection of rustls', in either role.
pub(super) struct Plain {
    role: Role,
    /// So many bytes of the input has rustls seen, and not used up.
    revealed: usize,
    /// A record has come.
    heard: bool,
}

pub(super) enum Role {
    Client(Box<UnbufferedClientConnection>),
    Server(Box<UnbufferedServerConnection>),
}

/// Runs an expression over either role's connection: rustls has one inherent method for each.
macro_rules! process {
    ($role:expr, $input:expr, $status:ident => $then:expr) => {
        match $role {
            Role::Client(connection) => {
                let $status = connection.process_tls_records($input);
                $then
            }
            Role::Server(connection) => {
                let $status = connection.process_tls_records($input);
                $then
            }
        }
    };
}

impl Plain {
    /// A client of nobody in particular: it sends no name.
    pub(super) fn client(config: Arc<ClientConfig>) -> Result<Self, rustls::Error> {
        let nobody = ServerName::from(IpAddr::V4(Ipv4Addr::from([0, 0, 0, 0])));
        let connection = UnbufferedClientConnection::new(config, nobody)?;
        Ok(Self::new(Role::Client(Box::new(connection))))
    }

    pub(super) fn server(config: Arc<ServerConfig>) -> Result<Self, rustls::Error> {
        Ok(Self::new(Role::Server(Box::new(UnbufferedServerConnection::new(config)?))))
    }

    fn new(role: Role) -> Self {
        Self { role, revealed: 0, heard: false }
    }

    /// The connection, for what comes after the handshake.
    pub(super) fn into_role(self) -> Role {
        self.role
    }

    /// What both roles know of themselves.
    pub(super) fn common(&self) -> &CommonState {
        match &self.role {
            Role::Client(connection) => connection,
            Role::Server(connection) => connection,
        }
    }

    /// Whether rustls holds nothing of the input, and has nothing to say: between two records.
    pub(super) fn rests(&self) -> bool {
        self.revealed == 0 && !self.common().wants_write()
    }

    pub(super) fn is_tls12(&self) -> bool {
        self.common().protocol_version() == Some(ProtocolVersion::TLSv1_2)
    }

    /// Takes one step with what lies in `input`; `used` is what the caller consumes of it, in any case. Of a record
    /// with content, `content` is called with it. After our goodbye (`mute`) nothing goes out.
    pub(super) fn step(
        &mut self,
        input: &mut [u8],
        used: &mut usize,
        out: &mut Out<'_>,
        mute: bool,
        content: &mut dyn FnMut(Content<'_>),
    ) -> Result<Seen, Fault> {
        let shown = self.revealed.min(input.len());
        let (discard, seen) = process!(&mut self.role, &mut input[..shown], status => handle(status, out, mute, content));
        *used = discard;
        self.revealed = shown - discard.min(shown);
        seen.map_err(|error| {
            self.say_alert(&mut input[*used..], out, mute);
            Fault::Rustls(error)
        })
    }

    /// Lets rustls see the next record of `input`, if it is whole and there is `room` for its content.
    pub(super) fn reveal(&mut self, input: &[u8], room: bool) -> Result<Seen, Fault> {
        let hidden = &input[self.revealed.min(input.len())..];
        let len = match record::next(hidden) {
            Ok(Some(len)) => len,
            Ok(None) => return Ok(Seen::Starved),
            // It is not shown to rustls, which would wait for more of some such, and lose step with us.
            Err(_) if self.heard => return Err(Fault::NoRecord),
            Err(header) => return Err(Fault::NotTls(header)),
        };
        if !room {
            return Ok(Seen::Crowded);
        }
        if self.revealed + len > MAX_TLS_MESSAGE {
            return Err(Fault::Pieces);
        }
        self.revealed += len;
        self.heard = true;
        Ok(Seen::Moved)
    }

    /// Protects `content`, which one record holds, and appends it to `out`. Returns how many bytes of `input`, which is what
    /// lies unread, are used up.
    pub(super) fn seal(
        &mut self,
        input: &mut [u8],
        content: &[u8],
        out: &mut Out<'_>,
    ) -> Result<usize, Fault> {
        self.write(input, out, |traffic, spare| traffic.encrypt(content, spare))
    }

    /// Says close_notify; the same as [`Plain::seal`] otherwise.
    pub(super) fn close(&mut self, input: &mut [u8], out: &mut Out<'_>) -> Result<usize, Fault> {
        self.write(input, out, |traffic, spare| traffic.queue_close_notify(spare))
    }

    /// Brings rustls to where it may write, which is never further than what it has to say first.
    fn write(
        &mut self,
        input: &mut [u8],
        out: &mut Out<'_>,
        mut put: impl FnMut(&mut dyn Traffic, &mut [u8]) -> Result<usize, EncryptError>,
    ) -> Result<usize, Fault> {
        let mut used = 0;
        let mut exhausted = false;
        for _ in 0..ASKED {
            let shown = used..used + self.revealed.min(input.len() - used);
            let (discard, done) = process!(&mut self.role, &mut input[shown], status => {
                (status.discard, match status.state {
                    Ok(ConnectionState::WriteTraffic(mut traffic)) => {
                        match put(&mut traffic, out.spare()) {
                            Ok(written) => {
                                out.push(written);
                                Some(true)
                            }
                            Err(EncryptError::EncryptExhausted) => {
                                exhausted = true;
                                None
                            }
                            Err(_) => None,
                        }
                    }
                    Ok(state) => handle_write(state, out),
                    Err(_) => None,
                })
            });
            used += discard;
            self.revealed -= discard.min(self.revealed);
            match done {
                Some(true) => return Ok(used),
                Some(false) => {}
                None => break,
            }
        }
        Err(if exhausted { Fault::Exhausted } else { Fault::Unwilling })
    }

    /// Fetches the alert that rustls has for a failure. Asked once too often, it would look at the offending record
    /// again, and panic in debug builds.
    fn say_alert(&mut self, input: &mut [u8], out: &mut Out<'_>, mute: bool) {
        let shown = self.revealed.min(input.len());
        for _ in 0..ASKED {
            if mute || !self.common().wants_write() || out.free() < ROOM {
                return;
            }
            process!(&mut self.role, &mut input[..shown], status => {
                if let Ok(ConnectionState::EncodeTlsData(mut data)) = status.state
                    && let Ok(n) = data.encode(out.spare())
                {
                    out.push(n);
                }
            });
        }
    }
}

/// `WriteTraffic` of either role.
trait Traffic {
    fn encrypt(&mut self, content: &[u8], out: &mut [u8]) -> Result<usize, EncryptError>;
    fn queue_close_notify(&mut self, out: &mut [u8]) -> Result<usize, EncryptError>;
}

macro_rules! traffic {
    ($data:ty) => {
        impl Traffic for WriteTraffic<'_, $data> {
            fn encrypt(&mut self, content: &[u8], out: &mut [u8]) -> Result<usize, EncryptError> {
                WriteTraffic::encrypt(self, content, out)
            }

            fn queue_close_notify(&mut self, out: &mut [u8]) -> Result<usize, EncryptError> {
                WriteTraffic::queue_close_notify(self, out)
            }
        }
    };
}

traffic!(ClientConnectionData);
traffic!(ServerConnectionData);

/// One arm a state. The states' own bytes go out at once: `out` keeps their order, so they count as
/// transmitted. After our goodbye they go nowhere (`mute`): the stream may be shut down already.
fn handle<Data>(
    status: UnbufferedStatus<'_, '_, Data>,
    out: &mut Out<'_>,
    mute: bool,
    content: &mut dyn FnMut(Content<'_>),
) -> (usize, Result<Seen, rustls::Error>) {
    let mut discard = status.discard;
    let seen = match status.state {
        Err(error) => Err(error),
        Ok(ConnectionState::ReadTraffic(mut traffic)) => {
            let mut failed = None;
            while let Some(record) = traffic.next_record() {
                match record {
                    Ok(record) => {
                        discard += record.discard;
                        content(record.payload.into());
                    }
                    Err(error) => {
                        failed = Some(error);
                        break;
                    }
                }
            }
            failed.map_or(Ok(Seen::Moved), Err)
        }
        Ok(ConnectionState::EncodeTlsData(mut data)) => match data.encode(out.spare()) {
            Ok(written) => {
                out.push(if mute { 0 } else { written });
                Ok(Seen::Moved)
            }
            // Cannot be: a chunk is one record at most, and ROOM was free.
            Err(_) => Err(rustls::Error::EncryptError),
        },
        Ok(ConnectionState::TransmitTlsData(data)) => {
            data.done();
            Ok(Seen::Moved)
        }
        Ok(ConnectionState::WriteTraffic(_)) => Ok(Seen::Ready),
        Ok(ConnectionState::BlockedHandshake) => Ok(Seen::Blocked),
        Ok(ConnectionState::PeerClosed) => Ok(Seen::Closed),
        Ok(ConnectionState::Closed) => Ok(Seen::Blocked),
        // Early data is never offered (RFC 8446 section 8: it can be replayed), nor is any other state known.
        Ok(_) => Err(rustls::Error::HandshakeNotComplete),
    };
    (discard, seen)
}

/// What stands before writing: `Some(false)` to ask again, `None` if it cannot come to that.
fn handle_write<Data>(state: ConnectionState<'_, '_, Data>, out: &mut Out<'_>) -> Option<bool> {
    match state {
        ConnectionState::EncodeTlsData(mut data) => {
            let written = data.encode(out.spare()).ok()?;
            out.push(written);
        }
        ConnectionState::TransmitTlsData(data) => data.done(),
        _ => return None,
    }
    Some(false)
}
