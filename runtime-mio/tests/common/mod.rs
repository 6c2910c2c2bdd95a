//! Shards that run both ends of sessions, and a world of blocking sockets around them.
#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "shared by test files that each use a part"
)]

use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use procy_mio::core::Session;
use procy_mio::core::event::{Event, Outcome, Side};
use procy_mio::core::prologue::{Bounds, console, device};
use procy_mio::core::tls::TlsVersion;
use procy_mio::{
    Answers, Config, ConnectError, Handle, Host, Key, ListenerId, Over, Shard, Shards, Stats, now,
};
#[allow(unused_imports, reason = "each test file uses its part")]
pub use procy_testkit::parts::{
    HELLO, LONG, PASSWORD, code, console_config, credential, device_config, device_config_of, noise,
};

/// How the hosts of a rig behave.
pub struct Plan {
    pub console: console::Config,
    pub device: device::Config,
    /// Events, by the beginning of their `Debug` form, that the hosts leave unanswered.
    pub silent: &'static [&'static str],
    /// The one at which they give up.
    pub abandon: Option<&'static str>,
    /// Where consoles connect to: the device listener, unless set.
    pub devices: OnceLock<Vec<SocketAddr>>,
    /// Where devices connect to.
    pub service: OnceLock<SocketAddr>,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            console: console_config(),
            device: device_config(),
            silent: &[],
            abandon: None,
            devices: OnceLock::new(),
            service: OnceLock::new(),
        }
    }
}

impl Plan {
    pub fn bounded(console: Bounds, device: Bounds) -> Self {
        let mut plan = Self::default();
        plan.console.bounds = console;
        plan.device.bounds = device;
        plan
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Console,
    Device,
}

/// What a host was told, on which shard.
#[derive(Debug)]
pub struct Told {
    pub shard: usize,
    pub role: Role,
    pub key: Key,
    pub what: What,
}

#[derive(Debug)]
pub enum What {
    Event(String),
    Dialled(Side, Result<SocketAddr, ConnectError>),
    Over(Over),
}

/// Answers every event as the plan says, and tells the test.
pub struct Teller {
    shard: usize,
    plan: Arc<Plan>,
    consoles: Arc<OnceLock<ListenerId>>,
    roles: HashMap<Key, Role>,
    out: Sender<Told>,
}

impl Teller {
    fn tell(&self, key: Key, what: What) {
        let role = self.roles.get(&key).copied().unwrap_or(Role::Console);
        // A test that has seen enough hangs up.
        let _ = self.out.send(Told { shard: self.shard, role, key, what });
    }
}

impl Host for Teller {
    fn arrived(&mut self, key: Key, listener: ListenerId, _: SocketAddr) -> Option<Session> {
        if self.consoles.get() == Some(&listener) {
            self.roles.insert(key, Role::Device);
            Some(Session::device(&self.plan.device, now()).unwrap())
        } else {
            Some(Session::console(Arc::new(self.plan.console.clone()), now()))
        }
    }

    fn event(&mut self, key: Key, event: Event, answers: &mut Answers<'_>) {
        let words = format!("{event:?}");
        self.tell(key, What::Event(words.clone()));
        if self.plan.silent.iter().any(|silent| words.starts_with(silent)) {
            return;
        }
        if self.plan.abandon.is_some_and(|abandon| words.starts_with(abandon)) {
            return answers.abandon("enough");
        }
        match event {
            Event::CredentialNeeded => answers.credential(credential(), now()),
            Event::ConnectNeeded => {
                answers.connect(Side::Far, self.plan.devices.get().unwrap().clone())
            }
            Event::PasswordOffered(offer) if offer.password.expose() == PASSWORD => {
                answers.accept()
            }
            Event::PasswordOffered(_) => answers.refuse(),
            Event::ServiceNeeded => {
                answers.connect(Side::Near, [*self.plan.service.get().unwrap()])
            }
            _ => {}
        }
    }

    fn dialled(&mut self, key: Key, side: Side, result: Result<SocketAddr, ConnectError>) {
        self.tell(key, What::Dialled(side, result));
    }

    fn over(&mut self, key: Key, over: Over) {
        self.tell(key, What::Over(over));
        self.roles.remove(&key);
    }
}

/// Shards with a listener for viewers and one for consoles, and a local VNC server's listener, which the test serves.
pub struct Rig {
    pub shards: Shards<Teller>,
    pub viewers: SocketAddr,
    consoles: SocketAddr,
    pub service: TcpListener,
    pub told: Receiver<Told>,
    seen: Vec<Told>,
}

impl Rig {
    pub fn start(plan: Plan) -> Self {
        Self::with(1, &Config::default(), plan)
    }

    pub fn with(count: usize, config: &Config, plan: Plan) -> Self {
        let loopback: SocketAddr = ([127, 0, 0, 1], 0).into();
        let (viewers, consoles) =
            (procy_mio::bind(loopback).unwrap(), procy_mio::bind(loopback).unwrap());
        let service = procy_mio::bind(loopback).unwrap();
        let address = viewers.local_addr().unwrap();
        let at = consoles.local_addr().unwrap();
        let _ = plan.devices.set(vec![at]);
        let _ = plan.service.set(service.local_addr().unwrap());
        let (plan, id) = (Arc::new(plan), Arc::new(OnceLock::new()));
        let (out, told) = channel();
        let shards = Shards::start(count, config, |shard| Teller {
            shard,
            plan: plan.clone(),
            consoles: id.clone(),
            roles: HashMap::new(),
            out: out.clone(),
        })
        .unwrap();
        id.set(shards.listen(consoles, Side::Far).unwrap()).unwrap();
        shards.listen(viewers, Side::Near).unwrap();
        Self { shards, viewers: address, consoles: at, service, told, seen: Vec::new() }
    }

    pub fn handle(&self) -> &Handle {
        &self.shards.handles()[0]
    }

    /// Where consoles find the devices.
    pub fn devices(&self) -> SocketAddr {
        self.consoles
    }

    pub fn viewer(&self) -> TcpStream {
        bounded(TcpStream::connect(self.viewers).unwrap())
    }

    pub fn accept(&self) -> TcpStream {
        bounded(self.service.accept().unwrap().0)
    }

    /// A whole session up to the hello: what the viewer and the local VNC server hold.
    pub fn session(&self) -> (TcpStream, TcpStream) {
        let mut viewer = self.viewer();
        let mut service = self.accept();
        service.write_all(HELLO).unwrap();
        let mut heard = [0; HELLO.len()];
        viewer.read_exact(&mut heard).unwrap();
        assert_eq!(&heard, HELLO);
        (viewer, service)
    }

    /// Waits until a host is told what `wanted` knows; what comes before is kept for the next call.
    pub fn until<T>(&mut self, wanted: impl Fn(&Told) -> Option<T>) -> T {
        let end = Instant::now() + LONG;
        let mut at = 0;
        loop {
            while at == self.seen.len() {
                let left = end.saturating_duration_since(Instant::now());
                self.seen.push(self.told.recv_timeout(left).expect("nobody tells"));
            }
            if let Some(found) = wanted(&self.seen[at]) {
                self.seen.remove(at);
                return found;
            }
            at += 1;
        }
    }

    /// Waits for this event of a session in this role.
    pub fn event(&mut self, role: Role, name: &str) -> Key {
        self.until(|told| match &told.what {
            What::Event(event) if told.role == role && event.starts_with(name) => Some(told.key),
            _ => None,
        })
    }

    /// Waits for what has come of connecting this side of a session in this role.
    pub fn dialled(&mut self, role: Role, side: Side) -> Result<SocketAddr, String> {
        self.until(|told| match &told.what {
            What::Dialled(at, result) if told.role == role && *at == side => Some(
                result.as_ref().map(|address| *address).map_err(|error| error.why().to_owned()),
            ),
            _ => None,
        })
    }

    /// Waits for the end of a session in this role: its outcome's code, and the bytes to near.
    pub fn over(&mut self, role: Role) -> (&'static str, u64) {
        self.until(|told| match &told.what {
            What::Over(over) if told.role == role => {
                Some((code(&over.outcome), over.traffic.to_near))
            }
            _ => None,
        })
    }

    pub fn outcome(&mut self, role: Role) -> Outcome {
        self.until(|told| match &told.what {
            What::Over(over) if told.role == role => Some(over.outcome.clone()),
            _ => None,
        })
    }

    /// Waits until the figures are as wanted.
    pub fn stats(&self, what: &str, wanted: impl Fn(&Stats) -> bool) -> Stats {
        eventually(what, || Some(self.shards.stats()).filter(&wanted))
    }

    /// Ends it, and returns what was told and not asked for.
    pub fn join(self, end: impl FnOnce(&Shards<Teller>)) -> Vec<Told> {
        let Self { shards, told, mut seen, .. } = self;
        end(&shards);
        drop(shards.join().unwrap());
        seen.extend(told.try_iter());
        seen
    }
}

/// One shard that the test itself runs, turn by turn: what happens between two turns is one edge.
pub struct Steps {
    pub shard: Shard<Teller>,
    pub told: Receiver<Told>,
    viewers: SocketAddr,
    service: TcpListener,
}

impl Steps {
    pub fn new(plan: Plan) -> Self {
        let loopback: SocketAddr = ([127, 0, 0, 1], 0).into();
        let [viewers, consoles, service] = [(); 3].map(|()| procy_mio::bind(loopback).unwrap());
        service.set_nonblocking(true).unwrap();
        let address = viewers.local_addr().unwrap();
        plan.devices.set(vec![consoles.local_addr().unwrap()]).unwrap();
        let _ = plan.service.set(service.local_addr().unwrap());
        let (out, told) = channel();
        let ids = Arc::new(OnceLock::new());
        let teller = Teller {
            shard: 0,
            plan: plan.into(),
            consoles: ids.clone(),
            roles: HashMap::new(),
            out,
        };
        let shard = Shard::new(&Config::default(), teller).unwrap();
        ids.set(shard.handle().listen(consoles, Side::Far).unwrap()).unwrap();
        shard.handle().listen(viewers, Side::Near).unwrap();
        Self { shard, told, viewers: address, service }
    }

    pub fn viewers(&self) -> SocketAddr {
        self.viewers
    }

    /// The local VNC server's connection, if it has come.
    pub fn accepted(&self) -> Option<TcpStream> {
        self.service.accept().ok().map(|(stream, _)| bounded(stream))
    }

    /// Takes turns until it is as wanted.
    pub fn until<T>(&mut self, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        eventually(what, || {
            assert!(self.shard.turn(Some(Duration::from_millis(1))).unwrap());
            look()
        })
    }

    /// Takes turns until a host is told this event, and one more.
    pub fn event(&mut self, name: &str) {
        eventually(name, || {
            assert!(self.shard.turn(Some(Duration::from_millis(1))).unwrap());
            let is =
                |told: Told| matches!(told.what, What::Event(event) if event.starts_with(name));
            self.told.try_iter().any(is).then_some(())
        });
        self.shard.turn(Some(Duration::ZERO)).unwrap();
    }

    /// Takes turns until one visits nobody. Bytes may still be on their way in the system; who needs those waits for them.
    pub fn settle(&mut self) {
        let mut before = None;
        eventually("a turn that visits nobody", || {
            assert!(self.shard.turn(Some(Duration::from_millis(1))).unwrap());
            let visits = self.shard.handle().stats().turns;
            (before.replace(visits) == Some(visits)).then_some(())
        });
    }

    /// A session that relays. Neither socket blocks.
    pub fn session(&mut self) -> (TcpStream, TcpStream) {
        let viewer = TcpStream::connect(self.viewers).unwrap();
        viewer.set_nonblocking(true).unwrap();
        let listener = self.service.try_clone().unwrap();
        let (mut service, _) = self.until("the service is connected", || listener.accept().ok());
        service.set_nonblocking(true).unwrap();
        service.write_all(HELLO).unwrap();
        let mut heard = [0; HELLO.len()];
        self.until("hello", || viewer.peek(&mut heard).ok().filter(|n| *n == HELLO.len()));
        (&viewer).read_exact(&mut heard).unwrap();
        self.settle();
        (viewer, service)
    }

    /// Takes turns and reads until the stream's end.
    pub fn rest(&mut self, mut stream: &TcpStream) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.until("the stream's end", || match stream.read_to_end(&mut bytes) {
            Ok(_) => Some(()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            Err(error) => panic!("{error}"),
        });
        bytes
    }
}

/// Looks again and again, giving way to others, until it is as wanted.
pub fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + LONG;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "it never comes: {what}");
        std::thread::yield_now();
    }
}

/// A socket on which no call waits for longer than a test may.
pub fn bounded(stream: TcpStream) -> TcpStream {
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream.set_write_timeout(Some(LONG)).unwrap();
    stream
}

/// Two ends of a connection.
pub fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (bounded(ours), bounded(listener.accept().unwrap().0))
}

/// A port that is free, and was just given back.
pub fn free_port() -> SocketAddr {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap()
}

/// An address that is there and answers nothing, because its backlog is full of those returned.
pub fn black_hole() -> (SocketAddr, TcpListener, Vec<TcpStream>) {
    use socket2::{Domain, Socket, Type};
    let full = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    full.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    full.listen(0).unwrap();
    let listener = TcpListener::from(full);
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    // One that does not get through shows that the next will not either.
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(50)) {
        waiting.push(stream);
    }
    (address, listener, waiting)
}

/// From now on, closing this socket resets the connection.
pub fn will_reset(stream: &TcpStream) {
    socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO)).unwrap();
}

/// Sends all of it from another thread, and then ends this direction.
pub fn send(stream: &TcpStream, bytes: Vec<u8>) -> JoinHandle<()> {
    let mut stream = stream.try_clone().unwrap();
    std::thread::spawn(move || {
        stream.write_all(&bytes).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
    })
}

/// Reads to the end on another thread.
pub fn receive(stream: &TcpStream) -> JoinHandle<Vec<u8>> {
    let stream = stream.try_clone().unwrap();
    std::thread::spawn(move || rest(stream))
}

pub fn rest(mut stream: TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    bytes
}

/// Reads to the end, or to a reset, which is as good.
pub fn rest_or_reset(mut stream: TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Err(error) = stream.read_to_end(&mut bytes) {
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    }
    bytes
}
