//! TLS 1.3 after the handshake (RFC 8446 sections 4.6, 5 and 6): a record layer of our own over rustls' key schedule.
//!
//! A record is opened where it lies in the input, and its content stays there. What else may still come is little: alerts,
//! KeyUpdates, and tickets that nobody wants. Where RFC 8446 leaves a choice, it is rustls' choice, down to the alert and
//! the error, so that a session cannot be told apart by which record layer it has; `tests/records.rs` holds one against
//! the other.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use rustls::client::ClientConnectionData;
use rustls::crypto::cipher::{InboundOpaqueMessage, MessageDecrypter};
use rustls::kernel::KernelConnection;
use rustls::server::ServerConnectionData;
use rustls::{
    AlertDescription, ConnectionTrafficSecrets, ContentType, Error, ExtractedSecrets,
    HandshakeType, InvalidMessage, PeerMisbehaved, ProtocolVersion, Tls13CipherSuite,
};

use super::engine::{Fault, Seen};
use super::plain::{Plain, Role};
use super::record::{self, HEADER};
use super::seal::{Sealer, Sealing, hands_out_keys, opener};
use crate::limits::{MAX_TLS_MESSAGE, MAX_TLS_RECORD};
use crate::scratch::{Content, Out};

/// A handshake message's type and length (RFC 8446 section 4).
const MESSAGE_HEADER: usize = 4;
/// The longest handshake message that rustls takes.
const MAX_MESSAGE: usize = 0xffff;
/// KeyUpdates that may come without content between, warnings, and empty records in a row, as rustls allows them.
const MAX_UPDATES: u8 = 32;
const MAX_WARNINGS: u8 = 4;
const MAX_EMPTY: u8 = 32;

const WARNING: u8 = 1;
const FATAL: u8 = 2;

/// One connection's traffic, both ways.
pub(super) struct Traffic {
    keys: Keys,
    suite: &'static Tls13CipherSuite,
    sealing: Sealing,
    opener: Box<dyn MessageDecrypter>,
    opened: u64,
    sealer: Sealer,
    sealed: u64,
    /// Of a handshake message that is not yet whole, what has come.
    message: Vec<u8>,
    /// How long the records are that it came in.
    pieces: usize,
    /// The record that answers a KeyUpdate; it leaves with the next one that is sealed.
    answer: Vec<u8>,
    updates: u8,
    warnings: u8,
    empty: u8,
}

/// The key schedule, which rustls keeps.
enum Keys {
    Client(KernelConnection<ClientConnectionData>),
    Server(KernelConnection<ServerConnectionData>),
}

/// An error, and what the peer is told of it.
struct Refusal(Error, Option<AlertDescription>);

impl From<PeerMisbehaved> for Refusal {
    fn from(error: PeerMisbehaved) -> Self {
        Self(error.into(), None)
    }
}

impl From<InvalidMessage> for Refusal {
    fn from(error: InvalidMessage) -> Self {
        let alert = AlertDescription::from(error);
        Self(error.into(), Some(alert))
    }
}

impl Traffic {
    /// Whether `plain` has come to where this can go on: between two records, TLS 1.3, handshake over.
    pub(super) fn can_follow(plain: &Plain, sealing: Sealing) -> bool {
        let common = plain.common();
        sealing.is_ours()
            && plain.rests()
            && !common.is_handshaking()
            && common
                .negotiated_cipher_suite()
                .and_then(|suite| suite.tls13())
                .is_some_and(hands_out_keys)
    }

    /// Goes on where `plain` is, which must be where [`Traffic::can_follow`] says yes.
    pub(super) fn after(plain: Plain, sealing: Sealing) -> Result<Self, Error> {
        let (ExtractedSecrets { tx, rx }, keys) = match plain.into_role() {
            Role::Client(connection) => {
                let (secrets, keys) = connection.dangerous_into_kernel_connection()?;
                (secrets, Keys::Client(keys))
            }
            Role::Server(connection) => {
                let (secrets, keys) = connection.dangerous_into_kernel_connection()?;
                (secrets, Keys::Server(keys))
            }
        };
        let suite = keys.suite().ok_or(Error::HandshakeNotComplete)?;
        Ok(Self {
            keys,
            suite,
            sealing,
            opener: opener(suite, rx.1).ok_or(Error::DecryptError)?,
            opened: rx.0,
            sealer: Sealer::new(sealing, suite, tx.1).ok_or(Error::EncryptError)?,
            sealed: tx.0,
            message: Vec::new(),
            pieces: 0,
            answer: Vec::new(),
            updates: MAX_UPDATES,
            warnings: MAX_WARNINGS,
            empty: 0,
        })
    }

    /// Takes the next record of `input`; the same as [`Engine::step`](super::Engine::step) otherwise.
    #[expect(clippy::too_many_arguments, reason = "two sides' memory, one call a record")]
    pub(super) fn step(
        &mut self,
        input: &mut [u8],
        at: Option<usize>,
        used: &mut usize,
        out: &mut Out<'_>,
        mute: bool,
        room: bool,
        content: &mut dyn FnMut(Content<'_>),
    ) -> Result<Seen, Fault> {
        let len = match record::next(input) {
            Ok(Some(len)) => len,
            Ok(None) => return Ok(Seen::Starved),
            Err(_) => return Err(Fault::NoRecord),
        };
        if !room {
            return Ok(Seen::Crowded);
        }
        if self.pieces + len > MAX_TLS_MESSAGE {
            return Err(Fault::Pieces);
        }
        *used = len;
        self.open(&mut input[..len], at, content).map_err(|Refusal(error, alert)| {
            if let (Some(alert), false) = (alert, mute) {
                // The error says more than a farewell that finds no room.
                let _ = self.say(ContentType::Alert, &[FATAL, alert.into()], out);
            }
            Fault::Rustls(error)
        })
    }

    fn open(
        &mut self,
        record: &mut [u8],
        at: Option<usize>,
        content: &mut dyn FnMut(Content<'_>),
    ) -> Result<Seen, Refusal> {
        let len = record.len();
        let (header, body) = record.split_at_mut(HEADER);
        let outer = ContentType::from(header[0]);
        if body.is_empty() && outer != ContentType::ApplicationData {
            return Err(InvalidMessage::InvalidEmptyPayload.into());
        }
        if len >= MAX_TLS_RECORD {
            return Err(InvalidMessage::MessageTooLarge.into());
        }
        if outer == ContentType::ChangeCipherSpec && self.message.is_empty() {
            return Err(change_cipher_spec(body));
        }
        let start = body.as_ptr();
        let sealed = InboundOpaqueMessage::new(outer, ProtocolVersion::TLSv1_2, body);
        let opened = self.opener.decrypt(sealed, self.opened).map_err(|error| {
            let alert = match error {
                Error::DecryptError => Some(AlertDescription::BadRecordMac),
                Error::PeerSentOversizedRecord => Some(AlertDescription::RecordOverflow),
                Error::PeerMisbehaved(PeerMisbehaved::IllegalMiddleboxChangeCipherSpec) => {
                    Some(AlertDescription::UnexpectedMessage)
                }
                _ => None,
            };
            Refusal(error, alert)
        })?;
        self.opened += 1;
        let (typ, bytes) = (opened.typ, opened.payload);
        if !self.message.is_empty() && typ != ContentType::Handshake {
            return Err(PeerMisbehaved::MessageInterleavedWithHandshakeMessage.into());
        }
        self.count_empty(bytes)?;
        match typ {
            ContentType::ApplicationData => {
                self.updates = MAX_UPDATES;
                if !bytes.is_empty() {
                    // A provider may have opened it elsewhere.
                    let at = at.filter(|_| bytes.as_ptr() == start).map(|at| at + HEADER);
                    content(Content { bytes, at });
                }
                Ok(Seen::Moved)
            }
            ContentType::Alert => self.alert(bytes),
            ContentType::Handshake => self.messages(bytes, len),
            _ => Err(InvalidMessage::InvalidContentType.into()),
        }
    }

    fn count_empty(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        if !bytes.is_empty() {
            self.empty = 0;
            return Ok(());
        }
        if self.empty == MAX_EMPTY {
            return Err(PeerMisbehaved::TooManyEmptyFragments.into());
        }
        self.empty += 1;
        Ok(())
    }

    /// RFC 8446 section 6: every alert is an error but close_notify and user_canceled.
    fn alert(&mut self, bytes: &[u8]) -> Result<Seen, Refusal> {
        let (level, description) = match *bytes {
            [level, description] => (level, description),
            [] => return Err(InvalidMessage::MissingData("AlertLevel").into()),
            [_] => return Err(InvalidMessage::MissingData("AlertDescription").into()),
            _ => return Err(InvalidMessage::TrailingData("AlertMessagePayload").into()),
        };
        let description = AlertDescription::from(description);
        let error = Error::AlertReceived(description);
        if !matches!(level, WARNING | FATAL) {
            return Err(Refusal(error, Some(AlertDescription::IllegalParameter)));
        }
        if description == AlertDescription::CloseNotify {
            return Ok(Seen::Closed);
        }
        if level == FATAL {
            return Err(Refusal(error, None));
        }
        let Some(left) = self.warnings.checked_sub(1) else {
            return Err(PeerMisbehaved::TooManyWarningAlertsReceived.into());
        };
        self.warnings = left;
        if description != AlertDescription::UserCanceled {
            return Err(Refusal(error, Some(AlertDescription::DecodeError)));
        }
        Ok(Seen::Moved)
    }

    /// Takes the handshake messages that a record of `len` bytes completes, and keeps what begins another.
    fn messages(&mut self, bytes: &[u8], len: usize) -> Result<Seen, Refusal> {
        let mut joined = core::mem::take(&mut self.message);
        let mut rest = if joined.is_empty() {
            bytes
        } else {
            joined.extend_from_slice(bytes);
            &joined
        };
        // That one is too long counts before what those before it say.
        let mut ahead = rest;
        while let Some((.., next)) = next_message(ahead)? {
            ahead = next;
        }
        while let Some((typ, body, next)) = next_message(rest)? {
            self.message(typ, body, next.is_empty())?;
            rest = next;
        }
        self.pieces = if rest.is_empty() { 0 } else { self.pieces + len };
        self.message = if rest.len() == joined.len() { joined } else { rest.to_vec() };
        Ok(Seen::Moved)
    }

    /// RFC 8446 section 4.6; `last` says that its record ends with it.
    fn message(&mut self, typ: HandshakeType, body: &[u8], last: bool) -> Result<(), Refusal> {
        match (typ, &mut self.keys) {
            (HandshakeType::KeyUpdate, _) => match body {
                &[request] => self.key_update(request, last),
                [] => Err(InvalidMessage::MissingData("KeyUpdateRequest").into()),
                _ => Err(InvalidMessage::TrailingData("HandshakeMessagePayload").into()),
            },
            // Resumption is off: it is read to see whether it is one, and forgotten.
            (HandshakeType::NewSessionTicket, Keys::Client(keys)) => {
                keys.handle_new_session_ticket(body).map_err(|error| match error {
                    Error::InvalidMessage(error) => error.into(),
                    error => Refusal(error, None),
                })
            }
            (got_type, keys) => {
                let expect_types = match keys {
                    Keys::Client(_) => {
                        vec![HandshakeType::NewSessionTicket, HandshakeType::KeyUpdate]
                    }
                    Keys::Server(_) => vec![HandshakeType::KeyUpdate],
                };
                let error = Error::InappropriateHandshakeMessage { expect_types, got_type };
                Err(Refusal(error, Some(AlertDescription::UnexpectedMessage)))
            }
        }
    }

    /// RFC 8446 section 4.6.3: the peer has new keys, and may want us to have new ones. However often it asks before we
    /// have something to send, one answer will do.
    fn key_update(&mut self, request: u8, last: bool) -> Result<(), Refusal> {
        if !last {
            let error = PeerMisbehaved::KeyEpochWithPendingFragment.into();
            return Err(Refusal(error, Some(AlertDescription::UnexpectedMessage)));
        }
        let Some(left) = self.updates.checked_sub(1) else {
            return Err(PeerMisbehaved::TooManyKeyUpdateRequests.into());
        };
        self.updates = left;
        if request > 1 {
            let error = InvalidMessage::InvalidKeyUpdate.into();
            return Err(Refusal(error, Some(AlertDescription::IllegalParameter)));
        }
        let refuse = |error| Refusal(error, None);
        if request == 1 && self.answer.is_empty() {
            let mut answer = vec![0; 64];
            let len = self
                .sealer
                .seal(self.sealed, ContentType::Handshake, &key_update(0), &mut answer)
                .ok_or(Refusal(Error::EncryptError, None))?;
            answer.truncate(len);
            self.answer = answer;
            self.renew_sealer().map_err(refuse)?;
        }
        let (opened, secrets) = self.keys.next_rx().map_err(refuse)?;
        self.opener = opener(self.suite, secrets).ok_or(Refusal(Error::DecryptError, None))?;
        self.opened = opened;
        Ok(())
    }

    fn renew_sealer(&mut self) -> Result<(), Error> {
        let (sealed, secrets) = self.keys.next_tx()?;
        self.sealer = Sealer::new(self.sealing, self.suite, secrets).ok_or(Error::EncryptError)?;
        self.sealed = sealed;
        Ok(())
    }

    /// Bytes held between records.
    pub(super) fn holds(&self) -> usize {
        self.message.capacity() + self.answer.capacity()
    }

    /// Protects `content`, which one record holds, and appends it to `out`.
    pub(super) fn seal(&mut self, content: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
        // RFC 8446 section 5.5: the last record that these keys may protect says that there are new ones.
        if self.sealed > 0 && self.sealed + 1 >= self.suite.common.confidentiality_limit {
            self.say(ContentType::Handshake, &key_update(1), out)?;
            self.renew_sealer().map_err(|_| Fault::Unwilling)?;
        }
        self.say(ContentType::ApplicationData, content, out)
    }

    /// Says close_notify (RFC 8446 section 6.1).
    pub(super) fn close(&mut self, out: &mut Out<'_>) -> Result<(), Fault> {
        self.say(ContentType::Alert, &[WARNING, AlertDescription::CloseNotify.into()], out)
    }

    fn say(&mut self, typ: ContentType, bytes: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
        let answer = core::mem::take(&mut self.answer);
        let spare = out.spare().get_mut(..answer.len()).ok_or(Fault::Unwilling)?;
        spare.copy_from_slice(&answer);
        out.push(answer.len());
        let len = self.sealer.seal(self.sealed, typ, bytes, out.spare()).ok_or(Fault::Unwilling)?;
        self.sealed += 1;
        out.push(len);
        Ok(())
    }
}

impl Keys {
    fn suite(&self) -> Option<&'static Tls13CipherSuite> {
        match self {
            Self::Client(keys) => keys.negotiated_cipher_suite(),
            Self::Server(keys) => keys.negotiated_cipher_suite(),
        }
        .tls13()
    }

    fn next_rx(&mut self) -> Result<(u64, ConnectionTrafficSecrets), Error> {
        match self {
            Self::Client(keys) => keys.update_rx_secret(),
            Self::Server(keys) => keys.update_rx_secret(),
        }
    }

    fn next_tx(&mut self) -> Result<(u64, ConnectionTrafficSecrets), Error> {
        match self {
            Self::Client(keys) => keys.update_tx_secret(),
            Self::Server(keys) => keys.update_tx_secret(),
        }
    }
}

/// A handshake message's type and body, and what follows it.
type Message<'a> = (HandshakeType, &'a [u8], &'a [u8]);

/// The handshake message with which `bytes` begin; `None` while it is not whole.
fn next_message(bytes: &[u8]) -> Result<Option<Message<'_>>, Refusal> {
    let Some((&[typ, a, b, c], rest)) = bytes.split_first_chunk::<MESSAGE_HEADER>() else {
        return Ok(None);
    };
    let size = u32::from_be_bytes([0, a, b, c]) as usize;
    if size > MAX_MESSAGE {
        return Err(Refusal(InvalidMessage::HandshakePayloadTooLarge.into(), None));
    }
    let split = rest.split_at_checked(size);
    Ok(split.map(|(body, next)| (HandshakeType::from(typ), body, next)))
}

/// A KeyUpdate message (RFC 8446 section 4.6.3).
fn key_update(request: u8) -> [u8; MESSAGE_HEADER + 1] {
    [HandshakeType::KeyUpdate.into(), 0, 0, 1, request]
}

/// It has no place here (RFC 8446 section 5), well formed or not.
fn change_cipher_spec(body: &[u8]) -> Refusal {
    match *body {
        [1] => {}
        [1, ..] => return InvalidMessage::TrailingData("ChangeCipherSpecPayload").into(),
        _ => return InvalidMessage::InvalidCcs.into(),
    }
    let error = Error::InappropriateMessage {
        expect_types: vec![ContentType::ApplicationData, ContentType::Handshake],
        got_type: ContentType::ChangeCipherSpec,
    };
    Refusal(error, Some(AlertDescription::UnexpectedMessage))
}
