//! `procy demo`, in builds that have it.

#![cfg(feature = "demo")]

use crate::program::{Program, procy};
use crate::rig::Viewer;

#[tokio::test]
async fn the_demo_shows_a_desktop_and_all_twelve_steps() {
    let home = tempfile::tempdir().unwrap();
    let mut demo = Program::start(&mut procy(&["demo", "--json", "-v"], home.path()));
    let address = demo.listening().await;
    let viewer = Viewer::connect(&address).await.unwrap();
    assert!(viewer.size.0 >= 640);
    demo.event("relaying").await;
    demo.interrupt();
    viewer.closed().await;
    let end = demo.end().await;
    assert_eq!(end.code, 130, "{end:?}");
    assert!(end.stderr.contains("vncviewer 127.0.0.1::"), "{end:?}");
    let mut from = 0;
    // A viewer may come first (step 7): everything else follows in order.
    for number in [1, 7, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12] {
        let words = format!("step {number:>2}: ");
        let at = end.stderr[from..].find(&words);
        from += at.unwrap_or_else(|| panic!("{words} not in its place: {}", end.stderr));
    }
}

#[tokio::test]
async fn the_demo_is_a_shadow_with_all_its_options() {
    let home = tempfile::tempdir().unwrap();
    let mut demo =
        Program::start(&mut procy(&["demo", "--json", "--once", "--eager"], home.path()));
    let address = demo.listening().await;
    drop(Viewer::connect(&address).await.unwrap());
    let end = demo.end().await;
    assert_eq!(end.code, 0, "{end:?}");
    let names: Vec<_> = end.events.iter().map(|event| event["event"].clone()).collect();
    assert_eq!(names[..4], ["credentials", "connected", "verified", "listening"]);
}
