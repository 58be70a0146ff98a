//! Owner tokens of claims.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::{runtime::Rng, store::OwnerToken};

/// Makes the owner tokens of claims.
#[derive(Debug)]
pub(super) enum Tokens {
    /// Drawn from the operating system, one by one: the store outlives the process, and a copy of it, restored from a
    /// snapshot of the machine, must not draw the same.
    Random,
    /// Counted under a random beginning: the claims are copied with the process, or gone with it.
    Counted { start: [u8; 8], next: AtomicU64 },
}

impl Tokens {
    pub(super) fn of(claims_are_local: bool, rng: &dyn Rng) -> Self {
        if !claims_are_local {
            return Self::Random;
        }
        let mut start = [0; 8];
        rng.fill(&mut start);
        Self::Counted { start, next: AtomicU64::new(0) }
    }

    pub(super) fn next(&self, rng: &dyn Rng) -> OwnerToken {
        let mut bits = [0; 16];
        match self {
            Self::Random => rng.fill(&mut bits),
            Self::Counted { start, next } => {
                bits[..8].copy_from_slice(start);
                bits[8..].copy_from_slice(&next.fetch_add(1, Ordering::Relaxed).to_be_bytes());
            }
        }
        OwnerToken::new(bits)
    }

    /// A name for this process: 128 random bits in hex.
    pub(super) fn name(rng: &dyn Rng) -> String {
        Self::Random.next(rng).to_string()
    }
}
