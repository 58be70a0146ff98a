//! The forms that a value may have, and the words for a value that has none of them.

use std::fmt::Write as _;

use serde_json::Value;

use super::{
    keywords::{is_secret, list, target},
    value::Json,
};
use crate::error::closest;

/// Maximum references and forms inside each other that are followed for one value: a schema may refer to itself.
const MAX_DEPTH: usize = 12;

/// Maximum known members that the message about an unknown one lists.
const MAX_LISTED: usize = 24;

/// The message about a member that a schema does not name: the one that was probably meant, else those that it names. If its name will be
/// hidden, its place in the text among so many members.
pub(super) fn unknown<'k>(name: &str, known: impl Iterator<Item = &'k str> + Clone, place: Option<(usize, usize)>) -> String {
    let meant = meant(name, known.clone());
    let mut listed: Vec<_> = known.collect();
    listed.sort_unstable();
    listed.dedup();
    if !meant.is_empty() {
        return format!("{UNKNOWN}{meant}");
    }
    let place = place.map(|(at, count)| format!(" (member {at} of {count})")).unwrap_or_default();
    match listed.len() {
        1..=MAX_LISTED => format!("{UNKNOWN}{place}; known: {}", listed.join(", ")),
        _ => format!("{UNKNOWN}{place}"),
    }
}

const UNKNOWN: &str = "is not a known field";

/// Whether a violation is about a member whose name resembles no known one, so that it may be a recipient or content.
pub(super) fn is_of_foreign_name(message: &str) -> bool {
    message.strip_prefix(UNKNOWN).is_some_and(|rest| !rest.starts_with("; did you mean"))
}

fn meant<'k>(text: &str, known: impl IntoIterator<Item = &'k str>) -> String {
    closest(text, known).map(|name| format!("; did you mean {name}?")).unwrap_or_default()
}

/// How close a value must be to a form.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Closeness {
    /// Its type is right.
    Type,
    /// Also its word, or the words of the members that are one of a few words.
    Tag,
    /// Also those of one of its own forms.
    Tags,
    /// Also the members that must be there.
    Members,
}

/// Whether a value fits a form. Of the JSON, only the value's own members are looked at.
pub(super) fn fits<'j, J: Json<'j>>(root: &Value, schema: &Value, json: J, closeness: Closeness, depth: usize) -> bool {
    let Some(rules) = schema.as_object() else { return *schema != Value::Bool(false) };
    // A literal in place of a secret is the secrets' own violation.
    if is_secret(schema) {
        return true;
    }
    let is_type = |name: &Value| name.as_str().is_some_and(|name| json.is_type(name));
    let as_close = |part: &Value, closeness| depth > MAX_DEPTH || fits(root, part, json, closeness, depth + 1);
    let again = |part: &Value| as_close(part, closeness);
    let inner = if closeness == Closeness::Tag { Closeness::Type } else { closeness };
    rules.get("type").is_none_or(|names| names.as_array().map_or_else(|| is_type(names), |names| names.iter().any(is_type)))
        && (closeness == Closeness::Type || has_tag(schema, json))
        && (closeness != Closeness::Members || has_members(schema, json))
        && target(root, schema).is_none_or(again)
        && list(schema, "allOf").iter().all(again)
        && ["anyOf", "oneOf"]
            .iter()
            .all(|keyword| list(schema, keyword).is_empty() || list(schema, keyword).iter().any(|form| as_close(form, inner)))
}

fn has_tag<'j, J: Json<'j>>(schema: &Value, json: J) -> bool {
    let is_one_of = |json: J, words: &[&str]| words.is_empty() || json.text().is_some_and(|text| words.contains(&&*text));
    let mut tags = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    is_one_of(json, &words(schema))
        && tags.all(|(name, part)| {
            let words = words(part);
            words.is_empty() || json.member(name).is_none_or(|tag| is_one_of(tag, &words))
        })
}

fn has_members<'j>(schema: &Value, json: impl Json<'j>) -> bool {
    !json.is_type("object") || list(schema, "required").iter().filter_map(Value::as_str).all(|name| json.member(name).is_some())
}

/// The words that a schema allows; none if it allows other values.
fn words(schema: &Value) -> Vec<&str> {
    match schema.get("const") {
        Some(word) => word.as_str().into_iter().collect(),
        None => list(schema, "enum").iter().map(Value::as_str).collect::<Option<_>>().unwrap_or_default(),
    }
}

/// The place and the message for a value with none of several forms: the possible words of the member that tells the forms apart, or
/// the forms.
pub(super) fn none_of<'s, 'j>(root: &'s Value, forms: &'s [Value], json: impl Json<'j>) -> (Option<&'s str>, String) {
    let forms = told(root, forms);
    let of = |words: Vec<Vec<&'s str>>| words.iter().all(|words| !words.is_empty()).then(|| words.concat());
    if let Some(words) = of(forms.iter().map(words).collect()) {
        return (None, one_of(&words, json));
    }
    let first = forms.first().and_then(|form| form.get("properties")?.as_object());
    for name in first.into_iter().flat_map(|members| members.keys()) {
        let tags = forms.iter().map(|form| form.get("properties").and_then(|parts| parts.get(name)).map(words).unwrap_or_default());
        let Some(words) = of(tags.collect()) else { continue };
        if !json.is_type("object") {
            return (None, format!("must be an object such as {}", sample(root, &forms[0], name, words[0])));
        }
        let message = match json.member(name) {
            None => format!("is required: one of {}", words.join(", ")),
            Some(tag) => one_of(&words, tag),
        };
        return (Some(name), message);
    }
    (None, none(root, forms))
}

/// The forms to tell: beside null, a value that may be left out has one form, which may have its own. A schema may refer to itself.
fn told<'s>(root: &'s Value, forms: &'s [Value]) -> &'s [Value] {
    let present = |form: &&Value| form.get("type").is_none_or(|name| name != "null");
    (0..MAX_DEPTH).fold(forms, |forms, _| {
        let mut present = forms.iter().filter(present);
        let only = present.next().filter(|_| present.next().is_none());
        only.and_then(|form| forms_of(root, form)).unwrap_or(forms)
    })
}

/// The forms that a form has of its own, perhaps behind a reference.
fn forms_of<'s>(root: &'s Value, form: &'s Value) -> Option<&'s [Value]> {
    let parts = [Some(form), target(root, form)];
    let mut forms = parts.into_iter().flatten().flat_map(|part| ["anyOf", "oneOf"].map(|keyword| list(part, keyword)));
    forms.find(|forms| !forms.is_empty())
}

/// An object of a form, for the eye: the member that tells the forms apart, and those that must be there.
fn sample(root: &Value, form: &Value, tag: &str, word: &str) -> String {
    let mut text = format!("{{\"{tag}\": \"{word}\"");
    let required = [Some(form), target(root, form)].into_iter().flatten().flat_map(|part| list(part, "required"));
    for name in required.filter_map(Value::as_str).filter(|name| *name != tag) {
        let _ = write!(text, ", \"{name}\": \"…\"");
    }
    text + "}"
}

/// The message about a value with none of several forms, which are listed.
pub(super) fn none(root: &Value, forms: &[Value]) -> String {
    let forms: Vec<_> = forms.iter().map(|form| described(root, form)).collect();
    format!("has none of the allowed forms: {}", forms.join(", "))
}

fn one_of<'j>(words: &[&str], json: impl Json<'j>) -> String {
    let meant = json.text().map(|text| meant(&text, words.iter().copied())).unwrap_or_default();
    format!("must be one of {}{meant}", words.join(", "))
}

/// A form in words: its type, the members it must have, and the beginning of its description.
fn described(root: &Value, form: &Value) -> String {
    let of = |keyword: &str| form.get(keyword).or_else(|| target(root, form)?.get(keyword));
    let types = of("type")
        .map_or_else(|| forms_of(root, form).into_iter().flatten().filter_map(|form| form.get("type")).collect(), |name| vec![name]);
    let kind = if types.is_empty() { "any value".to_owned() } else { type_names(&types) };
    let required: Vec<_> = of("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let mut text = kind;
    if !required.is_empty() {
        let _ = write!(text, " with {}", required.join(" and "));
    }
    if let Some(description) = of("description").and_then(Value::as_str).and_then(sentence) {
        let _ = write!(text, " ({description})");
    }
    text
}

fn type_names(types: &[&Value]) -> String {
    let names = types.iter().flat_map(|names| names.as_array().map_or_else(|| std::slice::from_ref(*names), Vec::as_slice));
    let mut kinds = vec![];
    for name in names.filter_map(Value::as_str) {
        if !kinds.contains(&name) {
            kinds.push(name);
        }
    }
    kinds.join(" or ")
}

/// The first line of a description, without its full stop.
pub(super) fn sentence(description: &str) -> Option<&str> {
    description.lines().next().map(|line| line.trim().trim_end_matches('.')).filter(|line| !line.is_empty())
}
