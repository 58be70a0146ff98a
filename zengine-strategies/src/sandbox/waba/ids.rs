//! Ids in Meta's format. Their content is meaningless.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use fastrand::Rng;

use crate::sandbox::{clock::Clock, lock};

/// Generates ids that are unique in this run and, through the start time in them, across runs.
#[derive(Debug)]
pub(in crate::sandbox) struct Ids(Mutex<(Rng, u64)>);

/// Number of emulators in this process: two may start within the same millisecond.
static STARTED: AtomicU64 = AtomicU64::new(0);

impl Ids {
    /// With a seed, every run has the same ids; they are then unique within a run only.
    pub(in crate::sandbox) fn new(seed: Option<u64>) -> Self {
        if let Some(seed) = seed {
            return Self(Mutex::new((Rng::with_seed(seed), 1 << 40)));
        }
        let start = Clock::new().now_ms() + (STARTED.fetch_add(1, Ordering::Relaxed) << 1);
        Self(Mutex::new((Rng::with_seed(start ^ (u64::from(std::process::id()) << 44)), start << 20)))
    }

    /// A random number and a counter.
    fn draw(&self) -> (u64, u64) {
        let (random, counter) = &mut *lock(&self.0);
        *counter += 1;
        (random.u64(..), *counter)
    }

    /// A message id; its length depends on the party's id and on chance.
    pub(in crate::sandbox) fn message(&self, party: &str, outbound: bool) -> String {
        let (random, count) = self.draw();
        let mut unique = format!("{count:016X}{random:016X}");
        unique.truncate(22 + usize::try_from(random % 11).unwrap_or(0));
        let party = &party.as_bytes()[..party.len().min(60)];
        let mut bytes = vec![0x1c, 0x18];
        bytes.extend(u8::try_from(party.len()));
        bytes.extend_from_slice(party);
        bytes.extend_from_slice(&[0x15, 0x02, 0x00, if outbound { 0x11 } else { 0x12 }, 0x18]);
        bytes.extend(u8::try_from(unique.len()));
        bytes.extend_from_slice(unique.as_bytes());
        bytes.push(0);
        format!("wamid.{}", STANDARD.encode(bytes))
    }

    /// The support reference in an error.
    pub(in crate::sandbox) fn trace(&self) -> String {
        let (random, count) = self.draw();
        format!("A{}", URL_SAFE_NO_PAD.encode([random.to_be_bytes(), count.to_be_bytes()].concat()))
    }

    /// A random text for tokens and codes.
    pub(in crate::sandbox) fn secret(&self, prefix: &str) -> String {
        let (random, count) = self.draw();
        let more = self.draw().0;
        let bytes = [random.to_be_bytes(), more.to_be_bytes(), (random ^ more.rotate_left(17)).to_be_bytes(), count.to_be_bytes()].concat();
        let text: String = URL_SAFE_NO_PAD.encode(bytes).chars().filter(char::is_ascii_alphanumeric).collect();
        format!("{prefix}{text}")
    }

    /// An id of digits, such as a media id.
    pub(in crate::sandbox) fn digits(&self) -> String {
        let (random, count) = self.draw();
        format!("{}{:04}", count & 0xffff_ffff_ffff, random % 10_000)
    }
}

/// The business-scoped user id of a phone number; deterministic.
pub(in crate::sandbox) fn user_id(wa_id: &str) -> String {
    let mixed = wa_id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    format!("US.13{mixed:020}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn message_ids_are_unique_and_vary_in_length() {
        let ids = Ids::new(None);
        let made: HashSet<_> = (0..1_000).map(|_| ids.message("15551230001", true)).collect();
        assert_eq!(made.len(), 1_000);
        assert!(made.iter().all(|id| id.starts_with("wamid.HBgLMTU1NTEyMzAwMDEVAgAR")));
        assert!(made.iter().map(String::len).collect::<HashSet<_>>().len() > 1);
    }

    #[test]
    fn a_seed_makes_the_same_ids_in_every_run() {
        let made = |seed| {
            let ids = Ids::new(seed);
            (0..20).map(|_| ids.message("15551230001", false)).collect::<Vec<_>>()
        };
        assert_eq!(made(Some(7)), made(Some(7)));
        assert_ne!(made(Some(7)), made(Some(8)));
        assert_ne!(made(None), made(None));
    }
}
