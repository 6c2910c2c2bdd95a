//! An allocator that counts and looks, each thread for itself. Include it by `#[path]` in the test that needs it.
#![allow(
    unsafe_code,
    reason = "an allocator cannot be written without; it hands everything on to the system's"
)]
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static MADE: Cell<usize> = const { Cell::new(0) };
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static SECRET: Cell<Option<&'static [u8]>> = const { Cell::new(None) };
    static LEFT: Cell<usize> = const { Cell::new(0) };
}

struct Watching;

#[global_allocator]
static WATCHING: Watching = Watching;

fn add<T: Copy + std::ops::Add<Output = T>>(cell: &'static std::thread::LocalKey<Cell<T>>, n: T) {
    // A thread that ends may free after its locals are gone; nothing is measured there.
    let _ = cell.try_with(|cell| cell.set(cell.get() + n));
}

// SAFETY: every call goes to the system's allocator with the arguments it came with. A block about to be freed is only
// read, within its layout; its bytes were written by whoever had it, or are left over, and any value is a `u8`.
unsafe impl GlobalAlloc for Watching {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(&MADE, 1);
        add(&LIVE, layout.size() as isize);
        // Zeroed, so that what is read at the end was written by its owner.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        add(&LIVE, -(layout.size() as isize));
        if let Ok(Some(secret)) = SECRET.try_with(Cell::get) {
            let bytes = unsafe { std::slice::from_raw_parts(block, layout.size()) };
            if bytes.windows(secret.len()).any(|part| part == secret) {
                add(&LEFT, 1);
            }
        }
        unsafe { System.dealloc(block, layout) }
    }
}

/// How many allocations this thread makes in `act`.
pub fn allocations(act: impl FnOnce()) -> usize {
    let before = MADE.get();
    act();
    MADE.get() - before
}

/// Bytes that this thread has allocated and not freed.
pub fn live() -> isize {
    LIVE.get()
}

/// How many blocks this thread frees in `act` that still hold `secret`.
pub fn freed_with(secret: &'static [u8], act: impl FnOnce()) -> usize {
    let before = LEFT.get();
    SECRET.set(Some(secret));
    act();
    SECRET.set(None);
    LEFT.get() - before
}
