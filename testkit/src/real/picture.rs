//! Pictures of a desktop, to be compared pixel by pixel.

use std::fmt;
use std::io::Cursor;
use std::path::Path;

use super::{Result, RigError};

/// A picture: 8 bits each of red, green and blue, row by row from the top.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// `width * height * 3` bytes.
    pub rgb: Vec<u8>,
}

impl Picture {
    /// Reads a PNG file.
    pub fn open(path: &Path) -> Result<Self> {
        let bytes =
            std::fs::read(path).map_err(RigError::of(format!("reading {}", path.display())))?;
        Self::decode(&bytes)
    }

    /// Decodes PNG of any colour type; transparency is left out.
    pub fn decode(png: &[u8]) -> Result<Self> {
        Self::try_decode(png).map_err(RigError::of("decoding a PNG picture"))
    }

    fn try_decode(bytes: &[u8]) -> std::result::Result<Self, png::DecodingError> {
        let mut decoder = png::Decoder::new(Cursor::new(bytes));
        decoder.set_transformations(png::Transformations::normalize_to_color8());
        let mut reader = decoder.read_info()?;
        let mut pixels = vec![0; reader.output_buffer_size().unwrap_or(0)];
        let frame = reader.next_frame(&mut pixels)?;
        pixels.truncate(frame.buffer_size());
        let rgb = match frame.color_type.samples() {
            1 | 2 => {
                let grey = pixels.iter().step_by(frame.color_type.samples());
                grey.flat_map(|&level| [level; 3]).collect()
            }
            3 => pixels,
            _ => pixels.chunks_exact(4).flat_map(|pixel| &pixel[..3]).copied().collect(),
        };
        Ok(Self { width: frame.width, height: frame.height, rgb })
    }

    /// How many pixels differ; pictures of unequal sizes differ in every pixel of the larger.
    pub fn differing_pixels(&self, other: &Self) -> usize {
        if (self.width, self.height) != (other.width, other.height) {
            return self.rgb.len().max(other.rgb.len()) / 3;
        }
        let pairs = self.rgb.chunks_exact(3).zip(other.rgb.chunks_exact(3));
        pairs.filter(|(ours, theirs)| ours != theirs).count()
    }

    /// Whether nothing is to be seen: all pixels are the same.
    pub fn is_blank(&self) -> bool {
        let mut pixels = self.rgb.chunks_exact(3);
        let first = pixels.next();
        pixels.all(|pixel| Some(pixel) == first)
    }
}

/// Sizes only: a failed comparison should not print a million numbers.
impl fmt::Debug for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Picture({} x {}, blank: {})", self.width, self.height, self.is_blank())
    }
}

#[cfg(test)]
mod tests {
    use super::Picture;

    fn picture(rgb: &[u8]) -> Picture {
        Picture { width: rgb.len() as u32 / 3, height: 1, rgb: rgb.to_vec() }
    }

    #[test]
    fn one_changed_channel_is_one_differing_pixel() {
        assert_eq!(picture(&[1, 2, 3, 4, 5, 6]).differing_pixels(&picture(&[1, 2, 3, 4, 5, 7])), 1);
    }

    #[test]
    fn pictures_of_unequal_sizes_differ_everywhere() {
        assert_eq!(picture(&[1, 2, 3, 1, 2, 3]).differing_pixels(&picture(&[1, 2, 3])), 2);
    }

    #[test]
    fn a_picture_is_blank_until_one_pixel_differs() {
        assert!(picture(&[7, 7, 7, 7, 7, 7]).is_blank());
        assert!(!picture(&[7, 7, 7, 7, 7, 8]).is_blank());
    }
}
