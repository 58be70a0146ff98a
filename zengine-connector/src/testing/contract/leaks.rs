//! The forms in which a secret may be printed, and texts without them.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use serde_json::Value;

/// Shorter texts may occur by chance.
const SHORTEST: usize = 4;
/// So may shorter texts of base64.
const SHORTEST_BASE64: usize = 7;

/// The forms of some secrets, each with its name, the longest first.
pub(super) struct Forms(Vec<(String, &'static str)>);

impl Forms {
    pub(super) fn of(secrets: &[String]) -> Self {
        let mut forms: Vec<_> = secrets.iter().filter(|secret| secret.len() >= SHORTEST).flat_map(|secret| forms_of(secret)).collect();
        forms.sort_by(|a, b| b.0.len().cmp(&a.0.len()).then_with(|| a.cmp(b)));
        forms.dedup_by(|a, b| a.0 == b.0);
        Self(forms)
    }

    /// The name of a form that a text holds.
    pub(super) fn find(&self, text: &str) -> Option<&'static str> {
        self.0.iter().find(|(form, _)| text.contains(form)).map(|(_, name)| *name)
    }

    /// The text with `***` in place of each form.
    pub(super) fn masked(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (form, _)| text.replace(form, "***"))
    }

    /// Masks every name, text and number of a JSON value.
    pub(super) fn mask_json(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.masked(text),
            Value::Number(number) => {
                let text = number.to_string();
                if self.find(&text).is_some() {
                    *value = self.masked(&text).into();
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.mask_json(item)),
            Value::Object(members) => {
                for (name, mut member) in std::mem::take(members) {
                    self.mask_json(&mut member);
                    members.insert(self.masked(&name), member);
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }
}

fn forms_of(secret: &str) -> Vec<(String, &'static str)> {
    let bytes = format!("{:?}", secret.as_bytes());
    let mut forms = vec![
        (secret.to_owned(), "a secret"),
        (bytes.trim_matches(['[', ']']).to_owned(), "a secret, as bytes"),
        (escaped(&format!("{secret:?}")), "a secret, escaped"),
        (escaped(&serde_json::Value::from(secret).to_string()), "a secret, escaped in JSON"),
    ];
    let percent = percent_encoded(secret, |byte| format!("%{byte:02X}"));
    let lower = percent_encoded(secret, |byte| format!("%{byte:02x}"));
    for form in [percent.replace("%20", "+"), lower.replace("%20", "+"), percent, lower] {
        forms.push((form, "a secret, percent-encoded"));
    }
    let hex = crate::hex::hex(secret.as_bytes());
    forms.extend([hex.to_uppercase(), hex].map(|form| (form, "a secret, in hexadecimal")));
    forms.extend(in_base64(secret).into_iter().map(|form| (form, "a secret, in base64")));
    forms
}

/// The characters that a secret alone decides in the base64 of any text that holds it, at each of the three places where it may
/// begin: `user:password` of basic authentication, for example.
fn in_base64(secret: &str) -> Vec<String> {
    let cores = [(0, 0), (1, 2), (2, 3)].into_iter().flat_map(|(before, mixed)| {
        let bytes = [&[0; 2][..before], secret.as_bytes()].concat();
        let whole = bytes.len() * 8 / 6;
        [STANDARD_NO_PAD.encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes)].map(|text| text[mixed..whole].to_owned())
    });
    cores.filter(|core| core.len() >= SHORTEST_BASE64).collect()
}

/// A quoted text without its quotes.
fn escaped(quoted: &str) -> String {
    quoted[1..quoted.len() - 1].to_owned()
}

fn percent_encoded(text: &str, encode: fn(u8) -> String) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
    text.bytes().map(|byte| if plain(&byte) { char::from(byte).to_string() } else { encode(byte) }).collect()
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};

    use super::*;

    #[test]
    fn a_secret_is_found_in_the_base64_of_any_text_around_it() {
        let forms = Forms::of(&["s3cr3t?>~pass".to_owned()]);
        for before in ["", "u", "us", "user:", "user-é:"] {
            for after in ["", "!", ":x", "\u{e9}"] {
                let text = format!("{before}s3cr3t?>~pass{after}");
                for encoded in [STANDARD.encode(&text), URL_SAFE.encode(&text), STANDARD_NO_PAD.encode(&text)] {
                    let said = format!("authorization: Basic {encoded}.");
                    assert_eq!(forms.find(&said), Some("a secret, in base64"), "{text}");
                    assert!(forms.masked(&said).contains("***"), "{text}");
                }
            }
        }
        assert_eq!(forms.find(&STANDARD.encode("user:another-password")), None);
    }

    #[test]
    fn a_secret_is_found_escaped_in_hexadecimal_and_in_every_form_of_percent_encoding() {
        let forms = Forms::of(&["a \"b\"\n/c".to_owned()]);
        for (text, name) in [
            ("{\"key\":\"a \\\"b\\\"\\n/c\"}", "a secret, escaped"),
            ("a+%22b%22%0A%2Fc", "a secret, percent-encoded"),
            ("a%20%22b%22%0a%2fc", "a secret, percent-encoded"),
            ("a+%22b%22%0a%2fc", "a secret, percent-encoded"),
            ("6120226222 0a2f63".replace(' ', "").as_str(), "a secret, in hexadecimal"),
            ("61202262220A2F63", "a secret, in hexadecimal"),
        ] {
            assert_eq!(forms.find(text), Some(name), "{text}");
            assert!(forms.masked(text).contains("***"), "{text}");
        }
        let odd = Forms::of(&["pass\u{e9}\u{1}word".to_owned()]);
        assert_eq!(odd.find("pass\u{e9}\\u{1}word"), Some("a secret, escaped"));
        assert_eq!(odd.find("pass\u{e9}\\u0001word"), Some("a secret, escaped in JSON"));
    }

    #[test]
    fn json_is_masked_text_by_text() {
        let forms = Forms::of(&["-----BEGIN\nKEY/é".to_owned(), "123456".to_owned()]);
        let mut body = serde_json::from_str(r#"{"123456":["x -----BEGIN\n\u004bEY\/\u00e9"],"n":1234567,"ok":true}"#).unwrap();
        forms.mask_json(&mut body);
        assert_eq!(body, serde_json::json!({ "***": ["x ***"], "n": "***7", "ok": true }));
    }

    #[test]
    fn a_secret_is_found_as_it_is_as_bytes_and_percent_encoded() {
        let forms = Forms::of(&["a b/c".to_owned(), "abc".to_owned()]);
        assert_eq!(forms.find("it is a b/c"), Some("a secret"));
        assert_eq!(forms.find(&format!("{:?}", b"xa b/c".to_vec())), Some("a secret, as bytes"));
        assert_eq!(forms.find("?token=a%20b%2Fc&"), Some("a secret, percent-encoded"));
        assert_eq!(forms.find("abc"), None, "too short to tell");
        assert_eq!(forms.masked("?token=a%20b%2Fc&x=a b/c"), "?token=***&x=***");
    }
}
