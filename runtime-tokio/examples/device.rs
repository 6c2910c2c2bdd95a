//! The other side, the device's: a console comes, its password is checked, and it gets to see the local VNC server.
//!
//! `cargo run -p procy-tokio --example device -- CERTIFICATE KEY PASSWORD-FILE VNC-SERVER:PORT`, the first two in PEM, then
//! have a console connect to the address that it prints, such as procy-futures' example `on_smol`.
#![allow(clippy::print_stdout, reason = "an example's output")]

use std::error::Error;
use std::fs::read_to_string;
use std::future::pending;
use std::pin::Pin;

use procy_tokio::core::Session;
use procy_tokio::core::credential::{Certificate, Password};
use procy_tokio::core::event::{Event, Side};
use procy_tokio::core::prologue::device::{Config, PrivateKeyDer};
use procy_tokio::core::tls::Crypto;
use procy_tokio::{CONNECT_WITHIN, Report, Run, Step, accept, connect, now};
use rustls::pki_types::pem::PemObject as _;
use tokio::net::{TcpListener, TcpStream};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let usage = "give the device's certificate, its key, a file with the one-time password, and a VNC server's address";
    let mut arguments = std::env::args().skip(1);
    let mut argument = || arguments.next().ok_or(usage);
    let certificate = Certificate::parse(&read_to_string(argument()?)?)?;
    let key = PrivateKeyDer::from_pem_file(argument()?)?;
    let config = Config::new(&certificate, &key, &Crypto::aws_lc_rs())?;
    let password = Password::parse(read_to_string(argument()?)?.trim_end())?;
    let address = argument()?;
    let (host, port) = address.rsplit_once(':').ok_or(usage)?;
    let service = (host, port.parse()?);

    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("waiting for a console at {}", listener.local_addr()?);
    let (console, _) = accept(&listener).await?;
    // A real device asks its UMS.
    let check = async |offered: Password| offered.expose() == password.expose();
    println!("{:?}", serve(&config, console, check, service).await?);
    Ok(())
}

/// A console's session, from its beginning to its end. `check` says whether a password holds; `service` is the local VNC
/// server.
pub(crate) async fn serve(
    config: &Config,
    console: TcpStream,
    check: impl AsyncFn(Password) -> bool,
    (host, port): (&str, u16),
) -> Result<Report, procy_tokio::core::error::Error> {
    let mut run = Run::new(Session::device(config, now())?);
    run.attach_far(console);
    // What the session has asked for is worked at beside it: a console that leaves is noticed meanwhile, and the bounds on
    // time hold.
    let mut work: Work<'_> = Box::pin(pending());
    loop {
        tokio::select! {
            step = run.next() => match step {
                Step::Over => return Ok(Report::of(run.session())),
                Step::Event(event) => {
                    println!("{event:?}");
                    work = match event {
                        Event::PasswordOffered(offer) => Box::pin(verdict(check(offer.password))),
                        Event::ServiceNeeded => Box::pin(connected(host, port)),
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
type Work<'a> = Pin<Box<dyn Future<Output = Answer> + 'a>>;

type Answer = procy_tokio::Answer<TcpStream, TcpStream>;

async fn verdict(holds: impl Future<Output = bool>) -> Answer {
    if holds.await { Answer::Accept } else { Answer::Refuse }
}

async fn connected(host: &str, port: u16) -> Answer {
    match connect(host, port, CONNECT_WITHIN).await {
        Ok(server) => Answer::AttachNear(server),
        Err(why) => Answer::Broken(Side::Near, why.how()),
    }
}
