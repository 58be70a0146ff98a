//! 128-bit hashes of keys.
//!
//! Tables in memory find records by such a hash and do not store the keys, so an attacker must not be able to cause
//! collisions. The hash is `SipHash` (<https://www.aumasson.jp/siphash/siphash.pdf>), a pseudorandom function, under a
//! secret of the process: among 100 million keys the probability of a collision is below 10⁻²².

use std::sync::OnceLock;

use crate::runtime::{Rng as _, SystemRng};

/// The hash of a key's kind and parts. It differs between processes and must not be stored.
pub(super) fn of(kind: u8, parts: [&str; 3]) -> u128 {
    static SECRET: OnceLock<[u64; 2]> = OnceLock::new();
    let secret = SECRET.get_or_init(|| {
        let mut bytes = [0; 16];
        SystemRng.fill(&mut bytes);
        let bits = u128::from_le_bytes(bytes);
        #[allow(clippy::cast_possible_truncation)] // two halves
        [bits as u64, (bits >> 64) as u64]
    });
    // One and three rounds, as in the tables of Rust's standard library: the hashes are never exposed.
    let mut sip = Sip::<1, 3>::new(*secret);
    // All lengths come first, so that different keys give different words. No part is longer than 255 bytes.
    let lengths = parts.iter().fold(u64::from(kind), |lengths, part| lengths << 16 | part.len() as u64 & 0xffff);
    sip.word(lengths);
    for part in parts {
        let (words, rest) = part.as_bytes().as_chunks::<8>();
        for word in words {
            sip.word(u64::from_le_bytes(*word));
        }
        if !rest.is_empty() {
            sip.word(last_word(rest));
        }
    }
    sip.finish()
}

/// Fewer than eight bytes, padded with zeros.
fn last_word(rest: &[u8]) -> u64 {
    rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

/// `SipHash` with 128 bits over words, with `C` rounds per word and `D` at the end.
struct Sip<const C: usize, const D: usize>([u64; 4]);

impl<const C: usize, const D: usize> Sip<C, D> {
    fn new([k0, k1]: [u64; 2]) -> Self {
        Self([k0 ^ 0x736f_6d65_7073_6575, k1 ^ 0x646f_7261_6e64_6f6d ^ 0xee, k0 ^ 0x6c79_6765_6e65_7261, k1 ^ 0x7465_6462_7974_6573])
    }

    #[inline]
    fn word(&mut self, word: u64) {
        self.0[3] ^= word;
        self.rounds::<C>();
        self.0[0] ^= word;
    }

    #[inline]
    fn finish(mut self) -> u128 {
        let mix = |[a, b, c, d]: [u64; 4]| u128::from(a ^ b ^ c ^ d);
        self.0[2] ^= 0xee;
        self.rounds::<D>();
        let low = mix(self.0);
        self.0[1] ^= 0xdd;
        self.rounds::<D>();
        low | mix(self.0) << 64
    }

    #[inline]
    fn rounds<const N: usize>(&mut self) {
        let [mut a, mut b, mut c, mut d] = self.0;
        for _ in 0..N {
            a = a.wrapping_add(b);
            b = b.rotate_left(13) ^ a;
            a = a.rotate_left(32);
            c = c.wrapping_add(d);
            d = d.rotate_left(16) ^ c;
            a = a.wrapping_add(d);
            d = d.rotate_left(21) ^ a;
            c = c.wrapping_add(b);
            b = b.rotate_left(17) ^ c;
            c = c.rotate_left(32);
        }
        self.0 = [a, b, c, d];
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
        let hash = |last: u64| {
            let mut sip = Sip::<2, 4>::new(secret);
            sip.word(last);
            sip.finish().to_le_bytes()
        };
        assert_eq!(hash(0), [0xa3, 0x81, 0x7f, 0x04, 0xba, 0x25, 0xa8, 0xe6, 0x6d, 0xf6, 0x72, 0x14, 0xc7, 0x55, 0x02, 0x93]);
        // One byte, a zero: its length stands in the last byte of the last word.
        assert_eq!(hash(1 << 56), [0xda, 0x87, 0xc1, 0xd8, 0x6b, 0x99, 0xaf, 0x44, 0x34, 0x76, 0x59, 0x11, 0x9b, 0x22, 0xfc, 0x45]);
    }

    #[test]
    fn every_byte_and_every_border_counts() {
        let text = "0123456789abcdefghijklmnopqrstuvwxyz";
        let mut seen = std::collections::HashSet::new();
        for first in 0..=text.len() {
            for second in first..=text.len() {
                assert!(seen.insert(of(1, [&text[..first], &text[first..second], &text[second..]])));
            }
        }
        assert!(seen.insert(of(2, [text, "", ""])));
        assert!(seen.insert(of(1, ["", "", ""])) && seen.insert(of(1, ["\0", "", ""])));
        for at in 0..text.len() {
            let mut other = text.as_bytes().to_vec();
            other[at] ^= 1;
            assert!(seen.insert(of(2, [std::str::from_utf8(&other).unwrap(), "", ""])));
        }
    }
}
