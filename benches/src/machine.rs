//! What the machine itself costs, in memory and with AWS-LC: operations, for whatever measures them.
//!
//! One of a pair's two sessions is measured, the other is its peer. Each visit lends what a runtime would lend; streams
//! are memory, so that a copy stands where a runtime has a system call.

use std::hint::black_box;
use std::sync::Arc;

use procy_core::credential::{Certificate, Credential, Password};
use procy_core::event::{Event, Side};
use procy_core::procycmd::{self, Style};
use procy_core::prologue::{console, device};
use procy_core::pump::{BUDGET, Io, Stream, Turn, pump};
use procy_core::rfb::{HelloScanner, Version};
use procy_core::session::Pending;
use procy_core::timer::Instant;
use procy_core::tls::Crypto;
use procy_core::{Scratch, Session};
use rcgen::{CertificateParams, KeyPair};

use crate::Result;

/// Records as small as a key press, and as large as TLS has them.
const RECORDS: [usize; 4] = [256, 1_024, 4_096, 16_384];

/// Bytes that are relayed in one go.
const BATCH: usize = 256 * 1_024;

/// How often something is done in one go that takes less than a microsecond.
const TINY: u32 = 1_000;

const PASSWORD: &str = "6ce714ad-6629-4296-a676-1c0ca5f4689c";

/// Runs what is to be measured, and measures it.
pub type Meter<'m> = &'m mut dyn FnMut(&mut dyn FnMut());

/// Something that the machine does.
pub struct Operation {
    /// What it is called.
    pub name: String,
    /// How often one run does it.
    pub times: u32,
    /// How many bytes it relays.
    pub bytes: usize,
    run: Box<dyn FnMut(Meter<'_>) -> Result<()>>,
}

impl Operation {
    fn new(
        name: impl Into<String>,
        times: u32,
        bytes: usize,
        run: impl FnMut(Meter<'_>) -> Result<()> + 'static,
    ) -> Self {
        Self { name: name.into(), times, bytes, run: Box::new(run) }
    }

    /// Does it [`Operation::times`] times under `meter`, which sees nothing of the preparations.
    ///
    /// # Errors
    /// If the machine does not do it.
    pub fn run(&mut self, meter: Meter<'_>) -> Result<()> {
        (self.run)(meter)
    }
}

/// All of them.
///
/// # Errors
/// If no pair of sessions can be made.
pub fn operations() -> Result<Vec<Operation>> {
    let cast = Arc::new(Cast::new()?);
    let (one, other) = (cast.clone(), cast.clone());
    let mut all = vec![
        Operation::new("handshake, console", 1, 0, move |meter| {
            Pair::new(&one)?.shake_hands(&mut *meter, &mut |turn| turn())
        }),
        Operation::new("handshake, device", 1, 0, move |meter| {
            Pair::new(&other)?.shake_hands(&mut |turn| turn(), &mut *meter)
        }),
    ];
    for size in RECORDS {
        let times = (BATCH / size) as u32;
        let mut pair = Pair::relaying(&cast)?;
        all.push(Operation::new(format!("relay down, {size} B"), times, size, move |meter| {
            for _ in 0..times {
                pair.device.near.push(&[7; 16_384][..size]);
                pair.device.turn(&mut pair.up, &mut pair.down);
            }
            meter(&mut || pair.console.turn(&mut pair.down, &mut pair.up));
            pair.down.is_read()
        }));
        let mut pair = Pair::relaying(&cast)?;
        all.push(Operation::new(format!("relay up, {size} B"), times, size, move |meter| {
            meter(&mut || {
                for _ in 0..times {
                    pair.console.near.push(&[7; 16_384][..size]);
                    pair.console.turn(&mut pair.down, &mut pair.up);
                }
            });
            pair.device.turn(&mut pair.up, &mut pair.down);
            pair.up.is_read()
        }));
    }
    let hello = Version::V3_8.hello_bytes();
    all.push(tiny("hello, whole", move || {
        black_box(HelloScanner::new().feed(black_box(&hello)));
    }));
    all.push(tiny("hello, a byte at a time", move || {
        let mut scanner = HelloScanner::new();
        for byte in black_box(&hello) {
            black_box(scanner.feed(std::slice::from_ref(byte)));
        }
    }));
    let password = Password::parse(PASSWORD)?;
    let command = procycmd::encode(Style::default(), &password);
    all.push(tiny("command, encode", move || {
        black_box(procycmd::encode(Style::default(), black_box(&password)));
    }));
    all.push(tiny("command, decode", move || {
        black_box(procycmd::Decoder::new().feed(black_box(command.as_bytes())));
    }));
    Ok(all)
}

fn tiny(name: &str, mut deed: impl FnMut() + 'static) -> Operation {
    Operation::new(name, TINY, 0, move |meter| {
        meter(&mut || (0..TINY).for_each(|_| deed()));
        Ok(())
    })
}

/// How both sessions are made.
struct Cast {
    console: Arc<console::Config>,
    device: device::Config,
    certificate: Certificate,
}

impl Cast {
    /// A device with a key on P-256.
    fn new() -> Result<Self> {
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new(["localhost".to_owned()])?.self_signed(&key)?;
        let certificate = Certificate::from_der(certificate.der())?;
        let key = rustls::pki_types::PrivatePkcs8KeyDer::from(key.serialize_der());
        let crypto = Crypto::aws_lc_rs();
        let device = device::Config::new(&certificate, &key.into(), &crypto)?;
        Ok(Self { console: Arc::new(console::Config::new(crypto)), device, certificate })
    }
}

/// A console's session and a device's, and what is on its way between them.
struct Pair {
    cast: Arc<Cast>,
    console: End,
    device: End,
    up: Wire,
    down: Wire,
}

impl Pair {
    fn new(cast: &Arc<Cast>) -> Result<Self> {
        Ok(Self {
            cast: cast.clone(),
            console: End::new(Session::console(cast.console.clone(), Instant::ZERO)),
            device: End::new(Session::device(&cast.device, Instant::ZERO)?),
            up: Wire::default(),
            down: Wire::default(),
        })
    }

    fn relaying(cast: &Arc<Cast>) -> Result<Self> {
        let mut pair = Self::new(cast)?;
        pair.shake_hands(&mut |turn| turn(), &mut |turn| turn())?;
        pair.device.near.push(&Version::V3_8.hello_bytes());
        pair.console.attach(Side::Near);
        pair.settle(&mut |turn| turn(), &mut |turn| turn());
        let both = pair.console.session.is_relaying() && pair.device.session.is_relaying();
        if both { Ok(pair) } else { Err("the pair does not come to relaying".into()) }
    }

    /// From the credential to the pin and the signature that hold.
    fn shake_hands(&mut self, console: Meter<'_>, device: Meter<'_>) -> Result<()> {
        let certificate = self.cast.certificate.clone();
        let mut credential = Some(Credential { certificate, password: Password::parse(PASSWORD)? });
        console(&mut || {
            let End { session, scratch, .. } = &mut self.console;
            let mut visit = session.visit(scratch, Instant::ZERO);
            if let Some(credential) = credential.take() {
                visit.credential(credential, Instant::ZERO);
            }
            visit.attach(Side::Far);
        });
        device(&mut || self.device.attach(Side::Far));
        self.settle(console, device);
        if self.console.verified { Ok(()) } else { Err("the handshake does not finish".into()) }
    }

    fn settle(&mut self, console: Meter<'_>, device: Meter<'_>) {
        loop {
            console(&mut || self.console.turn(&mut self.down, &mut self.up));
            device(&mut || self.device.turn(&mut self.up, &mut self.down));
            if self.up.rest().is_empty() && self.down.rest().is_empty() {
                return;
            }
        }
    }
}

/// A session and its host.
struct End {
    session: Session,
    scratch: Scratch<'static>,
    /// What waits at its near side; what is delivered there is forgotten.
    near: Wire,
    attached: bool,
    verified: bool,
}

impl End {
    fn new(session: Session) -> Self {
        let scratch = Scratch::default();
        Self { session, scratch, near: Wire::default(), attached: false, verified: false }
    }

    fn attach(&mut self, side: Side) {
        self.attached |= side == Side::Near;
        self.session.visit(&mut self.scratch, Instant::ZERO).attach(side);
    }

    /// Visits until the session waits, and does what it asks for.
    fn turn(&mut self, rx: &mut Wire, tx: &mut Wire) {
        loop {
            let mut visit = self.session.visit(&mut self.scratch, Instant::ZERO);
            let mut near = self.attached.then_some(Line { rx: &mut self.near, tx: None });
            let turn = pump(&mut visit, &mut near, &mut Line { rx, tx: Some(tx) }, BUDGET);
            drop(visit);
            let mut asked = false;
            while let Some(event) = self.session.event() {
                match event {
                    Event::Verified { .. } => self.verified = true,
                    Event::PasswordOffered(_) => {
                        self.session.visit(&mut self.scratch, Instant::ZERO).accept();
                    }
                    Event::ServiceNeeded => self.attach(Side::Near),
                    _ => continue,
                }
                asked = true;
            }
            if turn != Turn::Again && !asked {
                return;
            }
        }
    }
}

/// Bytes on their way.
#[derive(Default)]
struct Wire {
    bytes: Vec<u8>,
    read: usize,
}

impl Wire {
    fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    fn rest(&self) -> &[u8] {
        &self.bytes[self.read..]
    }

    fn is_read(&self) -> Result<()> {
        if self.rest().is_empty() { Ok(()) } else { Err("the peer does not take it".into()) }
    }
}

struct Line<'a> {
    rx: &'a mut Wire,
    tx: Option<&'a mut Wire>,
}

impl Stream for Line<'_> {
    fn read(&mut self, into: &mut [u8]) -> Io {
        let rest = self.rx.rest();
        let n = rest.len().min(into.len());
        if n == 0 {
            self.rx.bytes.clear();
            self.rx.read = 0;
            return Io::Blocked;
        }
        into[..n].copy_from_slice(&rest[..n]);
        self.rx.read += n;
        Io::Moved(n)
    }

    fn write(&mut self, parts: Pending<'_>) -> Io {
        let mut total = 0;
        for part in parts {
            total += part.len();
            match &mut self.tx {
                Some(tx) => tx.push(part),
                None => {
                    black_box(part);
                }
            }
        }
        Io::Moved(total)
    }

    fn shutdown(&mut self) -> Io {
        Io::Moved(0)
    }
}
