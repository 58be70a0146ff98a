//! Stored records as CBOR maps with integer keys (RFC 8949).
//!
//! A build keeps the members that it does not know, so that processes of two releases can run side by side on one store.

pub(crate) mod map;
mod values;

use minicbor::{Decoder, Encoder, decode::Error};

pub(super) use map::Unread;
pub(super) use map::record;
pub(super) use values::{cbor_codes, cbor_newtype, each_of_array};

use super::{StoreError, StoreErrorKind};

/// The key of a record's version, the same in every record.
const VERSION_KEY: u32 = 1;

/// A value with a CBOR form.
pub(crate) trait Cbor: Sized {
    /// Whether a value of a newer release is read as a careful one. A record writes the newer one back.
    const MAY_BE_NEWER: bool = false;

    fn write(&self, to: &mut Encoder<Vec<u8>>);

    fn read(from: &mut Decoder<'_>) -> Result<Self, Error>;

    /// Whether it holds members that this build does not know.
    #[cfg(feature = "embedded")]
    fn has_unread(&self) -> bool {
        false
    }
}

/// A record that holds the version of its format under the key 1.
pub(crate) trait Record: Cbor {
    const VERSION: u32;
}

/// Writes a record.
pub(super) fn encode<R: Record>(record: &R) -> Vec<u8> {
    let mut to = Encoder::new(Vec::with_capacity(384));
    record.write(&mut to);
    to.into_writer()
}

/// Reads a record. An unknown version is an error (case 30). Drops the parser's error, because it may quote the record.
pub(super) fn decode<R: Record>(bytes: &[u8]) -> Result<R, StoreError> {
    let mut from = Decoder::new(bytes);
    let record = R::read(&mut from).ok().filter(|_| from.position() == bytes.len());
    let message = match (record, version(bytes)) {
        (Some(record), Some(version)) if version == R::VERSION => return Ok(record),
        (_, Some(version)) if version != R::VERSION => "a stored record has an unknown version: use the release that wrote it",
        _ => "a stored record is damaged",
    };
    Err(StoreError::new(StoreErrorKind::Corrupt, message))
}

/// The version of a record of any format.
fn version(bytes: &[u8]) -> Option<u32> {
    let mut from = Decoder::new(bytes);
    for _ in 0..from.map().ok()?? {
        if from.u32().ok()? == VERSION_KEY {
            return from.u32().ok();
        }
        from.skip().ok()?;
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::store::{ClaimRecord, InboundRecord};

    /// `{1: 1, 2: 1, 3: claimed, 4: owner, 6: 1, 7: 2}`
    const INBOUND: [u8; 31] =
        [0xa6, 1, 1, 2, 1, 3, 0, 4, 0x50, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 6, 1, 7, 0x18, 200, 0];

    fn inbound() -> &'static [u8] {
        &INBOUND[..30]
    }

    fn refusal<R: Record>(bytes: &[u8]) -> &'static str {
        let error = decode::<R>(bytes).err().expect("it is refused");
        assert_eq!(error.kind, StoreErrorKind::Corrupt);
        error.message
    }

    #[test]
    fn case_30_a_record_of_another_version_is_a_typed_error() {
        assert!(decode::<InboundRecord>(inbound()).is_ok());
        let mut newer = inbound().to_vec();
        newer[2] = 2;
        assert!(refusal::<InboundRecord>(&newer).contains("unknown version"));
        // `{9: [], 1: 7}`: another form altogether.
        assert!(refusal::<ClaimRecord>(&[0xa2, 9, 0x80, 1, 7]).contains("unknown version"));
    }

    #[test]
    fn case_30_a_damaged_record_is_a_typed_error() {
        for damaged in [&b""[..], &[0xa0], &[0xa1, 1, 1], &[0xa1, 1, 0x61, b'1'], &[0xbf, 1, 1, 0xff], &INBOUND] {
            assert_eq!(refusal::<InboundRecord>(damaged), "a stored record is damaged");
            assert_eq!(refusal::<ClaimRecord>(damaged), "a stored record is damaged");
        }
    }

    #[test]
    fn a_member_that_comes_twice_is_damage() {
        let mut twice = inbound().to_vec();
        twice[0] += 1;
        twice.extend([7, 1]);
        assert_eq!(refusal::<InboundRecord>(&twice), "a stored record is damaged");
        let mut unknown = inbound().to_vec();
        unknown[0] += 2;
        unknown.extend([20, 1, 20, 1]);
        assert_eq!(refusal::<InboundRecord>(&unknown), "a stored record is damaged", "of a newer release too");
    }

    #[test]
    fn unknown_members_are_limited_in_number() {
        let of_newer_release = |unknown: u8| {
            let mut newer = vec![0xb8, 6 + unknown];
            newer.extend(&inbound()[1..]);
            (0..unknown).for_each(|key| newer.extend([0x18, 100 + key, 1]));
            newer
        };
        assert!(decode::<InboundRecord>(&of_newer_release(64)).is_ok());
        assert_eq!(refusal::<InboundRecord>(&of_newer_release(65)), "a stored record is damaged");
    }

    proptest! {
        #[test]
        fn case_30_damaged_records_are_errors_and_never_panics(at in 0..30_usize, byte in any::<u8>(), bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let mut damaged = inbound().to_vec();
            damaged[at] = byte;
            for record in [&damaged[..], &damaged[..at], &bytes] {
                if let Ok(record) = decode::<InboundRecord>(record) {
                    prop_assert_eq!(decode::<InboundRecord>(&encode(&record)).ok(), Some(record));
                }
                let _ = decode::<ClaimRecord>(record);
            }
        }
    }
}
