//! Pixels as the viewer wants them (RFC 6143, section 7.4).

use super::rfb::RfbError;

/// A true-colour pixel format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PixelFormat {
    bits: u8,
    big_endian: bool,
    /// Red, green, blue: the greatest value, and how far it is shifted.
    channels: [(u16, u8); 3],
}

impl PixelFormat {
    /// What the server offers: 32 bits, little-endian, 0x00RRGGBB.
    pub(super) const OFFERED: Self =
        Self { bits: 32, big_endian: false, channels: [(255, 16), (255, 8), (255, 0)] };

    /// Reads the sixteen bytes of PIXEL_FORMAT.
    pub(super) fn decode(bytes: &[u8; 16]) -> Result<Self, RfbError> {
        let [bits, _depth, big_endian, true_colour, r0, r1, g0, g1, b0, b1, rs, gs, bs, ..] =
            *bytes;
        let max = |high, low| u16::from_be_bytes([high, low]);
        let channels = [(max(r0, r1), rs), (max(g0, g1), gs), (max(b0, b1), bs)];
        let fits = channels.iter().all(|(max, shift)| {
            u32::from(*max).checked_shl(u32::from(*shift)).is_some_and(|top| {
                // Shifted back unharmed, and no bit above the pixel's size.
                top >> shift == u32::from(*max) && u64::from(top) < 1 << bits.min(32)
            })
        });
        if !matches!(bits, 8 | 16 | 32) || true_colour == 0 || !fits {
            return Err(RfbError::PixelFormat);
        }
        Ok(Self { bits, big_endian: big_endian != 0, channels })
    }

    pub(super) fn encode(self) -> [u8; 16] {
        let [(r, rs), (g, gs), (b, bs)] = self.channels;
        let ([r0, r1], [g0, g1], [b0, b1]) = (r.to_be_bytes(), g.to_be_bytes(), b.to_be_bytes());
        [self.bits, 24, self.big_endian.into(), 1, r0, r1, g0, g1, b0, b1, rs, gs, bs, 0, 0, 0]
    }

    /// Appends pixels of four bytes each (red, green, blue, unused) in this format.
    pub(super) fn append(self, rgba: &[u8], out: &mut Vec<u8>) {
        for pixel in rgba.chunks_exact(4) {
            let value = self.channels.iter().zip(pixel).fold(0, |value, ((max, shift), colour)| {
                value | (u32::from(*colour) * u32::from(*max) / 255) << shift
            });
            match (self.bits, self.big_endian) {
                (8, _) => out.push((value & 0xFF) as u8),
                (16, false) => out.extend_from_slice(&((value & 0xFFFF) as u16).to_le_bytes()),
                (16, true) => out.extend_from_slice(&((value & 0xFFFF) as u16).to_be_bytes()),
                (_, false) => out.extend_from_slice(&value.to_le_bytes()),
                (_, true) => out.extend_from_slice(&value.to_be_bytes()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn converted(format: [u8; 16], rgba: [u8; 4]) -> Vec<u8> {
        let mut out = Vec::new();
        PixelFormat::decode(&format).unwrap().append(&rgba, &mut out);
        out
    }

    #[test]
    fn pixels_come_in_8_16_and_32_bits_and_both_byte_orders() {
        let bgr233 = [8, 8, 0, 1, 0, 7, 0, 7, 0, 3, 0, 3, 6, 0, 0, 0];
        assert_eq!(converted(bgr233, [255, 0, 255, 255]), [0b11_000_111]);
        let rgb565 = [16, 16, 0, 1, 0, 31, 0, 63, 0, 31, 11, 5, 0, 0, 0, 0];
        assert_eq!(converted(rgb565, [255, 0, 255, 255]), [0x1F, 0xF8]);
        let big = [16, 16, 1, 1, 0, 31, 0, 63, 0, 31, 11, 5, 0, 0, 0, 0];
        assert_eq!(converted(big, [255, 0, 255, 255]), [0xF8, 0x1F]);
        assert_eq!(converted(PixelFormat::OFFERED.encode(), [1, 2, 3, 255]), [3, 2, 1, 0]);
        let rgb_big = [32, 24, 1, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0];
        assert_eq!(converted(rgb_big, [1, 2, 3, 255]), [0, 1, 2, 3]);
    }

    #[test]
    fn what_cannot_be_a_pixel_is_refused() {
        let good = PixelFormat::OFFERED.encode();
        // 24 bits, colour map, shift too far, colour beyond the pixel.
        for (at, value) in [(0, 24), (0, 0), (3, 0), (10, 32), (10, 30), (10, 255), (0, 8)] {
            let mut format = good;
            format[at] = value;
            assert!(PixelFormat::decode(&format).is_err(), "byte {at} = {value}");
        }
    }
}
