//! Members that a schema does not name, in JSON that a person or a host wrote: a misspelled member must not become a default.
//!
//! The walk needs no validator, and its cost is linear in the JSON. An object is closed if its schema names members and does not say
//! `additionalProperties`. Where a value fits several forms, a member is known if one of them names it.

use serde_json::Value;

use super::{
    MAX_FOUND,
    forms::{self, Closeness},
    join,
    keywords::{is_secret, list, property, target},
    push_step,
    value::Json,
};
use crate::error::Violation;

/// Maximum depth of the walk: a schema may refer to itself.
const MAX_DEPTH: usize = 128;

/// The members that the schema does not name, and the values that have none of its forms.
pub(super) fn violations<'j>(schema: &Value, json: impl Json<'j>) -> Vec<Violation> {
    let mut walk = Walk { root: schema, pointer: String::new(), found: vec![] };
    walk.visit(&[schema], json, 0);
    walk.found
}

struct Walk<'s> {
    root: &'s Value,
    pointer: String,
    found: Vec<Violation>,
}

impl<'s> Walk<'s> {
    /// Visits a value that is of any of these schemas.
    fn visit<'j, J: Json<'j>>(&mut self, schemas: &[&'s Value], json: J, depth: usize) {
        if depth > MAX_DEPTH || self.found.len() > MAX_FOUND || schemas.iter().any(|schema| is_secret(schema)) {
            return;
        }
        let (mut parts, mut unfit) = (vec![], None);
        for schema in schemas {
            let before = parts.len();
            if let Err(forms) = self.applying(schema, json, depth, &mut parts) {
                parts.truncate(before);
                unfit = unfit.or(Some(forms));
            }
        }
        match unfit {
            Some(forms) if parts.is_empty() => self.no_form(forms, json, depth),
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
        for (name, member) in json.members() {
            schemas.clear();
            schemas.extend(parts.iter().flat_map(|part| property(part, &name)).filter(|schema| **schema != Value::Bool(false)));
            if schemas.is_empty() && self.found.len() <= MAX_FOUND {
                let known = parts.iter().filter_map(|part| part.get("properties")?.as_object()).flat_map(|members| members.keys());
                let message = forms::unknown(&name, known.map(String::as_str));
                self.found.push(Violation::new(join(&self.pointer, &name), message));
            } else if !schemas.is_empty() {
                self.inside(&name, |walk| walk.visit(&schemas, member, depth + 1));
            }
        }
    }

    /// The schemas that together describe a value: the schema, those it refers to, all its parts, and those of its forms that fit.
    ///
    /// # Errors
    /// The forms, if none fits.
    fn applying<'j>(&self, schema: &'s Value, json: impl Json<'j>, depth: usize, into: &mut Vec<&'s Value>) -> Result<(), &'s [Value]> {
        // A schema may refer to itself.
        if depth > MAX_DEPTH || into.iter().any(|known| std::ptr::eq(*known, schema)) {
            return Ok(());
        }
        into.push(schema);
        for part in target(self.root, schema).into_iter().chain(list(schema, "allOf")) {
            self.applying(part, json, depth + 1, into)?;
        }
        for forms in ["anyOf", "oneOf"].map(|keyword| list(schema, keyword)).into_iter().filter(|forms| !forms.is_empty()) {
            let (mut fits, mut failed) = (false, forms);
            for form in forms.iter().filter(|form| forms::fits(self.root, form, json, Closeness::Members, 0)) {
                let before = into.len();
                match self.applying(form, json, depth + 1, into) {
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

    /// A value with none of several forms. If one form alone has its tag, or its type, that one is meant.
    fn no_form<'j>(&mut self, forms: &'s [Value], json: impl Json<'j>, depth: usize) {
        for closeness in [Closeness::Tag, Closeness::Type] {
            let mut meant = forms.iter().filter(|form| forms::fits(self.root, form, json, closeness, 0));
            match (meant.next(), meant.next()) {
                (None, _) => {}
                (Some(form), None) if form.get("const").or_else(|| form.get("enum")).is_none() || closeness == Closeness::Tag => {
                    return self.visit(&[form], json, depth + 1);
                }
                _ => break,
            }
        }
        let (member, message) = forms::none_of(self.root, forms, json);
        let pointer = member.map_or_else(|| self.pointer.clone(), |name| join(&self.pointer, name));
        self.found.push(Violation::new(pointer, message));
    }

    fn inside(&mut self, step: &str, visit: impl FnOnce(&mut Self)) {
        let before = self.pointer.len();
        push_step(&mut self.pointer, step);
        visit(self);
        self.pointer.truncate(before);
    }
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
