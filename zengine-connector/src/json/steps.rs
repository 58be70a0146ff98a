//! The work of the readers, which tests hold linear in the body. Only debug builds with the feature `testing` count it.

#[cfg(all(debug_assertions, feature = "testing"))]
mod counted {
    use std::cell::Cell;

    thread_local!(static STEPS: Cell<u64> = const { Cell::new(0) });

    #[inline]
    pub(in super::super) fn count() {
        STEPS.set(STEPS.get() + 1);
    }

    /// Values that the readers of this thread have passed so far.
    pub fn taken() -> u64 {
        STEPS.get()
    }
}

#[cfg(not(all(debug_assertions, feature = "testing")))]
#[allow(clippy::missing_const_for_fn)]
mod counted {
    #[inline]
    pub(in super::super) fn count() {}

    /// Always 0.
    pub fn taken() -> u64 {
        0
    }
}

pub(super) use counted::count;
pub use counted::taken;
