//! Secrets as `***` in every encoding: plain, percent-encoded, hexadecimal, JSON, or base64 at any offset.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::HeaderValue;
use serde_json::{Map, Value};
use zengine_connector::Secret;

use crate::sandbox::text::decoded;

const HIDDEN: &str = "***";

/// Minimum length of secrets sought in decoded base64: shorter ones occur in any bytes by chance and are hidden in plain text only.
const SHORTEST_ENCODED: usize = 3;

/// Minimum length of secrets sought in member names: shorter ones may be words of a protocol.
const SHORTEST_IN_NAMES: usize = 8;

/// Minimum length of a base64 run worth decoding.
const SHORTEST_RUN: usize = 4;

/// Parts of the names of query parameters and form fields that hold credentials, whether one of the file's secrets or derived
/// from one.
const CREDENTIAL_NAMES: &[&str] = &["secret", "proof", "password", "signature", "api_key", "apikey", "api-key", "credential"];

pub(super) struct Redactor {
    /// Plain secrets, longest first, so that hiding a secret inside another leaves no part of it.
    plain: Vec<Secret<String>>,
    /// Encoded secrets, longest first.
    spelled: Vec<Secret<String>>,
}

redacted!(Redactor { secrets: |it| it.plain.len() });

impl Redactor {
    pub(super) fn new<'a>(secrets: impl Iterator<Item = &'a str>) -> Self {
        let plain: BTreeSet<&str> = secrets.filter(|secret| !secret.is_empty()).collect();
        let mut spelled: BTreeSet<String> = plain.iter().flat_map(|secret| spellings(secret)).collect();
        spelled.extend(plain.iter().map(|secret| (*secret).to_owned()));
        let sorted = |texts: BTreeSet<String>| {
            let mut texts: Vec<_> = texts.into_iter().map(Secret::new).collect();
            texts.sort_by_key(|text| std::cmp::Reverse(text.expose().len()));
            texts
        };
        Self { plain: sorted(plain.into_iter().map(str::to_owned).collect()), spelled: sorted(spelled) }
    }

    pub(super) fn text(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.spelled {
            if text.contains(secret.expose()) {
                text = text.replace(secret.expose(), HIDDEN);
            }
        }
        self.encoded(&text)
    }

    /// Redacts a header; one marked as sensitive keeps its scheme only.
    pub(super) fn header(&self, value: &HeaderValue) -> String {
        let text = String::from_utf8_lossy(value.as_bytes());
        if value.is_sensitive() {
            return match text.split_once(' ') {
                Some((scheme, _)) if scheme.len() <= 16 && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') => {
                    format!("{} {HIDDEN}", self.text(scheme))
                }
                _ => HIDDEN.to_owned(),
            };
        }
        self.text(&text)
    }

    /// Redacts a URL; user, password and parameters named like credentials are hidden whole.
    pub(super) fn url(&self, url: &str) -> String {
        let (address, query) = url.split_once('?').map_or((url, None), |(address, query)| (address, Some(query)));
        let address = match (address.find("://"), address.find('@')) {
            (Some(scheme), Some(at)) if !address[scheme + 3..at].contains('/') => {
                format!("{}{HIDDEN}{}", &address[..scheme + 3], &address[at..])
            }
            _ => address.to_owned(),
        };
        match query {
            Some(query) => format!("{}?{}", self.text(&address), self.fields(query)),
            None => self.text(&address),
        }
    }

    /// Redacts `name=value&…`.
    pub(super) fn fields(&self, fields: &str) -> String {
        let field = |field: &str| match field.split_once('=') {
            Some((name, _)) if is_credential_name(name) => format!("{}={HIDDEN}", self.text(name)),
            Some((name, value)) => format!("{}={}", self.text(name), self.value(value)),
            None => self.value(field),
        };
        fields.split('&').map(field).collect::<Vec<_>>().join("&")
    }

    /// Redacts a value of a query; also checks its decoded form, to catch unusual encodings.
    fn value(&self, value: &str) -> String {
        let decoded = decoded(value);
        if self.plain.iter().any(|secret| decoded.contains(secret.expose())) { HIDDEN.to_owned() } else { self.text(value) }
    }

    /// Redacts a body: names, values and numbers.
    pub(super) fn json(&self, value: Value) -> Value {
        match value {
            Value::String(text) => self.text(&text).into(),
            Value::Number(number) => {
                let text = number.to_string();
                if self.plain.iter().any(|secret| text.contains(secret.expose())) { HIDDEN.into() } else { number.into() }
            }
            Value::Array(items) => items.into_iter().map(|item| self.json(item)).collect(),
            Value::Object(members) => {
                members.into_iter().map(|(name, member)| (self.name(&name), self.json(member))).collect::<Map<_, _>>().into()
            }
            other => other,
        }
    }

    fn name(&self, name: &str) -> String {
        let secret = self.plain.iter().any(|secret| secret.expose().len() >= SHORTEST_IN_NAMES && name.contains(secret.expose()));
        if secret { self.text(name) } else { name.to_owned() }
    }

    /// Hides base64 runs that contain a secret, such as basic authentication or JSON in a header.
    fn encoded(&self, text: &str) -> String {
        let is_base64 = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '-' | '_');
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find(is_base64) {
            let run = &rest[start..];
            let end = run.find(|c| !is_base64(c)).unwrap_or(run.len());
            let padding = run[end..].bytes().take_while(|byte| *byte == b'=').count();
            out.push_str(&rest[..start]);
            out.push_str(if self.holds(&run[..end]) { HIDDEN } else { &run[..end + padding] });
            rest = &run[end + padding..];
        }
        out.push_str(rest);
        out
    }

    /// Whether a base64 run, decoded from any of its first four characters, contains a secret.
    fn holds(&self, run: &str) -> bool {
        const SETTINGS: GeneralPurposeConfig =
            GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent).with_decode_allow_trailing_bits(true);
        if run.len() < SHORTEST_RUN {
            return false;
        }
        let alphabet = if run.contains(['-', '_']) { URL_SAFE } else { STANDARD };
        let engine = GeneralPurpose::new(&alphabet, SETTINGS);
        (0..4).any(|from| {
            let run = &run[from.min(run.len())..];
            // A single character at the end holds no byte.
            let run = if run.len() % 4 == 1 { &run[..run.len() - 1] } else { run };
            let Ok(bytes) = engine.decode(run) else { return false };
            let mut long_enough = self.plain.iter().filter(|secret| secret.expose().len() >= SHORTEST_ENCODED);
            long_enough.any(|secret| memchr::memmem::find(&bytes, secret.expose().as_bytes()).is_some())
        })
    }
}

fn is_credential_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let token = name == "token" || name.ends_with("_token") && !["page_token", "next_token"].contains(&&*name);
    token || CREDENTIAL_NAMES.iter().any(|part| name.contains(part))
}

/// The encodings of a secret.
fn spellings(secret: &str) -> Vec<String> {
    let percent = |keep: &dyn Fn(u8) -> bool, upper: bool| -> String {
        secret
            .bytes()
            .map(|byte| match (keep(byte), upper) {
                (true, _) => char::from(byte).to_string(),
                (false, true) => format!("%{byte:02X}"),
                (false, false) => format!("%{byte:02x}"),
            })
            .collect()
    };
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let in_path = |byte: u8| unreserved(byte) || b"!$&'()*+,;=:@/".contains(&byte);
    let mut all = vec![
        percent(&unreserved, true),
        percent(&unreserved, false),
        percent(&in_path, true),
        percent(&|byte| byte.is_ascii_alphanumeric(), true),
        percent(&unreserved, true).replace("%20", "+"),
    ];
    let json = serde_json::to_string(secret).unwrap_or_default();
    all.push(json.trim_matches('"').to_owned());
    // The digits of a short secret would match everywhere.
    if secret.len() >= SHORTEST_RUN {
        let hex = percent(&|_| false, false).replace('%', "");
        all.push(hex.to_ascii_uppercase());
        all.push(hex);
    }
    all.retain(|spelling| !spelling.is_empty());
    all
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn redactor() -> Redactor {
        Redactor::new(["s3cr3t/canary+\"1", "hunter22"].into_iter())
    }

    #[test]
    fn a_secret_is_hidden_in_every_encoding() {
        let redactor = redactor();
        let base64 = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
        let url_safe = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
        for text in [
            "Bearer s3cr3t/canary+\"1".to_owned(),
            "s3cr3t%2Fcanary%2B%221".to_owned(),
            "s3cr3t%2fcanary%2b%221".to_owned(),
            "s3cr3t/canary+%221".to_owned(),
            "{\\\"t\\\":\\\"s3cr3t/canary+\\\"1\\\"}".to_owned(),
            format!("Basic {}", base64("user:hunter22")),
            format!("Basic {}", base64("u:hunter22")),
            format!("Basic {}", base64("us:hunter22")),
            url_safe("hunter22"),
            url_safe("~~??{\"t\":\"s3cr3t/canary+\\\"1\",\"u\":\"hunter22\"}"),
            "68756e7465723232".to_owned(),
            "68756E7465723232".to_owned(),
        ] {
            let hidden = redactor.text(&text);
            assert!(hidden.contains("***"), "{text}: {hidden}");
            let rest = hidden.replace("***", "");
            assert!(!rest.contains("canary") && !rest.contains("hunter") && !rest.contains(&base64("hunter22")[..8]), "{text}: {hidden}");
        }
        assert_eq!(redactor.text("nothing to hide: SGVsbG8gd29ybGQ="), "nothing to hide: SGVsbG8gd29ybGQ=");
    }

    proptest::proptest! {
        #[test]
        fn no_spelling_of_any_secret_survives_in_any_surroundings(
            secret in "[a-zA-Z0-9/+=_. \"%é👍-]{4,24}",
            before in "[a-z:{\" ]{0,9}",
            after in "[a-z}\" ]{0,9}",
        ) {
            let redactor = Redactor::new(std::iter::once(secret.as_str()));
            let around = format!("{before}{secret}{after}");
            let percent = secret.bytes().fold(String::new(), |text, byte| format!("{text}%{byte:02X}"));
            let form: String = spellings(&secret)[4].clone();
            let json = serde_json::to_string(&around).unwrap();
            let standard = base64::engine::general_purpose::STANDARD.encode(&around);
            let url_safe = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&around);
            for text in [around, form, json, standard, url_safe] {
                let hidden = redactor.text(&text);
                proptest::prop_assert!(hidden.contains("***"), "{} in {}: {}", secret, text, hidden);
                proptest::prop_assert!(!hidden.contains(&secret), "{} in {}: {}", secret, text, hidden);
            }
            proptest::prop_assert_eq!(redactor.url(&format!("https://h.example/?q=x{percent}")), "https://h.example/?q=***");
        }
    }

    #[test]
    fn a_short_secret_hides_itself_and_leaves_the_rest_readable() {
        let redactor = Redactor::new(["x", "text"].into_iter());
        assert_eq!(redactor.json(json!({"text": {"body": "an x"}, "type": "image"})), json!({"text": {"body": "an ***"}, "type": "image"}));
        assert_eq!(redactor.text("image messaging_product whatsapp"), "image messaging_product whatsapp");
    }

    #[test]
    fn a_sensitive_header_shows_its_scheme_only() {
        let mut value = HeaderValue::from_static("Bearer derived-from-a-secret");
        assert_eq!(redactor().header(&value), "Bearer derived-from-a-secret");
        value.set_sensitive(true);
        assert_eq!(redactor().header(&value), "Bearer ***");
        let mut value = HeaderValue::from_static("derived");
        value.set_sensitive(true);
        assert_eq!(redactor().header(&value), "***");
    }

    #[test]
    fn parameters_named_like_credentials_are_hidden_whole() {
        let redactor = redactor();
        assert_eq!(
            redactor.url("https://h.example/v1/x?fields=a,b&appsecret_proof=0a1b&access_token=x&q=hunter%32%32"),
            "https://h.example/v1/x?fields=a,b&appsecret_proof=***&access_token=***&q=***"
        );
        assert_eq!(redactor.url("https://me:pw@h.example/a@b"), "https://***@h.example/a@b");
        assert_eq!(redactor.url("https://h.example/a@b"), "https://h.example/a@b");
        assert_eq!(redactor.url("https://h.example/bot-hunter22/x"), "https://h.example/bot-***/x");
    }

    #[test]
    fn bodies_lose_secrets_in_names_values_and_numbers() {
        let redactor = Redactor::new(["hunter22", "987654"].into_iter());
        let body = json!({"a": ["x hunter22", 1_987_654, 12], "hunter22": {"b": true}, "link": "https://h.example/?token=abc"});
        assert_eq!(redactor.json(body), json!({"a": ["x ***", "***", 12], "***": {"b": true}, "link": "https://h.example/?token=abc"}));
        assert_eq!(redactor.fields("grant=x&client_secret=abc&page_token=7"), "grant=x&client_secret=***&page_token=7");
    }
}
