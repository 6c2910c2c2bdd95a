use procy_testkit::desktop::{Desktop, DesktopConfig};
use tokio::io::AsyncReadExt;
use tokio::time::timeout;

use crate::viewer::{LONG, Viewer, keys, pointer, still};

#[tokio::test]
async fn the_first_picture_is_whole_and_is_the_desktop_s() {
    for incremental in [false, true] {
        let desktop = still();
        let mut viewer = Viewer::connect(&desktop).await;
        viewer.ask(incremental).await;
        viewer.update().await;
        assert!(viewer.picture == desktop.picture(), "incremental: {incremental}");
    }
    let colours: std::collections::BTreeSet<_> =
        still().picture().chunks_exact(3).map(<[u8]>::to_vec).collect();
    assert!(colours.len() > 100, "an empty screen: {} colours", colours.len());
}

#[tokio::test]
async fn typed_text_appears_where_it_is_shown_and_nowhere_else() {
    let desktop = still();
    let mut viewer = Viewer::connect(&desktop).await;
    viewer.ask(false).await;
    viewer.update().await;
    let before = viewer.picture.clone();
    viewer.ask(true).await;
    viewer.send(&keys(&[u32::from('H')])).await;
    let rectangles = viewer.update().await;
    assert!(viewer.picture != before);
    assert!(viewer.picture == desktop.picture());
    let area: u32 = rectangles.iter().map(|(_, _, w, h)| u32::from(*w) * u32::from(*h)).sum();
    assert!(area <= 64 * 32 * 4, "one letter changed {rectangles:?}");
}

#[tokio::test]
async fn keys_are_characters_backspace_return_and_escape() {
    let desktop = still();
    let mut viewer = Viewer::connect(&desktop).await;
    // a, ü (Latin-1), € (Unicode), Shift (nothing), b, Backspace, Return, c
    let typed = [0x61, 0xFC, 0x0100_20AC, 0xFFE1, 0x62, 0xFF08, 0xFF0D, 0x63];
    viewer.send(&keys(&typed)).await;
    timeout(LONG, desktop.seen_until(|seen| seen.typed == "aü€\nc")).await.unwrap();
    viewer.send(&keys(&[0xFF1B])).await;
    timeout(LONG, desktop.seen_until(|seen| seen.typed.is_empty())).await.unwrap();
}

#[tokio::test]
async fn encodings_and_clipboard_are_read_over_to_the_next_message() {
    let desktop = still();
    let mut viewer = Viewer::connect(&desktop).await;
    let encodings =
        [&[2, 0, 0, 3][..], &[0, 0, 0, 16, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0x21]].concat();
    let clipboard = [&[6, 0, 0, 0, 0, 0, 0, 9][..], b"clipboard"].concat();
    viewer.send(&[encodings, keys(&[0x61]), clipboard, keys(&[0x62])].concat()).await;
    timeout(LONG, desktop.seen_until(|seen| seen.typed == "ab")).await.unwrap();
}

#[tokio::test]
async fn a_press_leaves_a_mark_and_escape_takes_it_away() {
    let desktop = still();
    let mut viewer = Viewer::connect(&desktop).await;
    viewer.send(&pointer(0, 700, 400)).await;
    timeout(LONG, desktop.seen_until(|seen| seen.pointer == Some((700, 400)))).await.unwrap();
    let clean = desktop.picture();
    viewer.send(&pointer(1, 500, 300)).await;
    viewer.send(&pointer(1, 600, 350)).await;
    viewer.send(&pointer(0, 700, 400)).await;
    timeout(
        LONG,
        desktop.seen_until(|seen| seen.pointer == Some((700, 400)) && !seen.clicks.is_empty()),
    )
    .await
    .unwrap();
    assert_eq!(desktop.seen().clicks, [(500, 300)]);
    let at = (325 * 1024 + 550) * 3;
    assert_ne!(desktop.picture()[at..at + 3], clean[at..at + 3], "no line between the points");
    // The letter shows that Escape has been dealt with.
    viewer.send(&keys(&[0xFF1B, 0x78])).await;
    timeout(LONG, desktop.seen_until(|seen| seen.typed == "x")).await.unwrap();
    viewer.send(&keys(&[0xFF08])).await;
    timeout(LONG, desktop.seen_until(|seen| seen.typed.is_empty())).await.unwrap();
    assert!(desktop.picture() == clean);
}

#[tokio::test]
async fn two_viewers_see_each_other_s_doing() {
    let desktop = still();
    let mut one = Viewer::connect(&desktop).await;
    let mut two = Viewer::connect(&desktop).await;
    two.ask(false).await;
    two.update().await;
    two.ask(true).await;
    // Lets the server come to wait, so that it is the other viewer's key that wakes it.
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    one.send(&keys(&[0x21])).await;
    two.update().await;
    assert!(two.picture == desktop.picture());
}

#[tokio::test]
async fn a_part_that_is_asked_for_comes_alone_and_what_lies_outside_is_cut_off() {
    let desktop = still();
    let mut viewer = Viewer::connect(&desktop).await;
    viewer.ask_for(false, (1000, 600, 500, u16::MAX)).await;
    assert_eq!(viewer.update().await, [(1000, 600, 24, 40)]);
    // Nothing of this is on the screen: no answer, and no end of the session either.
    viewer.ask_for(true, (5000, 5000, 10, 10)).await;
    viewer.ask_for(false, (0, 0, 3, 2)).await;
    viewer.update().await;
    assert_eq!(viewer.picture[..9], desktop.picture()[..9]);
}

#[tokio::test]
async fn sixteen_and_eight_bit_pixels_take_two_bytes_and_one() {
    for (bits, bytes, format) in [
        (16, 2, [16, 16, 0, 1, 0, 31, 0, 63, 0, 31, 11, 5, 0, 0, 0, 0]),
        (8, 1, [8, 8, 0, 1, 0, 7, 0, 7, 0, 3, 0, 3, 6, 0, 0, 0]),
    ] {
        let desktop = still();
        let mut viewer = Viewer::connect(&desktop).await;
        viewer.send(&[&[0, 0, 0, 0][..], &format].concat()).await;
        viewer.ask_for(false, (0, 0, 10, 1)).await;
        viewer.ask_for(false, (0, 0, 10, 1)).await;
        let mut update = vec![0; 16 + 10 * bytes];
        timeout(LONG, viewer.stream.read_exact(&mut update)).await.unwrap().unwrap();
        assert_eq!(update[..12], [0, 0, 0, 1, 0, 0, 0, 0, 0, 10, 0, 1], "{bits}");
    }
}

#[tokio::test]
async fn a_moving_desktop_moves_and_a_still_one_does_not() {
    let moving = Desktop::new(&DesktopConfig::default());
    let mut viewer = Viewer::connect(&moving).await;
    viewer.ask(false).await;
    viewer.update().await;
    for _ in 0..3 {
        let before = viewer.picture.clone();
        viewer.ask(true).await;
        let rectangles = viewer.update().await;
        assert!(viewer.picture != before);
        assert!(!rectangles.contains(&(0, 0, 1024, 640)), "all of it was sent again");
    }
    assert!(still().picture() == still().picture());
}

#[tokio::test]
async fn a_viewer_that_takes_nothing_can_still_type() {
    let desktop = still();
    let mut viewer = Viewer::connect(&desktop).await;
    viewer.ask(false).await;
    // The stream holds 4 KiB, the picture has 2.5 MiB, and none of it is read.
    viewer.send(&keys(&[0x61, 0x62])).await;
    timeout(LONG, desktop.seen_until(|seen| seen.typed == "ab")).await.unwrap();
}
