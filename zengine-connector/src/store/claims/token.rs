//! Owner tokens of claims.

use std::{borrow::Cow, fmt, str::FromStr};

use minicbor::{Decoder, Encoder, decode};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{hex, store::cbor::Cbor};

/// The owner token of a claim: 128 bits, new for every claim. 32 hexadecimal digits in records and logs.
///
/// ```
/// use zengine_connector::store::OwnerToken;
///
/// let token = OwnerToken::new([0xab; 16]);
/// assert_eq!(token.to_string(), "ab".repeat(16));
/// assert_eq!(token.to_string().parse(), Ok(token));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OwnerToken([u8; 16]);

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

/// The error for a text that is not 32 lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NoToken;

impl fmt::Display for NoToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a token is 32 hexadecimal digits")
    }
}

impl std::error::Error for NoToken {}

impl FromStr for OwnerToken {
    type Err = NoToken;

    fn from_str(text: &str) -> Result<Self, NoToken> {
        hex::parse(text).map(Self).ok_or(NoToken)
    }
}

impl fmt::Display for OwnerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(hex::text(&hex::encode(self.0)))
    }
}

impl fmt::Debug for OwnerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OwnerToken({self})")
    }
}

impl Serialize for OwnerToken {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(hex::text(&hex::encode(self.0)))
    }
}

impl<'de> Deserialize<'de> for OwnerToken {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl Cbor for OwnerToken {
    fn write(&self, to: &mut Encoder<Vec<u8>>) {
        self.0.write(to);
    }

    fn read(from: &mut Decoder<'_>) -> Result<Self, decode::Error> {
        Cbor::read(from).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_32_lower_case_digits_and_nothing_else() {
        let token = OwnerToken::named("a claim of ours");
        assert_eq!(token.to_string().parse(), Ok(token));
        let json = serde_json::to_string(&token).unwrap();
        assert_eq!(serde_json::from_str::<OwnerToken>(&json).unwrap(), token);
        for bad in ["", "ab", &"AB".repeat(16), &"ab".repeat(17), &format!("+{}", "a".repeat(31)), &"é".repeat(16)] {
            assert_eq!(bad.parse::<OwnerToken>(), Err(NoToken), "{bad}");
            assert!(serde_json::from_str::<OwnerToken>(&format!("{bad:?}")).is_err());
        }
    }
}
