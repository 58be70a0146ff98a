//! JSON Schemas of the public formats, and the check of a tenant's configuration against its strategy's schema.
//!
//! A field of type [`Secret`](crate::Secret) is marked `x-secret` in its schema. There a configuration holds a reference,
//! never a literal; the walk in `secrets` finds these places, and only these are resolved.
//!
//! JSON that a person or a host wrote, a configuration or a message, is read strictly: `strict` refuses members that the schema does
//! not name, `repeated` those that come twice. `scalars` says why a type refuses a value that fits its schema; identities are marked
//! `x-identity` for that. What this crate stored is read by serde alone, so that a build reads what a newer one
//! wrote.

mod document;
mod forms;
mod keywords;
mod parse;
mod repeated;
mod resolved;
mod scalars;
mod secrets;
mod strict;
#[cfg(feature = "schema-validation")]
mod validate;
mod value;

use std::sync::OnceLock;

use serde_json::Value;

pub use document::{Schema, schema_of};
pub(crate) use parse::parse;
pub(crate) use resolved::Resolved;
pub(crate) use secrets::{Site, label};

use crate::{
    error::{Error, ErrorKind, Violation},
    json::{Document, Unread},
    message::{InboundEvent, OutboundMessage},
    store::DomainEvent,
};

/// Maximum number of violations that are reported at once.
const MAX_FOUND: usize = 100;

/// Maximum length of a member's name in a violation, in characters.
const MAX_NAME: usize = 256;

/// The schema of the events that a host's handler gets.
pub fn inbound_event() -> Schema {
    schema_of::<InboundEvent>()
}

/// The schema of the messages that a host sends.
pub fn outbound_message() -> Schema {
    schema_of::<OutboundMessage>()
}

/// The schema of the events on the event bus.
pub fn domain_event() -> Schema {
    schema_of::<DomainEvent>()
}

/// The violations of a JSON Schema (draft 2020-12) in a value, at most 100 and whether there are more, with JSON pointers, in words
/// that repeat nothing of the value. Nothing is fetched: a schema refers only to itself.
///
/// ```
/// use serde_json::json;
/// use zengine_connector::schema;
///
/// let schema = json!({ "type": "object", "properties": { "port": { "type": "integer" } }, "additionalProperties": false });
/// let found = schema::violations(&schema, &json!({ "port": "x", "prot": 1 }))?;
/// assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), ["/port: must be of type integer", "/prot: is not a known field; did you mean port?"]);
/// # Ok::<(), zengine_connector::Error>(())
/// ```
///
/// # Errors
/// `Settings` if `schema` is not a JSON Schema.
#[cfg(feature = "schema-validation")]
pub fn violations(schema: &Value, value: &Value) -> Result<Vec<Violation>, Error> {
    let validator = validate::Validator::new(schema).ok_or_else(|| Error::new(ErrorKind::Settings, "not a JSON Schema"))?;
    Ok(bounded(validator.violations(value, &[])))
}

/// The members that an object of a JSON text has twice, anywhere in it: at most 101 violations. `serde_json::Value` holds the last of them alone, so
/// check the text of what a person wrote, such as a tenant's configuration, before you parse it. The pointer has a member's name if one
/// of the schemas names such a member, else `*`.
///
/// ```
/// use serde_json::json;
/// use zengine_connector::schema;
///
/// let schema = json!({ "properties": { "port": { "type": "integer" } } });
/// let found = schema::repeated_members(r#"{"port": 1, "port": 2}"#, &[&schema])?;
/// assert_eq!(found[0].to_string(), "/port: is there twice");
/// # Ok::<(), zengine_connector::json::Unread>(())
/// ```
///
/// # Errors
/// If the text is not one JSON value, or is beyond [`Limits::DEFAULT`](crate::json::Limits::DEFAULT).
pub fn repeated_members(text: &str, schemas: &[&Value]) -> Result<Vec<Violation>, Unread> {
    Ok(repeated::violations(schemas, Document::read(text)?.root()))
}

/// The checks of one strategy's configurations or messages; schema and validator are built once, at the first use.
pub(crate) struct Checks {
    make: fn() -> Schema,
    schema: OnceLock<Schema>,
    #[cfg(feature = "schema-validation")]
    validator: OnceLock<Option<validate::Validator>>,
}

impl Checks {
    pub(crate) fn new(make: fn() -> Schema) -> Self {
        Self {
            make,
            schema: OnceLock::new(),
            #[cfg(feature = "schema-validation")]
            validator: OnceLock::new(),
        }
    }

    fn schema(&self) -> &Value {
        self.schema.get_or_init(self.make).as_value()
    }

    /// The places of the secrets, and the violations at these places only.
    #[cfg(all(feature = "testing", feature = "tokio"))]
    pub(crate) fn secrets(&self, config: &Value) -> (Vec<Site>, Vec<Violation>) {
        secrets::find(self.schema(), config, true)
    }

    /// Checks a configuration: the places of its secrets, or an error with all violations.
    pub(crate) fn check(&self, config: &Value, local_refs: bool) -> Result<Vec<Site>, Error> {
        let (sites, mut violations) = secrets::find(self.schema(), config, local_refs);
        violations.extend(strict::violations(self.schema(), config));
        // Enough to say that there are more.
        violations.truncate(2 * MAX_FOUND);
        #[cfg(feature = "schema-validation")]
        {
            let validator = self.validator.get_or_init(|| validate::Validator::new(self.schema()));
            let Some(validator) = validator else {
                return Err(Error::new(ErrorKind::Unexpected, "the strategy's schema is not a JSON Schema"));
            };
            // What is said is said; the schema would only add that none of several forms fits.
            let said: Vec<_> = violations.iter().map(|violation| violation.pointer.clone()).collect();
            violations.extend(validator.violations(config, &said));
        }
        if violations.is_empty() {
            return Ok(sites);
        }
        let violations = bounded(violations);
        Err(Error::new(ErrorKind::ConfigInvalid, "the configuration does not fit its schema").with_violations(violations))
    }

    /// Checks a message that a host handed in as JSON, beside what serde made of it. `others` finds the violations in the text of a
    /// message that serde reads: values that their type refuses are replaced there.
    ///
    /// # Errors
    /// `MessageInvalid` with the members that the schema does not name and those that come twice; with all violations if the message
    /// did not parse.
    pub(crate) fn message<T>(&self, text: &str, parsed: Result<T, Error>, others: impl FnOnce(&str) -> Vec<Violation>) -> Result<T, Error> {
        let document = Document::read(text).map_err(|unread| Error::new(ErrorKind::MessageInvalid, unread.reason()))?;
        let (mut found, mended) = match &parsed {
            Ok(_) => (strict::violations(self.schema(), document.root()), text.into()),
            Err(_) => strict::unread(self.schema(), text, document.root()),
        };
        found.extend(repeated::violations(&[self.schema()], document.root()));
        #[cfg(feature = "schema-validation")]
        if parsed.is_err()
            && let Ok(value) = serde_json::from_str(text)
            && let Some(validator) = self.validator.get_or_init(|| validate::Validator::new(self.schema()))
        {
            let said: Vec<_> = found.iter().map(|violation| violation.pointer.clone()).collect();
            found.extend(validator.violations(&value, &said));
        }
        if found.is_empty() {
            return parsed;
        }
        found.extend(others(&mended));
        for violation in &mut found {
            violation.pointer = masked(&violation.pointer);
            // A misspelled name is shown; any other may be a recipient or content.
            if forms::is_of_foreign_name(&violation.message)
                && let Some((parent, _)) = violation.pointer.rsplit_once('/')
            {
                violation.pointer = format!("{parent}/*");
            }
        }
        Err(Error::new(ErrorKind::MessageInvalid, "the message does not fit its schema").with_violations(bounded(found)))
    }
}

debug_fields!(Checks {});

/// The first violations, and whether there are more; of a foreign name, as it stands in a pointer, the beginning.
fn bounded(mut found: Vec<Violation>) -> Vec<Violation> {
    let cut = |step: &str| step.char_indices().nth(MAX_NAME).map_or_else(|| step.to_owned(), |(at, _)| format!("{}…", &step[..at]));
    for violation in &mut found {
        violation.pointer = violation.pointer.split('/').map(cut).collect::<Vec<_>>().join("/");
    }
    found.sort_by(|a, b| a.pointer.cmp(&b.pointer));
    found.dedup();
    if found.len() > MAX_FOUND {
        found.truncate(MAX_FOUND);
        found.push(Violation::new("", format!("and more: the first {MAX_FOUND} are shown")));
    }
    found
}

/// A pointer one step further (RFC 6901).
fn join(pointer: &str, key: &str) -> String {
    let mut longer = pointer.to_owned();
    push_step(&mut longer, key);
    longer
}

fn push_step(pointer: &mut String, key: &str) {
    pointer.push('/');
    for c in key.chars() {
        match c {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            c => pointer.push(c),
        }
    }
}

/// A pointer into a message, with `*` for names that do not look like a member's: they may be a recipient or content.
pub(crate) fn masked(pointer: &str) -> String {
    let is_index = |step: &str| step.len() <= 6 && step.bytes().all(|b| b.is_ascii_digit());
    let is_name = |step: &str| {
        step.len() <= 64
            && step.starts_with(|c: char| c.is_ascii_alphabetic())
            && step.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-$".contains(&b))
    };
    let steps = pointer.split('/').map(|step| if is_index(step) || is_name(step) { step } else { "*" });
    steps.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests;
