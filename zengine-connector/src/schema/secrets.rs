//! The places in a configuration that its schema marks as secret.

use std::{borrow::Cow, collections::BTreeMap};

use serde::Deserialize as _;
use serde_json::{Map, Value};

use super::{
    join,
    keywords::{is_secret, list, property, target},
    value::is_type,
};
use crate::{
    error::{Violation, closest},
    secret::SecretRef,
};

/// A place in a configuration where a secret belongs.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Site {
    pub(crate) pointer: String,
    pub(crate) reference: SecretRef,
}

/// Maximum depth of the walk: a schema may refer to itself.
const MAX_DEPTH: usize = 128;

const NOT_A_REFERENCE: &str = "must be a reference to a secret, not a literal";
/// The members of a reference; the last two are of local ones.
const MEMBERS: [&str; 4] = ["secret", "key", "env", "file"];
const NOT_LOCAL: &str = "must not refer to the host's environment or files, unless the host sets allow_local_refs";

/// The name of a secret, for errors. A path is not repeated.
pub(crate) fn label(reference: &SecretRef) -> &str {
    match reference {
        SecretRef::Named { secret, .. } => secret,
        SecretRef::Env { env } => env,
        SecretRef::File { .. } => "a file",
    }
}

/// The message about an object that is no reference. Does not repeat what it holds, and offers local references only if they are allowed.
fn not_a_reference(members: &Map<String, Value>, local_refs: bool) -> String {
    let offered = if local_refs { &MEMBERS[..] } else { &MEMBERS[..2] };
    let mut unknown = members.keys().filter(|name| !MEMBERS.contains(&name.as_str()));
    let meant = unknown.find_map(|name| closest(name, offered.iter().copied()));
    let meant = meant.map(|name| format!("; did you mean {name}?")).unwrap_or_default();
    let forms = if local_refs { "secret and perhaps key, or env, or file" } else { "secret and perhaps key" };
    format!("must be a reference to a secret: {forms}, each a string{meant}")
}

/// The secrets of a configuration, and the violations at their places.
pub(super) fn find(schema: &Value, config: &Value, local_refs: bool) -> (Vec<Site>, Vec<Violation>) {
    let mut walk = Walk { root: schema, local_refs, sites: BTreeMap::new(), wrong: BTreeMap::new() };
    walk.visit(schema, config, "", 0);
    let sites = walk.sites.into_iter().map(|(pointer, reference)| Site { pointer, reference }).collect();
    let wrong = walk.wrong.into_iter().map(|(pointer, message)| Violation::new(pointer, message)).collect();
    (sites, wrong)
}

struct Walk<'s> {
    root: &'s Value,
    local_refs: bool,
    sites: BTreeMap<String, SecretRef>,
    wrong: BTreeMap<String, Cow<'static, str>>,
}

impl<'s> Walk<'s> {
    fn visit(&mut self, schema: &'s Value, value: &Value, pointer: &str, depth: usize) {
        if depth > MAX_DEPTH {
            self.wrong.insert(pointer.to_owned(), "is nested too deeply".into());
            return;
        }
        if is_secret(schema) {
            self.secret(value, pointer);
            return;
        }
        if let Some(target) = target(self.root, schema) {
            self.visit(target, value, pointer, depth + 1);
        }
        for part in list(schema, "allOf") {
            self.visit(part, value, pointer, depth + 1);
        }
        for form in ["anyOf", "oneOf"] {
            self.choose(list(schema, form), value, pointer, depth + 1);
        }
        match value {
            Value::Object(members) => {
                for (key, member) in members {
                    for part in property(schema, key) {
                        self.visit(part, member, &join(pointer, key), depth + 1);
                    }
                }
            }
            Value::Array(items) => {
                for (at, item) in items.iter().enumerate() {
                    let first = list(schema, "prefixItems");
                    if let Some(part) = first.get(at).or_else(|| schema.get("items")) {
                        self.visit(part, item, &join(pointer, &at.to_string()), depth + 1);
                    }
                }
            }
            _ => {}
        }
    }

    /// Visits those of several forms that the value may have. The secret form is chosen for a reference, or if no other form
    /// fits, so that a literal is never taken for a harmless value.
    fn choose(&mut self, forms: &'s [Value], value: &Value, pointer: &str, depth: usize) {
        let secret = |walk: &Self, form: &'s Value| is_secret(form) || target(walk.root, form).is_some_and(is_secret);
        if SecretRef::deserialize(value).is_ok()
            && let Some(form) = forms.iter().find(|form| secret(self, form))
        {
            return self.visit(form, value, pointer, depth);
        }
        let fitting: Vec<_> = forms.iter().filter(|form| !secret(self, form) && self.fits(form, value, depth)).collect();
        let meant = if fitting.is_empty() { forms.iter().collect() } else { fitting };
        for form in meant {
            self.visit(form, value, pointer, depth);
        }
    }

    fn secret(&mut self, value: &Value, pointer: &str) {
        let message = match SecretRef::deserialize(value) {
            Ok(reference) if reference.is_local() && !self.local_refs => NOT_LOCAL.into(),
            Ok(SecretRef::Named { secret, .. }) if secret.is_empty() => "must name a secret".into(),
            Ok(reference) => {
                self.sites.insert(pointer.to_owned(), reference);
                return;
            }
            Err(_) if value.is_null() => "must be a reference to a secret".into(),
            Err(_) => value.as_object().map_or(NOT_A_REFERENCE.into(), |members| not_a_reference(members, self.local_refs).into()),
        };
        self.wrong.insert(pointer.to_owned(), message);
    }

    /// Whether a value may be of a form: tag, type, names of members. Secrets fit anything, so that a literal in one does
    /// not hide the form around it.
    fn fits(&self, schema: &'s Value, value: &Value, depth: usize) -> bool {
        if depth > MAX_DEPTH || is_secret(schema) {
            return true;
        }
        let Some(rules) = schema.as_object() else { return *schema != Value::Bool(false) };
        let kind = |name: &Value| name.as_str().is_some_and(|name| is_type(value, name));
        rules.get("const").is_none_or(|expected| expected == value)
            && rules.get("enum").and_then(Value::as_array).is_none_or(|options| options.contains(value))
            && rules.get("type").is_none_or(|names| names.as_array().map_or_else(|| kind(names), |names| names.iter().any(kind)))
            && target(self.root, schema).is_none_or(|target| self.fits(target, value, depth + 1))
            && list(schema, "allOf").iter().all(|part| self.fits(part, value, depth + 1))
            && ["anyOf", "oneOf"].iter().all(|form| {
                let forms = list(schema, form);
                forms.is_empty() || forms.iter().any(|form| self.fits(form, value, depth + 1))
            })
            && value.as_object().is_none_or(|members| {
                list(schema, "required").iter().all(|name| name.as_str().is_some_and(|name| members.contains_key(name)))
                    && members.iter().all(|(key, member)| property(schema, key).all(|part| self.fits(part, member, depth + 1)))
            })
    }
}
