//! A console session on async-std: `cargo run -p procy-futures --example on_async_std -- CERTIFICATE PASSWORD-FILE DEVICE[:PORT]`,
//! then point a VNC viewer at the address that it prints.
//!
//! async-std is no longer maintained (RUSTSEC-2025-0052): for programs that already run on it.
#![allow(clippy::print_stdout, reason = "an example's output")]

use std::error::Error;
use std::sync::Arc;

use async_std::net::{TcpListener, TcpStream, ToSocketAddrs};
use procy_futures::core::credential::{Certificate, Credential, Password};
use procy_futures::core::prologue::console::Config;
use procy_futures::core::tls::Crypto;
use procy_futures::{CONNECT_WITHIN, Fin, connect, console, now, system, tune};

fn main() -> Result<(), Box<dyn Error>> {
    async_std::task::block_on(shadow())
}

async fn shadow() -> Result<(), Box<dyn Error>> {
    let usage = "give the device's certificate, a file with its one-time password, and its address";
    let mut arguments = std::env::args().skip(1);
    let mut argument = || arguments.next().ok_or(usage);
    let asked = now();
    let credential = Credential {
        certificate: Certificate::parse(&std::fs::read_to_string(argument()?)?)?,
        password: Password::parse(std::fs::read_to_string(argument()?)?.trim_end())?,
    };
    let address = argument()?;
    let (host, port) = address.split_once(':').unwrap_or((&address, "5900"));
    let port = port.parse()?;

    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("waiting for a viewer at {}", listener.local_addr()?);
    let (viewer, _) = listener.accept().await?;
    tune(&viewer);
    let timer = system(async_std::task::sleep);
    let addresses = (host, port).to_socket_addrs();
    let device = connect(host, port, CONNECT_WITHIN, &timer, addresses, TcpStream::connect).await?;

    let (config, observe) =
        (Arc::new(Config::new(Crypto::aws_lc_rs())), |event: &_| println!("{event:?}"));
    let report = console(config, credential, asked, timer, Fin(viewer), Fin(device), observe).await;
    println!("{report:?}");
    Ok(())
}
