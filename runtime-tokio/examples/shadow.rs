//! The whole way as a console: a device is found in UMS, a VNC viewer comes, and a session with the device runs.
//!
//! `PROCY_UMS_PASSWORD=... cargo run -p procy-tokio --example shadow -- UMS-URL USER DEVICE [UMS-FINGERPRINT [PORT]]`, then
//! point a VNC viewer at the address that it prints.
#![allow(clippy::print_stdout, reason = "an example's output")]

use std::env;
use std::error::Error;
use std::future::pending;
use std::pin::Pin;
use std::sync::Arc;

use procy_tokio::core::Session;
use procy_tokio::core::event::{Event, Side};
use procy_tokio::core::prologue::console::Config;
use procy_tokio::core::tls::Crypto;
use procy_tokio::{CONNECT_WITHIN, Report, Run, Step, accept, connect, now};
use procy_ums::{Client, DeviceId, Secret, Trust};
use tokio::net::{TcpListener, TcpStream};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let usage = "give UMS's URL, a user of it, and a device; if need be, the fingerprint of UMS's certificate, and the \
                 device's port";
    let mut arguments = env::args().skip(1);
    let mut argument = || arguments.next().ok_or(usage);
    let (url, user, query) = (argument()?, argument()?, argument()?.parse()?);
    let mut config =
        procy_ums::Config::new(&url, user, Secret::new(env::var("PROCY_UMS_PASSWORD")?))?;
    if let Some(fingerprint) = arguments.next() {
        config.trust = Trust::Fingerprint(fingerprint.parse()?);
    }
    let port = arguments.next().map_or(Ok(5900), |port| port.parse())?;

    let ums = Client::new(config, procy_ums::provider())?;
    let device = ums.find(&query).await?;
    let address = device.last_ip.as_deref().ok_or("UMS knows no address of the device")?;

    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("waiting for a viewer at {}", listener.local_addr()?);
    let (viewer, _) = accept(&listener).await?;
    let report = shadow(&ums, &device.id, (address, port), viewer).await;
    println!("{report:?}");
    Ok(ums.close().await?)
}

/// A viewer's session with a device, from its beginning to its end.
pub(crate) async fn shadow(
    ums: &Client,
    device: &DeviceId,
    (host, port): (&str, u16),
    viewer: TcpStream,
) -> Report {
    let mut run = Run::new(Session::console(Arc::new(Config::new(Crypto::aws_lc_rs())), now()));
    run.attach_near(viewer);
    // What the session has asked for is worked at beside it: a viewer that leaves is noticed meanwhile, and the bounds on
    // time hold.
    let mut work: Work<'_> = Box::pin(pending());
    loop {
        tokio::select! {
            step = run.next() => match step {
                Step::Over => return Report::of(run.session()),
                Step::Event(event) => {
                    println!("{event:?}");
                    work = match event {
                        Event::CredentialNeeded => Box::pin(credential(ums, device)),
                        Event::ConnectNeeded => Box::pin(connected(host, port)),
                        _ => work,
                    };
                }
            },
            answer = &mut work => {
                run.answer(answer);
                work = Box::pin(pending());
            }
        }
    }
}

/// What the host is at for its session.
type Work<'a> = Pin<Box<dyn Future<Output = Answer> + Send + 'a>>;

type Answer = procy_tokio::Answer<TcpStream, TcpStream>;

/// The device's certificate and a one-time password; the viewer is told if UMS gives none.
async fn credential(ums: &Client, device: &DeviceId) -> Answer {
    let asked = now();
    match ums.shadow(device).await {
        Ok(credential) => Answer::Credential(credential, asked),
        Err(why) => Answer::Abandon(why.to_string()),
    }
}

async fn connected(host: &str, port: u16) -> Answer {
    match connect(host, port, CONNECT_WITHIN).await {
        Ok(device) => Answer::AttachFar(device),
        Err(why) => Answer::Broken(Side::Far, why.how()),
    }
}
