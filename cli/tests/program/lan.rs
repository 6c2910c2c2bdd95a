//! Three machines in a row, as network namespaces: procy's, on which all of a test happens, a router, and the device's.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsFd;
use std::panic::resume_unwind;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Where the device is.
pub(crate) const DEVICE: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 2);

/// The router's first rules, before the usual ones: who is spared, and then that nothing passes.
const SPARED: &str = "pref 10";
const CUT: &str = "pref 20";

/// The machines. They are gone with this value, or with this process, whatever becomes of it.
pub(crate) struct Lan {
    procy: Machine,
    router: Machine,
    device: Machine,
}

impl Lan {
    /// Has a test run on procy's machine; namespaces are a thread's matter. Without the right to make them it is passed
    /// over, and says so; root in CI must have it.
    pub(crate) fn with<F: Future<Output = ()>>(test: impl FnOnce(Self) -> F + Send + 'static) {
        let test = move || {
            let lan = match Self::new() {
                Ok(lan) => lan,
                Err(why) => return skip(&why),
            };
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(test(lan));
        };
        if let Err(panic) = thread::spawn(test).join() {
            resume_unwind(panic);
        }
    }

    fn new() -> Result<Self, String> {
        let (procy, router, device) = (Machine::new()?, Machine::new()?, Machine::new()?);
        router.enter();
        ip(&format!(
            "link set lo up
             link add procy type veth peer name lan netns {procy}
             link add device type veth peer name lan netns {device}
             addr add 192.0.2.1/24 dev procy
             addr add 198.51.100.1/24 dev device
             link set procy up
             link set device up",
            procy = procy.id(),
            device = device.id(),
        ));
        fs::write("/proc/sys/net/ipv4/ip_forward", "1").unwrap();
        for (machine, address, router) in
            [(&device, DEVICE, "198.51.100.1"), (&procy, Ipv4Addr::new(192, 0, 2, 2), "192.0.2.1")]
        {
            machine.enter();
            ip(&format!(
                "link set lo up
                 addr add {address}/24 dev lan
                 link set lan up
                 route add default via {router}"
            ));
        }
        Ok(Self { procy, router, device })
    }

    /// A port on the device's machine behind which `device` is.
    pub(crate) async fn door(&self, device: SocketAddr) -> Door {
        self.device.enter();
        let listener = TcpListener::bind((DEVICE, 0)).await.unwrap();
        self.procy.enter();
        let port = listener.local_addr().unwrap().port();
        let held = Arc::<AtomicBool>::default();
        let (taken, takes) = unbounded_channel();
        tokio::spawn(serve(listener, device, Arc::clone(&held), taken));
        Door { port, held, takes }
    }

    /// From now on nothing passes the router, either way, but what these ports of procy's say and hear. It is dropped in
    /// silence, as by a network that has failed somewhere.
    pub(crate) fn cut(&self, spared: &[u16]) {
        let spare = |port| {
            let rule = |end| format!("rule add {SPARED} ipproto tcp {end} {port} table main\n");
            rule("sport") + &rule("dport")
        };
        let spared: String = spared.iter().map(spare).collect();
        self.route(&format!("{spared}rule add {CUT} blackhole"));
    }

    /// All passes again.
    pub(crate) fn heal(&self) {
        self.route(&format!("rule del {CUT}"));
        // One by one, until there is none left.
        self.router.enter();
        while ip_succeeds(&format!("rule del {SPARED}")) {}
        self.procy.enter();
    }

    fn route(&self, commands: &str) {
        self.router.enter();
        ip(commands);
        self.procy.enter();
    }

    /// Procy's connections to this port of the device: its own ports, and how often each has sent again what nobody has
    /// acknowledged.
    pub(crate) fn connections(&self, port: u16) -> Vec<(u16, u32)> {
        let table = fs::read_to_string("/proc/thread-self/net/tcp").unwrap();
        let connection = |line: &str| {
            // sl local_address rem_address st queues timer retransmits ...
            let fields: Vec<&str> = line.split_whitespace().collect();
            let port_of = |address: &str| {
                u16::from_str_radix(address.split_once(':').unwrap().1, 16).unwrap()
            };
            let established = fields[3] == "01" && port_of(fields[2]) == port;
            let again = || u32::from_str_radix(fields[6], 16).unwrap();
            established.then(|| (port_of(fields[1]), again()))
        };
        table.lines().skip(1).filter_map(connection).collect()
    }
}

/// A port of the device's machine.
pub(crate) struct Door {
    pub(crate) port: u16,
    held: Arc<AtomicBool>,
    takes: UnboundedReceiver<()>,
}

impl Door {
    /// From now on, whoever connects hears nothing from the device.
    pub(crate) fn hold(&self) {
        self.held.store(true, Ordering::SeqCst);
    }

    /// The next connection has come.
    pub(crate) async fn taken(&mut self) {
        self.takes.recv().await.unwrap();
    }
}

async fn serve(
    listener: TcpListener,
    device: SocketAddr,
    held: Arc<AtomicBool>,
    taken: UnboundedSender<()>,
) {
    let mut silent = Vec::new();
    while let Ok((mut console, _)) = listener.accept().await {
        // The test may not care.
        let _ = taken.send(());
        if held.load(Ordering::SeqCst) {
            silent.push(console);
            continue;
        }
        let mut device = TcpStream::connect(device).await.unwrap();
        tokio::spawn(async move { copy_bidirectional(&mut console, &mut device).await });
    }
}

/// A network namespace. The process that keeps it ends when its stdin does, which is ours.
struct Machine(Child);

impl Machine {
    fn new() -> Result<Self, String> {
        let mut process = Command::new("unshare")
            .args(["--net", "cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("unshare (Debian's util-linux): {error}"))?;
        let mut says = String::new();
        let _ = process.stdin.as_mut().unwrap().write_all(b"\n");
        // What echoes is in its namespace.
        if process.stdout.as_mut().unwrap().read(&mut [0]).unwrap() == 1 {
            return Ok(Self(process));
        }
        process.stderr.as_mut().unwrap().read_to_string(&mut says).unwrap();
        process.wait().unwrap();
        Err(says)
    }

    fn id(&self) -> u32 {
        self.0.id()
    }

    /// This thread, and what it starts and opens, is on this machine from now on.
    fn enter(&self) {
        let namespace = File::open(format!("/proc/{}/ns/net", self.id())).unwrap();
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// Has iproute2 do all of this, on this thread's machine.
fn ip(commands: &str) {
    assert!(ip_succeeds(commands), "{commands}");
}

fn ip_succeeds(commands: &str) -> bool {
    let mut ip = Command::new("ip")
        .args(["-batch", "-"])
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("`ip` is in Debian's package iproute2; `cargo xtask test` installs it");
    ip.stdin.take().unwrap().write_all(commands.as_bytes()).unwrap();
    ip.wait().unwrap().success()
}

fn skip(why: &str) {
    let must = std::env::var_os("CI").is_some() && rustix::process::geteuid().is_root();
    assert!(!must, "root can make no network namespace here: {why}");
    let words = format!("skipped, as no network namespace can be made (root can): {why}\n");
    // Past the test harness, which shows what fails only.
    std::io::stderr().write_all(words.as_bytes()).unwrap();
}
