//! The names of a person or group on a channel.

use std::{borrow::Cow, fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, ErrorKind, is_invisible},
    ids::is_printable,
};

words! {
    /// The kind of an identity.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
    #[non_exhaustive]
    pub enum IdentityKind {
        /// A phone number in E.164: `+` and up to 15 digits.
        Phone = "phone",
        /// WhatsApp's business-scoped user id: two letters, a dot, up to 128 letters and digits.
        Bsuid = "bsuid",
        /// The business-scoped id across linked portfolios: `CC.ENT.…`.
        ParentBsuid = "parent_bsuid",
        /// A username that its owner chose.
        Username = "username",
        /// WhatsApp's own id of a phone account: digits without `+`.
        WaId = "wa_id",
        /// A group of people, as the provider names it.
        Group = "group",
        /// An e-mail address.
        Email = "email",
        /// Any other id; `ns` names its namespace.
        Opaque = "opaque",
    }
}

/// One name of a person or group on a channel.
///
/// Two identities are equal if kind, namespace and value are equal, whatever the provider's spelling. `Debug` masks the
/// value; `Display` is the URN `kind:value`, for use where personal data is allowed. Cloning one copies a
/// pointer.
#[derive(Clone, Serialize, Deserialize, schemars::JsonSchema)]
#[schemars(extend("x-identity" = true))]
#[serde(try_from = "Unchecked")]
pub struct Identity {
    kind: IdentityKind,
    value: Arc<str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ns: Option<Cow<'static, str>>,
    /// The provider's spelling, if it differs from `value`.
    #[serde(skip_serializing_if = "Option::is_none")]
    spelling: Option<Arc<str>>,
}

/// An identity that is not checked yet.
#[derive(Deserialize, schemars::JsonSchema)]
#[schemars(rename = "Identity", extend("x-identity" = true))]
pub(super) struct Unchecked {
    kind: IdentityKind,
    value: String,
    #[serde(default)]
    ns: Option<String>,
    #[serde(default)]
    spelling: Option<String>,
}

impl TryFrom<Unchecked> for Identity {
    type Error = Error;

    fn try_from(from: Unchecked) -> Result<Self, Error> {
        let mut identity = Self::new(from.kind, &from.value)?;
        identity.ns = from.ns.map(Cow::Owned);
        identity.spelling = from.spelling.map(Arc::from).or(identity.spelling);
        Ok(identity)
    }
}

impl Identity {
    /// Creates an identity of a kind in that kind's canonical spelling; the given spelling is kept beside it.
    ///
    /// # Errors
    /// `MessageInvalid` if the value does not fit the kind.
    pub fn new(kind: IdentityKind, value: &str) -> Result<Self, Error> {
        let value = if kind == IdentityKind::Phone { &*visible(value) } else { value };
        let canonical = canonical(kind, value).ok_or_else(|| {
            Error::new(ErrorKind::MessageInvalid, expectation(kind))
                .with_context("field", kind.as_str())
                .with_context("actual", value.len())
        })?;
        let spelling = (canonical != value).then(|| value.into());
        Ok(Self { kind, value: canonical.into(), ns: None, spelling })
    }

    /// A phone number. Spaces, hyphens, dots, brackets and the invisible marks of copied text are removed; `+` is required.
    ///
    /// # Errors
    /// `MessageInvalid` unless it is `+` and 1–15 digits without a leading zero (E.164). A national zero in brackets, as in
    /// `+44 (0)20 …`, is refused: which number is meant would be a guess.
    pub fn phone(number: &str) -> Result<Self, Error> {
        Self::new(IdentityKind::Phone, number)
    }

    /// An e-mail address; the domain is compared without regard to case.
    ///
    /// # Errors
    /// `MessageInvalid` unless there is text on both sides of the last `@`, no space or control character, and at most 320 bytes.
    pub fn email(address: &str) -> Result<Self, Error> {
        Self::new(IdentityKind::Email, address)
    }

    /// An id that only its owner understands, in the owner's namespace.
    ///
    /// # Errors
    /// `MessageInvalid` if the value is empty, longer than 512 bytes, or holds control characters.
    pub fn opaque(ns: impl Into<Cow<'static, str>>, value: &str) -> Result<Self, Error> {
        let mut identity = Self::new(IdentityKind::Opaque, value)?;
        identity.ns = Some(ns.into());
        Ok(identity)
    }

    /// Guesses the kind from the spelling: `+…` is a phone number, `a@b` an e-mail address, `@a` a username, `CC.…` a
    /// business-scoped id, `kind:value` an identity of that kind (also `tel:` and `mailto:`), anything else opaque.
    ///
    /// # Errors
    /// `MessageInvalid` if the text looks like a kind but does not fit it.
    pub fn guess(text: &str) -> Result<Self, Error> {
        if visible(text).starts_with('+') {
            return Self::phone(text);
        }
        if let Some((kind, value)) = text.split_once(':')
            && let Some(kind) = named(kind)
        {
            return match value.split_once(':') {
                Some((ns, value)) if kind == IdentityKind::Opaque => Self::opaque(ns.to_owned(), value),
                _ => Self::new(kind, value),
            };
        }
        if is_bsuid(text) {
            let parent = text.get(2..6).is_some_and(|part| part == ".ENT") && text.as_bytes().get(6) == Some(&b'.');
            return Self::new(if parent { IdentityKind::ParentBsuid } else { IdentityKind::Bsuid }, text);
        }
        if text.strip_prefix('@').is_some_and(|name| !name.contains('@')) {
            return Self::new(IdentityKind::Username, text);
        }
        if text.contains('@') {
            return Self::email(text);
        }
        Self::new(IdentityKind::Opaque, text)
    }

    /// The kind.
    pub fn kind(&self) -> IdentityKind {
        self.kind
    }

    /// The value in canonical spelling.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// The namespace of an opaque id.
    pub fn ns(&self) -> Option<&str> {
        self.ns.as_deref()
    }

    /// The value as the provider spells it.
    pub fn spelling(&self) -> &str {
        self.spelling.as_deref().unwrap_or(&self.value)
    }
}

/// The kind for the word before the colon: the name of a kind, or the scheme of a link.
fn named(word: &str) -> Option<IdentityKind> {
    match word {
        "tel" => Some(IdentityKind::Phone),
        "mailto" => Some(IdentityKind::Email),
        word => serde_json::from_value(word.into()).ok(),
    }
}

/// A text without the marks that a program puts around a number to keep its direction.
fn visible(text: &str) -> Cow<'_, str> {
    let is_mark = |c: char| is_invisible(c) && !c.is_control();
    if text.is_ascii() || !text.contains(is_mark) { text.into() } else { text.replace(is_mark, "").into() }
}

/// Whether a character stands between the digits of a phone number: hyphens and spaces also of typesetters.
fn is_separator(c: char) -> bool {
    matches!(c, ' ' | '-' | '.' | '(' | ')' | '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{2010}'..='\u{2015}' | '\u{202f}' | '\u{2212}')
}

fn is_bsuid(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() > 3
        && bytes[..2].iter().all(u8::is_ascii_uppercase)
        && bytes[2] == b'.'
        && bytes[3..].iter().all(|b| b.is_ascii_alphanumeric() || *b == b'.')
}

fn canonical(kind: IdentityKind, value: &str) -> Option<Cow<'_, str>> {
    if value.is_empty() || value.len() > 512 || !is_printable(value) {
        return None;
    }
    match kind {
        IdentityKind::Phone => {
            let number = value.strip_prefix('+')?;
            let is_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
            let fits = |digits: &str| (1..=15).contains(&digits.len()) && is_digits(digits) && !digits.starts_with('0');
            if fits(number) {
                return Some(value.into());
            }
            // A national zero is not dialled after a country code, and dropping it would guess.
            let tight: String = number.chars().filter(|c| !is_separator(*c) || matches!(c, '(' | ')')).collect();
            if tight.contains("(0)") {
                return None;
            }
            let digits: String = number.chars().filter(|c| !is_separator(*c)).collect();
            fits(&digits).then(|| format!("+{digits}").into())
        }
        IdentityKind::WaId => {
            let digits = value.strip_prefix('+').unwrap_or(value);
            (!digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())).then(|| digits.into())
        }
        IdentityKind::Bsuid | IdentityKind::ParentBsuid => (is_bsuid(value) && value.len() <= 140).then(|| value.into()),
        IdentityKind::Username => Some(value.strip_prefix('@').unwrap_or(value)).filter(|name| !name.is_empty()).map(Cow::from),
        IdentityKind::Email => {
            let (local, domain) = value.rsplit_once('@')?;
            let fits = !local.is_empty() && !domain.is_empty() && !value.contains(char::is_whitespace) && value.len() <= 320;
            fits.then(|| format!("{local}@{}", domain.to_lowercase()).into())
        }
        IdentityKind::Group | IdentityKind::Opaque => Some(value.into()),
    }
}

const fn expectation(kind: IdentityKind) -> &'static str {
    match kind {
        IdentityKind::Phone => "a phone number is + and 1 to 15 digits, without a leading zero",
        IdentityKind::WaId => "a WhatsApp id is digits",
        IdentityKind::Bsuid | IdentityKind::ParentBsuid => "a business-scoped id is two capital letters, a dot, letters and digits",
        IdentityKind::Email => "an e-mail address is a name, @ and a domain",
        IdentityKind::Username => "a username must not be empty",
        IdentityKind::Group | IdentityKind::Opaque => "an identity is 1 to 512 bytes without control characters",
    }
}

impl PartialEq for Identity {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind && self.ns == other.ns && self.value == other.value
    }
}

impl Eq for Identity {}

impl std::hash::Hash for Identity {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        (self.kind, &self.ns, &self.value).hash(state);
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.ns {
            Some(ns) => write!(f, "{}:{ns}:{}", self.kind.as_str(), self.value),
            None => write!(f, "{}:{}", self.kind.as_str(), self.value),
        }
    }
}

debug_value!(Identity, |it| format_args!("{}:***", it.kind.as_str()));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phones_are_e164_and_keep_their_spelling() {
        let id = Identity::phone("+1 (555) 123-0001").unwrap();
        assert_eq!((id.value(), id.spelling()), ("+15551230001", "+1 (555) 123-0001"));
        for bad in [
            "15551230001",
            "+",
            "+0123",
            "+1234567890123456",
            "+12a",
            "+1\n2",
            "+1\u{0}2",
            "+\u{661}",
            "+44 (0)20 7946 0123",
            "+44 ( 0 ) 20 7946 0123",
        ] {
            assert!(Identity::phone(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_number_copied_from_a_telephone_is_read_without_its_marks() {
        let copied = "\u{202a}+1\u{a0}555\u{2011}123\u{2011}0001\u{202c}";
        for id in [Identity::phone(copied).unwrap(), Identity::guess(copied).unwrap(), Identity::guess(&format!("tel:{copied}")).unwrap()] {
            assert_eq!((id.kind(), id.value()), (IdentityKind::Phone, "+15551230001"));
            assert_eq!(id.spelling(), "+1\u{a0}555\u{2011}123\u{2011}0001");
        }
        assert!(Identity::guess("visitor\u{202e}7").is_err());
    }

    #[test]
    fn kinds_are_guessed_from_the_spelling() {
        let guess = |text| Identity::guess(text).unwrap().kind();
        assert_eq!(guess("+15551230001"), IdentityKind::Phone);
        assert_eq!(guess("ana@example.org"), IdentityKind::Email);
        assert_eq!((guess("@ana.b"), guess("@a@example.org")), (IdentityKind::Username, IdentityKind::Email));
        assert_eq!(guess("US.13500000000000000001"), IdentityKind::Bsuid);
        assert_eq!(guess("US.ENT.118"), IdentityKind::ParentBsuid);
        assert_eq!(guess("wa_id:15551230001"), IdentityKind::WaId);
        assert_eq!(guess("visitor-7"), IdentityKind::Opaque);
        assert_eq!(guess("tel:+15551230001"), IdentityKind::Phone);
        assert_eq!(guess("mailto:ana@example.org"), IdentityKind::Email);
    }

    #[test]
    fn what_display_writes_is_read_again() {
        for id in [Identity::phone("+15551230001"), Identity::opaque("acme", "visitor-7"), Identity::new(IdentityKind::Username, "ana.b")] {
            let id = id.unwrap();
            assert_eq!(Identity::guess(&id.to_string()).unwrap(), id);
        }
    }
}
