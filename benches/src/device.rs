//! The role `device`: a TLS 1.3 server that costs little, so that the proxy before it has the processor.
//!
//! To a console (its first words are a command) it says hello, as a device of procy's does; to a plain proxy it does not,
//! and to who speaks no TLS neither does it. Then it does what the client orders. One thread a session: a wake-up less on the way of every byte.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use clap::Args;
use procy_core::procycmd::COMMAND_LEN;
use rustls::crypto::aws_lc_rs::{self, cipher_suite::TLS13_AES_128_GCM_SHA256};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::Result;
use crate::wire::{ANSWER, BATCH, HELLO, ORDER_LEN, Order, Pattern, QUESTION, WHOLE, write_parts};

type Tls = StreamOwned<ServerConnection, TcpStream>;

/// A TLS record's first byte, in a handshake (RFC 8446 section 5.1); no order begins so.
const HANDSHAKE: u8 = 22;

/// Thousands of threads, each with little to do.
const STACK: usize = 256 * 1024;

#[derive(Args)]
pub(crate) struct Options {
    /// Its certificate, PEM
    #[arg(long)]
    certificate: PathBuf,
    /// The key, PEM
    #[arg(long)]
    key: PathBuf,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let config = Arc::new(config(&options.certificate, &options.key)?);
    let pattern = Arc::new(Pattern::new());
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    println!("{}", listener.local_addr()?);
    for stream in listener.incoming() {
        let (stream, config, pattern) = (stream?, config.clone(), pattern.clone());
        // A client that leaves, and a peer's probe, end a session in the middle of anything; the client checks.
        let session = move || drop(serve(stream, config, &pattern));
        thread::Builder::new().stack_size(STACK).spawn(session)?;
    }
    Ok(())
}

/// One suite for all, and no tickets: nobody here resumes.
pub(crate) fn config(certificate: &Path, key: &Path) -> Result<ServerConfig> {
    let mut provider = aws_lc_rs::default_provider();
    provider.cipher_suites = vec![TLS13_AES_128_GCM_SHA256];
    let certificate = CertificateDer::from_pem_file(certificate)?;
    let key = PrivateKeyDer::from_pem_file(key)?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)?;
    config.send_tls13_tickets = 0;
    Ok(config)
}

fn serve(mut stream: TcpStream, config: Arc<ServerConfig>, pattern: &Pattern) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut first = [0];
    if stream.peek(&mut first)? == 1 && first != [HANDSHAKE] {
        return obey(&mut stream, pattern);
    }
    let mut connection = ServerConnection::new(config).map_err(io::Error::other)?;
    connection.set_buffer_limit(None);
    obey(&mut StreamOwned::new(connection, stream), pattern)
}

fn obey(wire: &mut impl Wire, pattern: &Pattern) -> io::Result<()> {
    let mut first = [0; ORDER_LEN];
    wire.read_exact(&mut first)?;
    if first[0] == b'P' {
        wire.read_exact(&mut [0; COMMAND_LEN - ORDER_LEN])?;
        wire.write_all(HELLO)?;
        wire.read_exact(&mut first)?;
    }
    match Order::decode(first)? {
        Order::Down { bytes, record } => send(wire, pattern, bytes, record as usize),
        Order::Up { bytes } => take(wire, pattern, bytes),
        Order::Trips => answer(wire, pattern),
    }
}

/// With TLS or without.
trait Wire: Read + Write {
    /// Writes all of them, a record each, with as few calls as it takes.
    fn write_records<'a>(&mut self, records: impl Iterator<Item = &'a [u8]>) -> io::Result<()>;
}

impl Wire for TcpStream {
    fn write_records<'a>(&mut self, records: impl Iterator<Item = &'a [u8]>) -> io::Result<()> {
        write_parts(self, records)
    }
}

/// Many records are sealed, then written with one call.
impl Wire for Tls {
    fn write_records<'a>(&mut self, records: impl Iterator<Item = &'a [u8]>) -> io::Result<()> {
        for record in records {
            self.conn.writer().write_all(record)?;
        }
        while self.conn.wants_write() {
            self.conn.write_tls(&mut self.sock)?;
        }
        Ok(())
    }
}

fn send(wire: &mut impl Wire, pattern: &Pattern, bytes: u64, record: usize) -> io::Result<()> {
    let mut place = 0;
    while place < bytes {
        let length = (bytes - place).min(BATCH as u64);
        wire.write_records(pattern.parts(place, length as usize, record))?;
        place += length;
    }
    // The client leaves first.
    wire.read(&mut [0]).map(|_| ())
}

fn take(wire: &mut impl Wire, pattern: &Pattern, bytes: u64) -> io::Result<()> {
    let mut buffer = vec![0; BATCH];
    let mut place = 0;
    while place < bytes {
        let n = wire.read(&mut buffer)?;
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        pattern.check(place, &buffer[..n])?;
        place += n as u64;
    }
    wire.write_all(&[WHOLE])?;
    wire.read(&mut [0]).map(|_| ())
}

fn answer(wire: &mut impl Wire, pattern: &Pattern) -> io::Result<()> {
    let mut question = [0; QUESTION];
    for trip in 0_u64.. {
        wire.read_exact(&mut question)?;
        pattern.check(trip * QUESTION as u64, &question)?;
        wire.write_all(pattern.at(trip * ANSWER as u64, ANSWER))?;
    }
    Ok(())
}
