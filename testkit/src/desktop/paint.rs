//! What the desktop looks like.

use std::time::{Duration, Instant, SystemTime};

use tiny_skia::{
    Color, GradientStop, LinearGradient, Paint, Pixmap, Point, Rect, SpreadMode, Transform,
};

use super::DesktopConfig;
use super::canvas::{self, Font, Rgba};
use super::scene::Scene;
use super::serve::FRAME;

const WHITE: Rgba = (248, 250, 252, 255);
const SOFT: Rgba = (203, 213, 225, 255);
const FAINT: Rgba = (148, 163, 184, 255);
const GLASS: Rgba = (15, 23, 42, 150);
const ACCENT: Rgba = (45, 212, 191, 255);
const INK: [Rgba; 4] =
    [(251, 191, 36, 255), (244, 114, 182, 255), (96, 165, 250, 255), (163, 230, 53, 255)];

/// Discs that drift: colour, radius, and how fast they go round in x and y.
const DISCS: [(Rgba, f32, f32, f32); 4] = [
    ((45, 212, 191, 235), 58.0, 0.19, 0.26),
    ((167, 139, 250, 235), 44.0, 0.28, 0.17),
    ((251, 191, 36, 235), 32.0, 0.14, 0.37),
    ((244, 114, 182, 235), 24.0, 0.35, 0.22),
];

const BAR: f32 = 48.0;
const MARGIN: usize = 64;
const PADDING: usize = 24;
/// Where the card with the text begins, and where the one with what was typed.
const TOP: usize = 96;
const FIELD: usize = 280;
const LINE: usize = 28;

/// Paints pictures from a scene and a time.
#[derive(Debug)]
pub(super) struct Painter {
    name: String,
    animated: bool,
    started: Instant,
    started_at: Duration,
    background: Pixmap,
}

impl Painter {
    pub(super) fn new(config: &DesktopConfig) -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let (width, height) = (config.width.clamp(640, 3840), config.height.clamp(400, 2160));
        Self {
            name: config.name.clone(),
            animated: config.animated,
            started: Instant::now(),
            started_at: now.unwrap_or_default(),
            background: background(width, height),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn size(&self) -> (u16, u16) {
        // Made from 16 bits each.
        (self.background.width() as u16, self.background.height() as u16)
    }

    pub(super) fn animated(&self) -> bool {
        self.animated
    }

    /// Which picture of the film it is time for; always the first if it does not move.
    pub(super) fn tick(&self) -> u64 {
        if self.animated {
            (self.started.elapsed().as_millis() / FRAME.as_millis()) as u64
        } else {
            0
        }
    }

    /// The picture: four bytes a pixel (red, green, blue, 255), row by row.
    pub(super) fn paint(&self, scene: &Scene, tick: u64) -> Vec<u8> {
        let mut to = self.background.clone();
        let elapsed = Duration::from_millis(tick.saturating_mul(FRAME.as_millis() as u64));
        self.discs(&mut to, elapsed.as_secs_f32());
        self.bar(&mut to, elapsed);
        self.about(&mut to);
        self.typed(&mut to, &scene.seen.typed);
        strokes(&mut to, scene);
        if let Some((x, y)) = scene.seen.pointer {
            pointer(&mut to, f32::from(x), f32::from(y));
        }
        to.take()
    }

    fn discs(&self, to: &mut Pixmap, seconds: f32) {
        let (width, height) = (to.width() as f32, to.height() as f32 - BAR);
        for (n, (colour, radius, fast_x, fast_y)) in (0_u8..).zip(DISCS) {
            let turn = f32::from(n) * 1.7;
            let swing = |fast: f32| 0.5 + 0.5 * (seconds * fast + turn).sin();
            let x = radius + swing(fast_x) * (width - 2.0 * radius);
            let y = BAR + radius + swing(fast_y) * (height - 2.0 * radius);
            canvas::disc(to, (x, y), radius, colour);
            canvas::disc(
                to,
                (x - radius * 0.3, y - radius * 0.3),
                radius * 0.35,
                (255, 255, 255, 60),
            );
        }
    }

    fn bar(&self, to: &mut Pixmap, elapsed: Duration) {
        let width = to.width() as usize;
        canvas::rectangle(to, (0.0, 0.0, width as f32, BAR), GLASS);
        canvas::disc(to, (MARGIN as f32 / 2.0 + 4.0, BAR / 2.0), 7.0, ACCENT);
        canvas::text(to, (MARGIN, 12), Font::BAR, WHITE, &self.name);
        if self.animated {
            let seconds = (self.started_at + elapsed).as_secs();
            let (hours, minutes) = (seconds / 3600 % 24, seconds / 60 % 60);
            let clock = format!("{hours:02}:{minutes:02}:{:02} UTC", seconds % 60);
            let left = width.saturating_sub(MARGIN / 2 + clock.len() * Font::BAR.width());
            canvas::text(to, (left, 12), Font::BAR, WHITE, &clock);
        }
    }

    fn about(&self, to: &mut Pixmap) {
        let height = FIELD - TOP - PADDING;
        let width = to.width() as usize - 2 * MARGIN;
        card(to, MARGIN, TOP, width, height, GLASS);
        let left = MARGIN + PADDING;
        canvas::text(to, (left, TOP + 20), Font::TITLE, WHITE, "Hello from the stand-in device");
        for (n, line) in ["Type, and it appears below. Esc clears.", "Press the pointer and draw."]
            .iter()
            .enumerate()
        {
            canvas::text(to, (left, TOP + 72 + n * LINE), Font::BODY, SOFT, line);
        }
    }

    fn typed(&self, to: &mut Pixmap, typed: &str) {
        let width = to.width() as usize - 2 * MARGIN;
        let height = to.height() as usize - FIELD - MARGIN / 2;
        card(to, MARGIN, FIELD, width, height, GLASS);
        canvas::rectangle(to, (MARGIN as f32, FIELD as f32 + 16.0, 4.0, 20.0), ACCENT);
        let left = MARGIN + PADDING;
        canvas::text(to, (left, FIELD + 18), Font::SMALL, FAINT, "You typed");
        let columns = (width - 2 * PADDING) / Font::TYPED.width() - 1;
        let rows = (height - 64) / LINE;
        let lines = wrap(typed, columns);
        let shown = lines.iter().skip(lines.len().saturating_sub(rows));
        let mut caret = (left, FIELD + 48);
        for (n, line) in shown.enumerate() {
            let y = FIELD + 48 + n * LINE;
            canvas::text(to, (left, y), Font::TYPED, WHITE, line);
            caret = (left + line.chars().count() * Font::TYPED.width(), y);
        }
        canvas::rectangle(to, (caret.0 as f32 + 1.0, caret.1 as f32 + 1.0, 3.0, 22.0), ACCENT);
    }
}

/// A night sky, lighter below.
fn background(width: u16, height: u16) -> Pixmap {
    let mut to = pixmap(width, height);
    to.fill(Color::from_rgba8(30, 41, 99, 255));
    let (w, h) = (f32::from(width), f32::from(height));
    let stop = |at, (r, g, b)| GradientStop::new(at, Color::from_rgba8(r, g, b, 255));
    let stops = vec![stop(0.0, (23, 37, 84)), stop(0.55, (49, 72, 140)), stop(1.0, (99, 76, 150))];
    let (from, until) = (Point::from_xy(0.0, 0.0), Point::from_xy(w * 0.4, h));
    let shader = LinearGradient::new(from, until, stops, SpreadMode::Pad, Transform::identity());
    if let (Some(shader), Some(all)) = (shader, Rect::from_xywh(0.0, 0.0, w, h)) {
        let paint = Paint { shader, ..Paint::default() };
        to.fill_rect(all, &paint, Transform::identity(), None);
    }
    to
}

#[expect(clippy::expect_used, reason = "refused are only sizes of zero and of gigabytes")]
fn pixmap(width: u16, height: u16) -> Pixmap {
    Pixmap::new(width.into(), height.into()).expect("a size within bounds")
}

fn card(to: &mut Pixmap, x: usize, y: usize, w: usize, h: usize, fill: Rgba) {
    canvas::card(to, (x as f32, y as f32, w as f32, h as f32), 14.0, fill);
}

fn strokes(to: &mut Pixmap, scene: &Scene) {
    for (points, colour) in scene.strokes.iter().zip(INK.iter().cycle()) {
        let points: Vec<(f32, f32)> =
            points.iter().map(|(x, y)| (f32::from(*x), f32::from(*y))).collect();
        canvas::stroke(to, &points, 4.0, *colour);
        if let Some(first) = points.first() {
            canvas::disc(to, *first, 4.0, *colour);
            canvas::ring(to, *first, 11.0, 3.0, *colour);
        }
    }
}

fn pointer(to: &mut Pixmap, x: f32, y: f32) {
    let arrow = [
        (0.0, 0.0),
        (0.0, 17.0),
        (4.5, 13.0),
        (8.0, 20.0),
        (11.0, 18.5),
        (7.5, 12.0),
        (13.0, 12.0),
    ];
    canvas::polygon(to, &arrow.map(|(dx, dy)| (x + dx, y + dy)), WHITE, (15, 23, 42, 255));
}

/// Breaks a text into lines of so many characters; at least one line.
fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for line in text.split('\n') {
        let mut rest: Vec<char> = line.chars().collect();
        while rest.len() > columns.max(1) {
            let tail = rest.split_off(columns.max(1));
            lines.push(rest.into_iter().collect());
            rest = tail;
        }
        lines.push(rest.into_iter().collect());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_broken_at_the_width_and_at_line_ends() {
        assert_eq!(wrap("abcdefg\nhi\n", 3), ["abc", "def", "g", "hi", ""]);
        assert_eq!(wrap("", 3), [""]);
    }

    #[test]
    fn the_smallest_and_the_greatest_desktop_can_be_painted_full_of_text_and_ink() {
        for (width, height) in [(0, 0), (u16::MAX, u16::MAX)] {
            let config = DesktopConfig { width, height, ..DesktopConfig::default() };
            let painter = Painter::new(&config);
            let mut scene = Scene::default();
            scene.seen.typed = "ä€\n".repeat(500);
            for at in [(0, 0), (u16::MAX, u16::MAX), (5, 5)] {
                scene.pointer(1, at);
            }
            let (w, h) = painter.size();
            let picture = painter.paint(&scene, u64::MAX);
            assert_eq!(picture.len(), usize::from(w) * usize::from(h) * 4);
            assert!(picture.chunks_exact(4).all(|pixel| pixel[3] == 255));
        }
    }
}
