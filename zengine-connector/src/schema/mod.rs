//! JSON Schemas of the public formats, and the check of a tenant's configuration against its strategy's schema.
//!
//! A field of type [`Secret`](crate::Secret) is marked `x-secret` in its schema. There a configuration holds a reference,
//! never a literal; the walk in `secrets` finds these places, and only these are resolved.

mod document;
mod parse;
mod resolved;
mod secrets;
#[cfg(feature = "schema-validation")]
mod validate;

use std::sync::OnceLock;

use serde_json::Value;

pub use document::{Schema, schema_of};
pub(crate) use parse::parse;
pub(crate) use resolved::Resolved;
pub(crate) use secrets::{Site, label};

use crate::{
    error::{Error, ErrorKind},
    message::{InboundEvent, OutboundMessage},
    store::DomainEvent,
};

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

/// All violations of a JSON Schema (draft 2020-12) in a value, with JSON pointers, in words that repeat nothing of the
/// value. Nothing is fetched: a schema refers only to itself.
///
/// ```
/// use serde_json::json;
/// use zengine_connector::schema;
///
/// let schema = json!({ "type": "object", "properties": { "port": { "type": "integer" } }, "additionalProperties": false });
/// let found = schema::violations(&schema, &json!({ "port": "x", "prot": 1 }))?;
/// assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), ["/port: must be of type integer", "/prot: is not a known field"]);
/// # Ok::<(), zengine_connector::Error>(())
/// ```
///
/// # Errors
/// `Settings` if `schema` is not a JSON Schema.
#[cfg(feature = "schema-validation")]
pub fn violations(schema: &Value, value: &Value) -> Result<Vec<crate::error::Violation>, Error> {
    let validator = validate::Validator::new(schema).ok_or_else(|| Error::new(ErrorKind::Settings, "not a JSON Schema"))?;
    let mut found = validator.violations(value, &[]);
    found.sort_by(|a, b| a.pointer.cmp(&b.pointer));
    found.dedup();
    Ok(found)
}

/// The checks of one strategy's configurations; schema and validator are built once, at the first use.
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
    pub(crate) fn secrets(&self, config: &Value) -> (Vec<Site>, Vec<crate::error::Violation>) {
        secrets::find(self.schema(), config, true)
    }

    /// Checks a configuration: the places of its secrets, or an error with all violations.
    pub(crate) fn check(&self, config: &Value, local_refs: bool) -> Result<Vec<Site>, Error> {
        let (sites, mut violations) = secrets::find(self.schema(), config, local_refs);
        #[cfg(feature = "schema-validation")]
        {
            let validator = self.validator.get_or_init(|| validate::Validator::new(self.schema()));
            let Some(validator) = validator else {
                return Err(Error::new(ErrorKind::Unexpected, "the strategy's schema is not a JSON Schema"));
            };
            // What is said of a secret is said; the schema would only add that none of three forms fits.
            let said: Vec<_> = violations.iter().map(|violation| violation.pointer.clone()).collect();
            violations.extend(validator.violations(config, &said));
        }
        if violations.is_empty() {
            return Ok(sites);
        }
        violations.sort_by(|a, b| a.pointer.cmp(&b.pointer));
        violations.dedup();
        Err(Error::new(ErrorKind::ConfigInvalid, "the configuration does not fit its schema").with_violations(violations))
    }
}

debug_fields!(Checks {});

/// One step of a JSON pointer (RFC 6901).
fn join(pointer: &str, key: &str) -> String {
    format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests;
