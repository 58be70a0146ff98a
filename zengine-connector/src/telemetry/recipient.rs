//! The recipient's form in log lines.

use crate::{hex::digits, keyring::Key};

/// A keyed hash of a recipient. The same recipient gives the same value, and without the key it cannot be guessed.
///
/// ```
/// use zengine_connector::{Secret, keyring::Key, telemetry::RecipientHmac};
///
/// let key = Key::new("k1", &Secret::new([7; 32]));
/// let hmac = RecipientHmac::new(&key, "acme", "tel:+15551230001");
/// assert_eq!(hmac, RecipientHmac::new(&key, "acme", "tel:+15551230001"));
/// assert_ne!(hmac, RecipientHmac::new(&key, "other", "tel:+15551230001"));
/// assert_eq!(hmac.as_str().len(), 32);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RecipientHmac([u8; 32]);

impl RecipientHmac {
    /// The hash of a recipient's URN under a tenant: the first 16 bytes in hex.
    pub fn new(key: &Key, tenant: &str, recipient: &str) -> Self {
        let hash = key.fingerprint(&[b"recipient", tenant.as_bytes(), recipient.as_bytes()]);
        let mut text = [0; 32];
        for (pair, byte) in text.chunks_exact_mut(2).zip(hash) {
            pair.copy_from_slice(&digits(byte));
        }
        Self(text)
    }

    /// 32 hexadecimal digits.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

display!(RecipientHmac, |it| it.as_str());
debug_value!(RecipientHmac, |it| it);
