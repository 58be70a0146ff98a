//! A send's record in 56 bytes.
//!
//! Almost every record is claimed, sending or delivered, by one owner and without a retry. Such a record is packed: a
//! [`Shape`] holds the parts that all records with the same settings share, and times are stored as differences. Packing
//! is lossless. A record that does not fit is stored whole.

#![allow(clippy::many_single_char_names, reason = "bytes of one number, in their order")]

use crate::{
    keyring::KeyId,
    store::{ClaimRecord, ClaimStatus, Effects, Fingerprint, OwnerToken, StoredReceipt},
};

/// Start of the 40-bit times, 2020-01-01. They reach to 2054.
const EPOCH_MS: i64 = 1_577_836_800_000;

/// The parts that many records share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// Length of the lease from the claim.
    pub(super) lease_ms: i64,
    /// Lifetime from the last write.
    pub(super) ttl_s: i64,
    /// Version of the fingerprint's encoding.
    pub(super) version: u32,
    pub(super) key_id: KeyId,
}

/// The content of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Empty,
    Claimed,
    Sending,
    /// Delivered, without a receipt.
    Delivered,
    /// Delivered, with an open and empty receipt.
    DeliveredEmpty,
    /// Delivered, with the receipt stored beside the slot.
    DeliveredWith,
    /// The whole record is stored beside the slot.
    Whole,
}

/// One slot. A hash identifies the key: 96 bits here, and 6 more in the choice of the shard.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packed {
    hash: [u8; 12],
    owner: [u8; 16],
    fingerprint: [u8; 16],
    /// Time of the claim, in milliseconds since [`EPOCH_MS`].
    claimed: [u8; 5],
    /// Milliseconds from the claim to `sent`, and from `sent` to `settled`.
    sent: [u8; 2],
    settled: [u8; 2],
    pub(super) shape: u8,
    attempts: u8,
    pub(super) kind: Kind,
}

const _: () = assert!(size_of::<Packed>() == 56);

impl Packed {
    /// An empty slot, or one whose record is stored beside it.
    pub(super) const fn of_kind(hash: u128, kind: Kind) -> Self {
        Self {
            hash: short(hash),
            owner: [0; 16],
            fingerprint: [0; 16],
            claimed: [0; 5],
            sent: [0; 2],
            settled: [0; 2],
            shape: 0,
            attempts: 0,
            kind,
        }
    }

    /// A first claim. `None` if it does not fit.
    #[inline]
    pub(super) fn claimed(hash: u128, owner: OwnerToken, fingerprint: [u8; 16], now_ms: i64, shape: u8) -> Option<Self> {
        let claimed = time(now_ms)?;
        Some(Self { owner: owner.bits(), fingerprint, claimed, shape, ..Self::of_kind(hash, Kind::Claimed) })
    }

    #[inline]
    pub(super) fn is_of(&self, hash: u128) -> bool {
        self.hash == short(hash)
    }

    /// The hash for the index.
    #[inline]
    pub(super) fn index(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.hash;
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }

    #[inline]
    pub(super) fn is_owned_by(&self, owner: OwnerToken) -> bool {
        self.owner == owner.bits()
    }

    /// Returns `true` if the record may be removed. For a record stored whole, the caller has to decide.
    pub(super) fn may_go(&self, shape: &Shape, now_ms: i64) -> bool {
        match self.kind {
            Kind::Claimed | Kind::Delivered | Kind::DeliveredEmpty | Kind::DeliveredWith => {
                (self.updated_ms() / 1000 + shape.ttl_s).saturating_mul(1000) <= now_ms
            }
            Kind::Empty | Kind::Sending | Kind::Whole => false,
        }
    }

    /// Marks a claim as sending. `None` if it does not fit.
    #[inline]
    pub(super) fn mark(&self, now_ms: i64, shape: u8) -> Option<Self> {
        Some(Self { sent: after(self.claimed_ms(), now_ms)?, shape, kind: Kind::Sending, ..*self })
    }

    /// Marks a sending record as delivered. `None` if it does not fit.
    #[inline]
    pub(super) fn deliver(&self, now_ms: i64, attempts: u32, kind: Kind, shape: u8) -> Option<Self> {
        let (settled, attempts) = (after(self.sent_ms(), now_ms)?, u8::try_from(attempts).ok()?);
        Some(Self { settled, shape, attempts, kind, ..*self })
    }

    #[inline]
    fn claimed_ms(&self) -> i64 {
        let [a, b, c, d, e] = self.claimed;
        EPOCH_MS + i64::from_le_bytes([a, b, c, d, e, 0, 0, 0])
    }

    #[inline]
    fn sent_ms(&self) -> i64 {
        self.claimed_ms() + i64::from(u16::from_le_bytes(self.sent))
    }

    #[inline]
    fn updated_ms(&self) -> i64 {
        self.sent_ms() + i64::from(u16::from_le_bytes(self.settled))
    }

    /// Length of the lease at the claim.
    pub(super) fn lease_ms(until_ms: i64, now_ms: i64) -> i64 {
        until_ms.saturating_sub(now_ms)
    }

    /// Unpacks the record, with the receipt stored beside the slot, if any. `None` if the slot holds no record.
    pub(super) fn unpack(&self, shape: &Shape, receipt: Option<&StoredReceipt>) -> Option<ClaimRecord> {
        let (status, result) = match self.kind {
            Kind::Empty | Kind::Whole => return None,
            Kind::Claimed => (ClaimStatus::Claimed, None),
            Kind::Sending => (ClaimStatus::Sending, None),
            Kind::Delivered => (ClaimStatus::Delivered, None),
            Kind::DeliveredEmpty => (ClaimStatus::Delivered, Some(StoredReceipt::empty())),
            Kind::DeliveredWith => (ClaimStatus::Delivered, receipt.cloned()),
        };
        let owner = OwnerToken::new(self.owner);
        Some(ClaimRecord {
            v: ClaimRecord::VERSION,
            status,
            owner,
            last_owner: (status == ClaimStatus::Delivered).then_some(owner),
            boot: None,
            lease_until_ms: self.claimed_ms() + shape.lease_ms,
            expires_at_s: self.updated_ms() / 1000 + shape.ttl_s,
            fingerprint: Fingerprint::new(self.fingerprint, shape.version, shape.key_id.clone()),
            maybe_sent: false,
            first_claimed_at_ms: self.claimed_ms(),
            first_sent_at_ms: (status != ClaimStatus::Claimed).then(|| self.sent_ms()),
            attempts: u32::from(self.attempts),
            generation: 0,
            key_generation: 0,
            evidence: None,
            result,
            error: None,
            effects_pending: Effects::NONE,
            updated_at_ms: self.updated_ms(),
        })
    }

    /// Packs a record and returns its shape. `None` if it does not fit. The caller has to set the shape's number.
    pub(super) fn pack(hash: u128, record: &ClaimRecord) -> Option<(Self, Shape)> {
        let shape = Shape {
            lease_ms: Self::lease_ms(record.lease_until_ms, record.first_claimed_at_ms),
            ttl_s: record.expires_at_s - record.updated_at_ms / 1000,
            version: record.fingerprint.version,
            key_id: record.fingerprint.key_id.clone(),
        };
        let fingerprint = record.fingerprint.value.bits()?;
        let mut packed = Self::claimed(hash, record.owner, fingerprint, record.first_claimed_at_ms, 0)?;
        if record.status != ClaimStatus::Claimed {
            packed = packed.mark(record.first_sent_at_ms?, 0)?;
        }
        if record.status == ClaimStatus::Delivered {
            packed = packed.deliver(record.updated_at_ms, record.attempts, kind_of(record.result.as_ref()), 0)?;
        }
        // A record with anything else does not compare equal here.
        let same = packed.unpack(&shape, record.result.as_ref()).is_some_and(|unpacked| unpacked == *record);
        same.then_some((packed, shape))
    }
}

/// The kind of slot for a delivered send with this receipt.
pub(super) fn kind_of(receipt: Option<&StoredReceipt>) -> Kind {
    match receipt {
        None => Kind::Delivered,
        Some(receipt) if receipt.is_empty() => Kind::DeliveredEmpty,
        Some(_) => Kind::DeliveredWith,
    }
}

#[allow(clippy::cast_possible_truncation)] // twelve of the sixteen bytes
const fn short(hash: u128) -> [u8; 12] {
    let [a, b, c, d, e, f, g, h, i, j, k, l, ..] = hash.to_le_bytes();
    [a, b, c, d, e, f, g, h, i, j, k, l]
}

fn time(ms: i64) -> Option<[u8; 5]> {
    match u64::try_from(ms.checked_sub(EPOCH_MS)?).ok()?.to_le_bytes() {
        [a, b, c, d, e, 0, 0, 0] => Some([a, b, c, d, e]),
        _ => None,
    }
}

fn after(earlier_ms: i64, ms: i64) -> Option<[u8; 2]> {
    u16::try_from(ms.checked_sub(earlier_ms)?).ok().map(u16::to_le_bytes)
}
