//! Counts what the current thread allocates.
#![allow(unsafe_code, reason = "an allocator is unsafe by nature; this one only counts and hands on")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

/// The system's allocator, with counters of the thread that calls it: no atomic operation, so that timing stays true.
#[derive(Debug)]
pub(crate) struct Counting;

/// Allocations of a thread since it began.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Allocated {
    /// Calls of `alloc` and `realloc`.
    pub(crate) calls: u64,
    /// Bytes asked for, less the bytes given back.
    pub(crate) held: i64,
}

thread_local! {
    static CALLS: Cell<u64> = const { Cell::new(0) };
    static HELD: Cell<i64> = const { Cell::new(0) };
    static PEAK: Cell<i64> = const { Cell::new(0) };
}

/// Allocations of the current thread so far.
pub(crate) fn allocated() -> Allocated {
    Allocated { calls: CALLS.get(), held: HELD.get() }
}

/// The most bytes that the current thread held at once since [`reset_peak`].
#[allow(dead_code, reason = "only a test asks")]
pub(crate) fn peak() -> i64 {
    PEAK.get()
}

/// Begins a new measurement and returns the bytes that are held now.
#[allow(dead_code, reason = "only a test asks")]
pub(crate) fn reset_peak() -> i64 {
    PEAK.set(HELD.get());
    HELD.get()
}

fn note(calls: u64, bytes: i64) {
    CALLS.set(CALLS.get().wrapping_add(calls));
    HELD.set(HELD.get().wrapping_add(bytes));
    PEAK.set(PEAK.get().max(HELD.get()));
}

#[allow(clippy::cast_possible_wrap, reason = "no block is larger than half the address space")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(1, layout.size() as i64);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        note(0, -(layout.size() as i64));
        // SAFETY: the block came from `System` with this layout.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(1, size as i64 - layout.size() as i64);
        // SAFETY: the block came from `System` with this layout.
        unsafe { System.realloc(block, layout, size) }
    }
}
