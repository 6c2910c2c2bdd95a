//! One TLS connection over memory that is lent to it: rustls 0.23's unbuffered API, and the care that it needs.
//!
//! The engine owns no buffer. It is shown the unread bytes of its side and says how many of them are used up; what it
//! has to say itself goes to the side's own [`Out`]; content goes to the caller, a record at a time.
//!
//! ```text
//!   input:  [ revealed ............ | not yet revealed ...... ]
//!             rustls has seen these, and must
//!             see them again, unchanged
//! ```
//!
//! What rustls asks of its caller, all measured on 0.23.46 (docs/architecture.md):
//!
//! 1. Encode only into enough room: a dropped `EncodeTlsData` loses its bytes. Hence [`ROOM`], asked for before a call.
//! 2. Show the same bytes again, less what was discarded, and only append: in the middle of a fragmented message it
//!    holds ranges into them, and panics on an empty slice. Hence `revealed`.
//! 3. Content that is not taken hides everything else, writing too. Hence one record at a time, revealed only when
//!    there is room for its content.
//! 4. The answer to a KeyUpdate rides on the next `encrypt`. Hence the slack in [`sealed_len`].
//! 5. After a fatal error, and after our own close_notify, it still encrypts. Hence `failed` and `closed`, both latched.
//! 6. After a fatal error, ask for no more than the alert: shown the offending record again, debug builds panic.
//! 7. After our own close_notify, a bad record makes debug builds of rustls panic, and other builds say an alert. Hence
//!    `mute`, and the workspace's profiles without rustls' debug assertions.
//! 8. A message in fragments is discarded only when it is whole, and a record of 23 bytes may hold one byte of it. Hence
//!    [`MAX_TLS_MESSAGE`]: else there would be no room to read the rest into, ever.
//! 9. The end of the stream is the caller's to judge: [`Engine::peer_closed`].

use alloc::boxed::Box;
use alloc::format;
use alloc::string::ToString;
use alloc::sync::Arc;
use core::fmt;
use core::time::Duration;

use rustls::client::{ClientConnectionData, Resumption, UnbufferedClientConnection};
use rustls::pki_types::{CertificateDer, IpAddr, Ipv4Addr, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::{
    ClientHello, NoServerSessionStorage, ResolvesServerCert, ServerConnectionData,
    UnbufferedServerConnection,
};
use rustls::sign::CertifiedKey;
use rustls::time_provider::TimeProvider;
use rustls::unbuffered::{ConnectionState, EncryptError, UnbufferedStatus, WriteTraffic};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, PeerIncompatible, PeerMisbehaved,
    ProtocolVersion, ServerConfig,
};

use super::pin::{Pin, Verifier};
use super::{Crypto, TlsFault, TlsVersion, record};
use crate::error::{Error, Party};
use crate::limits::{MAX_TLS_CONTENT, MAX_TLS_MESSAGE, MAX_TLS_RECORD};
use crate::scratch::Out;

/// Free room that every call needs: a record of the largest size, for whatever rustls has to say, and [`SLACK`].
pub(crate) const ROOM: usize = MAX_TLS_RECORD + SLACK;

/// For an answer to a KeyUpdate (27 bytes), a close_notify and an alert (24 each).
const SLACK: usize = 128;

/// What protection adds to a record at the most: TLS 1.2 with AES-GCM 5 + 8 + 16, TLS 1.3 5 + 1 + 16.
const OVERHEAD: usize = 29;

/// How often rustls is asked before it comes to rest without having moved a byte; a bound, never reached.
const ASKED: usize = 16;

/// What a [`Engine::step`] came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Something moved; step again.
    Moved,
    /// The handshake is over and, for a client, pin and signature hold. Said once; step again.
    Established,
    /// The peer's close_notify has come. Said once; nothing follows.
    Closed,
    /// No whole record is left.
    Starved,
    /// There is no room for what may come of the next record: first, bytes must leave.
    Crowded,
}

/// A TLS connection, in either role.
pub(crate) struct Engine {
    connection: Connection,
    verifier: Option<Arc<Verifier>>,
    party: Party,
    revealed: usize,
    /// A record has come.
    heard: bool,
    established: bool,
    peer_closed: bool,
    closed: bool,
    failed: bool,
}

enum Connection {
    Client(Box<UnbufferedClientConnection>),
    Server(Box<UnbufferedServerConnection>),
}

impl Connection {
    fn has_to_say(&self) -> bool {
        match self {
            Self::Client(connection) => connection.wants_write(),
            Self::Server(connection) => connection.wants_write(),
        }
    }
}

/// Runs an expression over either role's connection: rustls has one inherent method for each.
macro_rules! process {
    ($connection:expr, $input:expr, $status:ident => $then:expr) => {
        match $connection {
            Connection::Client(connection) => {
                let $status = connection.process_tls_records($input);
                $then
            }
            Connection::Server(connection) => {
                let $status = connection.process_tls_records($input);
                $then
            }
        }
    };
}

impl Engine {
    /// A client that accepts the pinned certificate and no other. It sends no name, offers no resumption (a resumed
    /// handshake shows no certificate), and checks no date.
    pub(crate) fn client(pin: Pin, crypto: &Crypto) -> Result<Self, Error> {
        let versions: &[_] =
            if pin.legacy() { &[&rustls::version::TLS12] } else { rustls::ALL_VERSIONS };
        let verifier = Arc::new(Verifier::new(pin, crypto.clone()));
        let mut config =
            ClientConfig::builder_with_details(crypto.provider.clone(), Arc::new(NoTime))
                .with_protocol_versions(versions)
                .map_err(setup)?
                .dangerous()
                .with_custom_certificate_verifier(verifier.clone())
                .with_no_client_auth();
        config.enable_sni = false;
        config.resumption = Resumption::disabled();
        let nobody = ServerName::from(IpAddr::V4(Ipv4Addr::from([0, 0, 0, 0])));
        let connection =
            UnbufferedClientConnection::new(Arc::new(config), nobody).map_err(setup)?;
        Ok(Self::new(Connection::Client(Box::new(connection)), Some(verifier), Party::Device))
    }

    /// A server, for consoles, which show no certificate.
    pub(crate) fn server(config: Arc<ServerConfig>) -> Result<Self, Error> {
        let connection = UnbufferedServerConnection::new(config).map_err(setup)?;
        Ok(Self::new(Connection::Server(Box::new(connection)), None, Party::Console))
    }

    fn new(connection: Connection, verifier: Option<Arc<Verifier>>, party: Party) -> Self {
        Self {
            connection,
            verifier,
            party,
            revealed: 0,
            heard: false,
            established: false,
            peer_closed: false,
            closed: false,
            failed: false,
        }
    }

    /// Takes one step with what lies in `input`; `used` is what the caller consumes of it, in any case. Of a record
    /// with content, `content` is called with it; only if `room` says that it could be kept.
    pub(crate) fn step(
        &mut self,
        input: &mut [u8],
        used: &mut usize,
        out: &mut Out<'_>,
        room: bool,
        content: &mut dyn FnMut(&[u8]),
    ) -> Result<Step, Error> {
        if self.failed || self.peer_closed {
            // Whatever still comes means nothing.
            *used = input.len();
            self.revealed = 0;
            return Ok(Step::Starved);
        }
        if out.free() < ROOM {
            return Ok(Step::Crowded);
        }
        let shown = self.revealed.min(input.len());
        let mute = self.closed;
        let (discard, seen) = process!(&mut self.connection, &mut input[..shown], status => handle(status, out, mute, content));
        *used = discard;
        self.revealed = shown - discard.min(shown);
        match seen {
            Err(error) => {
                let error = self.explain(error);
                self.fail(&mut input[*used..], out);
                Err(error)
            }
            Ok(Seen::Moved) => Ok(Step::Moved),
            Ok(Seen::PeerClosed) => {
                self.peer_closed = true;
                Ok(Step::Closed)
            }
            Ok(Seen::Ready) if !self.established => {
                self.established = true;
                Ok(Step::Established)
            }
            Ok(Seen::Ready | Seen::Blocked) => self.reveal(&input[*used..], room),
        }
    }

    fn reveal(&mut self, input: &[u8], room: bool) -> Result<Step, Error> {
        let hidden = &input[self.revealed..];
        let len = match record::next(hidden) {
            Ok(Some(len)) => len,
            Ok(None) => return Ok(Step::Starved),
            Err(header) => return Err(self.no_record(header)),
        };
        if self.established && !room {
            return Ok(Step::Crowded);
        }
        if self.revealed + len > MAX_TLS_MESSAGE {
            self.failed = true;
            let fault = TlsFault::Protocol("a handshake message in too many pieces".into());
            return Err(Error::Tls { party: self.party, fault });
        }
        self.revealed += len;
        self.heard = true;
        Ok(Step::Moved)
    }

    /// Protects `content` and appends it to `out`, which must have [`sealed_len`] bytes free. `input` is what lies
    /// unread on this side.
    /// Returns how many bytes of `input` are used up.
    pub(crate) fn seal(
        &mut self,
        input: &mut [u8],
        content: &[u8],
        out: &mut Out<'_>,
    ) -> Result<usize, Error> {
        if !self.can_seal() {
            return Ok(0);
        }
        self.write(input, out, |traffic, spare| traffic.encrypt(content, spare))
    }

    /// Says goodbye: close_notify, once, if the handshake is over and nothing failed. Returns how many bytes of `input`
    /// are used up.
    pub(crate) fn close(&mut self, input: &mut [u8], out: &mut Out<'_>) -> usize {
        let mut used = 0;
        if self.can_seal() {
            // The goodbye is a courtesy: a stream that cannot take it ends all the same.
            used = self
                .write(input, out, |traffic, spare| traffic.queue_close_notify(spare))
                .unwrap_or(0);
        }
        self.closed = true;
        used
    }

    fn can_seal(&self) -> bool {
        self.established && !self.failed && !self.closed
    }

    /// Its buffers' owner has lost bytes: nothing more is said, and nothing that comes is looked at.
    pub(crate) fn poison(&mut self) {
        self.failed = true;
    }

    /// Brings rustls to where it may write, which is never further than what it has to say first.
    fn write(
        &mut self,
        input: &mut [u8],
        out: &mut Out<'_>,
        mut put: impl FnMut(&mut dyn Traffic, &mut [u8]) -> Result<usize, EncryptError>,
    ) -> Result<usize, Error> {
        let mut used = 0;
        let mut exhausted = false;
        for _ in 0..ASKED {
            let shown = used..used + self.revealed.min(input.len() - used);
            let (discard, done) = process!(&mut self.connection, &mut input[shown], status => {
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
        if exhausted {
            return Err(Error::Tls { party: self.party, fault: TlsFault::Exhausted });
        }
        Err(Error::Misuse("TLS does not take bytes to send"))
    }

    /// Latches the failure and fetches the alert that rustls has for it. Asked once too often, it would look at the
    /// offending record again, and panic in debug builds.
    fn fail(&mut self, input: &mut [u8], out: &mut Out<'_>) {
        self.failed = true;
        let shown = self.revealed.min(input.len());
        for _ in 0..ASKED {
            if self.closed || !self.connection.has_to_say() || out.free() < ROOM {
                return;
            }
            process!(&mut self.connection, &mut input[..shown], status => {
                if let Ok(ConnectionState::EncodeTlsData(mut data)) = status.state
                    && let Ok(n) = data.encode(out.spare())
                {
                    out.push(n);
                }
            });
        }
    }

    pub(crate) fn version(&self) -> TlsVersion {
        let version = match &self.connection {
            Connection::Client(connection) => connection.protocol_version(),
            Connection::Server(connection) => connection.protocol_version(),
        };
        if version == Some(ProtocolVersion::TLSv1_2) {
            TlsVersion::Tls12
        } else {
            TlsVersion::Tls13
        }
    }

    /// What has come cannot be a record. It is not shown to rustls, which would wait for more of some
    /// such, and lose step with us.
    fn no_record(&mut self, header: [u8; record::HEADER]) -> Error {
        self.failed = true;
        let fault = if self.heard {
            TlsFault::Protocol("what it sent is no TLS record".into())
        } else if header.starts_with(b"RFB ") {
            TlsFault::PlainVnc
        } else {
            TlsFault::NotTls { shown: header.to_vec() }
        };
        Error::Tls { party: self.party, fault }
    }

    fn explain(&self, error: rustls::Error) -> Error {
        if let Some((pinned, shown)) =
            self.verifier.as_ref().and_then(|verifier| verifier.mismatch())
        {
            return Error::Mismatch { pinned, shown };
        }
        let fault = match error {
            rustls::Error::AlertReceived(AlertDescription::ProtocolVersion)
            | rustls::Error::PeerIncompatible(
                PeerIncompatible::ServerDoesNotSupportTls12Or13
                | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
                | PeerIncompatible::Tls12NotOffered
                | PeerIncompatible::Tls12NotOfferedOrEnabled
                | PeerIncompatible::Tls13RequiredForQuic
                | PeerIncompatible::SupportedVersionsExtensionRequired,
            ) => TlsFault::Version,
            rustls::Error::AlertReceived(
                alert @ (AlertDescription::HandshakeFailure
                | AlertDescription::InsufficientSecurity
                | AlertDescription::IllegalParameter),
            ) => TlsFault::Parameters(format!("{alert:?}")),
            rustls::Error::AlertReceived(AlertDescription::CertificateRequired) => {
                TlsFault::ClientCertificate
            }
            rustls::Error::AlertReceived(alert) => TlsFault::Alert(format!("{alert:?}")),
            rustls::Error::PeerIncompatible(why) => TlsFault::Parameters(format!("{why:?}")),
            rustls::Error::InvalidCertificate(CertificateError::BadSignature)
            | rustls::Error::PeerMisbehaved(
                PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme,
            ) => TlsFault::KeyNotProven,
            other => TlsFault::Protocol(other.to_string()),
        };
        Error::Tls { party: self.party, fault }
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("established", &self.established)
            .field("peer_closed", &self.peer_closed)
            .field("closed", &self.closed)
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}

/// The room that `content` bytes need when they are sealed, with whatever rustls may have to say before.
pub(crate) fn sealed_len(content: usize) -> usize {
    content + (content / MAX_TLS_CONTENT + 1) * OVERHEAD + ROOM
}

/// How many bytes of content can be sealed into `free` bytes; the inverse of [`sealed_len`].
pub(crate) fn sealable(free: usize) -> usize {
    let free = free.saturating_sub(ROOM + OVERHEAD);
    free - free.div_ceil(MAX_TLS_CONTENT) * OVERHEAD.min(free)
}

/// A TLS server that shows `certificate`, whatever it looks like, and holds `key`.
pub(crate) fn server_config(
    certificate: &[u8],
    key: &PrivateKeyDer<'static>,
    crypto: &Crypto,
) -> Result<Arc<ServerConfig>, Error> {
    let key = crypto.provider.key_provider.load_private_key(key.clone_key()).map_err(setup)?;
    let chain = alloc::vec![CertificateDer::from(certificate.to_vec())];
    let mut config = ServerConfig::builder_with_details(crypto.provider.clone(), Arc::new(NoTime))
        .with_protocol_versions(rustls::ALL_VERSIONS)
        .map_err(setup)?
        .with_no_client_auth()
        // Not `with_single_cert`, which reads the certificate and refuses X.509 v1.
        .with_cert_resolver(Arc::new(Single(Arc::new(CertifiedKey::new(chain, key)))));
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(Arc::new(config))
}

#[derive(Debug)]
struct Single(Arc<CertifiedKey>);

impl ResolvesServerCert for Single {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }
}

/// rustls wants to know the time for tickets and expiry, neither of which plays a part here.
#[derive(Debug)]
struct NoTime;

impl TimeProvider for NoTime {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::ZERO))
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

enum Seen {
    Moved,
    Ready,
    Blocked,
    PeerClosed,
}

/// One arm a state. The states' own bytes go out at once: `out` keeps their order, so they count as
/// transmitted. After our goodbye they go nowhere (`mute`): the stream may be shut down already.
fn handle<Data>(
    status: UnbufferedStatus<'_, '_, Data>,
    out: &mut Out<'_>,
    mute: bool,
    content: &mut dyn FnMut(&[u8]),
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
                        content(record.payload);
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
        Ok(ConnectionState::PeerClosed) => Ok(Seen::PeerClosed),
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

fn setup(error: rustls::Error) -> Error {
    Error::Setup(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealable_fits() {
        for free in (0..200_000).step_by(97).chain([ROOM, ROOM + OVERHEAD, ROOM + OVERHEAD + 1]) {
            let content = sealable(free);
            assert!(content == 0 || sealed_len(content) <= free, "{free}: {content}");
        }
        assert!(sealable(ROOM + 1_000) > 900);
    }
}
