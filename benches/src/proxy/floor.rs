//! A relay that does nothing to the bytes: two threads a session, each with a buffer as large as procy's.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;

use procy_core::Scratch;

use crate::Result;

pub(super) fn run(listener: &TcpListener, device: SocketAddr) -> Result<()> {
    for viewer in listener.incoming() {
        let viewer = viewer?;
        // Whoever leaves ends a session; the client checks what came.
        thread::spawn(move || drop(relay(viewer, device)));
    }
    Ok(())
}

fn relay(viewer: TcpStream, device: SocketAddr) -> io::Result<()> {
    let device = TcpStream::connect(device)?;
    viewer.set_nodelay(true)?;
    device.set_nodelay(true)?;
    let (mut from, mut to) = (viewer.try_clone()?, device.try_clone()?);
    let up = thread::spawn(move || copy(&mut from, &mut to));
    let (mut from, mut to) = (device, viewer);
    copy(&mut from, &mut to)?;
    up.join().unwrap_or(Ok(()))
}

fn copy(from: &mut TcpStream, to: &mut TcpStream) -> io::Result<()> {
    let mut buffer = vec![0; Scratch::DEFAULT];
    loop {
        match from.read(&mut buffer)? {
            0 => return to.shutdown(Shutdown::Write),
            n => to.write_all(&buffer[..n])?,
        }
    }
}
