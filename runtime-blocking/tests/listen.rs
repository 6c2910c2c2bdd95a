//! Serving each connection on a thread of its own.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may")]

mod common;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use common::{LONG, console_config, spawn};
use procy_blocking::core::Session;
use procy_blocking::core::event::Event;
use procy_blocking::{Run, Step, Stop, listen, now};

fn listener() -> (TcpListener, impl Fn() -> TcpStream) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let connect = move || {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        stream
    };
    (listener, connect)
}

#[test]
fn sessions_run_side_by_side_until_one_stop_ends_them_and_the_listener() {
    let (listener, connect) = listener();
    let stop = Stop::new().unwrap();
    let (told, events) = mpsc::channel();
    let serving = {
        let stop = stop.clone();
        spawn(move || {
            let config = Arc::new(console_config());
            listen(&listener, &stop, 10, |viewer, _| {
                let mut run: Run<_, TcpStream> =
                    Run::new(Session::console(config.clone(), now())).stopped_by(&stop);
                run.attach_near(viewer);
                while let Step::Event(event) = run.next() {
                    // And the credential never comes.
                    assert!(matches!(event, Event::CredentialNeeded));
                    told.send(()).unwrap();
                }
                assert_eq!(
                    run.outcome().map(|outcome| format!("{outcome:?}")).unwrap(),
                    "Failed(Cancelled)"
                );
            })
        })
    };
    let viewers = [connect(), connect(), connect()];
    for _ in &viewers {
        events.recv_timeout(LONG).unwrap();
    }
    stop.stop();
    for mut viewer in viewers {
        let mut heard = Vec::new();
        viewer.read_to_end(&mut heard).unwrap();
        assert!(heard.starts_with(b"RFB 003.003\n"), "{}", heard.escape_ascii());
    }
    serving.result().unwrap();
}

#[test]
fn one_connection_too_many_is_closed_and_a_place_given_back_is_taken_again() {
    let (listener, connect) = listener();
    let stop = Stop::new().unwrap();
    let served = Arc::new(AtomicUsize::new(0));
    let serving = {
        let (stop, served) = (stop.clone(), served.clone());
        spawn(move || {
            listen(&listener, &stop, 1, |mut stream, _| {
                served.fetch_add(1, Ordering::SeqCst);
                // Blocks until the test says one byte, or ends.
                let _ = stream.write_all(b"here").and_then(|()| stream.read_exact(&mut [0]));
            })
        })
    };
    let hear = |stream: &mut TcpStream| {
        let mut heard = [0; 4];
        stream.read_exact(&mut heard).map(|()| heard)
    };
    let mut first = connect();
    assert_eq!(&hear(&mut first).unwrap(), b"here");
    let mut second = connect();
    assert!(hear(&mut second).is_err(), "there was a place for it");
    first.write_all(b"x").unwrap();
    let _ = first.read_to_end(&mut Vec::new());
    // The thread gives its place back soon after it has closed its connection.
    let until = std::time::Instant::now() + LONG;
    let mut third = loop {
        let mut third = connect();
        if hear(&mut third).is_ok() {
            break third;
        }
        assert!(std::time::Instant::now() < until, "the place is never given back");
        stop.pause(Duration::from_millis(1));
    };
    stop.stop();
    third.write_all(b"x").unwrap();
    serving.result().unwrap();
    assert_eq!(served.load(Ordering::SeqCst), 2);
}
