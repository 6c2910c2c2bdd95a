//! A scripted peer that speaks TLS: the device of a console's session, or the console of a device's.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, Connection, DigitallySignedStruct, ServerConfig,
    ServerConnection, SignatureScheme,
};

use super::Wire;

/// Why a peer did not see what its script says.
#[derive(Debug)]
pub(crate) struct Fail {
    text: String,
    late: bool,
}

impl Fail {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), late: false }
    }

    /// Whether it has waited in vain.
    pub(crate) const fn is_late(&self) -> bool {
        self.late
    }
}

impl std::fmt::Display for Fail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<io::Error> for Fail {
    fn from(error: io::Error) -> Self {
        Self { text: format!("{:?}: {error}", error.kind()), late: timed_out(&error) }
    }
}

impl From<rustls::Error> for Fail {
    fn from(error: rustls::Error) -> Self {
        Self::new(error.to_string())
    }
}

/// A peer's script: what it does, and what it must see.
pub(crate) type Done = Result<(), Fail>;

/// What came where an end was awaited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    CloseNotify,
    /// A FIN; over TLS, one without close_notify.
    Fin,
    Broken,
}

/// One end of a TLS connection, driven by hand so that reading and writing can stall apart.
pub(crate) struct Tls {
    tls: Connection,
    wire: Wire,
}

impl Tls {
    /// Accepts as a device.
    pub(crate) fn accept(wire: Wire, config: &Arc<ServerConfig>) -> Result<Self, Fail> {
        let tls = ServerConnection::new(config.clone())?;
        Self { tls: tls.into(), wire }.handshake()
    }

    /// Connects as a console that trusts everybody.
    pub(crate) fn connect(wire: Wire) -> Result<Self, Fail> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anybody))
            .with_no_client_auth();
        let name = ServerName::try_from("device").map_err(|error| Fail::new(error.to_string()))?;
        let tls = ClientConnection::new(Arc::new(config), name)?;
        Self { tls: tls.into(), wire }.handshake()
    }

    fn handshake(mut self) -> Result<Self, Fail> {
        while self.tls.is_handshaking() {
            self.flush()?;
            if self.tls.is_handshaking() && self.fill()? == 0 {
                return Err(Fail::new("the session left in the handshake"));
            }
        }
        self.flush()?;
        Ok(self)
    }

    /// Sends it, in records as large as they can be.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<(), Fail> {
        for chunk in bytes.chunks(16 * 1024) {
            self.tls.writer().write_all(chunk)?;
            self.flush()?;
        }
        Ok(())
    }

    /// Sends it in one record and goodbye in another, both in one write if the medium lets it.
    pub(crate) fn send_and_close_at_once(&mut self, bytes: &[u8]) -> Result<(), Fail> {
        self.tls.writer().write_all(bytes)?;
        self.tls.send_close_notify();
        let mut sealed = Vec::new();
        while self.tls.wants_write() {
            self.tls.write_tls(&mut sealed)?;
        }
        (&self.wire).write_all(&sealed)?;
        Ok(())
    }

    /// Sends until nothing has been taken for `patience`, or `most` bytes are sent: how many went into records.
    /// [`Tls::flush`] goes on with what was left of the last one.
    pub(crate) fn send_until_stalled(
        &mut self,
        most: usize,
        patience: Duration,
        mut chunk: impl FnMut(usize) -> Vec<u8>,
    ) -> Result<usize, Fail> {
        let mut sent = 0;
        while sent < most {
            let bytes = chunk(sent);
            self.tls.writer().write_all(&bytes)?;
            sent += bytes.len();
            while self.tls.wants_write() {
                match self.tls.write_tls(&mut Patient(&self.wire, patience)) {
                    Ok(_) => {}
                    Err(error) if timed_out(&error) => return Ok(sent),
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(sent)
    }

    /// Receives exactly so much.
    pub(crate) fn receive(&mut self, into: &mut [u8]) -> Result<(), Fail> {
        let mut filled = 0;
        while filled < into.len() {
            match self.read(&mut into[filled..])? {
                Ok(n) => filled += n,
                Err(ending) => {
                    return Err(Fail::new(format!(
                        "{ending:?} after {filled} of {} bytes",
                        into.len()
                    )));
                }
            }
        }
        Ok(())
    }

    /// Receives exactly this.
    pub(crate) fn expect(&mut self, bytes: &[u8]) -> Result<(), Fail> {
        let mut got = vec![0; bytes.len()];
        self.receive(&mut got)?;
        same(&got, bytes)
    }

    /// Receives nothing but this end.
    pub(crate) fn expect_ending(&mut self, wanted: Ending) -> Result<(), Fail> {
        match self.read(&mut [0; 64])? {
            Ok(n) => Err(Fail::new(format!("{n} bytes instead of {wanted:?}"))),
            Err(ending) if ending == wanted => Ok(()),
            Err(ending) => Err(Fail::new(format!("{ending:?} instead of {wanted:?}"))),
        }
    }

    /// Receives whatever comes until the end.
    pub(crate) fn until_end(&mut self) -> Result<Ending, Fail> {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            if let Err(ending) = self.read(&mut buffer)? {
                return Ok(ending);
            }
        }
    }

    /// Says goodbye; the stream stays open.
    pub(crate) fn close_notify(&mut self) -> Result<(), Fail> {
        self.tls.send_close_notify();
        self.flush()
    }

    pub(crate) const fn wire(&self) -> &Wire {
        &self.wire
    }

    /// The connection breaks.
    pub(crate) fn reset(self) -> Done {
        Ok(self.wire.reset()?)
    }

    /// What is left to be written is.
    pub(crate) fn flush(&mut self) -> Result<(), Fail> {
        while self.tls.wants_write() {
            self.tls.write_tls(&mut &self.wire)?;
        }
        Ok(())
    }

    fn read(&mut self, into: &mut [u8]) -> Result<Result<usize, Ending>, Fail> {
        loop {
            match self.tls.reader().read(into) {
                Ok(0) => return Ok(Err(Ending::CloseNotify)),
                Ok(n) => return Ok(Ok(n)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                    return Ok(Err(Ending::Fin));
                }
                Err(error) => return Err(error.into()),
            }
            match self.fill() {
                Ok(_) => {}
                Err(Filling::Stream(error)) if !timed_out(&error) => {
                    return Ok(Err(Ending::Broken));
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn fill(&mut self) -> Result<usize, Filling> {
        let n = self.tls.read_tls(&mut &self.wire).map_err(Filling::Stream)?;
        self.tls.process_new_packets().map_err(Filling::Tls)?;
        Ok(n)
    }
}

enum Filling {
    Stream(io::Error),
    Tls(rustls::Error),
}

impl From<Filling> for Fail {
    fn from(filling: Filling) -> Self {
        match filling {
            Filling::Stream(error) => error.into(),
            Filling::Tls(error) => error.into(),
        }
    }
}

/// A wire that gives up sooner.
struct Patient<'w>(&'w Wire, Duration);

impl Write for Patient<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write_within(bytes, self.1)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(crate) fn timed_out(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// Fails with where the two differ first.
pub(crate) fn same(got: &[u8], wanted: &[u8]) -> Result<(), Fail> {
    if got == wanted {
        return Ok(());
    }
    let at = got.iter().zip(wanted).take_while(|(a, b)| a == b).count();
    let shown = |bytes: &[u8]| {
        bytes.iter().skip(at).take(24).copied().collect::<Vec<_>>().escape_ascii().to_string()
    };
    Err(Fail::new(format!(
        "at byte {at} of {}: \"{}\" instead of \"{}\"",
        wanted.len(),
        shown(got),
        shown(wanted)
    )))
}

/// The console's part has its tests elsewhere: here it believes everything.
#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
    }
}
