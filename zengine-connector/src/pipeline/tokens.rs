//! Owner tokens of claims.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::{runtime::Rng, store::OwnerToken};

/// A source of owner tokens.
#[derive(Debug)]
pub(super) enum Tokens {
    /// Each token is 128 random bits. The store outlives the process, and a process restored from a snapshot must not draw
    /// the same tokens as its copy.
    Random,
    /// A random prefix and a counter. The claims live and die with the process, or are copied with it.
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
