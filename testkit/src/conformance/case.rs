//! One scenario: who does what, and what must come of it.

use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, mpsc};
use std::thread;

use procy_core::credential::{Certificate, Credential, Password};
use procy_core::event::Side;
use procy_core::procycmd::{self, Style};
use procy_core::prologue::{Bounds, console, device};
use procy_core::timer::Deadlines;
use procy_core::tls::Crypto;
use rustls::ServerConfig;

use super::cues::Cues;
use super::job::{Deed, Job, Maker, Report, START, in_words};
use super::peer::{Done, Fail, Tls};
use super::plain::{self, HELLO};
use super::{LONG, Runtime, Wire};
use crate::certificates::{Identity, Kind, TlsVersions, identity};

pub(crate) const PASSWORD: &str = "01234567-89ab-cdef-0123-456789abcdef";

/// Which part the session plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Console,
    Device,
}

/// What a peer's script knows.
pub(crate) struct Scene {
    pub(crate) cues: Arc<Cues>,
    /// How much is sent where much is.
    pub(crate) bulk: usize,
    noted: Arc<AtomicUsize>,
}

impl Scene {
    /// Leaves a number for the other peer; a cue says that it is there.
    pub(crate) fn note(&self, n: usize) {
        self.noted.store(n, Ordering::SeqCst);
    }

    pub(crate) fn noted(&self) -> usize {
        self.noted.load(Ordering::SeqCst)
    }
}

type Script = Arc<dyn Fn(&Scene, Wire) -> Done + Send + Sync>;

/// One scenario. Made by [`console`] or [`device`], and changed from there by what is particular about it.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    role: Role,
    bounds: Bounds,
    credential: Kind,
    shown: Kind,
    plan: Vec<(&'static str, Deed)>,
    later: Vec<(&'static str, Deed)>,
    near: Script,
    /// The device of a session that spares its viewer for another one.
    first_far: Option<Script>,
    far: Script,
    bulk: usize,
    sessions: usize,
    /// Run so many times, the session being dropped after 0, 1, 2... wake-ups.
    cuts: u32,
    events: Option<Vec<&'static str>>,
    ends: &'static str,
    traffic: Option<(u64, u64)>,
    most_held: Option<usize>,
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A console's session. Unless changed: its viewer is there from the start, its device is connected when asked for, and
/// both do nothing but wait for the end.
pub(crate) fn console(name: &'static str) -> Case {
    let plan = vec![
        (START, Deed::Attach(Side::Near)),
        ("CredentialNeeded", Deed::Credential),
        ("ConnectNeeded", Deed::Attach(Side::Far)),
    ];
    Case::new(name, Role::Console, plan)
}

/// A device's session. Unless changed: its console is there from the start, its password is accepted, its local VNC
/// server is connected when asked for.
pub(crate) fn device(name: &'static str) -> Case {
    let plan = vec![
        (START, Deed::Attach(Side::Far)),
        ("PasswordOffered", Deed::Accept),
        ("ServiceNeeded", Deed::Attach(Side::Near)),
    ];
    Case::new(name, Role::Device, plan)
}

impl Case {
    fn new(name: &'static str, role: Role, plan: Vec<(&'static str, Deed)>) -> Self {
        let wait: Script = Arc::new(|_: &Scene, wire: Wire| plain::drain(&wire));
        Self {
            name,
            role,
            bounds: Bounds::default(),
            credential: Kind::P256,
            shown: Kind::P256,
            plan,
            later: Vec::new(),
            near: wait.clone(),
            first_far: None,
            far: wait,
            bulk: 0,
            sessions: 1,
            cuts: 0,
            events: None,
            ends: "",
            traffic: None,
            most_held: None,
        }
    }

    /// The certificate that UMS has, or that the session shows as a device.
    pub(crate) const fn pinned(mut self, kind: Kind) -> Self {
        self.credential = kind;
        self
    }

    pub(crate) fn deadlines(mut self, change: impl FnOnce(&mut Deadlines)) -> Self {
        change(&mut self.bounds.deadlines);
        self
    }

    /// The host does this at that event instead of what it would do then.
    pub(crate) fn at(mut self, event: &'static str, deed: Deed) -> Self {
        self = self.never(event);
        self.plan.push((event, deed));
        self
    }

    /// The host does this at that event too.
    pub(crate) fn also(mut self, event: &'static str, deed: Deed) -> Self {
        self.plan.push((event, deed));
        self
    }

    /// The host does this some time after that event or cue, from elsewhere, instead of what it would do then.
    pub(crate) fn later(mut self, cue: &'static str, deed: Deed) -> Self {
        self = self.never(cue);
        self.later.push((cue, deed));
        self
    }

    /// The host does nothing at that event.
    pub(crate) fn never(mut self, event: &'static str) -> Self {
        self.plan.retain(|(at, _)| *at != event);
        self
    }

    pub(crate) fn near(
        mut self,
        script: impl Fn(&Scene, Wire) -> Done + Send + Sync + 'static,
    ) -> Self {
        self.near = Arc::new(script);
        self
    }

    pub(crate) fn far(
        mut self,
        script: impl Fn(&Scene, Wire) -> Done + Send + Sync + 'static,
    ) -> Self {
        self.far = Arc::new(script);
        self
    }

    /// The session may be tried again with its viewer: the far script so far is that of its device, the next one that of
    /// the device which the viewer comes to then.
    pub(crate) fn tried_again(mut self) -> Self {
        self.first_far = Some(self.far.clone());
        self
    }

    /// A device whose script begins after the handshake.
    pub(crate) fn far_tls(
        self,
        versions: TlsVersions,
        script: impl Fn(&Scene, Tls) -> Done + Send + Sync + 'static,
    ) -> Self {
        let role = self.role;
        self.far(move |scene, wire| {
            let tls = match role {
                Role::Console => Tls::accept(wire, server(versions)),
                Role::Device => Tls::connect(wire),
            };
            script(scene, tls?)
        })
    }

    /// The same, after the command: a device that has received it, or a console that has sent it.
    pub(crate) fn commanded(
        self,
        script: impl Fn(&Scene, Tls) -> Done + Send + Sync + 'static,
    ) -> Self {
        let role = self.role;
        self.far_tls(TlsVersions::Both, move |scene, mut tls| {
            match role {
                Role::Console => tls.expect(&command()?)?,
                Role::Device => tls.send(&command()?)?,
            }
            script(scene, tls)
        })
    }

    /// The same, after the hello: both peers' scripts begin when bytes flow.
    pub(crate) fn relaying(
        self,
        near: impl Fn(&Scene, Wire) -> Done + Send + Sync + 'static,
        far: impl Fn(&Scene, Tls) -> Done + Send + Sync + 'static,
    ) -> Self {
        match self.role {
            Role::Console => self
                .near(move |scene, wire| {
                    plain::expect(&wire, HELLO)?;
                    near(scene, wire)
                })
                .commanded(move |scene, mut tls| {
                    tls.send(HELLO)?;
                    far(scene, tls)
                }),
            Role::Device => self
                .near(move |scene, wire| {
                    plain::send(&wire, HELLO)?;
                    near(scene, wire)
                })
                .commanded(move |scene, mut tls| {
                    tls.expect(HELLO)?;
                    far(scene, tls)
                }),
        }
    }

    pub(crate) const fn bulk(mut self, bytes: usize) -> Self {
        self.bulk = bytes;
        self
    }

    pub(crate) const fn sessions(mut self, sessions: usize) -> Self {
        self.sessions = sessions;
        self
    }

    pub(crate) const fn cuts(mut self, cuts: u32) -> Self {
        self.cuts = cuts;
        self
    }

    pub(crate) fn events(mut self, events: &[&'static str]) -> Self {
        self.events = Some(events.to_vec());
        self
    }

    /// How it must end: a failure's code, or `ended by ...`.
    pub(crate) const fn ends(mut self, ends: &'static str) -> Self {
        self.ends = ends;
        self
    }

    /// Bytes to the near side, and to the far.
    pub(crate) const fn traffic(mut self, to_near: u64, to_far: u64) -> Self {
        self.traffic = Some((to_near, to_far));
        self
    }

    /// What the session may hold between wake-ups.
    pub(crate) const fn holding(mut self, most: usize) -> Self {
        self.most_held = Some(most);
        self
    }

    /// Runs it.
    pub(crate) fn run<R: Runtime>(&self, runtime: &Arc<R>) -> Result<(), String> {
        if self.cuts == 0 {
            return self.once(runtime, None);
        }
        (0..self.cuts).try_for_each(|turns| {
            self.once(runtime, Some(turns))
                .map_err(|why| format!("dropped after {turns} wake-ups: {why}"))
        })
    }

    fn once<R: Runtime>(&self, runtime: &Arc<R>, turns: Option<u32>) -> Result<(), String> {
        let mut jobs = Vec::new();
        let mut peers = Vec::new();
        for _ in 0..self.sessions {
            let cues = Arc::new(Cues::default());
            let noted = Arc::new(AtomicUsize::new(0));
            let mut meet = |who, script: &Script| {
                let (wire, stream) = runtime.connection().map_err(|error| error.to_string())?;
                let scene = Scene { cues: cues.clone(), bulk: self.bulk, noted: noted.clone() };
                let script = script.clone();
                let work = move || script(&scene, wire);
                let small = thread::Builder::new().stack_size(512 * 1024);
                peers.push((who, small.spawn(work).map_err(|error| error.to_string())?));
                Ok::<_, String>(stream)
            };
            let near = meet("near", &self.near)?;
            let first_far = self.first_far.iter().map(|script| meet("first far", script));
            let mut fars = first_far.collect::<Result<VecDeque<_>, _>>()?;
            fars.push_back(meet("far", &self.far)?);
            let mut seconds = VecDeque::new();
            for (_, deed) in self.plan.iter().chain(&self.later) {
                if let Deed::AttachSecond(side) = *deed {
                    seconds.push_back(meet("second", &dropped(side))?);
                }
            }
            jobs.push(Job {
                maker: self.maker()?,
                credential: credential(self.credential)?,
                near: Some(near),
                fars,
                seconds,
                plan: self.plan.clone(),
                later: self.later.clone(),
                turns,
                cues,
                events: Vec::new(),
                holds: 0,
            });
        }
        let reports = bounded(runtime, jobs)?;
        let mut wrong = Vec::new();
        if reports.len() != self.sessions {
            wrong.push(format!("{} reports of {} sessions", reports.len(), self.sessions));
        }
        for report in &reports {
            wrong.extend(self.look_at(report, turns.is_some()));
        }
        for (who, peer) in peers {
            match peer.join() {
                Ok(Ok(())) => {}
                // Who is cut off may see anything, as long as it sees an end.
                Ok(Err(fail)) if turns.is_some() && !fail.is_late() => {}
                Ok(Err(fail)) => wrong.push(format!("the {who} peer: {fail}")),
                Err(_) => wrong.push(format!("the {who} peer panicked")),
            }
        }
        // Five hundred alike tell no more than one.
        wrong.dedup();
        wrong.truncate(8);
        if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n    ")) }
    }

    fn look_at(&self, report: &Report, cut: bool) -> Vec<String> {
        let mut wrong = Vec::new();
        if let Some(most) = self.most_held
            && report.holds > most
        {
            wrong.push(format!("it held {} bytes, more than {most}", report.holds));
        }
        let Some(outcome) = &report.outcome else {
            if !cut {
                wrong.push("it has no outcome".to_owned());
            }
            return wrong;
        };
        let ends = in_words(outcome);
        if ends != self.ends {
            wrong.push(format!("{ends} instead of {}", self.ends));
        }
        if let Some(events) = &self.events
            && &report.events != events
        {
            wrong.push(format!("events {:?} instead of {events:?}", report.events));
        }
        let traffic = (report.traffic.to_near, report.traffic.to_far);
        if let Some(wanted) = self.traffic
            && traffic != wanted
        {
            wrong.push(format!("traffic {traffic:?} instead of {wanted:?}"));
        }
        wrong
    }

    fn maker(&self) -> Result<Maker, String> {
        match self.role {
            Role::Console => {
                let mut config = console::Config::new(Crypto::aws_lc_rs());
                config.bounds = self.bounds.clone();
                config.retriable = self.first_far.is_some();
                Ok(Maker::Console(Arc::new(config)))
            }
            Role::Device => {
                let Identity { certificate_der, key_pkcs8_der } = identity(self.shown);
                let key = device::PrivateKeyDer::Pkcs8(key_pkcs8_der.into());
                let certificate =
                    Certificate::from_der(&certificate_der).map_err(|error| error.to_string())?;
                let mut config = device::Config::new(&certificate, &key, &Crypto::aws_lc_rs())
                    .map_err(|error| error.to_string())?;
                config.bounds = self.bounds.clone();
                Ok(Maker::Device(Arc::new(config)))
            }
        }
    }
}

/// A peer that must see nothing but the end; the cue that it does bears its side's name.
fn dropped(side: Side) -> Script {
    Arc::new(move |scene, wire| {
        plain::expect_fin(&wire)?;
        scene.cues.tell(dropped_cue(side));
        Ok(())
    })
}

/// What is told when a second stream for this side has been dropped.
pub(crate) const fn dropped_cue(side: Side) -> &'static str {
    match side {
        Side::Near => "a second near stream is dropped",
        Side::Far => "a second far stream is dropped",
    }
}

/// A runtime that does not come to an end is left to itself, on a thread of its own.
fn bounded<R: Runtime>(runtime: &Arc<R>, jobs: Vec<Job<R::Stream>>) -> Result<Vec<Report>, String> {
    let (done, reports) = mpsc::channel();
    let runtime = runtime.clone();
    thread::spawn(move || {
        // Whoever waits is told of a panic by the channel's end.
        let run = AssertUnwindSafe(|| runtime.run(jobs));
        if let Ok(reports) = catch_unwind(run) {
            let _ = done.send(reports);
        }
    });
    reports.recv_timeout(2 * LONG).map_err(|error| match error {
        mpsc::RecvTimeoutError::Timeout => "it does not end".to_owned(),
        mpsc::RecvTimeoutError::Disconnected => "the runtime panicked".to_owned(),
    })
}

fn credential(kind: Kind) -> Result<Credential, String> {
    let certificate = Certificate::from_der(&identity(kind).certificate_der);
    Ok(Credential {
        certificate: certificate.map_err(|error| error.to_string())?,
        password: Password::parse(PASSWORD).map_err(|error| error.to_string())?,
    })
}

/// The command as a console sends it.
pub(crate) fn command() -> Result<Vec<u8>, Fail> {
    let password = Password::parse(PASSWORD).map_err(|error| Fail::new(error.to_string()))?;
    Ok(procycmd::encode(Style::default(), &password).as_bytes().to_vec())
}

/// A device's TLS.
pub(crate) fn server(versions: TlsVersions) -> &'static Arc<ServerConfig> {
    static SERVERS: LazyLock<[Arc<ServerConfig>; 3]> = LazyLock::new(|| {
        [TlsVersions::Both, TlsVersions::Tls12, TlsVersions::Tls13]
            .map(|versions| server_of(&identity(Kind::P256), versions))
    });
    match versions {
        TlsVersions::Both => &SERVERS[0],
        TlsVersions::Tls12 => &SERVERS[1],
        TlsVersions::Tls13 => &SERVERS[2],
    }
}

#[expect(clippy::expect_used, reason = "committed keys, which a test of their own reads")]
pub(crate) fn server_of(identity: &Identity, versions: TlsVersions) -> Arc<ServerConfig> {
    Arc::new(identity.server_config(versions).expect("aws-lc-rs signs with it"))
}
