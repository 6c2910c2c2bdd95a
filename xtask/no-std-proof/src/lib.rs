//! Builds only if nothing in `procy-core`'s tree links `std`: see xtask/src/no_std.rs.

#![no_std]

use core::alloc::{GlobalAlloc, Layout};

use procy_core as _;

/// A host without memory: it is enough for rustc, and nothing here is ever run.
struct NoMemory;

// SAFETY: null is `GlobalAlloc`'s documented answer for "no memory"; with no block ever handed out, none can be
// handed back. `unsafe` is the trait's; a test instrument cannot be built without it.
unsafe impl GlobalAlloc for NoMemory {
    unsafe fn alloc(&self, _: Layout) -> *mut u8 {
        core::ptr::null_mut()
    }
    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static MEMORY: NoMemory = NoMemory;

/// The only one in the program, unless `std` is there too: then rustc finds two and stops.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}
