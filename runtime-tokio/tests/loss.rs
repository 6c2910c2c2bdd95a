//! Peers that refuse, leave, and are lost.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{
    HELLO, bounded, code, console_config, console_run, credential, device_run, finish, noise,
    serve, tcp_pair, until_relaying,
};
use procy_tokio::core::Session;
use procy_tokio::core::error::Broken;
use procy_tokio::core::event::{Event, Outcome, Side};
use procy_tokio::core::prologue::Bounds;
use procy_tokio::{CONNECT_WITHIN, Run, Step, now};
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::{TcpListener, TcpStream};

/// From now on, closing this socket resets the connection.
fn will_reset(stream: &TcpStream) {
    SockRef::from(stream).set_linger(Some(Duration::ZERO)).unwrap();
}

#[tokio::test]
async fn a_device_reset_in_mid_session_is_lost_after_all_that_it_sent() {
    const LEN: usize = 40_000;
    let (mut viewer, near) = duplex(1_000);
    let (far, console) = tcp_pair().await;
    will_reset(&console);
    let (local, mut service) = duplex(LEN);
    let device = tokio::spawn(serve(device_run(console), local));
    let mut run = console_run(Bounds::default(), near, far);
    service.write_all(HELLO).await.unwrap();
    until_relaying(&mut run).await;

    let picture = noise(1, LEN);
    service.write_all(&picture).await.unwrap();
    let all = (HELLO.len() + LEN) as u64;
    let mut heard = vec![0; HELLO.len()];
    // The session takes all of it; the viewer takes next to nothing.
    bounded(async {
        while run.traffic().to_near < all {
            tokio::select! {
                biased;
                step = run.next() => panic!("{step:?}"),
                () = tokio::task::yield_now() => {}
            }
            if run.traffic().to_near < all && run.session().holds() > 0 {
                // It reads no more while the viewer owes it: the viewer takes a little.
                let mut little = [0; 100];
                if let Ok(Ok(n)) =
                    tokio::time::timeout(Duration::ZERO, viewer.read(&mut little)).await
                {
                    heard.extend_from_slice(&little[..n]);
                }
            }
        }
    })
    .await;
    assert!(run.session().holds() > 0, "nothing is owed to the viewer");
    device.abort();
    assert!(device.await.unwrap_err().is_cancelled());

    let session = tokio::spawn(async move { finish(&mut run).await });
    bounded(viewer.read_to_end(&mut heard)).await.unwrap();
    drop(viewer);
    assert!(heard.ends_with(&picture), "{} of {all} bytes", heard.len());
    let report = bounded(session).await.unwrap();
    assert_eq!(code(&report), "device-lost");
    assert_eq!(report.traffic.to_near, all);
}

#[tokio::test]
async fn a_viewer_reset_in_mid_session_is_an_ordinary_end() {
    let (viewer, near) = tcp_pair().await;
    will_reset(&viewer);
    let (far, console) = duplex(10_000);
    let (local, mut service) = duplex(1_000);
    let device = tokio::spawn(serve(device_run::<DuplexStream, _>(console), local));
    let mut run = console_run(Bounds::default(), near, far);
    service.write_all(HELLO).await.unwrap();
    until_relaying(&mut run).await;
    drop(viewer);
    let session = tokio::spawn(async move { finish(&mut run).await });
    bounded(service.read_to_end(&mut Vec::new())).await.unwrap();
    drop(service);
    assert_eq!(code(&bounded(session).await.unwrap()), "ended");
    bounded(device).await.unwrap();
}

#[tokio::test]
async fn a_device_that_refuses_to_connect_is_told_to_the_viewer() {
    // A port that is free, and was just given back.
    let port = {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        listener.local_addr().unwrap().port()
    };
    let (mut viewer, near) = duplex(10_000);
    let mut run: Run<DuplexStream, TcpStream> =
        Run::new(Session::console(Arc::new(console_config()), now()));
    run.attach_near(near);
    run.credential(credential(), now());
    let session = tokio::spawn(async move {
        while let Step::Event(event) = run.next().await {
            if let Event::ConnectNeeded = event {
                let error =
                    procy_tokio::connect("127.0.0.1", port, CONNECT_WITHIN).await.unwrap_err();
                assert_eq!(error.how(), Broken::Refused);
                assert!(error.to_string().contains(&port.to_string()), "{error}");
                run.broken(Side::Far, error.how());
            }
        }
        common::report(&run)
    });
    let mut told = Vec::new();
    bounded(viewer.read_to_end(&mut told)).await.unwrap();
    drop(viewer);
    assert!(told.starts_with(b"RFB 003.003\n\0\0\0\0"), "{}", told.escape_ascii());
    assert_eq!(code(&bounded(session).await.unwrap()), "device-refused");
}

#[tokio::test]
async fn a_refused_password_closes_before_the_hello() {
    let (mut viewer, near) = duplex(10_000);
    let (far, console) = tcp_pair().await;
    let mut run = console_run(Bounds::default(), near, far);
    let device = tokio::spawn(async move {
        let mut run = device_run::<DuplexStream, _>(console);
        while let Step::Event(event) = run.next().await {
            if let Event::PasswordOffered(_) = event {
                run.refuse();
            }
        }
        common::report(&run)
    });
    let session = tokio::spawn(async move { finish(&mut run).await });
    let mut told = Vec::new();
    bounded(viewer.read_to_end(&mut told)).await.unwrap();
    drop(viewer);
    assert!(told.starts_with(b"RFB 003.003\n"), "{}", told.escape_ascii());
    assert_eq!(code(&bounded(session).await.unwrap()), "closed-before-hello");
    assert_eq!(code(&bounded(device).await.unwrap()), "password-refused");
}

#[tokio::test]
async fn a_viewer_that_was_told_nothing_is_taken_back_for_another_try() {
    let (mut viewer, near) = duplex(10_000);
    let mut config = console_config();
    config.retriable = true;
    let config = Arc::new(config);
    let (far, console) = duplex(10_000);
    let mut run = Run::new(Session::console(config.clone(), now()));
    run.attach_near(near);
    run.credential(credential(), now());
    run.attach_far(far);
    assert!(run.take_near().is_none(), "the session still needs it");
    let device = tokio::spawn(async move {
        let mut run = device_run::<DuplexStream, _>(console);
        while let Step::Event(event) = run.next().await {
            if let Event::PasswordOffered(_) = event {
                run.refuse();
            }
        }
    });
    assert_eq!(code(&finish(&mut run).await), "closed-before-hello");
    bounded(device).await.unwrap();
    let near = run.take_near().expect("the viewer's stream is gone");

    let (far, console) = duplex(10_000);
    let (local, mut service) = duplex(1_000);
    let device = tokio::spawn(serve(device_run(console), local));
    let mut run = console_run(Bounds::default(), near, far);
    service.write_all(HELLO).await.unwrap();
    until_relaying(&mut run).await;
    drop(run);
    let mut heard = Vec::new();
    bounded(viewer.read_to_end(&mut heard)).await.unwrap();
    assert_eq!(heard, HELLO, "the first session has said something");
    drop(service);
    bounded(device).await.unwrap();
}

#[tokio::test]
async fn without_another_try_the_viewer_is_told_and_dropped() {
    let (mut viewer, near) = duplex(10_000);
    let (far, device) = duplex(10_000);
    let mut run = console_run(Bounds::default(), near, far);
    drop(device);
    let session = tokio::spawn(async move {
        let report = finish(&mut run).await;
        (report, run.take_near())
    });
    let mut told = Vec::new();
    bounded(viewer.read_to_end(&mut told)).await.unwrap();
    drop(viewer);
    let (report, near) = bounded(session).await.unwrap();
    assert_eq!(code(&report), "closed-in-handshake");
    assert!(told.starts_with(b"RFB 003.003\n") && near.is_none());
}

#[tokio::test]
async fn a_viewer_that_leaves_too_early_is_noticed_at_once() {
    let (viewer, near) = tcp_pair().await;
    let (far, mut device) = tcp_pair().await;
    let mut run = console_run(Bounds::default(), near, far);
    drop(viewer);
    let session = tokio::spawn(async move { finish(&mut run).await });
    let mut hello = Vec::new();
    bounded(device.read_to_end(&mut hello)).await.unwrap();
    drop(device);
    assert_eq!(code(&bounded(session).await.unwrap()), "viewer-left");
}

#[tokio::test]
async fn given_up_for_a_reason_of_the_hosts_own_the_viewer_is_told_it() {
    let (mut viewer, near) = duplex(10_000);
    let mut run: Run<_, DuplexStream> =
        Run::new(Session::console(Arc::new(console_config()), now()));
    run.attach_near(near);
    run.abandon("UMS is down for maintenance");
    let session = tokio::spawn(async move { finish(&mut run).await });
    let mut told = Vec::new();
    bounded(viewer.read_to_end(&mut told)).await.unwrap();
    drop(viewer);
    let told = String::from_utf8_lossy(&told);
    assert!(told.contains("UMS is down for maintenance"), "{told}");
    let report = bounded(session).await.unwrap();
    assert!(matches!(report.outcome, Outcome::Failed(_)));
    assert_eq!(code(&report), "abandoned");
}

#[tokio::test]
async fn connections_have_no_delay_and_are_watched() {
    let (ours, theirs) = tcp_pair().await;
    for stream in [&ours, &theirs] {
        let socket = SockRef::from(stream);
        assert!(socket.tcp_nodelay().unwrap());
        assert!(socket.keepalive().unwrap());
        #[cfg(target_os = "linux")]
        {
            assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(30));
            assert_eq!(socket.tcp_keepalive_interval().unwrap(), Duration::from_secs(10));
            assert_eq!(socket.tcp_keepalive_retries().unwrap(), 3);
        }
    }
    #[cfg(target_os = "linux")]
    {
        let patience = |stream| SockRef::from(stream).tcp_user_timeout().unwrap();
        assert_eq!(patience(&ours), Some(Duration::from_secs(120)), "a device is given up");
        assert_eq!(patience(&theirs), None, "a viewer may be suspended");
    }
}
