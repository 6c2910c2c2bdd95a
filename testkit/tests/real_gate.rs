//! The gate of the rig of real programs: what it lets in, and how it misbehaves when asked to.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)] // helpers of tests may panic as tests may

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use procy_testkit::real::{BOUND, Gate, Then, wait_for};

const UUID: &str = "6f1c2a54-9d1e-4b7a-8a55-0c1d2e3f4a5b";

/// A desktop of few words: greets, then says back what it hears.
fn echo() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                let _ = stream.write_all(b"RFB 003.008\n");
                let _ = std::io::copy(&mut stream.try_clone().unwrap(), &mut stream);
            });
        }
    });
    address
}

fn gate(then: Then) -> Gate {
    Gate::start(echo(), |password| password == UUID, then).unwrap()
}

fn client(gate: &Gate, command: &str) -> TcpStream {
    let mut stream = TcpStream::connect(gate.address()).unwrap();
    stream.set_read_timeout(Some(BOUND)).unwrap();
    stream.write_all(command.as_bytes()).unwrap();
    stream
}

fn read(stream: &mut TcpStream, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).unwrap();
    bytes
}

fn rest(mut stream: TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    bytes
}

fn right() -> String {
    format!("PROCYCMD PW_{UUID}")
}

#[test]
fn both_verbs_and_every_terminator_open_the_gate_and_no_byte_of_rfb_is_lost() {
    let gate = gate(Then::Relay);
    for verb in ["PROCYCMD", "PROXYCMD"] {
        for terminator in ["", "\n", "\r\n", "\0"] {
            let mut stream =
                client(&gate, &format!("{verb} PW_{UUID}{terminator}RFB 003.003\n\r\n\0"));
            assert_eq!(read(&mut stream, 27), b"RFB 003.008\nRFB 003.003\n\r\n\0");
        }
    }
}

#[test]
fn the_clients_end_passes_through_to_the_server_and_back() {
    let gate = gate(Then::Relay);
    let stream = client(&gate, &(right() + "last words"));
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(rest(stream), b"RFB 003.008\nlast words");
}

#[test]
fn whatever_is_no_right_command_is_closed_in_silence() {
    let gate = gate(Then::Relay);
    let wrong = right().replace("6f1c", "0000");
    for command in [&wrong, "GET / HTTP/1.1\r\n\r\n", "\n", &right().replace("CYC", "ZYC")] {
        assert_eq!(rest(client(&gate, command)), b"", "{command:?}");
    }
    assert_eq!(gate.commands()[..2], [wrong, "GET / HTTP/1.1".to_owned()]);
}

#[test]
fn close_comes_before_the_hello() {
    assert_eq!(rest(client(&gate(Then::Close), &right())), b"");
}

#[test]
fn say_replaces_the_hello_and_stays() {
    let gate = gate(Then::Say(b"garbage\x01".to_vec()));
    let mut stream = client(&gate, &right());
    assert_eq!(read(&mut stream, 8), b"garbage\x01");
    assert_eq!(gate.open_connections(), 1);
    drop(stream);
    wait_for("the gate to notice", BOUND, || (gate.open_connections() == 0).then_some(())).unwrap();
}

#[test]
fn wait_delays_the_hello() {
    let delay = Duration::from_millis(200);
    let gate = gate(Then::Wait(delay));
    let start = Instant::now();
    let mut stream = client(&gate, &right());
    assert_eq!(read(&mut stream, 12), b"RFB 003.008\n");
    assert!(start.elapsed() >= delay);
}

#[test]
fn reset_after_is_a_reset_after_so_many_bytes() {
    let gate = gate(Then::ResetAfter(5));
    let mut stream = client(&gate, &right());
    let mut seen = Vec::new();
    let error = stream.read_to_end(&mut seen).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert!(b"RFB 0".starts_with(&seen), "{seen:?}");
}

#[test]
fn fin_after_delivers_so_many_bytes_and_ends() {
    assert_eq!(rest(client(&gate(Then::FinAfter(0)), &right())), b"");
    assert_eq!(rest(client(&gate(Then::FinAfter(5)), &right())), b"RFB 0");
}

#[test]
fn stall_after_delivers_so_many_bytes_and_keeps_the_connection() {
    let gate = gate(Then::StallAfter(5));
    let mut stream = client(&gate, &right());
    assert_eq!(read(&mut stream, 5), b"RFB 0");
    stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let error = stream.read(&mut [0]).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
    assert_eq!(gate.open_connections(), 1);
}

#[test]
fn a_wire_asks_for_nothing() {
    let wire = Gate::wire(echo(), Then::Relay).unwrap();
    let mut stream = client(&wire, "\nhello");
    assert_eq!(read(&mut stream, 18), b"RFB 003.008\n\nhello");
    assert_eq!(wire.commands(), Vec::<String>::new());
}

#[test]
fn dropping_a_gate_ends_what_is_in_it() {
    for then in [Then::Relay, Then::Say(Vec::new()), Then::StallAfter(0), Then::Wait(BOUND)] {
        let gate = gate(then);
        let mut stream = client(&gate, &right());
        wait_for("a command", BOUND, || (!gate.commands().is_empty()).then_some(())).unwrap();
        drop(gate);
        while let Ok(1..) = stream.read(&mut [0; 64]) {}
    }
}
