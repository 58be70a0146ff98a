//! Meta's encoding and signature of webhook bodies.

use serde_json::Value;

use crate::sandbox::text::escaped;
use crate::sandbox::waba::hmac::hmac_sha256;

/// The value of `X-Hub-Signature-256`.
pub(super) fn sign(secret: &str, body: &[u8]) -> String {
    format!("sha256={}", hmac_sha256(secret, body))
}

/// JSON in Meta's encoding: non-ASCII as lowercase `\uXXXX`, `/` as `\/`.
pub(super) fn on_the_wire(value: &Value) -> String {
    // Neither occurs outside of strings.
    escaped(&value.to_string().replace('/', "\\/"), |c| !c.is_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_wire_form_escapes_and_still_means_the_same() {
        let value = json!({"text": "é 👍 a/b \"q\" \u{1}"});
        let wire = on_the_wire(&value);
        assert_eq!(wire, r#"{"text":"\u00e9 \ud83d\udc4d a\/b \"q\" \u0001"}"#);
        assert_eq!(serde_json::from_str::<Value>(&wire).unwrap(), value);
    }

    #[test]
    fn the_signature_is_the_published_hmac() {
        // RFC 4231, test case 2.
        assert_eq!(
            sign("Jefe", b"what do ya want for nothing?"),
            "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }
}
