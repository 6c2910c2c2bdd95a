//! TLS record headers (RFC 8446 section 5.1), as far as needed to show rustls one record at a time.

use crate::limits::MAX_TLS_RECORD;

/// A record's header.
pub(crate) const HEADER: usize = 5;

/// How long the record is with which `bytes` begin; `None` while it is not complete.
///
/// # Errors
/// The first five bytes, when no record can begin so.
pub(crate) fn next(bytes: &[u8]) -> Result<Option<usize>, [u8; HEADER]> {
    let Some(header) = bytes.first_chunk() else { return Ok(None) };
    if !plausible(header) {
        return Err(*header);
    }
    let len = HEADER + usize::from(u16::from_be_bytes([header[3], header[4]]));
    Ok((bytes.len() >= len).then_some(len))
}

/// Whether a record could begin so.
fn plausible(header: &[u8; HEADER]) -> bool {
    let len = HEADER + usize::from(u16::from_be_bytes([header[3], header[4]]));
    // change_cipher_spec(20) to heartbeat(24); every version's major number is 3.
    matches!(header[0], 20..=24) && header[1] == 3 && len <= MAX_TLS_RECORD
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_shown_when_it_is_whole() {
        let record = [23, 3, 3, 0, 2, 1, 2, 9];
        for len in 0..7 {
            assert_eq!(next(&record[..len]), Ok(None));
        }
        assert_eq!(next(&record[..7]), Ok(Some(7)));
        assert_eq!(next(&record), Ok(Some(7)));
    }

    #[test]
    fn what_is_no_record_is_known_by_its_header() {
        assert_eq!(next(b"RFB "), Ok(None));
        assert_eq!(next(b"RFB 003.008\n"), Err(*b"RFB 0"));
        assert_eq!(next(&[23, 2, 0, 0, 1]), Err([23, 2, 0, 0, 1]), "a version before SSL 3");
        assert_eq!(next(&[23, 3, 3, 0xff, 0xff]), Err([23, 3, 3, 0xff, 0xff]), "too long");
        assert_eq!(next(&[23, 3, 3, 0x48, 0]), Ok(None), "the longest there is");
        assert_eq!(next(&[23, 3, 3, 0x48, 1]), Err([23, 3, 3, 0x48, 1]));
    }
}
