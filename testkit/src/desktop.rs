//! A small moving desktop behind a VNC server of its own, so that a session shows something with nothing installed.
//!
//! It shows its name, a clock and drifting shapes; what the viewer types appears, and the pressed pointer draws.
//!
//! The server is ours because the crate that came nearest did not fit: `rustvncserver` 2.2 listens on 0.0.0.0 only,
//! takes no other stream, and leaves detached tasks behind.
//! It is RFC 6143 with security type None and the raw encoding, which every viewer speaks, for versions 3.3, 3.7 and
//! 3.8, and true colour of 8, 16 or 32 bits.
//!
//! ```
//! use procy_testkit::desktop::{DesktopConfig, DesktopStandIn};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let desktop = DesktopStandIn::start(DesktopConfig::default()).await?;
//! println!("vncviewer {}", desktop.address());
//! desktop.shutdown().await;
//! # Ok::<(), std::io::Error>(()) })?;
//! # Ok::<(), std::io::Error>(())
//! ```

mod canvas;
mod paint;
mod pixels;
mod rfb;
mod scene;
mod serve;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use paint::Painter;
use scene::Scene;

pub use rfb::RfbError;
pub use scene::Seen;

/// Viewers at once; more wait in the listener's backlog.
const MAX_VIEWERS: usize = 16;

/// What a desktop is like. The default is 1024 by 640 and moves.
#[derive(Clone, Debug)]
pub struct DesktopConfig {
    /// The device's name: shown on the desktop, and the desktop's name for the viewer.
    pub name: String,
    /// Width in pixels, from 640 to 3840; nearest value taken.
    pub width: u16,
    /// Height in pixels, from 400 to 2160; nearest value taken.
    pub height: u16,
    /// Whether it moves. A still one changes by the viewer's doing only, so that pictures can be compared.
    pub animated: bool,
}

impl Default for DesktopConfig {
    fn default() -> Self {
        Self { name: "demo-device".to_owned(), width: 1024, height: 640, animated: true }
    }
}

/// A desktop, without a port: several viewers may look at it at once. Clones are the same desktop.
#[derive(Clone, Debug)]
pub struct Desktop {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    painter: Painter,
    scene: Mutex<Scene>,
    /// Told whenever the scene changes.
    changed: watch::Sender<()>,
}

impl Desktop {
    /// A desktop on which nothing has happened yet.
    #[must_use]
    pub fn new(config: &DesktopConfig) -> Self {
        let painter = Painter::new(config);
        let scene = Mutex::new(Scene::default());
        Self { inner: Arc::new(Inner { painter, scene, changed: watch::Sender::new(()) }) }
    }

    /// Serves one viewer on a stream, until it leaves.
    ///
    /// Cancellation-safe in that dropping the future ends the session and nothing else.
    ///
    /// # Errors
    /// When the viewer breaks the protocol, asks for what this server lacks, or the stream breaks. A viewer that closes
    /// the stream between two messages is no error.
    pub async fn serve<S: AsyncRead + AsyncWrite>(&self, stream: S) -> Result<(), RfbError> {
        serve::serve(self, stream).await
    }

    /// What viewers have done to it.
    #[must_use]
    pub fn seen(&self) -> Seen {
        self.scene().seen.clone()
    }

    /// Waits until what viewers have done satisfies a condition; bound it with a timeout.
    pub async fn seen_until(&self, mut condition: impl FnMut(&Seen) -> bool) {
        let mut changed = self.inner.changed.subscribe();
        while !condition(&self.scene().seen) && changed.changed().await.is_ok() {}
    }

    /// The picture as it is now: three bytes a pixel (red, green, blue), row by row.
    #[must_use]
    pub fn picture(&self) -> Vec<u8> {
        let picture = self.inner.painter.paint(&self.scene(), self.inner.painter.tick());
        picture.chunks_exact(4).flat_map(|rgba| rgba.iter().take(3)).copied().collect()
    }

    /// Width and height in pixels.
    #[must_use]
    pub fn size(&self) -> (u16, u16) {
        self.inner.painter.size()
    }

    /// Never held across an await.
    fn scene(&self) -> MutexGuard<'_, Scene> {
        self.inner.scene.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the scene and tells everybody.
    fn act(&self, change: impl FnOnce(&mut Scene)) {
        change(&mut self.scene());
        self.inner.changed.send_replace(());
    }
}

/// A desktop on a loopback port. Dropping it ends every task and socket; [`DesktopStandIn::shutdown`] waits for that.
///
/// It is a [`Desktop`] too: what that offers can be called on it.
#[derive(Debug)]
pub struct DesktopStandIn {
    address: SocketAddr,
    desktop: Desktop,
    task: JoinHandle<()>,
}

impl DesktopStandIn {
    /// Takes a free port on 127.0.0.1 and serves from then on.
    ///
    /// # Errors
    /// When there is no port to take.
    pub async fn start(config: DesktopConfig) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let desktop = Desktop::new(&config);
        let task = tokio::spawn(listen(listener, desktop.clone()));
        Ok(Self { address, desktop, task })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops and waits until its tasks have ended and its port is free.
    pub async fn shutdown(mut self) {
        self.task.abort();
        // Aborted is how it ends: the error says only that.
        let _ = (&mut self.task).await;
    }
}

impl Deref for DesktopStandIn {
    type Target = Desktop;

    fn deref(&self) -> &Desktop {
        &self.desktop
    }
}

impl Drop for DesktopStandIn {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Serves until its task is aborted. The viewers' tasks belong to it and end with it.
async fn listen(listener: TcpListener, desktop: Desktop) {
    let mut viewers = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if viewers.len() < MAX_VIEWERS => match accepted {
                Ok((stream, _)) => {
                    // Small answers to the pointer must not wait for each other; without it they still come.
                    let _ = stream.set_nodelay(true);
                    let desktop = desktop.clone();
                    viewers.spawn(async move { desktop.serve(stream).await });
                }
                Err(_) => tokio::time::sleep(serve::FRAME).await,
            },
            // How a session ended is the viewer's to know.
            Some(_) = viewers.join_next() => {}
        }
    }
}
