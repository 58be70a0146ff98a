//! The faults of a JSON file of secrets, with their places. Values are never told, and of names only those that belong there: a fault is an
//! error of every tenant, so the tenants and their secrets are told by number.

use crate::{
    error::closest,
    json::{Document, ValueRef},
};

use super::{SecretError, SecretScope};

/// The members of a strategy.
const SCOPES: [&str; 3] = ["application", "shared", "tenants"];

/// The error about a file that did not read, which `error` refused.
pub(super) fn fault(text: &[u8], error: &serde_json::Error) -> SecretError {
    let found = std::str::from_utf8(text).ok().and_then(|text| Document::read(text).ok().and_then(|json| of_file(json.root())));
    at(found.unwrap_or_else(|| format!("line {}, column {}", error.line(), error.column())))
}

/// The error about the value of one secret.
pub(super) fn value(scope: &SecretScope, name: &str) -> SecretError {
    let strategy = scope.strategy().as_str();
    let scope = match scope {
        SecretScope::Tenant { tenant, .. } => format!("tenants{}", step(tenant.as_str())),
        SecretScope::Shared { .. } => "shared".to_owned(),
        SecretScope::Application { .. } => "application".to_owned(),
    };
    at(format!("{}/{scope}{}: must be a text, an object, or a list of at least one of these", step(strategy), step(name)))
}

fn at(place: String) -> SecretError {
    SecretError::MalformedAt("the file of secrets does not have their form", place.into())
}

/// The first fault of a file: its pointer, and what is wrong there.
fn of_file(file: ValueRef<'_>) -> Option<String> {
    members("", file, |strategy, scopes| {
        members(strategy, scopes, |scope, secrets| match scope.rsplit('/').next() {
            Some("tenants") => numbered(scope, secrets, |tenant, secrets| numbered(tenant, secrets, |_, _| None)),
            Some("application" | "shared") => members(scope, secrets, |_, _| None),
            name => Some(unknown(strategy, name.unwrap_or_default())),
        })
    })
}

/// The first fault of an object: it is none, a member comes twice, or what `inside` finds in a member, which is given with its pointer.
fn members(pointer: &str, json: ValueRef<'_>, inside: impl FnMut(&str, ValueRef<'_>) -> Option<String>) -> Option<String> {
    steps(pointer, json, |_, name| step(name), inside)
}

/// As [`members`], with the numbers of the members, from 1, in place of their names.
fn numbered(pointer: &str, json: ValueRef<'_>, inside: impl FnMut(&str, ValueRef<'_>) -> Option<String>) -> Option<String> {
    steps(pointer, json, |n, _| format!("/(member {})", n + 1), inside)
}

fn steps(
    pointer: &str,
    json: ValueRef<'_>,
    step: impl Fn(usize, &str) -> String,
    mut inside: impl FnMut(&str, ValueRef<'_>) -> Option<String>,
) -> Option<String> {
    let Some(object) = json.object() else {
        return Some(format!("{}: must be an object", if pointer.is_empty() { "/" } else { pointer }));
    };
    let mut names = std::collections::BTreeSet::new();
    object.members().enumerate().find_map(|(n, (name, member))| {
        let place = format!("{pointer}{}", step(n, &name));
        if names.insert(name) { inside(&place, member) } else { Some(format!("{place}: is there twice")) }
    })
}

/// The words about a member of a strategy that is no scope. Its name is shown if it resembles one.
fn unknown(strategy: &str, name: &str) -> String {
    match closest(name, SCOPES) {
        Some(meant) => format!("{strategy}/{name}: is not a known field; did you mean {meant}?"),
        None => format!("{strategy}/*: is not a known field; known: {}", SCOPES.join(", ")),
    }
}

/// A name as a step of a JSON pointer (RFC 6901).
fn step(name: &str) -> String {
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Option<String> {
        of_file(Document::read(text).unwrap().root())
    }

    #[test]
    fn the_first_fault_is_told_with_its_pointer_and_no_value() {
        for (text, place) in [
            (r#"{"a":{"tenant":{"acme":{"t":"canary"}}}}"#, "/a/tenant: is not a known field; did you mean tenants?"),
            (r#"{"a":{"canary":{"t":"x"}}}"#, "/a/*: is not a known field; known: application, shared, tenants"),
            (r#"{"a":{"shared":{}},"a":{}}"#, "/a: is there twice"),
            (r#"{"a/b":{"tenants":{"acme":{"t":"canary","t":"canary"}}}}"#, "/a~1b/tenants/(member 1)/(member 2): is there twice"),
            (r#"{"a":{"tenants":{"acme":"canary"}}}"#, "/a/tenants/(member 1): must be an object"),
            (r#"{"a":{"application":["canary"]}}"#, "/a/application: must be an object"),
            (r#"["canary"]"#, "/: must be an object"),
        ] {
            assert_eq!(said(text).as_deref(), Some(place), "{text}");
        }
        assert_eq!(said(r#"{"a":{"application":{"t":"x"},"shared":{},"tenants":{"acme":{"t":["new","old"]}}}}"#), None);
    }

    #[test]
    fn what_is_no_json_is_told_by_line_and_column() {
        let text = "{\n  \"a\": {\"shared\": {\"t\": \"canary\",}}\n}";
        let error = serde_json::from_str::<serde_json::Value>(text).unwrap_err();
        assert_eq!(fault(text.as_bytes(), &error).to_string(), "the file of secrets does not have their form: line 2, column 34");
    }
}
