//! Owner tokens of claims.

use serde::{Deserialize, Serialize};

use crate::{hex, store::cbor::cbor_newtype};

/// The owner token of a claim: 128 bits, new for every claim. 32 lower-case hexadecimal digits in JSON and logs.
///
/// ```
/// use zengine_connector::store::OwnerToken;
///
/// let token = OwnerToken::new([0xab; 16]);
/// assert_eq!(token.to_string(), "ab".repeat(16));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OwnerToken(#[serde(with = "hex::bits")] [u8; 16]);

cbor_newtype!(OwnerToken);

impl OwnerToken {
    /// A token of these bits.
    #[inline]
    pub const fn new(bits: [u8; 16]) -> Self {
        Self(bits)
    }

    /// A readable token for tests, made of the first 16 bytes of a name.
    pub fn named(name: &str) -> Self {
        let mut bits = [0; 16];
        for (bit, byte) in bits.iter_mut().zip(name.bytes()) {
            *bit = byte;
        }
        Self(bits)
    }

    /// The bits.
    #[inline]
    pub const fn bits(self) -> [u8; 16] {
        self.0
    }
}

display!(OwnerToken, |it| hex::hex(&it.0));
debug_value!(OwnerToken, |it| it);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_32_lower_case_digits_and_nothing_else() {
        let token = OwnerToken::named("a claim of ours");
        let json = serde_json::to_string(&token).unwrap();
        assert_eq!(serde_json::from_str::<OwnerToken>(&json).unwrap(), token);
        for bad in ["", "ab", &"AB".repeat(16), &"ab".repeat(17), &format!("+{}", "a".repeat(31)), &"é".repeat(16)] {
            assert!(serde_json::from_str::<OwnerToken>(&format!("{bad:?}")).is_err(), "{bad}");
        }
    }
}
