//! The few things that are drawn: boxes, discs, lines and text.

use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster, get_raster_width};
use tiny_skia::{
    Color, FillRule, LineCap, LineJoin, Paint, Path, PathBuilder, Pixmap, PremultipliedColorU8,
    Rect, Stroke, Transform,
};

/// Red, green, blue, opacity.
pub(super) type Rgba = (u8, u8, u8, u8);

/// A style of text: its weight and height.
#[derive(Clone, Copy, Debug)]
pub(super) struct Font(pub(super) FontWeight, pub(super) RasterHeight);

impl Font {
    pub(super) const TITLE: Self = Self(FontWeight::Bold, RasterHeight::Size32);
    pub(super) const BAR: Self = Self(FontWeight::Bold, RasterHeight::Size24);
    pub(super) const TYPED: Self = Self(FontWeight::Regular, RasterHeight::Size24);
    pub(super) const BODY: Self = Self(FontWeight::Regular, RasterHeight::Size20);
    pub(super) const SMALL: Self = Self(FontWeight::Regular, RasterHeight::Size16);

    /// The width of each character, in pixels.
    pub(super) fn width(self) -> usize {
        get_raster_width(self.0, self.1)
    }
}

/// Draws a box with round corners.
pub(super) fn card(to: &mut Pixmap, (x, y, w, h): (f32, f32, f32, f32), radius: f32, fill: Rgba) {
    let mut path = PathBuilder::new();
    let (right, bottom) = (x + w, y + h);
    path.move_to(x + radius, y);
    path.line_to(right - radius, y);
    path.quad_to(right, y, right, y + radius);
    path.line_to(right, bottom - radius);
    path.quad_to(right, bottom, right - radius, bottom);
    path.line_to(x + radius, bottom);
    path.quad_to(x, bottom, x, bottom - radius);
    path.line_to(x, y + radius);
    path.quad_to(x, y, x + radius, y);
    path.close();
    area(to, path.finish(), fill);
}

pub(super) fn rectangle(to: &mut Pixmap, (x, y, w, h): (f32, f32, f32, f32), fill: Rgba) {
    if let Some(rectangle) = Rect::from_xywh(x, y, w, h) {
        to.fill_rect(rectangle, &paint(fill), Transform::identity(), None);
    }
}

pub(super) fn disc(to: &mut Pixmap, (x, y): (f32, f32), radius: f32, fill: Rgba) {
    area(to, PathBuilder::from_circle(x, y, radius), fill);
}

pub(super) fn ring(to: &mut Pixmap, (x, y): (f32, f32), radius: f32, width: f32, colour: Rgba) {
    line(to, PathBuilder::from_circle(x, y, radius), width, colour);
}

/// A line through all points, with round ends.
pub(super) fn stroke(to: &mut Pixmap, points: &[(f32, f32)], width: f32, colour: Rgba) {
    line(to, through(points, false), width, colour);
}

/// A filled shape with an outline.
pub(super) fn polygon(to: &mut Pixmap, points: &[(f32, f32)], fill: Rgba, outline: Rgba) {
    line(to, through(points, true), 3.0, outline);
    area(to, through(points, true), fill);
}

/// Writes one line; its upper left corner is given. What the font lacks becomes a question mark.
pub(super) fn text(to: &mut Pixmap, (x, y): (usize, usize), font: Font, colour: Rgba, line: &str) {
    let (width, height) = (to.width() as usize, to.height() as usize);
    for (n, c) in line.chars().enumerate() {
        let left = x + n * font.width();
        let Some(glyph) = get_raster(c, font.0, font.1).or_else(|| get_raster('?', font.0, font.1))
        else {
            continue;
        };
        for (row, intensities) in glyph.rows().enumerate().take(height.saturating_sub(y)) {
            let start = (y + row) * width;
            for (column, intensity) in intensities.iter().enumerate() {
                let at = left + column;
                if let Some(pixel) = to.pixels_mut().get_mut(start + at).filter(|_| at < width) {
                    blend(pixel, colour, *intensity);
                }
            }
        }
    }
}

fn blend(pixel: &mut PremultipliedColorU8, (r, g, b, a): Rgba, intensity: u8) {
    let over = u32::from(intensity) * u32::from(a) / 255;
    let mix =
        |from: u8, to: u8| ((u32::from(from) * (255 - over) + u32::from(to) * over) / 255) as u8;
    let mixed = PremultipliedColorU8::from_rgba(
        mix(pixel.red(), r),
        mix(pixel.green(), g),
        mix(pixel.blue(), b),
        255,
    );
    // Only colours brighter than their opacity are refused, and this is opaque.
    if let Some(mixed) = mixed {
        *pixel = mixed;
    }
}

fn through(points: &[(f32, f32)], close: bool) -> Option<Path> {
    let (first, rest) = points.split_first()?;
    let mut path = PathBuilder::new();
    path.move_to(first.0, first.1);
    for (x, y) in rest {
        path.line_to(*x, *y);
    }
    if close {
        path.close();
    }
    path.finish()
}

fn area(to: &mut Pixmap, path: Option<Path>, fill: Rgba) {
    if let Some(path) = path {
        to.fill_path(&path, &paint(fill), FillRule::Winding, Transform::identity(), None);
    }
}

fn line(to: &mut Pixmap, path: Option<Path>, width: f32, colour: Rgba) {
    let (line_cap, line_join) = (LineCap::Round, LineJoin::Round);
    let stroke = Stroke { width, line_cap, line_join, ..Stroke::default() };
    if let Some(path) = path {
        to.stroke_path(&path, &paint(colour), &stroke, Transform::identity(), None);
    }
}

fn paint((r, g, b, a): Rgba) -> Paint<'static> {
    let mut paint = Paint { anti_alias: true, ..Paint::default() };
    paint.set_color(Color::from_rgba8(r, g, b, a));
    paint
}
