//! Records of sends, sharded, most of them packed. Inserting a record removes expired ones.

use hashbrown::{HashMap, HashTable};

use super::packed::{Kind, Packed, Shape, kind_of};
use crate::{
    store::{Applied, At, ClaimKey, ClaimOp, ClaimRecord, Decision, Effects, StoredReceipt, Terminal},
    sync::Mutex,
};

/// Number of shards: a power of two, because the shard is taken from the hash.
const SHARDS: usize = 64;
/// Slots checked per new record. Every slot is checked before half as many new ones are added.
const SWEPT_PER_INSERT: usize = 2;
/// Slots per chunk of memory, so that a growing table copies nothing and wastes little.
const CHUNK: usize = 64;

/// Records by key. Every operation on one key is atomic. Operations on different shards do not wait for each other.
pub(super) struct Sends(Box<[Shard]>);

/// One shard, on its own cache lines to avoid false sharing.
#[derive(Default)]
#[repr(align(128))]
struct Shard(Mutex<Slots>);

#[derive(Default)]
struct Slots {
    /// Numbers of slots, by hash. Slots are stored outside, because nearly half of an index is empty.
    index: HashTable<u32>,
    #[allow(clippy::vec_box, reason = "the chunks stay where they are when there are more of them")]
    chunks: Vec<Box<[Packed; CHUNK]>>,
    /// Number of slots ever used.
    used: u32,
    free: Vec<u32>,
    shapes: Vec<Shape>,
    /// Parts that do not fit into a slot, by the slot's number.
    receipts: HashMap<u32, StoredReceipt>,
    whole: HashMap<u32, Box<ClaimRecord>>,
    swept: u32,
}

impl Sends {
    /// Reads the record of a key and changes it, in one atomic step.
    pub(super) fn change(&self, key: &ClaimKey, operation: &ClaimOp, now_ms: i64) -> Applied<ClaimRecord> {
        let hash = key.hash();
        let mut slots = self.shard(hash).lock();
        let found = slots.find(hash);
        if slots.step(hash, found, operation, now_ms).is_some() {
            let n = found.or_else(|| slots.find(hash));
            return Applied::done(n.and_then(|n| slots.record(n)));
        }
        let current = found.and_then(|n| slots.record(n));
        match operation.decide(current.as_ref(), At { now_ms, boot: None }) {
            Decision::Write(record) => {
                match found {
                    Some(n) => slots.write(n, hash, &record),
                    None => slots.insert(hash, &record, now_ms),
                }
                Applied::done(Some(record))
            }
            Decision::Keep => Applied::done(current),
            Decision::Refuse => Applied::refused(current),
        }
    }

    /// Runs one of the three steps of an ordinary send in place, without unpacking the record: the first claim, the mark, the
    /// delivery. Returns `false`, without effect, for anything else.
    pub(super) fn step(&self, key: &ClaimKey, operation: &ClaimOp, now_ms: i64) -> bool {
        let hash = key.hash();
        let mut slots = self.shard(hash).lock();
        let found = slots.find(hash);
        slots.step(hash, found, operation, now_ms).is_some()
    }

    /// Reads the record of a key.
    pub(super) fn read(&self, key: &ClaimKey) -> Option<ClaimRecord> {
        let slots = self.shard(key.hash()).lock();
        slots.find(key.hash()).and_then(|n| slots.record(n))
    }

    /// The record of a key, if the send is delivered.
    pub(super) fn delivered(&self, key: &ClaimKey) -> Option<ClaimRecord> {
        let slots = self.shard(key.hash()).lock();
        let n = slots.find(key.hash())?;
        match slots.slot(n).kind {
            Kind::Claimed | Kind::Sending => None,
            _ => slots.record(n),
        }
    }

    /// Number of records.
    pub(super) fn len(&self) -> usize {
        self.0.iter().map(|shard| shard.0.lock().index.len()).sum()
    }

    fn shard(&self, hash: u128) -> &Mutex<Slots> {
        // The slots store the lower bits.
        #[allow(clippy::cast_possible_truncation)]
        let index = (hash >> 120) as usize % SHARDS;
        &self.0[index].0
    }
}

impl Default for Sends {
    fn default() -> Self {
        Self((0..SHARDS).map(|_| Shard::default()).collect())
    }
}

/// The hash for the index, the same as [`Packed::index`].
#[allow(clippy::cast_possible_truncation)]
fn index(hash: u128) -> u64 {
    hash as u64
}

impl Slots {
    fn find(&self, hash: u128) -> Option<u32> {
        self.index.find(index(hash), |n| self.slot(*n).is_of(hash)).copied()
    }

    fn slot(&self, n: u32) -> &Packed {
        &self.chunks[n as usize / CHUNK][n as usize % CHUNK]
    }

    fn slot_mut(&mut self, n: u32) -> &mut Packed {
        &mut self.chunks[n as usize / CHUNK][n as usize % CHUNK]
    }

    fn record(&self, n: u32) -> Option<ClaimRecord> {
        let slot = self.slot(n);
        if slot.kind == Kind::Whole {
            return self.whole.get(&n).map(|record| (**record).clone());
        }
        slot.unpack(self.shapes.get(usize::from(slot.shape))?, self.receipts.get(&n))
    }

    fn step(&mut self, hash: u128, found: Option<u32>, operation: &ClaimOp, now_ms: i64) -> Option<()> {
        match (operation, found) {
            (ClaimOp::Claim { lease, fingerprint, ttl_s, .. }, None) if lease.boot.is_none() => {
                let lease_ms = Packed::lease_ms(lease.until_ms, now_ms);
                let shape = self.shape(|shape| {
                    (shape.lease_ms, shape.ttl_s, shape.version) == (lease_ms, *ttl_s, fingerprint.version)
                        && shape.key_id == fingerprint.key_id
                })?;
                let claimed = Packed::claimed(hash, lease.owner, fingerprint.value.bits()?, now_ms, shape)?;
                self.add(hash, claimed, now_ms);
            }
            (ClaimOp::Mark { owner, ttl_s }, Some(n)) => {
                let slot = *self.slot(n);
                if slot.kind != Kind::Claimed || !slot.is_owned_by(*owner) {
                    return None;
                }
                let shape = self.shape_living(slot.shape, *ttl_s)?;
                *self.slot_mut(n) = slot.mark(now_ms, shape)?;
            }
            (ClaimOp::Commit { owner, terminal: Terminal::Delivered, result, error: None, attempts, effects, ttl_s }, Some(n)) => {
                let slot = *self.slot(n);
                if slot.kind != Kind::Sending || !slot.is_owned_by(*owner) || *effects != Effects::NONE {
                    return None;
                }
                let (kind, shape) = (kind_of(result.as_ref()), self.shape_living(slot.shape, *ttl_s)?);
                *self.slot_mut(n) = slot.deliver(now_ms, *attempts, kind, shape)?;
                if let (Kind::DeliveredWith, Some(receipt)) = (kind, result) {
                    self.receipts.insert(n, receipt.clone());
                }
            }
            _ => return None,
        }
        Some(())
    }

    fn write(&mut self, n: u32, hash: u128, record: &ClaimRecord) {
        self.receipts.remove(&n);
        self.whole.remove(&n);
        if let Some(packed) = self.pack(hash, record) {
            if packed.kind == Kind::DeliveredWith
                && let Some(receipt) = &record.result
            {
                self.receipts.insert(n, receipt.clone());
            }
            *self.slot_mut(n) = packed;
        } else {
            self.whole.insert(n, Box::new(record.clone()));
            *self.slot_mut(n) = Packed::of_kind(hash, Kind::Whole);
        }
    }

    fn insert(&mut self, hash: u128, record: &ClaimRecord, now_ms: i64) {
        let n = self.add(hash, Packed::of_kind(hash, Kind::Whole), now_ms);
        self.write(n, hash, record);
    }

    fn pack(&mut self, hash: u128, record: &ClaimRecord) -> Option<Packed> {
        let (mut packed, shape) = Packed::pack(hash, record)?;
        packed.shape = match self.shape(|known| *known == shape) {
            Some(known) => known,
            None => self.new_shape(shape)?,
        };
        Some(packed)
    }

    fn shape(&self, is: impl FnMut(&Shape) -> bool) -> Option<u8> {
        self.shapes.iter().position(is).and_then(|at| u8::try_from(at).ok())
    }

    /// The same shape with another lifetime.
    fn shape_living(&self, n: u8, ttl_s: i64) -> Option<u8> {
        let old = self.shapes.get(usize::from(n))?;
        self.shape(|shape| (shape.lease_ms, shape.ttl_s, shape.version) == (old.lease_ms, ttl_s, old.version) && shape.key_id == old.key_id)
    }

    /// Adds a shape. `None` if there are too many; records are then stored whole. Few settings make few shapes.
    fn new_shape(&mut self, shape: Shape) -> Option<u8> {
        let n = u8::try_from(self.shapes.len()).ok()?;
        self.shapes.push(shape);
        Some(n)
    }

    /// Adds a record in a free slot. Checks the next few slots and removes expired records.
    fn add(&mut self, hash: u128, packed: Packed, now_ms: i64) -> u32 {
        let n = self.free.pop().unwrap_or_else(|| {
            if self.used as usize == self.chunks.len() * CHUNK {
                self.chunks.push(Box::new([Packed::of_kind(0, Kind::Empty); CHUNK]));
            }
            self.used += 1;
            self.used - 1
        });
        *self.slot_mut(n) = packed;
        let chunks = &self.chunks;
        self.index.insert_unique(index(hash), n, |n| chunks[*n as usize / CHUNK][*n as usize % CHUNK].index());
        self.sweep(n, now_ms);
        n
    }

    fn sweep(&mut self, new: u32, now_ms: i64) {
        for _ in 0..SWEPT_PER_INSERT {
            self.swept = if self.swept + 1 < self.used { self.swept + 1 } else { 0 };
            let n = self.swept;
            let slot = self.slot(n);
            let may_go = match slot.kind {
                Kind::Empty => false,
                Kind::Whole => self.whole.get(&n).is_some_and(|record| record.is_removable(now_ms)),
                _ => self.shapes.get(usize::from(slot.shape)).is_some_and(|shape| slot.may_go(shape, now_ms)),
            };
            if may_go && n != new {
                self.remove(n);
            }
        }
    }

    fn remove(&mut self, n: u32) {
        if let Ok(entry) = self.index.find_entry(self.slot(n).index(), |other| *other == n) {
            entry.remove();
        }
        self.receipts.remove(&n);
        self.whole.remove(&n);
        *self.slot_mut(n) = Packed::of_kind(0, Kind::Empty);
        self.free.push(n);
    }
}

#[cfg(test)]
mod tests;
