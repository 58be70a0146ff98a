//! The buckets of a tenant and strategy, or those that tenants share: bounded.

use hashbrown::{HashMap, hash_map::Entry};

use super::bucket::Bucket;

/// Number of buckets at which the first idle ones are forgotten.
const FIRST_SWEEP: usize = 1024;
/// Time between two looks for idle buckets while there is no room.
const SWEEP_AGAIN: u64 = 1_000_000_000;

/// Buckets by the hash of their scope and key, and of their rate.
#[derive(Debug)]
pub(super) struct Buckets {
    known: HashMap<u64, Bucket>,
    most: usize,
    /// Number at which idle ones are looked for.
    sweep_at: usize,
    swept_at: u64,
}

impl Buckets {
    pub(super) fn new(most: usize) -> Self {
        Self { known: HashMap::new(), most, sweep_at: FIRST_SWEEP.min(most), swept_at: 0 }
    }

    /// A bucket, with the turns that are over counted.
    pub(super) fn get(&mut self, key: u64, now: u64) -> Option<&mut Bucket> {
        let bucket = self.known.get_mut(&key)?;
        bucket.settle(now);
        Some(bucket)
    }

    /// Whether there is room for this many further buckets, after idle ones are forgotten.
    pub(super) fn has_room(&mut self, more: usize, now: u64) -> bool {
        if self.known.len() + more > self.sweep_at {
            self.sweep(now);
        }
        self.known.len() + more <= self.most
    }

    /// The bucket of a key. `None` if it is new and there is no room.
    pub(super) fn get_or_insert(&mut self, key: u64, new: impl FnOnce() -> Bucket, now: u64) -> Option<&mut Bucket> {
        self.get_or_insert_beyond(0, key, new, now)
    }

    /// As [`get_or_insert`](Self::get_or_insert), with so much more room.
    pub(super) fn get_or_insert_beyond(&mut self, more: usize, key: u64, new: impl FnOnce() -> Bucket, now: u64) -> Option<&mut Bucket> {
        if !self.known.contains_key(&key) && !self.has_room(1, now) && self.known.len() >= self.most + more {
            return None;
        }
        let bucket = match self.known.entry(key) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => place.insert(new()),
        };
        bucket.settle(now);
        Some(bucket)
    }

    fn sweep(&mut self, now: u64) {
        // Without room each call would look through all.
        if self.sweep_at == self.most && now.saturating_sub(self.swept_at) < SWEEP_AGAIN && self.swept_at > 0 {
            return;
        }
        self.swept_at = now;
        self.known.retain(|_, bucket| !bucket.is_idle(now));
        self.sweep_at = FIRST_SWEEP.max(self.known.len() * 2).min(self.most);
        self.known.shrink_to(self.sweep_at);
    }

    /// Returns `true` if new buckets would behave the same.
    pub(super) fn are_idle(&mut self, now: u64) -> bool {
        self.known.values_mut().all(|bucket| bucket.is_idle(now))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Bucket> {
        self.known.values()
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }
}
