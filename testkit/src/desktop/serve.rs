//! One viewer: a half that listens and a half that shows, neither waiting for the other.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::Desktop;
use super::pixels::PixelFormat;
use super::rfb::{self, Area, Message, RfbError, UpdateRequest};

/// Time between two pictures of a moving desktop.
pub(super) const FRAME: Duration = Duration::from_millis(80);
/// For version, security and Init together; a person does not take part in it.
const OPENING: Duration = Duration::from_secs(30);
/// Pictures are compared, and sent, in tiles of this width and height.
const TILE: (u16, u16) = (64, 32);

pub(super) async fn serve<S: AsyncRead + AsyncWrite>(
    desktop: &Desktop,
    stream: S,
) -> Result<(), RfbError> {
    let mut stream = Box::pin(stream);
    let opening = rfb::open(&mut stream, desktop.size(), desktop.inner.painter.name());
    timeout(OPENING, opening).await.map_err(|_| RfbError::TooSlow)??;
    let (reader, writer) = tokio::io::split(stream);
    let wish = Wish::default();
    let _present = Present::new(desktop);
    tokio::select! {
        ended = listen(desktop, BufReader::new(reader), &wish) => ended,
        Err(broken) = show(desktop, writer, &wish) => Err(broken),
    }
}

/// What the viewer waits for.
#[derive(Default)]
struct Wish {
    state: Mutex<(Option<PixelFormat>, Option<UpdateRequest>)>,
    made: Notify,
}

impl Wish {
    fn format(&self, format: PixelFormat) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).0 = Some(format);
    }

    /// A viewer may ask again before it was answered: both are meant.
    fn update(&self, new: UpdateRequest) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.1 = Some(state.1.map_or(new, |old| old.join(new)));
        drop(state);
        self.made.notify_one();
    }

    fn take(&self) -> (PixelFormat, Option<UpdateRequest>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        (state.0.unwrap_or(PixelFormat::OFFERED), state.1.take())
    }
}

async fn listen<R: AsyncRead + Unpin>(
    desktop: &Desktop,
    mut reader: R,
    wish: &Wish,
) -> Result<(), RfbError> {
    while let Some(message) = rfb::next(&mut reader).await? {
        match message {
            Message::Format(format) => wish.format(format),
            Message::Update(request) => wish.update(request),
            Message::Key { down: true, keysym } => desktop.act(|scene| scene.key(keysym)),
            Message::Pointer { buttons, at } => desktop.act(|scene| scene.pointer(buttons, at)),
            Message::Key { down: false, .. } | Message::Ignored => {}
        }
    }
    Ok(())
}

async fn show<W: AsyncWrite + Unpin>(
    desktop: &Desktop,
    mut writer: W,
    wish: &Wish,
) -> Result<(), RfbError> {
    let mut screen = Screen::new(desktop);
    let mut changed = desktop.inner.changed.subscribe();
    let mut frames = tokio::time::interval(FRAME);
    frames.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut waiting: Option<UpdateRequest> = None;
    loop {
        let (format, request) = wish.take();
        if let Some(new) = request {
            waiting = Some(waiting.map_or(new, |old| old.join(new)));
        }
        if let Some(request) = waiting {
            screen.look();
            let update = screen.update(request, format);
            if !update.is_empty() {
                writer.write_all(&update).await?;
                writer.flush().await?;
                waiting = None;
                continue;
            }
        }
        tokio::select! {
            () = wish.made.notified() => {}
            _ = changed.changed(), if waiting.is_some() => {}
            _ = frames.tick(), if waiting.is_some() && desktop.inner.painter.animated() => {}
        }
    }
}

/// The desktop as one viewer has it, and as it is.
struct Screen<'a> {
    desktop: &'a Desktop,
    bounds: Area,
    /// Tick and version of `now`.
    painted: Option<(u64, u64)>,
    now: Vec<u8>,
    shown: Vec<u8>,
}

impl<'a> Screen<'a> {
    fn new(desktop: &'a Desktop) -> Self {
        let (right, bottom) = desktop.size();
        let bounds = Area { left: 0, top: 0, right, bottom };
        // Pictures are opaque, so nothing equals what was never shown.
        let shown = vec![0; usize::from(right) * usize::from(bottom) * 4];
        Self { desktop, bounds, painted: None, now: Vec::new(), shown }
    }

    /// Paints anew if anything could have changed.
    fn look(&mut self) {
        let painter = &self.desktop.inner.painter;
        let scene = self.desktop.scene();
        let key = (painter.tick(), scene.version);
        if self.painted != Some(key) {
            self.now = painter.paint(&scene, key.0);
            self.painted = Some(key);
        }
    }

    /// A FramebufferUpdate for the request; empty if there is nothing to say.
    fn update(&mut self, request: UpdateRequest, format: PixelFormat) -> Vec<u8> {
        let mut areas: Vec<Area> = Vec::new();
        match request.area.clip(self.bounds) {
            Some(area) if request.incremental => self.changed(area, &mut areas),
            area => areas.extend(area),
        }
        if areas.is_empty() {
            return Vec::new();
        }
        // Type 0, padding, how many rectangles: a screen has fewer tiles than 65,536.
        let mut update = vec![0, 0];
        update.extend_from_slice(&(areas.len() as u16).to_be_bytes());
        for area in areas {
            self.append(area, format, &mut update);
        }
        update
    }

    /// The tiles that differ, neighbours in a row joined.
    fn changed(&self, within: Area, areas: &mut Vec<Area>) {
        for top in (0..self.bounds.bottom).step_by(TILE.1.into()) {
            let mut run: Option<Area> = None;
            for left in (0..self.bounds.right).step_by(TILE.0.into()) {
                let tile = Area { left, top, right: left + TILE.0, bottom: top + TILE.1 };
                match tile.clip(within).filter(|tile| self.differs(*tile)) {
                    Some(tile) => run = Some(run.map_or(tile, |run| run.join(tile))),
                    None => areas.extend(run.take()),
                }
            }
            areas.extend(run);
        }
    }

    fn differs(&self, area: Area) -> bool {
        self.rows(area).any(|row| self.now.get(row.clone()) != self.shown.get(row))
    }

    /// One raw rectangle, which counts as shown from then on.
    fn append(&mut self, area: Area, format: PixelFormat, update: &mut Vec<u8>) {
        let Area { left, top, right, bottom } = area;
        for number in [left, top, right - left, bottom - top] {
            update.extend_from_slice(&number.to_be_bytes());
        }
        update.extend_from_slice(&0_i32.to_be_bytes());
        for row in self.rows(area) {
            if let (Some(now), Some(shown)) = (self.now.get(row.clone()), self.shown.get_mut(row)) {
                format.append(now, update);
                shown.copy_from_slice(now);
            }
        }
    }

    /// Where the rows of an area lie in a picture.
    fn rows(&self, area: Area) -> impl Iterator<Item = std::ops::Range<usize>> + use<> {
        let width = usize::from(self.bounds.right);
        let (left, right) = (usize::from(area.left), usize::from(area.right));
        (usize::from(area.top)..usize::from(area.bottom))
            .map(move |y| (y * width + left) * 4..(y * width + right) * 4)
    }
}

/// Counts a viewer for as long as it is there.
struct Present<'a>(&'a Desktop);

impl<'a> Present<'a> {
    fn new(desktop: &'a Desktop) -> Self {
        desktop.act(|scene| scene.seen.viewers += 1);
        Self(desktop)
    }
}

impl Drop for Present<'_> {
    fn drop(&mut self) {
        self.0.act(|scene| scene.seen.viewers -= 1);
    }
}
