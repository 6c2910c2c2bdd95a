//! One TLS connection over memory that is lent to it.
//!
//! The engine owns no buffer. It is shown the unread bytes of its side and says how many of them are used up; what it
//! has to say itself goes to the side's own [`Out`]; content goes to the caller, a record at a time.
//!
//! Two record layers stand behind it. [`Plain`] is rustls' own, for the handshake and for TLS 1.2. [`Traffic`] is ours, for
//! TLS 1.3 once the handshake is over: it opens records where they lie, and copies none. On the same input both give the
//! same content, errors and bytes to send, which `tests/records.rs` demands of them (and names the exceptions). What holds for both is latched here.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::ToString;
use alloc::sync::Arc;
use core::fmt;
use core::time::Duration;

use rustls::client::Resumption;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::time_provider::TimeProvider;
use rustls::{AlertDescription, CertificateError, ClientConfig, PeerIncompatible, PeerMisbehaved};

use super::pin::{Pin, Verifier};
use super::plain::Plain;
use super::record;
use super::seal::Sealing;
use super::traffic::Traffic;
use super::{Crypto, TlsFault, TlsVersion};
use crate::error::{Error, Party};
use crate::limits::{MAX_TLS_CONTENT, MAX_TLS_RECORD};
use crate::scratch::{Content, Out};

/// Free room that every call needs: a record of the largest size, for whatever TLS has to say, and [`SLACK`].
pub(crate) const ROOM: usize = MAX_TLS_RECORD + SLACK;

/// For what may go before and behind what is sealed: an answer to a KeyUpdate (27 bytes), a KeyUpdate of ours (27), then a
/// close_notify or an alert (24 each).
const SLACK: usize = 128;

/// What protection adds to a record at the most: TLS 1.2 with AES-GCM 5 + 8 + 16, TLS 1.3 5 + 1 + 16.
const OVERHEAD: usize = 29;

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

/// What a record layer saw.
pub(super) enum Seen {
    Moved,
    /// It would take bytes to send.
    Ready,
    /// It waits for the peer.
    Blocked,
    Closed,
    Starved,
    Crowded,
}

/// Why a record layer goes no further.
pub(super) enum Fault {
    Rustls(rustls::Error),
    /// The first bytes that came are no record's.
    NotTls([u8; record::HEADER]),
    /// These bytes, after records, are none.
    NoRecord,
    /// A handshake message came in too many records.
    Pieces,
    /// The keys have protected what they may.
    Exhausted,
    /// It was asked for what it cannot do now.
    Unwilling,
}

/// A TLS connection, in either role.
pub(crate) struct Engine {
    records: Records,
    sealing: Sealing,
    verifier: Option<Arc<Verifier>>,
    party: Party,
    version: TlsVersion,
    established: bool,
    peer_closed: bool,
    closed: bool,
    failed: bool,
}

enum Records {
    Plain(Plain),
    Traffic(Box<Traffic>),
    /// The change from the one to the other failed.
    Lost,
}

/// What a TLS server of ours needs; made once for all its sessions.
#[derive(Clone)]
pub(crate) struct ServerConfig {
    config: Arc<rustls::ServerConfig>,
    sealing: Sealing,
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
        config.enable_secret_extraction = crypto.sealing.is_ours();
        let plain = Plain::client(Arc::new(config)).map_err(setup)?;
        Ok(Self::new(plain, crypto.sealing, Some(verifier), Party::Device))
    }

    /// A server, for consoles, which show no certificate.
    pub(crate) fn server(config: &ServerConfig) -> Result<Self, Error> {
        let plain = Plain::server(config.config.clone()).map_err(setup)?;
        Ok(Self::new(plain, config.sealing, None, Party::Console))
    }

    fn new(plain: Plain, sealing: Sealing, verifier: Option<Arc<Verifier>>, party: Party) -> Self {
        Self {
            records: Records::Plain(plain),
            sealing,
            verifier,
            party,
            version: TlsVersion::Tls13,
            established: false,
            peer_closed: false,
            closed: false,
            failed: false,
        }
    }

    /// Takes one step with what lies in `input`, which begins `at` there in the side's window, if it lies in it; `used` is
    /// what the caller consumes of it, in any case. Of a record with content, `content` is called with it; only if `room`
    /// says that it could be kept.
    pub(crate) fn step(
        &mut self,
        input: &mut [u8],
        at: Option<usize>,
        used: &mut usize,
        out: &mut Out<'_>,
        room: bool,
        content: &mut dyn FnMut(Content<'_>),
    ) -> Result<Step, Error> {
        if self.failed || self.peer_closed {
            // Whatever still comes means nothing.
            *used = input.len();
            return Ok(Step::Starved);
        }
        if out.free() < ROOM {
            return Ok(Step::Crowded);
        }
        let mute = self.closed;
        let mut seen = match &mut self.records {
            Records::Plain(plain) => plain.step(input, used, out, mute, content),
            Records::Traffic(traffic) => traffic.step(input, at, used, out, mute, room, content),
            Records::Lost => Ok(Seen::Starved),
        };
        if let (Ok(ready @ (Seen::Ready | Seen::Blocked)), Records::Plain(plain)) =
            (&seen, &mut self.records)
        {
            let established = matches!(ready, Seen::Ready) && !self.established;
            if established {
                self.established = true;
                self.version = if plain.is_tls12() { TlsVersion::Tls12 } else { TlsVersion::Tls13 };
            }
            if Traffic::can_follow(plain, self.sealing) {
                self.take_over()?;
                return Ok(if established { Step::Established } else { Step::Moved });
            }
            if established {
                return Ok(Step::Established);
            }
            seen = plain.reveal(&input[*used..], room || !self.established);
        }
        match seen {
            Ok(Seen::Moved) => Ok(Step::Moved),
            Ok(Seen::Closed) => {
                self.peer_closed = true;
                Ok(Step::Closed)
            }
            Ok(Seen::Crowded) => Ok(Step::Crowded),
            Ok(Seen::Starved | Seen::Ready | Seen::Blocked) => Ok(Step::Starved),
            Err(fault) => {
                self.failed = true;
                Err(self.explain(fault))
            }
        }
    }

    /// The handshake is over: from here on the records are ours.
    fn take_over(&mut self) -> Result<(), Error> {
        if let Records::Plain(plain) = core::mem::replace(&mut self.records, Records::Lost) {
            let traffic = Traffic::after(plain, self.sealing).map_err(|error| {
                self.failed = true;
                setup(error)
            })?;
            self.records = Records::Traffic(Box::new(traffic));
        }
        Ok(())
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
        let mut used = 0;
        for content in content.chunks(MAX_TLS_CONTENT) {
            used += match &mut self.records {
                Records::Plain(plain) => plain.seal(&mut input[used..], content, out),
                Records::Traffic(traffic) => traffic.seal(content, out).map(|()| 0),
                Records::Lost => Ok(0),
            }
            .map_err(|fault| {
                self.failed = true;
                self.explain(fault)
            })?;
        }
        Ok(used)
    }

    /// Says goodbye: close_notify, once, if the handshake is over and nothing failed. Returns how many bytes of `input`
    /// are used up.
    pub(crate) fn close(&mut self, input: &mut [u8], out: &mut Out<'_>) -> usize {
        let mut used = 0;
        if self.can_seal() {
            // The goodbye is a courtesy: a stream that cannot take it ends all the same.
            used = match &mut self.records {
                Records::Plain(plain) => plain.close(input, out),
                Records::Traffic(traffic) => traffic.close(out).map(|()| 0),
                Records::Lost => Ok(0),
            }
            .unwrap_or(0);
        }
        self.closed = true;
        used
    }

    fn can_seal(&self) -> bool {
        self.established && !self.failed && !self.closed
    }

    /// Bytes held between visits, besides keys.
    pub(crate) fn holds(&self) -> usize {
        match &self.records {
            Records::Traffic(traffic) => traffic.holds(),
            Records::Plain(_) | Records::Lost => 0,
        }
    }

    /// Its buffers' owner has lost bytes: nothing more is said, and nothing that comes is looked at.
    pub(crate) fn poison(&mut self) {
        self.failed = true;
    }

    /// Known once the handshake is over.
    pub(crate) fn version(&self) -> TlsVersion {
        self.version
    }

    fn explain(&self, fault: Fault) -> Error {
        let fault = match fault {
            Fault::Rustls(error) => return self.explain_rustls(error),
            Fault::NotTls(header) if header.starts_with(b"RFB ") => TlsFault::PlainVnc,
            Fault::NotTls(header) => TlsFault::NotTls { shown: header.to_vec() },
            Fault::NoRecord => TlsFault::Protocol("what it sent is no TLS record".into()),
            Fault::Pieces => TlsFault::Protocol("a handshake message in too many pieces".into()),
            Fault::Exhausted => TlsFault::Exhausted,
            Fault::Unwilling => return Error::Misuse("TLS does not take bytes to send"),
        };
        Error::Tls { party: self.party, fault }
    }

    fn explain_rustls(&self, error: rustls::Error) -> Error {
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
) -> Result<ServerConfig, Error> {
    let key = crypto.provider.key_provider.load_private_key(key.clone_key()).map_err(setup)?;
    let chain = alloc::vec![CertificateDer::from(certificate.to_vec())];
    let mut config =
        rustls::ServerConfig::builder_with_details(crypto.provider.clone(), Arc::new(NoTime))
            .with_protocol_versions(rustls::ALL_VERSIONS)
            .map_err(setup)?
            .with_no_client_auth()
            // Not `with_single_cert`, which reads the certificate and refuses X.509 v1.
            .with_cert_resolver(Arc::new(Single(Arc::new(CertifiedKey::new(chain, key)))));
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.enable_secret_extraction = crypto.sealing.is_ours();
    Ok(ServerConfig { config: Arc::new(config), sealing: crypto.sealing })
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
