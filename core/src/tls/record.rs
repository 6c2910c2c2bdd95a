//! TLS record headers (RFC 8446 section 5.1), as far as needed to show rustls one record at a time.

use crate::limits::MAX_TLS_RECORD;

/// A record's header.
pub(crate) const HEADER: usize = 5;

/// How many of `bytes`, which start at a record's boundary, to show next: one whole record, or the header alone when it
/// cannot be one's (rustls then says what is wrong with it). `None` while the record is not complete.
pub(crate) fn next(bytes: &[u8]) -> Option<usize> {
    let header: &[u8; HEADER] = bytes.first_chunk()?;
    if !plausible(header) {
        return Some(HEADER);
    }
    let len = HEADER + usize::from(u16::from_be_bytes([header[3], header[4]]));
    (bytes.len() >= len).then_some(len)
}

/// Whether a record could begin so.
pub(crate) fn plausible(header: &[u8; HEADER]) -> bool {
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
            assert_eq!(next(&record[..len]), None);
        }
        assert_eq!(next(&record[..7]), Some(7));
        assert_eq!(next(&record), Some(7));
    }

    #[test]
    fn what_is_no_record_is_shown_at_once() {
        assert_eq!(next(b"RFB 003.008\n"), Some(5));
        assert_eq!(next(&[23, 2, 0, 0, 1]), Some(5));
        assert_eq!(next(&[23, 3, 3, 0xff, 0xff]), Some(5), "larger than any record");
    }
}
