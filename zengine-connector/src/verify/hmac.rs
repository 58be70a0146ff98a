//! Signatures in a header: HMAC-SHA-256 over the bytes as they arrived.

use base64::Engine as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use super::{BASE64, any_of, usable};
use crate::{
    hex::{hex, parse},
    secret::Secret,
    strategy::{CredentialFault, VerifyError},
};

const MAC_BYTES: usize = 32;

/// The form of an HMAC-SHA-256 signature in a provider's header, and its check.
///
/// The signature covers the received bytes; never parse and re-serialize a body before checking it. Several secrets are
/// accepted at once, so that one can be rotated without a gap; all of them are always tried. An empty secret matches
/// nothing, since anyone could sign with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HmacSha256 {
    prefix: &'static str,
    form: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Hex { lower_only: bool },
    Base64,
}

impl HmacSha256 {
    /// 64 hexadecimal digits in any case.
    pub const fn hex() -> Self {
        Self::hex_with_prefix("")
    }

    /// 64 hexadecimal digits in any case after a prefix such as `sha256=`, which must be present exactly as given.
    pub const fn hex_with_prefix(prefix: &'static str) -> Self {
        Self { prefix, form: Form::Hex { lower_only: false } }
    }

    /// Base64 in the standard alphabet, with or without padding.
    pub const fn base64() -> Self {
        Self::base64_with_prefix("")
    }

    /// Base64 after a prefix, which must be present exactly as given.
    pub const fn base64_with_prefix(prefix: &'static str) -> Self {
        Self { prefix, form: Form::Base64 }
    }

    /// Refuses upper-case hexadecimal digits. Has no effect on base64.
    #[must_use = "returns the stricter form"]
    pub const fn lower_case_only(mut self) -> Self {
        if let Form::Hex { lower_only } = &mut self.form {
            *lower_only = true;
        }
        self
    }

    /// Reads a header. Do this before you fetch a secret: a request without a signature should cost no look-up.
    ///
    /// ```
    /// use zengine_connector::{Secret, verify::HmacSha256};
    ///
    /// assert!(HmacSha256::hex().read(None).is_err());
    /// let secret = Secret::new(b"secret".to_vec());
    /// let header = HmacSha256::hex().sign(b"{}", &secret);
    /// let signature = HmacSha256::hex().read(Some(&header))?;
    /// signature.check(b"{}", &[secret])?; // now fetched
    /// # Ok::<(), zengine_connector::strategy::VerifyError>(())
    /// ```
    ///
    /// # Errors
    /// [`VerifyError::Unauthenticated`]: no header, another prefix, a bad encoding, a wrong length.
    pub fn read(&self, header: Option<&str>) -> Result<Signature, VerifyError> {
        let header = header.ok_or(VerifyError::Unauthenticated(CredentialFault::Missing))?;
        self.parse(header).map(Signature).ok_or(VerifyError::Unauthenticated(CredentialFault::Malformed))
    }

    /// Checks a header against the exact bytes of the body.
    ///
    /// # Errors
    /// [`VerifyError::Unauthenticated`] for every failure: no header, another prefix, a bad encoding, a wrong length, a
    /// signature of other bytes or with another secret.
    pub fn check(&self, header: Option<&str>, body: &[u8], secrets: &[Secret<Vec<u8>>]) -> Result<(), VerifyError> {
        self.check_parts(header, &[body], secrets)
    }

    /// The same if more than the body is signed, such as a timestamp in front of it: the parts are signed one after the
    /// other, with nothing in between.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn check_parts(&self, header: Option<&str>, parts: &[&[u8]], secrets: &[Secret<Vec<u8>>]) -> Result<(), VerifyError> {
        self.read(header)?.check_parts(parts, secrets)
    }

    /// The header of a body, for tests and for your own requests.
    pub fn sign(&self, body: &[u8], secret: &Secret<Vec<u8>>) -> String {
        let mac = mac(secret, &[body]);
        let code = match self.form {
            Form::Hex { .. } => hex(&mac),
            Form::Base64 => BASE64.encode(mac),
        };
        format!("{}{code}", self.prefix)
    }

    fn parse(&self, header: &str) -> Option<[u8; MAC_BYTES]> {
        let text = header.strip_prefix(self.prefix)?;
        match self.form {
            Form::Hex { lower_only } => parse(text, lower_only),
            Form::Base64 => {
                // The decoder wants room for whole groups of three; a longer text does not fit and is refused.
                let mut room = [0; MAC_BYTES + 1];
                let length = BASE64.decode_slice(text, &mut room).ok()?;
                (length == MAC_BYTES).then(|| room.first_chunk().copied())?
            }
        }
    }
}

/// A signature as a request gave it, not checked yet.
#[derive(Clone, Copy)]
#[must_use = "check it"]
pub struct Signature([u8; MAC_BYTES]);

masked!(Signature);

impl Signature {
    /// Checks the signature against the exact bytes of the body. All secrets are tried.
    ///
    /// # Errors
    /// [`VerifyError::Unauthenticated`] if it is of other bytes or with another secret.
    pub fn check(&self, body: &[u8], secrets: &[Secret<Vec<u8>>]) -> Result<(), VerifyError> {
        self.check_parts(&[body], secrets)
    }

    /// The same if more than the body is signed, as [`HmacSha256::check_parts`].
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn check_parts(&self, parts: &[&[u8]], secrets: &[Secret<Vec<u8>>]) -> Result<(), VerifyError> {
        let matches = any_of(secrets, |secret| usable(secret) & mac(secret, parts).as_slice().ct_eq(self.0.as_slice()));
        if matches { Ok(()) } else { Err(VerifyError::Unauthenticated(CredentialFault::Wrong)) }
    }
}

fn mac(secret: &Secret<Vec<u8>>, parts: &[&[u8]]) -> [u8; MAC_BYTES] {
    // HMAC takes keys of any length; the error exists for other algorithms. A key that cannot be used matches nothing.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose()) else {
        return [0; MAC_BYTES];
    };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const META: HmacSha256 = HmacSha256::hex_with_prefix("sha256=");

    fn secret(text: &str) -> Secret<Vec<u8>> {
        Secret::new(text.as_bytes().to_vec())
    }

    #[test]
    fn the_known_vector_of_rfc_4231_is_accepted() {
        // Test case 2: key "Jefe", data "what do ya want for nothing?".
        let header = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert!(HmacSha256::hex().check(Some(header), b"what do ya want for nothing?", &[secret("Jefe")]).is_ok());
        assert_eq!(HmacSha256::hex().sign(b"what do ya want for nothing?", &secret("Jefe")), header);
        let base64 = "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM=";
        assert!(HmacSha256::base64().check(Some(base64), b"what do ya want for nothing?", &[secret("Jefe")]).is_ok());
        assert!(HmacSha256::base64().check(Some(base64.trim_end_matches('=')), b"what do ya want for nothing?", &[secret("Jefe")]).is_ok());
    }

    #[test]
    fn during_a_rotation_both_secrets_are_good() {
        let secrets = [secret("new"), secret("old")];
        for signer in ["new", "old"] {
            assert!(META.check(Some(&META.sign(b"body", &secret(signer))), b"body", &secrets).is_ok());
        }
        assert!(META.check(Some(&META.sign(b"body", &secret("older"))), b"body", &secrets).is_err());
    }

    #[test]
    fn whatever_is_wrong_the_answer_is_the_same() {
        let good = META.sign(b"body", &secret("s"));
        let digits = good.trim_start_matches("sha256=").to_owned();
        let bad = [
            None,
            Some(String::new()),
            Some("sha256=".to_owned()),
            Some(digits.clone()),
            Some(format!("sha1={digits}")),
            Some(format!("SHA256={digits}")),
            Some(format!("sha256= {digits}")),
            Some(format!("{good}\n")),
            Some(format!("{good}00")),
            Some(good[..good.len() - 2].to_owned()),
            Some(good[..good.len() - 1].to_owned()),
            Some(good.replacen(&digits[..1], "g", 1)),
            Some(format!("sha256={}", "é".repeat(32))),
            Some(format!("sha256={}", "0".repeat(64))),
            Some("x".repeat(1 << 20)),
        ];
        for header in bad {
            let refused = META.check(header.as_deref(), b"body", &[secret("s")]);
            assert!(matches!(refused, Err(VerifyError::Unauthenticated(_))), "{header:?}");
        }
    }

    #[test]
    fn without_a_secret_nothing_is_accepted() {
        assert!(META.check(Some(&META.sign(b"", &secret(""))), b"", &[secret("")]).is_err());
        assert!(META.check(Some(&META.sign(b"", &secret(""))), b"", &[]).is_err());
        assert!(META.check(Some(&META.sign(b"", &secret(""))), b"", &[secret(""), secret("s")]).is_err());
    }

    #[test]
    fn upper_case_digits_are_read_unless_refused() {
        let header = META.sign(b"body", &secret("s")).to_uppercase().replacen("SHA256=", "sha256=", 1);
        assert!(META.check(Some(&header), b"body", &[secret("s")]).is_ok());
        assert!(META.lower_case_only().check(Some(&header), b"body", &[secret("s")]).is_err());
        assert_eq!(HmacSha256::base64().lower_case_only(), HmacSha256::base64());
    }

    #[test]
    fn escaped_and_plain_spellings_of_a_body_have_different_signatures() {
        let header = META.sign(br#"{"t":"\u00e9"}"#, &secret("s"));
        assert!(META.check(Some(&header), br#"{"t":"\u00e9"}"#, &[secret("s")]).is_ok());
        assert!(META.check(Some(&header), "{\"t\":\"é\"}".as_bytes(), &[secret("s")]).is_err());
    }

    #[test]
    fn errors_hold_neither_the_secret_nor_the_expected_signature() {
        let secret = secret("canary-secret");
        let expected = META.sign(b"canary-body", &secret);
        let error = META.check(Some("sha256=00"), b"canary-body", std::slice::from_ref(&secret)).unwrap_err();
        let printed = format!("{error} {error:?} {META:?} {secret:?}");
        assert!(!printed.contains("canary") && !printed.contains(&expected[7..]), "{printed}");
    }

    proptest! {
        #[test]
        fn a_signature_fits_its_bytes_and_secret_only(
            body in proptest::collection::vec(any::<u8>(), 0..200),
            key in proptest::collection::vec(any::<u8>(), 1..100),
            flip in any::<(prop::sample::Index, u8)>(),
            form in prop::sample::select(vec![HmacSha256::hex(), META, HmacSha256::base64(), HmacSha256::base64_with_prefix("v1,")]),
        ) {
            let secrets = [Secret::new(key.clone())];
            let header = form.sign(&body, &secrets[0]);
            prop_assert!(form.check(Some(&header), &body, &secrets).is_ok());
            let (front, back) = body.split_at(flip.0.index(body.len() + 1));
            prop_assert!(form.check_parts(Some(&header), &[front, back], &secrets).is_ok());
            let (place, bit) = (flip.0, 1 << (flip.1 % 8));
            if !body.is_empty() {
                let mut other = body.clone();
                other[place.index(body.len())] ^= bit;
                prop_assert!(form.check(Some(&header), &other, &secrets).is_err());
            }
            let mut other = key;
            let at = place.index(other.len());
            other[at] ^= bit;
            prop_assert!(form.check(Some(&header), &body, &[Secret::new(other)]).is_err());
        }

        #[test]
        fn no_header_panics(header in any::<String>(), body in proptest::collection::vec(any::<u8>(), 0..50)) {
            for form in [HmacSha256::hex(), META, HmacSha256::base64()] {
                prop_assert!(form.check(Some(&header), &body, &[secret("s")]).is_err());
            }
        }
    }
}
