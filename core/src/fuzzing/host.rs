//! A host in memory that does what it is asked at once, and holds its session to its promises after every visit.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::{Input, Verdict, demand};
use crate::credential::{Credential, Password};
use crate::event::{Event, Outcome, Side};
use crate::prologue::console;
use crate::pump::{BUDGET, Io, Turn, pump};
use crate::rfb;
use crate::scratch::Scratch;
use crate::session::Session;
use crate::sim::{Cast, Conditions, Line, PASSWORD, Pipe, Random, Watch};
use crate::timer::Instant;

/// What is said on the near side: fewer bytes than a session keeps before it relays.
pub const WORDS: &[u8] =
    b"RFB 003.008\n\x01\x01 and whatever else a viewer or a desktop may have to say";

/// How often a session may be waited for once its streams have ended.
const MAX_WAITS: usize = 50;

/// Which end of the procedure the session under test is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It connects, and the fuzzer is the device.
    Console,
    /// It is connected to, and the fuzzer is the console.
    Device,
}

/// How all but the fuzzer's side behaves.
#[derive(Clone, Copy, Debug, Default)]
pub struct Manner {
    /// The viewer comes only when it is asked for.
    pub late: bool,
    /// The viewer, or desktop, speaks at once.
    pub talks: bool,
    /// The viewer, or desktop, takes a few bytes and then nothing.
    pub deaf: bool,
    /// The fuzzer's side ends by a reset.
    pub resets: bool,
    /// The session may be tried again with its viewer ([`console::Config::retriable`]).
    pub retriable: bool,
    /// The most bytes that arrive at a time, and that one read or write moves; 0 for all.
    pub chunk: u8,
}

impl Manner {
    /// Two bytes of input: a bit a field, and the chunk.
    pub(super) fn take(input: &mut Input<'_>) -> Self {
        let (bits, chunk) = (input.byte(), input.byte());
        let bit = |at: u8| bits >> at & 1 == 1;
        Self { late: bit(0), talks: bit(1), deaf: bit(2), resets: bit(3), retriable: bit(4), chunk }
    }
}

/// All that a session made of what it was fed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Heard {
    pub(super) near: Vec<u8>,
    pub(super) far: Vec<u8>,
    pub(super) events: Vec<String>,
    pub(super) outcome: Option<Outcome>,
}

/// A session, and all that its host has for it.
#[derive(Debug)]
pub struct Host {
    role: Role,
    manner: Manner,
    cast: Cast,
    session: Session,
    scratch: Scratch<'static>,
    now: Instant,
    random: Random,
    near: Ends,
    far: Ends,
    /// What the host will do at its next visit.
    answers: Vec<Answer>,
    events: Vec<String>,
    watch: Watch,
}

#[derive(Debug)]
struct Ends {
    rx: Pipe,
    tx: Pipe,
    attached: bool,
    /// What the session wrote.
    got: Vec<u8>,
    deaf: bool,
}

#[derive(Clone, Copy, Debug)]
enum Answer {
    Credential,
    Attach(Side),
    Accept,
    Refuse,
}

impl Host {
    /// A session with nothing said yet.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn new(role: Role, cast: &Cast, manner: Manner) -> Result<Self, String> {
        let now = Instant::after_epoch(core::time::Duration::from_secs(1_000));
        let session = match role {
            Role::Console => {
                let retriable = manner.retriable;
                let config = console::Config { retriable, ..(*cast.console).clone() };
                Session::console(Arc::new(config), now)
            }
            Role::Device => {
                Session::device(&cast.device, now).map_err(|error| format!("{error}"))?
            }
        };
        let chunk = if manner.chunk == 0 { usize::MAX } else { manner.chunk.into() };
        let conditions = Conditions { chunk, room: usize::MAX, ..Conditions::IDEAL };
        let mut answers = Vec::new();
        match role {
            Role::Console if !manner.late => answers.push(Answer::Attach(Side::Near)),
            Role::Console => {}
            Role::Device => answers.push(Answer::Attach(Side::Far)),
        }
        let mut host = Self {
            role,
            manner,
            cast: cast.clone(),
            session,
            scratch: Scratch::new(0),
            now,
            random: Random::new(0),
            near: Ends::new(conditions, manner.deaf),
            far: Ends::new(conditions, false),
            answers,
            events: Vec::new(),
            watch: Watch::default(),
        };
        host.listen()?;
        host.settle()?;
        Ok(host)
    }

    /// Gives it more of what the far side says, and lets it do what it can. True if the host had to act.
    ///
    /// # Errors
    /// The promise that was broken.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<bool, String> {
        write(&mut self.far.rx, bytes, self.now, &mut self.random);
        self.settle()
    }

    /// What it has written to the far side so far.
    #[must_use]
    pub fn sent(&self) -> &[u8] {
        &self.far.got
    }

    /// The events so far.
    #[must_use]
    pub fn events(&self) -> &[String] {
        &self.events
    }

    /// Both sides end, and time passes until the session is over.
    pub(super) fn finish(mut self) -> Result<Heard, String> {
        if self.manner.resets {
            self.far.rx.reset();
            self.far.tx.reset();
        }
        self.far.rx.end(self.now, &mut self.random);
        self.settle()?;
        self.near.rx.end(self.now, &mut self.random);
        self.settle()?;
        for _ in 0..MAX_WAITS {
            if self.session.is_over() {
                self.judge()?;
                return Ok(Heard {
                    near: self.near.got,
                    far: self.far.got,
                    events: self.events,
                    outcome: self.watch.outcome,
                });
            }
            let (at, _) = self.session.deadline().ok_or("I4: it waits for nothing")?;
            self.now = self.now.max(at);
            self.settle()?;
        }
        Err(format!("I4: not over after {MAX_WAITS} deadlines"))
    }

    /// Visits until nothing moves. True if the host had to act.
    fn settle(&mut self) -> Result<bool, String> {
        let mut acted = false;
        loop {
            let before = (self.far.got.len(), self.near.got.len(), self.events.len());
            let turn = self.visit()?;
            acted |= !self.answers.is_empty();
            let after = (self.far.got.len(), self.near.got.len(), self.events.len());
            if self.answers.is_empty() && turn != Turn::Again && before == after {
                return Ok(acted);
            }
        }
    }

    fn visit(&mut self) -> Result<Turn, String> {
        self.watch.told(self.now);
        let mut visit = self.session.visit(&mut self.scratch, self.now);
        for answer in self.answers.drain(..) {
            match answer {
                Answer::Credential => {
                    let password = Password::parse(PASSWORD).map_err(|error| format!("{error}"))?;
                    let certificate = self.cast.certificate.clone();
                    visit.credential(Credential { certificate, password }, self.now);
                }
                Answer::Attach(side) => {
                    let ends = if side == Side::Near { &mut self.near } else { &mut self.far };
                    ends.attached = true;
                    if side == Side::Near && self.manner.talks {
                        write(&mut ends.rx, WORDS, self.now, &mut self.random);
                    }
                    visit.attach(side);
                }
                Answer::Accept => visit.accept(),
                Answer::Refuse => visit.refuse(),
            }
        }
        let mut fork = self.random.clone();
        let mut near = self.near.line(self.now, &mut self.random);
        let mut far = self.far.line(self.now, &mut fork);
        let turn = pump(&mut visit, &mut near, &mut far, BUDGET);
        drop(visit);
        self.near.listen(self.now, &mut self.random);
        self.far.listen(self.now, &mut self.random);
        self.listen()?;
        self.check()?;
        Ok(turn)
    }

    fn listen(&mut self) -> Verdict {
        while let Some(event) = self.session.event() {
            self.watch.event(&event)?;
            self.events.push(format!("{event:?}"));
            self.answers.extend(match event {
                Event::CredentialNeeded => Some(Answer::Credential),
                Event::ConnectNeeded => Some(Answer::Attach(Side::Far)),
                Event::ViewerNeeded | Event::ServiceNeeded => Some(Answer::Attach(Side::Near)),
                Event::PasswordOffered(offer) if offer.password.expose() == PASSWORD => {
                    Some(Answer::Accept)
                }
                Event::PasswordOffered(_) => Some(Answer::Refuse),
                _ => None,
            });
        }
        Ok(())
    }

    /// What holds after every visit.
    fn check(&mut self) -> Verdict {
        self.watch.look(&self.session, 0)?;
        for side in Side::BOTH {
            let waits = self.session.wants_read(side);
            let mut visit = self.session.visit(&mut self.scratch, self.now);
            let room = !visit.space(side).is_empty();
            demand(waits == room, "what it waits for is not what it has room for")?;
        }
        Ok(())
    }

    /// What holds of all that it said.
    fn judge(&self) -> Verdict {
        let told = |name: &str| self.events.iter().any(|event| event.starts_with(name));
        let near = &self.near.got;
        if self.role == Role::Device {
            return demand(near.is_empty() || told("Relaying"), "I10: bytes without a verdict");
        }
        let count =
            |part: &[u8]| self.far.got.windows(part.len()).filter(|window| *window == part).count();
        let most = usize::from(told("PasswordSent"));
        demand(count(PASSWORD.as_bytes()) <= most, "I10: the password left too early, or twice")?;
        let hello: &[u8] = if told("Relaying") { b"RFB " } else { &FAREWELL };
        let len = near.len().min(hello.len());
        demand(near.get(..len) == hello.get(..len), "I9: the viewer got what nobody said")
    }
}

/// How a failure begins that a viewer is told of.
const FAREWELL: [u8; rfb::HELLO_LEN] = rfb::Version::V3_3.hello_bytes();

impl Ends {
    fn new(conditions: Conditions, deaf: bool) -> Self {
        let room = if deaf { 5 } else { conditions.room };
        let tx = Pipe::new(Conditions { room, ..conditions });
        Self { rx: Pipe::new(conditions), tx, attached: false, got: Vec::new(), deaf }
    }

    fn line<'a>(&'a mut self, now: Instant, random: &'a mut Random) -> Option<Line<'a>> {
        let Self { rx, tx, attached, .. } = self;
        attached.then_some(Line { rx, tx, now, random })
    }

    fn listen(&mut self, now: Instant, random: &mut Random) {
        let mut buffer = [0; 4_096];
        while !self.deaf
            && let Io::Moved(n @ 1..) = self.tx.read(&mut buffer, now, random)
        {
            self.got.extend_from_slice(&buffer[..n]);
        }
    }
}

fn write(pipe: &mut Pipe, mut bytes: &[u8], now: Instant, random: &mut Random) {
    while let Io::Moved(n) = pipe.write(bytes, now, random) {
        bytes = bytes.get(n..).unwrap_or_default();
    }
}
