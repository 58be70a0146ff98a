//! Members that a schema does not name, in JSON that a person or a host wrote: a misspelled member must not become a default.
//!
//! The walk needs no validator, and its cost is linear in the JSON. An object is closed if its schema names members and does not say
//! `additionalProperties`. Where a value fits several forms, a member is known if one of them names it.

use std::{borrow::Cow, ops::Range};

use serde_json::Value;

use super::{
    MAX_FOUND,
    forms::{self, Closeness},
    join,
    keywords::{is_secret, list, property, target},
    push_step, scalars,
    value::Json,
};
use crate::{error::Violation, json::ValueRef};

/// Maximum depth of the walk: a schema may refer to itself.
const MAX_DEPTH: usize = 128;

/// The members that the schema does not name, and the values that have none of its forms.
pub(super) fn violations<'j>(schema: &Value, json: impl Json<'j>) -> Vec<Violation> {
    let mut walk = Walk::new(schema, false);
    walk.visit(&[schema], json, 0);
    walk.found
}

/// The violations in a text that its type did not read, and the same text with readable values in place of those that the type refuses.
pub(super) fn unread<'t>(schema: &Value, text: &'t str, json: ValueRef<'_>) -> (Vec<Violation>, Cow<'t, str>) {
    let mut walk = Walk::new(schema, true);
    walk.visit(&[schema], json, 0);
    if walk.refused.is_empty() {
        return (walk.found, Cow::Borrowed(text));
    }
    walk.refused.sort_by_key(|(place, _)| place.start);
    let (mut mended, mut end) = (String::with_capacity(text.len()), 0);
    for (place, stand_in) in walk.refused {
        // A value inside one that is replaced goes with it.
        if place.start >= end {
            mended.push_str(&text[end..place.start]);
            mended.push_str(stand_in);
            end = place.end;
        }
    }
    mended.push_str(&text[end..]);
    (walk.found, Cow::Owned(mended))
}

struct Walk<'s> {
    root: &'s Value,
    pointer: String,
    found: Vec<Violation>,
    /// Whether to look for values that their type refuses, though they fit the schema.
    reads: bool,
    /// The places of these values in the text, in order, each with one that is read.
    refused: Vec<(Range<usize>, &'static str)>,
}

impl<'s> Walk<'s> {
    fn new(root: &'s Value, reads: bool) -> Self {
        Self { root, pointer: String::new(), found: vec![], reads, refused: vec![] }
    }

    /// Visits a value that is of any of these schemas.
    fn visit<'j, J: Json<'j>>(&mut self, schemas: &[&'s Value], json: J, depth: usize) {
        if depth > MAX_DEPTH || self.found.len() > MAX_FOUND {
            return;
        }
        let (mut parts, mut unfit) = (vec![], None::<&[Value]>);
        // A form that is meant says what is wrong; it is asked only if no form fits.
        for choice in [Choice::Fitting, Choice::Meant] {
            unfit = None;
            for schema in schemas {
                let before = parts.len();
                if let Err(forms) = self.applying(schema, json, choice, depth, &mut parts) {
                    parts.truncate(before);
                    unfit = unfit.or(Some(forms));
                }
            }
            if !parts.is_empty() {
                break;
            }
        }
        // Secrets have a walk of their own.
        if parts.iter().any(|part| is_secret(part)) {
            return;
        }
        if let (true, Some(written)) = (self.reads, json.written())
            && let Some(refusal) = parts.iter().find_map(|part| scalars::refusal(part, written))
        {
            self.found.push(Violation::new(format!("{}{}", self.pointer, refusal.member), refusal.message));
            self.refused.push((written.range(), refusal.stand_in));
        }
        match unfit {
            Some(forms) if parts.is_empty() => {
                let (member, message) = forms::none_of(self.root, forms, json);
                let pointer = member.map_or_else(|| self.pointer.clone(), |name| join(&self.pointer, name));
                self.found.push(Violation::new(pointer, message));
            }
            _ if json.is_type("object") => self.members(&parts, json, depth),
            _ if json.is_type("array") => {
                for (at, item) in json.items().enumerate() {
                    let of = |part: &&'s Value| list(part, "prefixItems").get(at).or_else(|| part.get("items"));
                    let schemas: Vec<_> = parts.iter().filter_map(of).collect();
                    self.inside(&at.to_string(), |walk| walk.visit(&schemas, item, depth + 1));
                }
            }
            _ => {}
        }
    }

    fn members<'j, J: Json<'j>>(&mut self, parts: &[&'s Value], json: J, depth: usize) {
        let names_members =
            |part: &&Value| ["properties", "patternProperties", "additionalProperties"].iter().any(|k| part.get(k).is_some());
        if parts.iter().any(|part| is_open(part)) || !parts.iter().any(names_members) {
            return;
        }
        let mut schemas = vec![];
        // In a text the names of foreign members are hidden, and their places tell which they are.
        let count = json.written().map(|_| json.members().count());
        for (at, (name, member)) in json.members().enumerate() {
            schemas.clear();
            schemas.extend(parts.iter().flat_map(|part| property(part, &name)).filter(|schema| **schema != Value::Bool(false)));
            if schemas.is_empty() && self.found.len() <= MAX_FOUND {
                let known = parts.iter().filter_map(|part| part.get("properties")?.as_object()).flat_map(|members| members.keys());
                let message = forms::unknown(&name, known.map(String::as_str), count.map(|count| (at + 1, count)));
                self.found.push(Violation::new(join(&self.pointer, &name), message));
            } else if !schemas.is_empty() {
                self.inside(&name, |walk| walk.visit(&schemas, member, depth + 1));
            }
        }
    }

    /// The schemas that together describe a value: the schema, those it refers to, all its parts, and of its forms those that are chosen.
    ///
    /// # Errors
    /// The forms of which none is chosen.
    fn applying<'j>(
        &self,
        schema: &'s Value,
        json: impl Json<'j>,
        choice: Choice,
        depth: usize,
        into: &mut Vec<&'s Value>,
    ) -> Result<(), &'s [Value]> {
        // A schema may refer to itself.
        if depth > MAX_DEPTH || into.iter().any(|known| std::ptr::eq(*known, schema)) {
            return Ok(());
        }
        into.push(schema);
        if is_secret(schema) {
            return Ok(());
        }
        for part in target(self.root, schema).into_iter().chain(list(schema, "allOf")) {
            self.applying(part, json, choice, depth + 1, into)?;
        }
        for forms in ["anyOf", "oneOf"].map(|keyword| list(schema, keyword)).into_iter().filter(|forms| !forms.is_empty()) {
            let meant = if choice == Choice::Meant { self.meant(forms, json) } else { None };
            let is_chosen =
                |form: &&Value| meant.map_or_else(|| self.fits(form, json, Closeness::Members), |meant| std::ptr::eq(meant, *form));
            let (mut fits, mut failed) = (false, forms);
            for form in forms.iter().filter(is_chosen) {
                let before = into.len();
                match self.applying(form, json, choice, depth + 1, into) {
                    Ok(()) => fits = true,
                    Err(inner) => {
                        into.truncate(before);
                        failed = inner;
                    }
                }
            }
            if !fits {
                return Err(failed);
            }
        }
        Ok(())
    }

    /// The form that is meant by a value that fits none: it alone has the value's tags, or its type.
    fn meant<'j>(&self, forms: &'s [Value], json: impl Json<'j>) -> Option<&'s Value> {
        for closeness in [Closeness::Members, Closeness::Tags, Closeness::Tag, Closeness::Type] {
            let mut close = forms.iter().filter(|form| self.fits(form, json, closeness));
            let Some(first) = close.next() else { continue };
            let is_word = first.get("const").or_else(|| first.get("enum")).is_some();
            let is_meant = closeness != Closeness::Members && close.next().is_none() && !(is_word && closeness == Closeness::Type);
            return Some(first).filter(|_| is_meant);
        }
        None
    }

    fn fits<'j>(&self, form: &Value, json: impl Json<'j>, closeness: Closeness) -> bool {
        forms::fits(self.root, form, json, closeness, 0)
    }

    fn inside(&mut self, step: &str, visit: impl FnOnce(&mut Self)) {
        let before = self.pointer.len();
        push_step(&mut self.pointer, step);
        visit(self);
        self.pointer.truncate(before);
    }
}

/// The forms of a value that a walk follows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Choice {
    /// Those that fit.
    Fitting,
    /// If none fits, the one that is clearly meant.
    Meant,
}

/// Whether a schema says nothing of the members of an object: any JSON is meant.
fn is_open(schema: &Value) -> bool {
    const SPEAKS: [&str; 7] = ["$ref", "allOf", "anyOf", "oneOf", "properties", "patternProperties", "additionalProperties"];
    let of_objects = |names: &Value| names == "object" || names.as_array().is_some_and(|names| names.iter().any(|name| name == "object"));
    schema
        .as_object()
        .is_none_or(|rules| !SPEAKS.iter().any(|keyword| rules.contains_key(*keyword)) && rules.get("type").is_none_or(of_objects))
}

#[cfg(test)]
mod tests;
