//! Opens the built-in desktop on a free port, for a look with any VNC viewer; ends with Ctrl-C.
#![allow(clippy::print_stdout, reason = "its output is the address")]

use procy_testkit::desktop::{DesktopConfig, DesktopStandIn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let desktop = DesktopStandIn::start(DesktopConfig::default()).await?;
    println!("{}", desktop.address());
    std::future::pending().await
}
