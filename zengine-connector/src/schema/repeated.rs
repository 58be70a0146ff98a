//! Members that an object of a JSON text has twice: a parser takes the last one without a word.

use std::borrow::Cow;

use serde_json::Value;

use super::{MAX_FOUND, push_step};
use crate::{error::Violation, json::ValueRef};

/// The repeated members, at most one more than are reported at once. A name is in the pointer if a schema names such a member, else `*`.
pub(super) fn violations(schemas: &[&Value], json: ValueRef<'_>) -> Vec<Violation> {
    let mut walk = Walk { schemas, path: vec![], found: vec![] };
    walk.visit(json);
    walk.found
}

struct Walk<'s, 'j> {
    schemas: &'s [&'s Value],
    path: Vec<Step<'j>>,
    found: Vec<Violation>,
}

enum Step<'j> {
    Member(Cow<'j, str>),
    Item(usize),
}

impl<'j> Walk<'_, 'j> {
    /// Visits a value. A document is nested no deeper than its limits.
    fn visit(&mut self, json: ValueRef<'j>) {
        if let Some(object) = json.object() {
            let mut names: Vec<_> = object.members().map(|(name, _)| name).collect();
            names.sort_unstable();
            for pair in names.windows(2).filter(|pair| pair[0] == pair[1]) {
                self.inside(Step::Member(pair[0].clone()), Self::add);
            }
            for (name, member) in object.members() {
                self.inside(Step::Member(name), |walk| walk.visit(member));
            }
        }
        for (at, item) in json.elements().into_iter().flatten().enumerate() {
            self.inside(Step::Item(at), |walk| walk.visit(item));
        }
    }

    fn inside(&mut self, step: Step<'j>, visit: impl FnOnce(&mut Self)) {
        self.path.push(step);
        visit(self);
        self.path.pop();
    }

    fn add(&mut self) {
        if self.found.len() <= MAX_FOUND {
            self.found.push(Violation::new(self.pointer(), "is there twice"));
        }
    }

    fn pointer(&self) -> String {
        let mut pointer = String::new();
        for step in &self.path {
            match step {
                Step::Item(at) => push_step(&mut pointer, &at.to_string()),
                Step::Member(name) if self.schemas.iter().any(|schema| names(schema, name)) => push_step(&mut pointer, name),
                Step::Member(_) => push_step(&mut pointer, "*"),
            }
        }
        pointer
    }
}

/// Whether a schema names such a member anywhere.
fn names(schema: &Value, member: &str) -> bool {
    match schema {
        Value::Object(rules) => {
            rules.get("properties").is_some_and(|parts| parts.get(member).is_some()) || rules.values().any(|part| names(part, member))
        }
        Value::Array(parts) => parts.iter().any(|part| names(part, member)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::{json::Unread, schema::repeated_members};

    fn found(text: &str) -> Vec<String> {
        let schema = json!({ "properties": { "list": { "items": { "properties": { "a": {}, "a/b": {} } } } } });
        repeated_members(text, &[&schema]).unwrap().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_repeated_member_is_found_anywhere_and_named_if_it_is_known() {
        assert_eq!(found(r#"{"list": [1, {"a": 1, "b": 2}], "a": {"a": 1}}"#), [""; 0]);
        assert_eq!(found(r#"{"list": [1, {"a": 1, "\u0061": 2}], "list": 3}"#), ["/list: is there twice", "/list/1/a: is there twice"]);
        assert_eq!(
            found(r#"{"list": {"a/b": 1, "a/b": {"canary": 1, "canary": 2}}}"#),
            ["/list/a~1b: is there twice", "/list/a~1b/*: is there twice"]
        );
    }

    #[test]
    fn of_very_many_repeated_members_some_are_said_and_too_deep_json_is_not_walked() {
        let many = format!("{{{}\"a\":1}}", "\"a\":1,".repeat(1_000));
        assert_eq!(found(&many).len(), 101);
        assert_eq!(repeated_members(&format!("{}{}", "[".repeat(65), "]".repeat(65)), &[]), Err(Unread::TooDeep));
    }
}
