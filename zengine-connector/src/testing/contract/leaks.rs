//! The forms in which a secret may be printed, and texts without them.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};

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
}

fn forms_of(secret: &str) -> Vec<(String, &'static str)> {
    let bytes = format!("{:?}", secret.as_bytes());
    let mut forms = vec![
        (secret.to_owned(), "a secret"),
        (bytes.trim_matches(['[', ']']).to_owned(), "a secret, as bytes"),
        (percent_encoded(secret), "a secret, percent-encoded"),
    ];
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

fn percent_encoded(text: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
    text.bytes().map(|byte| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
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
    fn a_secret_is_found_as_it_is_as_bytes_and_percent_encoded() {
        let forms = Forms::of(&["a b/c".to_owned(), "abc".to_owned()]);
        assert_eq!(forms.find("it is a b/c"), Some("a secret"));
        assert_eq!(forms.find(&format!("{:?}", b"xa b/c".to_vec())), Some("a secret, as bytes"));
        assert_eq!(forms.find("?token=a%20b%2Fc&"), Some("a secret, percent-encoded"));
        assert_eq!(forms.find("abc"), None, "too short to tell");
        assert_eq!(forms.masked("?token=a%20b%2Fc&x=a b/c"), "?token=***&x=***");
    }
}
