//! What scripts of plain peers are made of: viewers, local VNC servers, and whatever else may stand at a port.

use std::io::{Read, Write};

use super::Wire;
use super::peer::{Done, Ending, Fail, same, timed_out};

/// The hello of every VNC server here.
pub(crate) const HELLO: &[u8; 12] = b"RFB 003.008\n";

/// Receives exactly this.
pub(crate) fn expect(wire: &Wire, bytes: &[u8]) -> Done {
    let mut got = vec![0; bytes.len()];
    receive(wire, &mut got)?;
    same(&got, bytes)
}

pub(crate) fn receive(mut wire: &Wire, into: &mut [u8]) -> Done {
    let mut filled = 0;
    while filled < into.len() {
        match wire.read(&mut into[filled..])? {
            0 => {
                return Err(Fail::new(format!("an end after {filled} of {} bytes", into.len())));
            }
            n => filled += n,
        }
    }
    Ok(())
}

pub(crate) fn send(mut wire: &Wire, bytes: &[u8]) -> Done {
    Ok(wire.write_all(bytes)?)
}

/// Receives whatever comes until the end; `said` is at most so much of it.
pub(crate) fn until_end(mut wire: &Wire, said: &mut Vec<u8>) -> Result<Ending, Fail> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match wire.read(&mut buffer) {
            Ok(0) => return Ok(Ending::Fin),
            Ok(n) => said.extend(buffer[..n].iter().take(4_096_usize.saturating_sub(said.len()))),
            Err(error) if timed_out(&error) => return Err(error.into()),
            Err(_) => return Ok(Ending::Broken),
        }
    }
}

/// Receives nothing but the end of the stream.
pub(crate) fn expect_fin(wire: &Wire) -> Done {
    let mut said = Vec::new();
    match until_end(wire, &mut said)? {
        Ending::Fin if said.is_empty() => Ok(()),
        ending => {
            Err(Fail::new(format!("\"{}\" and {ending:?} instead of the end", said.escape_ascii())))
        }
    }
}

/// Receives whatever comes until an end of any kind.
pub(crate) fn drain(wire: &Wire) -> Done {
    until_end(wire, &mut Vec::new()).map(|_| ())
}

/// A viewer that is told, in its own protocol, of a failure with this code, and then sees the end.
pub(crate) fn expect_farewell(wire: &Wire, code: &str) -> Done {
    let mut said = Vec::new();
    let ending = until_end(wire, &mut said)?;
    let text = String::from_utf8_lossy(&said);
    if ending == Ending::Fin && said.starts_with(b"RFB ") && text.contains(&format!("[{code}]")) {
        Ok(())
    } else {
        let said = said.escape_ascii();
        Err(Fail::new(format!("\"{said}\" and {ending:?} instead of a farewell with {code}")))
    }
}

/// Bytes of a seed's pattern from an offset on, which repeat nowhere: lost, doubled or moved ones show.
pub(crate) fn pattern(seed: u64, from: usize, len: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(len + 16);
    let (first, skip) = (from / 8, from % 8);
    let mut block = first as u64;
    while bytes.len() < len + skip {
        // SplitMix64.
        let mut z =
            block.wrapping_add(seed.wrapping_mul(1 << 40)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bytes.extend_from_slice(&(z ^ (z >> 31)).to_le_bytes());
        block += 1;
    }
    bytes.drain(..skip);
    bytes.truncate(len);
    bytes
}

/// How much of a pattern is made at once.
pub(crate) const CHUNK: usize = 16 * 1024;

/// Sends a pattern.
pub(crate) fn send_pattern(wire: &Wire, seed: u64, len: usize) -> Done {
    (0..len).step_by(CHUNK).try_for_each(|at| send(wire, &pattern(seed, at, CHUNK.min(len - at))))
}

/// Receives exactly a pattern.
pub(crate) fn expect_pattern(wire: &Wire, seed: u64, len: usize) -> Done {
    (0..len).step_by(CHUNK).try_for_each(|at| {
        expect(wire, &pattern(seed, at, CHUNK.min(len - at)))
            .map_err(|error| Fail::new(format!("from byte {at}: {error}")))
    })
}
