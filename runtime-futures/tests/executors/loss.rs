//! Peers that refuse, leave, and are lost.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use procy_futures::core::Session;
use procy_futures::core::error::Broken;
use procy_futures::core::event::{Event, Side};
use procy_futures::core::prologue::Bounds;
use procy_futures::{CONNECT_WITHIN, Report, Run, Step, connect, now};
use smol::future::or;
use smol::io::AsyncWriteExt;

use crate::executor::{Executor, spawn, will_reset};
use crate::parts::{
    HELLO, bare_console, code, console_config, console_run, credential, device_run, finish, hear,
    memory, noise, refuse, rest, serve, until_relaying,
};

pub(crate) async fn a_device_reset_in_mid_session_is_lost_after_all_that_it_sent<E: Executor>() {
    const LEN: usize = 400_000;
    let (mut viewer, near) = memory(10_000);
    let (far, console) = E::tcp_pair().await;
    will_reset(&console);
    let (local, mut service) = memory(10_000);
    let (cut, was_cut) = smol::channel::bounded::<()>(1);
    let serving = serve::<E>(device_run::<E>(Bounds::default(), Box::new(console)), local);
    // The device's session is dropped in the middle of its work.
    let device = spawn::<E, _>(or(async { drop(serving.await) }, async move {
        was_cut.recv().await.unwrap();
    }));
    let mut run = console_run::<E>(Bounds::default(), near, Box::new(far));
    let session = spawn::<E, _>(async move { finish::<E>(&mut run).await });
    let picture = noise(1, LEN);
    let sent = picture.clone();
    let painting = spawn::<E, _>(async move {
        service.write_all(HELLO).await.unwrap();
        service.write_all(&sent).await.unwrap();
        service
    });
    assert_eq!(hear(&mut viewer, HELLO.len()).await, HELLO);
    assert!(hear(&mut viewer, LEN).await == picture);
    cut.send(()).await.unwrap();
    device.result().await;
    assert_eq!(rest(&mut viewer).await, b"");
    drop((viewer, painting.result().await));
    let report = session.result().await;
    assert_eq!(code(&report), "device-lost");
    assert_eq!(report.traffic.to_near, (HELLO.len() + LEN) as u64);
}

pub(crate) async fn a_viewer_reset_in_mid_session_is_an_ordinary_end<E: Executor>() {
    let (viewer, near) = E::tcp_pair().await;
    will_reset(&viewer);
    let (far, console) = memory(10_000);
    let (local, mut service) = memory(1_000);
    let device = spawn::<E, _>(serve::<E>(device_run::<E>(Bounds::default(), console), local));
    let mut run = console_run::<E>(Bounds::default(), Box::new(near), far);
    service.write_all(HELLO).await.unwrap();
    until_relaying::<E>(&mut run).await;
    drop(viewer);
    let session = spawn::<E, _>(async move { finish::<E>(&mut run).await });
    rest(&mut service).await;
    drop(service);
    assert_eq!(code(&session.result().await), "ended");
    device.result().await;
}

pub(crate) async fn a_device_that_refuses_to_connect_is_told_to_the_viewer<E: Executor>() {
    // A port that is free, and was just given back.
    let address = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    let (mut viewer, near) = memory(10_000);
    let mut run = bare_console::<E>(Bounds::default());
    run.attach_near(near);
    run.credential(credential(), now());
    let session = spawn::<E, _>(async move {
        while let Step::Event(event) = run.next().await {
            if let Event::ConnectNeeded = event {
                let (timer, resolved) = (E::timer(), async { Ok([address]) });
                let port = address.port();
                let error = connect("loopback", port, CONNECT_WITHIN, &timer, resolved, E::dial);
                let error = error.await.map(drop).unwrap_err();
                assert_eq!(error.how(), Broken::Refused);
                assert!(error.to_string().contains(&port.to_string()), "{error}");
                run.broken(Side::Far, error.how());
            }
        }
        Report::of(run.session())
    });
    let told = rest(&mut viewer).await;
    drop(viewer);
    assert!(told.starts_with(b"RFB 003.003\n\0\0\0\0"), "{}", told.escape_ascii());
    assert_eq!(code(&session.result().await), "device-refused");
}

pub(crate) async fn a_name_that_does_not_resolve_in_time_and_an_address_without_an_answer_are_given_up<
    E: Executor,
>() {
    let within = Duration::from_millis(50);
    let timer = E::timer();
    let error =
        connect("host", 1, within, &timer, std::future::pending::<Result<Vec<_>, _>>(), E::dial);
    let error = error.await.map(drop).unwrap_err();
    assert_eq!(
        error.to_string(),
        "host port 1 cannot be reached: its name does not resolve in time"
    );
    assert_eq!(error.how(), Broken::Unreachable);

    let resolved = async { Ok([([127, 0, 0, 1], 1).into(), ([127, 0, 0, 2], 1).into()]) };
    let never = |_| std::future::pending::<std::io::Result<E::Tcp>>();
    let error = connect("host", 1, within, &timer, resolved, never).await.map(drop).unwrap_err();
    assert_eq!(error.how(), Broken::TimedOut);
    assert!(error.to_string().contains("127.0.0.2:1: no answer"), "{error}");
}

pub(crate) async fn a_refused_password_closes_before_the_hello<E: Executor>() {
    let (mut viewer, near) = memory(10_000);
    let (far, console) = E::tcp_pair().await;
    let mut run = console_run::<E>(Bounds::default(), near, Box::new(far));
    let device = spawn::<E, _>(refuse::<E>(device_run::<E>(Bounds::default(), Box::new(console))));
    let session = spawn::<E, _>(async move { finish::<E>(&mut run).await });
    let told = rest(&mut viewer).await;
    drop(viewer);
    assert!(told.starts_with(b"RFB 003.003\n"), "{}", told.escape_ascii());
    assert_eq!(code(&session.result().await), "closed-before-hello");
    assert_eq!(code(&device.result().await), "password-refused");
}

pub(crate) async fn a_viewer_that_was_told_nothing_is_taken_back_for_another_try<E: Executor>() {
    let ((mut viewer, near), (far, console)) = (memory(10_000), memory(10_000));
    let mut config = console_config();
    config.retriable = true;
    let mut run = Run::new(Session::console(Arc::new(config), now()), E::timer());
    run.attach_near(near);
    run.credential(credential(), now());
    run.attach_far(far);
    assert!(run.take_near().is_none(), "the session still needs it");
    let device = spawn::<E, _>(refuse::<E>(device_run::<E>(Bounds::default(), console)));
    assert_eq!(code(&finish::<E>(&mut run).await), "closed-before-hello");
    device.result().await;
    let near = run.take_near().expect("the viewer's stream is gone");

    let (far, console) = memory(10_000);
    let (local, mut service) = memory(1_000);
    let device = spawn::<E, _>(serve::<E>(device_run::<E>(Bounds::default(), console), local));
    let mut run = console_run::<E>(Bounds::default(), near, far);
    service.write_all(HELLO).await.unwrap();
    until_relaying::<E>(&mut run).await;
    drop(run);
    assert_eq!(rest(&mut viewer).await, HELLO, "the first session has said something");
    drop(service);
    device.result().await;
}

pub(crate) async fn a_viewer_that_leaves_too_early_is_noticed_at_once<E: Executor>() {
    let ((viewer, near), (far, mut device)) = (memory(10_000), memory(10_000));
    let mut run = console_run::<E>(Bounds::default(), near, far);
    drop(viewer);
    let session = spawn::<E, _>(async move { finish::<E>(&mut run).await });
    rest(&mut device).await;
    drop(device);
    assert_eq!(code(&session.result().await), "viewer-left");
}

pub(crate) async fn given_up_for_a_reason_of_the_hosts_own_the_viewer_is_told_it<E: Executor>() {
    let (mut viewer, near) = memory(10_000);
    let mut run = bare_console::<E>(Bounds::default());
    run.attach_near(near);
    run.abandon("UMS is down for maintenance");
    let session = spawn::<E, _>(async move { finish::<E>(&mut run).await });
    let told = rest(&mut viewer).await;
    drop(viewer);
    let told = String::from_utf8_lossy(&told);
    assert!(told.contains("UMS is down for maintenance"), "{told}");
    assert_eq!(code(&session.result().await), "abandoned");
}
