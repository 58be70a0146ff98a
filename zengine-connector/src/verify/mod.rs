//! Checks of a request's authenticity and size, before anything in it is trusted.
//!
//! | check | type |
//! |---|---|
//! | an HMAC-SHA-256 over the exact bytes | [`HmacSha256`] |
//! | HTTP basic authentication | [`BasicAuth`] |
//! | the address of the other end, also behind proxies | [`IpAllowlist`] |
//! | the challenge of a webhook subscription | [`answer_challenge`] |
//! | the age of a signed timestamp | [`Freshness`] |
//! | size of a body | [`check_size`] |
//! | nesting and number of items of a JSON body | [`json::Limits`](crate::json::Limits) |
//!
//! Secrets are compared in constant time, every candidate is tried, and no error holds the expected value.
//!
//! ```
//! use zengine_connector::{Secret, verify::HmacSha256};
//!
//! const SIGNATURE: HmacSha256 = HmacSha256::hex_with_prefix("sha256=");
//!
//! let (old, new) = (Secret::new(b"old".to_vec()), Secret::new(b"new".to_vec()));
//! let header = SIGNATURE.sign(b"{}", &old);
//! assert!(SIGNATURE.check(Some(&header), b"{}", &[new, old]).is_ok());
//! assert!(SIGNATURE.check(Some(&header), b"{} ", &[]).is_err());
//! ```

mod allowlist;
mod basic;
mod handshake;
mod hmac;
mod limits;
mod replay;

use base64::{
    alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};

pub use allowlist::IpAllowlist;
pub use basic::{BasicAuth, BasicCredentials, GivenCredentials};
pub use handshake::{MAX_CHALLENGE_BYTES, answer_challenge};
pub use hmac::{HmacSha256, Signature};
pub use limits::check_size;
pub use replay::Freshness;

use crate::secret::Secret;

/// Standard alphabet; encoders disagree about padding, so both forms are read.
const BASE64: GeneralPurpose =
    GeneralPurpose::new(&alphabet::STANDARD, GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent));

/// Whether two byte strings are equal, in a time that depends on their lengths and not on their content.
///
/// ```
/// use zengine_connector::verify::constant_time_eq;
///
/// assert!(constant_time_eq(b"abc", b"abc"));
/// assert!(!constant_time_eq(b"abc", b"abd"));
/// assert!(!constant_time_eq(b"abc", b"abcd"));
/// ```
#[must_use]
pub fn constant_time_eq(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

/// The same for secrets of unknown length: hashes are compared, so that the time does not even tell whether the lengths are equal.
fn same_secret(a: &[u8], b: &[u8]) -> Choice {
    Sha256::digest(a).as_slice().ct_eq(Sha256::digest(b).as_slice())
}

/// Whether one of several matches. Looks at all of them, so that the time does not tell which one it was.
fn any_of<T>(allowed: &[T], matches: impl Fn(&T) -> Choice) -> bool {
    allowed.iter().fold(Choice::from(0), |found, one| found | matches(one)).into()
}

/// Whether a secret is not empty. An empty one protects nothing.
fn usable(secret: &Secret<Vec<u8>>) -> Choice {
    Choice::from(u8::from(!secret.expose().is_empty()))
}
