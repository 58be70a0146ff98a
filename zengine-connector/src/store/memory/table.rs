//! Records by key, sharded. Inserting a record removes expired ones.

use std::{hash::BuildHasher as _, sync::Arc};

use hashbrown::{DefaultHashBuilder, HashTable, hash_table::Entry};

use crate::{store::claims::Kept, sync::Mutex};

/// Number of shards: a power of two, because the shard is taken from the hash.
const SHARDS: usize = 64;
/// Buckets checked per new record. A table is at least 7/16 full after it has grown, so every record is checked before as
/// many new ones are added.
const SWEPT_PER_INSERT: usize = 4;

/// Records by text key. Every operation on one key is atomic. Operations on different shards do not wait for each other.
pub(super) struct Table<R> {
    hasher: DefaultHashBuilder,
    shards: Box<[Shard<R>]>,
}

/// One shard, on its own cache lines to avoid false sharing.
#[repr(align(128))]
struct Shard<R>(Mutex<Slots<R>>);

struct Slots<R> {
    table: HashTable<Slot<R>>,
    swept: usize,
}

/// One slot. The record is shared with those who read it, so that empty slots are small and reading copies nothing.
struct Slot<R> {
    key: Arc<str>,
    /// Of the record, which the check then need not touch.
    removable_at_ms: i64,
    record: Arc<R>,
}

/// A place in a table: a shard and a bucket.
pub(super) type Place = (usize, usize);

impl<R: Kept> Table<R> {
    /// Changes the record of a key in one atomic step. `None` means no record, before and after.
    pub(super) fn change<T>(&self, key: &Arc<str>, now_ms: i64, change: impl FnOnce(&mut Option<Arc<R>>) -> T) -> T {
        let hash = self.hasher.hash_one(&**key);
        let mut slots = self.shard(hash).lock();
        let rehash = |slot: &Slot<R>| self.hasher.hash_one(&*slot.key);
        match slots.table.entry(hash, |slot| *slot.key == **key, rehash) {
            Entry::Occupied(mut entry) => {
                let mut record = Some(Arc::clone(&entry.get().record));
                let answer = change(&mut record);
                match record {
                    Some(record) => {
                        let slot = entry.get_mut();
                        (slot.removable_at_ms, slot.record) = (record.removable_at_ms(), record);
                    }
                    None => drop(entry.remove()),
                }
                answer
            }
            Entry::Vacant(entry) => {
                let mut record = None;
                let answer = change(&mut record);
                if let Some(record) = record {
                    entry.insert(Slot { key: Arc::clone(key), removable_at_ms: record.removable_at_ms(), record });
                    slots.sweep(now_ms);
                }
                answer
            }
        }
    }

    /// Reads the record of a key.
    pub(super) fn read<T>(&self, key: &str, look: impl FnOnce(&Arc<R>) -> T) -> Option<T> {
        let hash = self.hasher.hash_one(key);
        let slots = self.shard(hash).lock();
        slots.table.find(hash, |slot| *slot.key == *key).map(|slot| look(&slot.record))
    }

    /// Looks at the records from a place on, at `budget` buckets at most, until `look` returns `false`. Returns the place at
    /// which to go on. Records move when a table grows: a pass may miss some, or see some twice.
    pub(super) fn scan(&self, from: Place, budget: usize, mut look: impl FnMut(&str, &R) -> bool) -> Option<Place> {
        let (mut shard, mut bucket) = from;
        let mut left = budget;
        while let Some(slots) = self.shards.get(shard) {
            let slots = slots.0.lock();
            while bucket < slots.table.num_buckets() {
                if left == 0 {
                    return Some((shard, bucket));
                }
                left -= 1;
                let slot = slots.table.get_bucket(bucket);
                bucket += 1;
                if slot.is_some_and(|slot| !look(&slot.key, &slot.record)) {
                    return Some((shard, bucket));
                }
            }
            (shard, bucket) = (shard + 1, 0);
        }
        None
    }

    /// Looks at every record, in no order.
    pub(super) fn each(&self, mut look: impl FnMut(&str, &R)) {
        for shard in &self.shards {
            shard.0.lock().table.iter().for_each(|slot| look(&slot.key, &slot.record));
        }
    }

    /// Number of records.
    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.0.lock().table.len()).sum()
    }

    fn shard(&self, hash: u64) -> &Mutex<Slots<R>> {
        // The table itself uses the lowest and the highest bits.
        #[allow(clippy::cast_possible_truncation)]
        let index = (hash >> 40) as usize % SHARDS;
        &self.shards[index].0
    }
}

impl<R: Kept> Slots<R> {
    /// Checks the next few buckets and removes expired records.
    fn sweep(&mut self, now_ms: i64) {
        for _ in 0..SWEPT_PER_INSERT {
            // A record was just inserted, so there are buckets.
            self.swept = (self.swept + 1) % self.table.num_buckets();
            if self.table.get_bucket(self.swept).is_some_and(|slot| slot.removable_at_ms <= now_ms)
                && let Ok(entry) = self.table.get_bucket_entry(self.swept)
            {
                entry.remove();
            }
        }
    }
}

impl<R> Default for Table<R> {
    fn default() -> Self {
        let shard = || Shard(Mutex::new(Slots { table: HashTable::new(), swept: 0 }));
        Self { hasher: DefaultHashBuilder::default(), shards: (0..SHARDS).map(|_| shard()).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Kept for i64 {
        fn removable_at_ms(&self) -> i64 {
            *self
        }
    }

    fn put(table: &Table<i64>, key: &str, until: i64, now: i64) {
        table.change(&key.into(), now, |record| *record = Some(Arc::new(until)));
    }

    #[test]
    fn what_may_go_is_removed_by_later_writes_and_nothing_else_is() {
        let table = Table::default();
        for n in 0..20_000 {
            put(&table, &format!("old-{n}"), if n % 2 == 0 { 10 } else { i64::MAX }, 0);
        }
        assert_eq!(table.len(), 20_000);
        for n in 0..30_000 {
            put(&table, &format!("new-{n}"), i64::MAX, 10);
        }
        assert_eq!(table.len(), 40_000);
        assert!((0..20_000).all(|n| table.read(&format!("old-{n}"), |_| ()).is_some() == (n % 2 == 1)));
    }

    #[test]
    fn a_scan_sees_every_record_once_and_a_bounded_number_per_call() {
        let table = Table::default();
        for n in 0..5_000 {
            put(&table, &n.to_string(), i64::MAX, 0);
        }
        let (mut place, mut seen, mut calls) = (Some(Place::default()), std::collections::BTreeSet::new(), 0);
        while let Some(from) = place {
            let mut looked = 0;
            place = table.scan(from, 100, |key, _| {
                looked += 1;
                assert!(seen.insert(key.to_owned()), "{key} twice");
                looked < 30
            });
            calls += 1;
            assert!(looked <= 30);
        }
        assert_eq!(seen.len(), 5_000);
        assert!(calls >= 5_000 / 30);
        assert_eq!(table.scan((SHARDS, 0), 1, |_, _| true), None);
    }

    #[test]
    fn a_record_is_changed_or_removed_in_place() {
        let table = Table::default();
        put(&table, "k", 1, 0);
        put(&table, "k", 2, 0);
        assert_eq!(table.read("k", |until| **until), Some(2));
        assert_eq!(table.change(&"k".into(), 0, Option::take).as_deref(), Some(&2));
        assert_eq!(table.change(&"k".into(), 0, Option::take), None);
        assert_eq!(table.len(), 0);
    }
}
