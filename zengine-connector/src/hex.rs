//! Bytes as hexadecimal digits.

/// The bytes in lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().flat_map(|&byte| digits(byte)).map(char::from).collect()
}

/// The two digits of a byte, in ASCII.
pub(crate) const fn digits(byte: u8) -> [u8; 2] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    [DIGITS[(byte >> 4) as usize], DIGITS[(byte & 15) as usize]]
}

/// Parses digits, exactly two for each byte.
pub(crate) fn parse<const N: usize>(text: &str, lower_only: bool) -> Option<[u8; N]> {
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' if !lower_only => Some(digit - b'A' + 10),
        _ => None,
    };
    let mut bits = [0; N];
    if text.len() != 2 * N {
        return None;
    }
    for (byte, pair) in bits.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = value(pair[0])? << 4 | value(pair[1])?;
    }
    Some(bits)
}

/// The JSON form of 128 bits: exactly 32 digits, in lower case.
pub(crate) mod bits {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(crate) fn serialize<S: Serializer>(bits: &[u8; 16], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::hex(bits))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 16], D::Error> {
        super::parse(&String::deserialize(deserializer)?, true).ok_or_else(|| D::Error::custom("not 32 lower-case hexadecimal digits"))
    }
}
