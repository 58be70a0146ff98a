//! Validated identifiers: of a tenant, a strategy, a message, a conversation.
//!
//! Every newtype here checks its text once, when it is made, so that no later layer has to. Cloning one copies a
//! pointer. `Debug` and `Display` print the text: none of these values is personal data by contract, so a client
//! message id must not be a phone number. Two exceptions: a [`ConversationId`] may be pseudonymous, and is printed; a provider's own
//! id may be personal data, and its `Debug` is masked. `Debug` of a [`RouteKey`] prints its kind alone, as its value may be a secret.

use std::{
    borrow::Cow,
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
    str::FromStr,
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, ErrorKind},
    hex::hex,
};

/// The rule of one kind of identifier.
struct Rule {
    name: &'static str,
    max_bytes: usize,
    characters: Characters,
}

impl Rule {
    fn check(&self, text: &str) -> Result<(), Error> {
        let fail = |message| Error::new(ErrorKind::MessageInvalid, message).with_context("field", self.name);
        match text.len() {
            0 => Err(fail("an identifier must not be empty")),
            length if length > self.max_bytes => {
                Err(fail("an identifier is too long").with_context("limit", self.max_bytes).with_context("actual", length))
            }
            _ if !(self.characters.allowed)(text) => Err(fail(self.characters.hint)),
            _ => Ok(()),
        }
    }
}

/// The characters of one kind of identifier.
struct Characters {
    allowed: fn(&str) -> bool,
    hint: &'static str,
}

const PRINTABLE: Characters = Characters { allowed: is_printable, hint: "an identifier must not hold control characters" };
const KEBAB: Characters = Characters { allowed: kebab, hint: "a strategy name holds lower-case letters, digits and inner hyphens" };

/// Whether a text holds no control characters, of lines and directions neither.
pub(crate) fn is_printable(text: &str) -> bool {
    // Most are plain ASCII, which is seen many bytes at a time.
    text.bytes().fold(true, |plain, byte| plain & (0x20..0x7f).contains(&byte)) || !text.chars().any(|c| c.is_control() || is_bidi(c))
}

/// Characters that break a line or turn the text after them.
fn is_bidi(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn kebab(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') && !text.starts_with('-') && !text.ends_with('-')
}

/// `Debug` of an identifier: masked where the text may hold personal data.
macro_rules! debug_id {
    ($name:ident) => {
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:?})"), &*self.0)
            }
        }
    };
    ($name:ident masked) => {
        debug_value!($name, |_it| "***");
    };
}

/// The forms of an identifier that a call takes: its text, or the identifier itself, owned or by reference.
///
/// A text is checked as by the identifier's `new`. A name that is only looked up, as that of a strategy, is not.
///
/// ```
/// # use zengine_connector::{Error, TenantId, ids::IntoId};
/// fn greet(tenant: impl IntoId<TenantId>) -> Result<String, Error> {
///     Ok(format!("hello, {}", tenant.into_id()?))
/// }
/// assert_eq!(greet("acme")?, greet(&TenantId::new("acme")?)?);
/// assert_eq!(greet("").unwrap_err().context("field"), Some("tenant"));
/// # Ok::<(), Error>(())
/// ```
///
/// Another identifier is none of these, so two that change places do not compile:
///
/// ```compile_fail,E0277
/// # use zengine_connector::{Error, Orchestrator, StrategyName, TenantId};
/// # async fn example(orchestrator: &Orchestrator, tenant: TenantId, strategy: StrategyName) -> Result<(), Error> {
/// orchestrator.health(&strategy, &tenant).await?;
/// # Ok(())
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not name a `{Id}`",
    label = "expected a text (`&str`, `String` or `&String`) or a `{Id}`, owned or by reference"
)]
pub trait IntoId<Id>: AsRef<str> + sealed::Sealed {
    /// The identifier.
    ///
    /// # Errors
    /// As the identifier's `new`, for a text.
    fn into_id(self) -> Result<Id, Error>;
}

mod sealed {
    pub trait Sealed {}
}

/// [`IntoId`] for texts, checked as by `new`.
macro_rules! texts {
    ($($text:ty),+) => {$(
        impl sealed::Sealed for $text {}

        impl<Id: FromStr<Err = Error>> IntoId<Id> for $text {
            fn into_id(self) -> Result<Id, Error> {
                self.parse()
            }
        }
    )+};
}

texts!(&str, String, &String);

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident: $field:literal, $characters:ident, max $max:literal $(, $masked:ident)?;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, schemars::JsonSchema)]
        #[serde(transparent)]
        #[schemars(inline, description = "")]
        pub struct $name(#[schemars(length(min = 1, max = $max))] Arc<str>);

        impl $name {
            const RULE: Rule = Rule { name: $field, max_bytes: $max, characters: $characters };

            /// Checks the text and creates the identifier.
            ///
            /// # Errors
            /// `MessageInvalid`, with the field; with the limit and the actual size if the text is too long.
            pub fn new(text: impl AsRef<str>) -> Result<Self, Error> {
                let text = text.as_ref();
                Self::RULE.check(text)?;
                Ok(Self(text.into()))
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        debug_id!($name $($masked)?);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self, Error> {
                Self::new(text)
            }
        }

        impl sealed::Sealed for $name {}
        impl sealed::Sealed for &$name {}

        impl IntoId<$name> for $name {
            fn into_id(self) -> Result<$name, Error> {
                Ok(self)
            }
        }

        impl IntoId<$name> for &$name {
            fn into_id(self) -> Result<$name, Error> {
                Ok(self.clone())
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = Cow::<'de, str>::deserialize(deserializer)?;
                Self::new(text).map_err(serde::de::Error::custom)
            }
        }

    )*};
}

ids! {
    /// A customer of the platform: 1–255 bytes, no control characters. `(none)` is reserved: a dead letter has it that belongs to no
    /// tenant ([`DeadLetter::NO_TENANT`](crate::store::DeadLetter::NO_TENANT)).
    TenantId: "tenant", PRINTABLE, max 255;
    /// The registered name of a strategy, in kebab case: `whatsapp-meta-cloud`.
    StrategyName: "strategy", KEBAB, max 64;
    /// The caller's own id of one message: 1–255 bytes, no control characters (rule 12).
    ///
    /// The same id under the same tenant and strategy is the same send, however often you request it.
    ClientMessageId: "client_message_id", PRINTABLE, max 255;
    /// The provider's id of one message, kept as the provider spells it. Some providers' ids hold a phone number, so `Debug` masks
    /// it.
    ProviderMessageId: "provider_message_id", PRINTABLE, max 1024, masked;
    /// The id that ties the log lines of one request together; usually the host's request or trace id.
    CorrelationId: "correlation_id", PRINTABLE, max 255;
    /// A thread of messages on one channel. Events of one conversation are handled in order (rule 84).
    ///
    /// It may hold a digest of a person's number or id without a key, as on WhatsApp. That is a pseudonym: it does not tell the
    /// number, but a guess of it can be confirmed. `Debug` and `Display` print it, so treat it as personal data where your law says
    /// so.
    ConversationId: "conversation", PRINTABLE, max 512;
    /// The version of a tenant's configuration.
    ConfigVersion: "config_version", PRINTABLE, max 255;
    /// The id of one failed send: dead letter, event and log line carry it (rule 66).
    FailureId: "failure_id", PRINTABLE, max 64;
}

impl FailureId {
    /// An id made of a letter and hex digits, which needs no check.
    pub(crate) fn of_hash(prefix: char, hash: &[u8]) -> Self {
        Self(format!("{prefix}-{}", hex(&hash[..hash.len().min(16)])).into())
    }
}

impl ConfigVersion {
    /// The version with a number, for directories that count versions.
    pub fn number(n: u64) -> Self {
        Self(n.to_string().into())
    }
}

/// The key in a provider's payload that leads to its tenant: a kind and a value, looked up in the tenant directory.
///
/// A strategy may use any kind. These are in use:
///
/// | kind | value | usually of |
/// |---|---|---|
/// | `phone_number_id` | Meta's id of a business number | one tenant |
/// | `waba_id` | a WhatsApp Business account | several |
/// | `url_token` | an unguessable part of the webhook's path: [a token](Self::is_token) | one |
/// | `topic_arn`, `queue_arn` | a notification topic or queue | several |
/// | `site` | a web chat's site | one |
/// | `configuration_set` | a configuration set of Amazon SES | several |
/// | `ses_identity` | a verified domain or address of Amazon SES | several |
/// | `log_group` | a CloudWatch log group with delivery reports | several |
/// | `phone_number` | the number that a message was sent to, as the provider spells it | one |
/// | `instance_id` | an Amazon Connect instance | several |
/// | `five9_token` | the token in a Five9 callback's path: [a token](Self::is_token) | one |
///
/// Whether a key is shared is said where routes are made, by a strategy or a set-up. It is no part of the key: it is not stored, and keys
/// with one kind and value are equal.
#[derive(Clone, Serialize, Deserialize)]
pub struct RouteKey {
    kind: Cow<'static, str>,
    value: Arc<str>,
    #[serde(skip)]
    is_shared: bool,
}

// Without the value: a token authenticates its holder, and a number is personal data.
debug_value!(RouteKey, |it| it.kind);

impl RouteKey {
    /// Maximum length of a kind, in bytes.
    pub(crate) const MAX_KIND: usize = 64;
    /// Maximum length of a value, in bytes. No provider's is longer.
    pub(crate) const MAX_VALUE: usize = 1024;
    /// The kinds whose values authenticate their holder.
    const TOKENS: &[&str] = &["url_token", "five9_token"];

    /// A key of one tenant; `value` is taken as the provider spells it.
    pub fn new(kind: impl Into<Cow<'static, str>>, value: impl AsRef<str>) -> Self {
        Self { kind: kind.into(), value: value.as_ref().into(), is_shared: false }
    }

    /// A key that several tenants may have, such as that of a business account with several numbers.
    pub fn shared(kind: impl Into<Cow<'static, str>>, value: impl AsRef<str>) -> Self {
        Self { is_shared: true, ..Self::new(kind, value) }
    }

    /// The kind of key.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The provider's value.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Whether several tenants may have it. `false` for a key that was stored.
    pub fn is_shared(&self) -> bool {
        self.is_shared
    }

    /// Whether the value authenticates its holder, as that of `url_token` and `five9_token`: keep it out of logs. A set-up refuses one
    /// that is [shared](Self::shared).
    pub fn is_token(&self) -> bool {
        Self::TOKENS.contains(&self.kind())
    }

    fn stored(&self) -> (&str, &str) {
        (&self.kind, &self.value)
    }
}

impl PartialEq for RouteKey {
    fn eq(&self, other: &Self) -> bool {
        self.stored() == other.stored()
    }
}

impl Eq for RouteKey {}

impl Hash for RouteKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.stored().hash(state);
    }
}

impl PartialOrd for RouteKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for RouteKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.stored().cmp(&other.stored())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_12_client_message_id_is_1_to_255_bytes_without_control_characters() {
        assert!(ClientMessageId::new("").is_err());
        assert!(ClientMessageId::new("a".repeat(255)).is_ok());
        let long = ClientMessageId::new("a".repeat(256)).unwrap_err();
        assert_eq!(long.context("limit"), Some("255"));
        assert_eq!(long.context("actual"), Some("256"));
        for odd in ["a\nb", "a\u{9b}b", "a\u{202e}b", "a\u{2066}b", "a\u{2028}b"] {
            assert!(ClientMessageId::new(odd).is_err(), "{odd:?}");
        }
        assert!(ClientMessageId::new("ä").is_ok());
    }

    #[test]
    fn deserializing_checks_like_the_constructor() {
        assert!(serde_json::from_str::<TenantId>("\"acme\"").is_ok());
        assert!(serde_json::from_str::<TenantId>("\"\"").is_err());
        assert!(serde_json::from_str::<StrategyName>("\"Not Kebab\"").is_err());
    }

    #[test]
    fn a_route_key_prints_its_kind_alone() {
        assert!(["url_token", "five9_token"].iter().all(|kind| RouteKey::new(*kind, "canary").is_token()));
        assert!(!RouteKey::new("phone_number", "canary").is_token());
        let key = RouteKey::new("url_token", "canary");
        assert_eq!(format!("{key:?}"), "RouteKey(url_token)");
    }

    #[test]
    fn a_shared_route_key_is_equal_ordered_hashed_and_stored_like_any() {
        let (own, shared) = (RouteKey::new("waba_id", "1"), RouteKey::shared("waba_id", "1"));
        assert!(shared.is_shared() && !own.is_shared());
        assert_eq!((&shared, shared.cmp(&own)), (&own, Ordering::Equal));
        assert!(std::collections::HashSet::from([own.clone()]).contains(&shared));
        let stored = serde_json::to_string(&shared).unwrap();
        assert_eq!((stored.as_str(), &stored), (r#"{"kind":"waba_id","value":"1"}"#, &serde_json::to_string(&own).unwrap()));
        assert!(!serde_json::from_str::<RouteKey>(&stored).unwrap().is_shared());
    }

    #[test]
    fn errors_never_repeat_the_text() {
        let error = ClientMessageId::new("canary\u{7}").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("canary"));
    }
}
