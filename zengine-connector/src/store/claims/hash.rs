//! 128 bits in place of a key.
//!
//! A table in memory that finds records by such a hash and does not keep the keys needs a hash that nobody can make
//! collide: `SipHash` (<https://www.aumasson.jp/siphash/siphash.pdf>) under a secret of the process. It is a pseudorandom
//! function: among 100 million keys the chance that any two meet is below 10⁻²².

use std::sync::OnceLock;

use crate::runtime::{Rng as _, SystemRng};

/// The hash of a key in this process. Another process has others: it is never stored.
pub(super) fn of(key: &[u8]) -> u128 {
    static SECRET: OnceLock<[u64; 2]> = OnceLock::new();
    let secret = SECRET.get_or_init(|| {
        let mut bytes = [0; 16];
        SystemRng.fill(&mut bytes);
        let bits = u128::from_le_bytes(bytes);
        #[allow(clippy::cast_possible_truncation)] // two halves
        [bits as u64, (bits >> 64) as u64]
    });
    // One and three rounds, as the tables of Rust's standard library: nobody sees the hashes.
    sip128::<1, 3>(*secret, key)
}

/// `SipHash` with 128 bits, with `C` rounds per word and `D` at the end.
fn sip128<const C: usize, const D: usize>([k0, k1]: [u64; 2], data: &[u8]) -> u128 {
    let mut v = [k0 ^ 0x736f_6d65_7073_6575, k1 ^ 0x646f_7261_6e64_6f6d ^ 0xee, k0 ^ 0x6c79_6765_6e65_7261, k1 ^ 0x7465_6462_7974_6573];
    let (words, rest) = data.as_chunks::<8>();
    let mut last = (data.len() as u64) << 56;
    for (i, byte) in rest.iter().enumerate() {
        last |= u64::from(*byte) << (8 * i);
    }
    for word in words.iter().map(|word| u64::from_le_bytes(*word)).chain([last]) {
        v[3] ^= word;
        rounds::<C>(&mut v);
        v[0] ^= word;
    }
    v[2] ^= 0xee;
    rounds::<D>(&mut v);
    let low = v[0] ^ v[1] ^ v[2] ^ v[3];
    v[1] ^= 0xdd;
    rounds::<D>(&mut v);
    u128::from(low) | u128::from(v[0] ^ v[1] ^ v[2] ^ v[3]) << 64
}

fn rounds<const N: usize>(v: &mut [u64; 4]) {
    for _ in 0..N {
        v[0] = v[0].wrapping_add(v[1]);
        v[1] = v[1].rotate_left(13) ^ v[0];
        v[0] = v[0].rotate_left(32);
        v[2] = v[2].wrapping_add(v[3]);
        v[3] = v[3].rotate_left(16) ^ v[2];
        v[0] = v[0].wrapping_add(v[3]);
        v[3] = v[3].rotate_left(21) ^ v[0];
        v[2] = v[2].wrapping_add(v[1]);
        v[1] = v[1].rotate_left(17) ^ v[2];
        v[2] = v[2].rotate_left(32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The authors' own vectors, `vectors.h` of <https://github.com/veorq/SipHash>.
    #[test]
    fn the_hash_is_siphash() {
        let key: [u8; 16] = std::array::from_fn(|i| u8::try_from(i).unwrap());
        let half = |at: usize| u64::from_le_bytes(key[at..at + 8].try_into().unwrap());
        let secret = [half(0), half(8)];
        let hash = |length: usize| sip128::<2, 4>(secret, &(0..u8::try_from(length).unwrap()).collect::<Vec<_>>()).to_le_bytes();
        assert_eq!(hash(0), [0xa3, 0x81, 0x7f, 0x04, 0xba, 0x25, 0xa8, 0xe6, 0x6d, 0xf6, 0x72, 0x14, 0xc7, 0x55, 0x02, 0x93]);
        assert_eq!(hash(1), [0xda, 0x87, 0xc1, 0xd8, 0x6b, 0x99, 0xaf, 0x44, 0x34, 0x76, 0x59, 0x11, 0x9b, 0x22, 0xfc, 0x45]);
    }

    #[test]
    fn every_byte_and_the_length_count() {
        let base = [7_u8; 40];
        let mut seen = std::collections::HashSet::new();
        for length in 0..=40 {
            assert!(seen.insert(of(&base[..length])));
        }
        for at in 0..40 {
            let mut other = base;
            other[at] ^= 1;
            assert!(seen.insert(of(&other)));
        }
    }
}
