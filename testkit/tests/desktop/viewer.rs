//! A raw RFB client: it sends bytes and takes bytes.

use std::time::Duration;

use procy_testkit::desktop::{Desktop, DesktopConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::timeout;

/// More than anything here takes, so that a defect ends the test instead of hanging it.
pub(crate) const LONG: Duration = Duration::from_secs(20);

/// A desktop that changes by the viewer's doing only.
pub(crate) fn still() -> Desktop {
    Desktop::new(&DesktopConfig { animated: false, ..DesktopConfig::default() })
}

pub(crate) struct Viewer {
    pub(crate) stream: DuplexStream,
    pub(crate) size: (u16, u16),
    pub(crate) name: String,
    /// Red, green, blue, as the updates have said so far.
    pub(crate) picture: Vec<u8>,
}

impl Viewer {
    /// A stream with the desktop at its other end, before the first byte.
    pub(crate) fn raw(desktop: &Desktop) -> DuplexStream {
        let (near, far) = duplex(4096);
        let desktop = desktop.clone();
        tokio::spawn(async move { desktop.serve(far).await });
        near
    }

    /// Through the opening of version 3.8.
    pub(crate) async fn connect(desktop: &Desktop) -> Self {
        let mut stream = Self::raw(desktop);
        assert_eq!(&take::<12>(&mut stream).await, b"RFB 003.008\n");
        stream.write_all(b"RFB 003.008\n").await.unwrap();
        assert_eq!(take(&mut stream).await, [1, 1]);
        stream.write_all(&[1]).await.unwrap();
        assert_eq!(take(&mut stream).await, [0, 0, 0, 0]);
        Self::init(stream).await
    }

    /// ClientInit and ServerInit.
    pub(crate) async fn init(mut stream: DuplexStream) -> Self {
        stream.write_all(&[1]).await.unwrap();
        let [w0, w1, h0, h1] = take(&mut stream).await;
        let format: [u8; 16] = take(&mut stream).await;
        assert_eq!(format, [32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0]);
        let length = u32::from_be_bytes(take(&mut stream).await);
        let mut name = vec![0; length as usize];
        stream.read_exact(&mut name).await.unwrap();
        let size = (u16::from_be_bytes([w0, w1]), u16::from_be_bytes([h0, h1]));
        let picture = vec![0; usize::from(size.0) * usize::from(size.1) * 3];
        Self { stream, size, name: String::from_utf8(name).unwrap(), picture }
    }

    pub(crate) async fn ask(&mut self, incremental: bool) {
        let (width, height) = self.size;
        self.ask_for(incremental, (0, 0, width, height)).await;
    }

    pub(crate) async fn ask_for(&mut self, incremental: bool, (x, y, w, h): (u16, u16, u16, u16)) {
        let mut message = vec![3, incremental.into()];
        for number in [x, y, w, h] {
            message.extend_from_slice(&number.to_be_bytes());
        }
        self.send(&message).await;
    }

    pub(crate) async fn send(&mut self, message: &[u8]) {
        self.stream.write_all(message).await.unwrap();
    }

    /// Reads one FramebufferUpdate of 32 bits into the picture; gives its rectangles.
    pub(crate) async fn update(&mut self) -> Vec<(u16, u16, u16, u16)> {
        timeout(LONG, self.update_now()).await.expect("an update in time")
    }

    async fn update_now(&mut self) -> Vec<(u16, u16, u16, u16)> {
        let [kind, _, c0, c1] = take(&mut self.stream).await;
        assert_eq!(kind, 0);
        let mut rectangles = Vec::new();
        for _ in 0..u16::from_be_bytes([c0, c1]) {
            let [x, y, w, h] = take::<8>(&mut self.stream)
                .await
                .as_chunks::<2>()
                .0
                .iter()
                .map(|b| u16::from_be_bytes(*b))
                .collect::<Vec<_>>()
                .try_into()
                .unwrap();
            assert_eq!(take(&mut self.stream).await, [0, 0, 0, 0], "not raw");
            let mut pixels = vec![0; usize::from(w) * usize::from(h) * 4];
            self.stream.read_exact(&mut pixels).await.unwrap();
            for (row, line) in pixels.chunks_exact(usize::from(w) * 4).enumerate() {
                let start = (usize::from(y) + row) * usize::from(self.size.0) + usize::from(x);
                for (column, pixel) in line.chunks_exact(4).enumerate() {
                    let at = (start + column) * 3;
                    self.picture[at..at + 3].copy_from_slice(&[pixel[2], pixel[1], pixel[0]]);
                }
            }
            rectangles.push((x, y, w, h));
        }
        rectangles
    }
}

pub(crate) async fn take<const N: usize>(stream: &mut DuplexStream) -> [u8; N] {
    let mut bytes = [0; N];
    timeout(LONG, stream.read_exact(&mut bytes)).await.expect("bytes in time").unwrap();
    bytes
}

/// KeyEvent messages: each key down and up.
pub(crate) fn keys(keysyms: &[u32]) -> Vec<u8> {
    let key = |down, keysym: &u32| {
        let [a, b, c, d] = keysym.to_be_bytes();
        [4, down, 0, 0, a, b, c, d]
    };
    keysyms.iter().flat_map(|keysym| [key(1, keysym), key(0, keysym)]).flatten().collect()
}

/// A PointerEvent.
pub(crate) fn pointer(buttons: u8, x: u16, y: u16) -> Vec<u8> {
    let ([x0, x1], [y0, y1]) = (x.to_be_bytes(), y.to_be_bytes());
    vec![5, buttons, x0, x1, y0, y1]
}
