//! All violations of a schema, in words that never repeat the value.
//!
//! The validator's own messages quote the value, so only its keywords, names and limits are used here.

use std::collections::BTreeSet;

use jsonschema::{ValidationError, error::TypeKind, error::ValidationErrorKind as Kind};
use serde_json::Value;

use super::{MAX_FOUND, forms, join};
use crate::error::Violation;

/// A compiled schema.
pub(super) struct Validator {
    compiled: jsonschema::Validator,
    schema: Value,
}

impl Validator {
    /// Compiles a schema; `None` if it is not one.
    pub(super) fn new(schema: &Value) -> Option<Self> {
        let compiled = jsonschema::draft202012::options().build(schema).ok()?;
        Some(Self { compiled, schema: schema.clone() })
    }

    /// The violations in a value, without those at the places in `said`.
    pub(super) fn violations(&self, value: &Value, said: &[String]) -> Vec<Violation> {
        let mut found = Found { schema: &self.schema, value, said, violations: vec![] };
        for error in self.compiled.iter_errors(value) {
            found.add(&error);
            if found.is_full() {
                break;
            }
        }
        found.violations
    }
}

struct Found<'a> {
    schema: &'a Value,
    value: &'a Value,
    said: &'a [String],
    violations: Vec<Violation>,
}

impl Found<'_> {
    /// Whether there are more violations than are shown.
    fn is_full(&self) -> bool {
        self.violations.len() > MAX_FOUND
    }

    fn add(&mut self, error: &ValidationError<'_>) {
        let pointer = error.instance_path().as_str();
        match error.kind() {
            Kind::Required { property } => self.say(&join(pointer, property.as_str().unwrap_or_default()), "is required".to_owned()),
            Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
                for name in unexpected.iter().take(MAX_FOUND + 1) {
                    let known = self.around(error).and_then(|schema| schema.get("properties")?.as_object());
                    let message = forms::unknown(name, known.into_iter().flat_map(|members| members.keys()).map(String::as_str), None);
                    self.say(&join(pointer, name), message);
                }
            }
            // An object that knows no fields at all: the validator does not say which one it found.
            Kind::FalseSchema if error.schema_path().as_str().ends_with("/additionalProperties") => {
                for name in self
                    .value
                    .pointer(pointer)
                    .and_then(Value::as_object)
                    .into_iter()
                    .flat_map(|members| members.keys())
                    .take(MAX_FOUND + 1)
                {
                    self.say(&join(pointer, name), "is not a known field".to_owned());
                }
            }
            Kind::AnyOf { context } | Kind::OneOfNotValid { context } => self.forms(error, context),
            Kind::PropertyNames { .. } => self.say(pointer, "has a field with a name that is not allowed".to_owned()),
            kind => {
                let described = |schema: &Value| Some(format!(" ({})", forms::sentence(schema.get("description")?.as_str()?)?));
                let description = matches!(kind, Kind::Pattern { .. }).then(|| self.around(error).and_then(described)).flatten();
                let violation = Violation::new(pointer, rule(kind) + &description.unwrap_or_default());
                self.push(match sizes(kind, error.instance()) {
                    Some((limit, actual)) => violation.with_sizes(limit, actual),
                    None => violation,
                });
            }
        }
    }

    /// The schema that holds the broken rule.
    fn around(&self, error: &ValidationError<'_>) -> Option<&Value> {
        self.schema.pointer(error.schema_path().as_str().rsplit_once('/')?.0)
    }

    fn say(&mut self, pointer: &str, message: String) {
        self.push(Violation::new(pointer, message));
    }

    fn push(&mut self, violation: Violation) {
        let pointer = violation.pointer.as_str();
        if !self.is_full()
            && !self
                .said
                .iter()
                .any(|said| pointer.strip_prefix(said.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
        {
            self.violations.push(violation);
        }
    }

    /// Reports that none of several forms fits: the violations of the form that is clearly meant, or the possible tags if only
    /// the value of a tag differs.
    fn forms(&mut self, whole: &ValidationError<'_>, forms: &[Vec<ValidationError<'static>>]) {
        let pointer = whole.instance_path().as_str();
        let mut meant = forms.iter().filter(|errors| !errors.iter().any(|error| another(error, pointer)));
        if let (Some(errors), None) = (meant.next(), meant.next()) {
            return errors.iter().for_each(|error| self.add(error));
        }
        let tag = forms.iter().map(|errors| errors.iter().find_map(options)).collect::<Option<Vec<_>>>();
        if let Some(tags) = tag
            && let Some((place, _)) = tags.first()
            && tags.iter().all(|(at, _)| at == place)
        {
            let names: BTreeSet<_> = tags.iter().flat_map(|(_, names)| names).map(String::as_str).collect();
            return self.say(place, format!("must be one of {}", names.into_iter().collect::<Vec<_>>().join(", ")));
        }
        let lacks = |errors: &Vec<ValidationError<'static>>| -> BTreeSet<String> {
            errors
                .iter()
                .filter_map(|error| match error.kind() {
                    Kind::Required { property } => Some(join(error.instance_path().as_str(), property.as_str()?)),
                    _ => None,
                })
                .collect()
        };
        let common = forms.iter().map(lacks).reduce(|all, next| &all & &next).unwrap_or_default();
        match common.first() {
            Some(place) => self.say(place, "is required".to_owned()),
            // What is wrong inside is said, so a form is meant.
            None if self.said.iter().any(|said| said.strip_prefix(pointer).is_some_and(|rest| rest.starts_with('/'))) => {}
            None => {
                let allowed = self.schema.pointer(whole.schema_path().as_str()).and_then(Value::as_array);
                let message = forms::none(self.schema, allowed.map_or(&[], Vec::as_slice));
                self.say(pointer, message);
            }
        }
    }
}

/// Whether an error says that another form than this one is meant: another type, another tag.
fn another(error: &ValidationError<'_>, pointer: &str) -> bool {
    let at = error.instance_path().as_str();
    match error.kind() {
        Kind::Type { .. } => at == pointer,
        Kind::Constant { .. } | Kind::Enum { .. } => at.strip_prefix(pointer).is_some_and(|rest| rest.matches('/').count() <= 1),
        _ => false,
    }
}

/// The place of an error and the values that would fit, if the error names them.
fn options(error: &ValidationError<'_>) -> Option<(String, Vec<String>)> {
    let names = match error.kind() {
        Kind::Constant { expected_value } => vec![text(expected_value)],
        Kind::Enum { options } => options.as_array()?.iter().map(text).collect(),
        _ => return None,
    };
    Some((error.instance_path().as_str().to_owned(), names))
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The broken rule, in words. Values of the schema may be repeated.
fn rule(kind: &Kind) -> String {
    match kind {
        Kind::Type { kind: TypeKind::Single(name) } => format!("must be of type {name}"),
        Kind::Type { kind: TypeKind::Multiple(names) } => {
            let mut names: Vec<_> = names.iter().map(jsonschema::JsonType::as_str).collect();
            names.sort_by_key(|name| *name == "null");
            format!("must be of type {}", names.join(" or "))
        }
        Kind::Constant { expected_value } => format!("must be {}", text(expected_value)),
        Kind::Enum { options } => {
            format!("must be one of {}", options.as_array().into_iter().flatten().map(text).collect::<Vec<_>>().join(", "))
        }
        Kind::Minimum { limit } => format!("must be at least {limit}"),
        Kind::ExclusiveMinimum { limit } => format!("must be more than {limit}"),
        Kind::Maximum { limit } => format!("must be at most {limit}"),
        Kind::ExclusiveMaximum { limit } => format!("must be less than {limit}"),
        Kind::MultipleOf { multiple_of } => format!("must be a multiple of {multiple_of}"),
        Kind::MinLength { .. } => "too short, in characters".to_owned(),
        Kind::MaxLength { .. } => "too long, in characters".to_owned(),
        Kind::MinItems { .. } => "too few items".to_owned(),
        Kind::MaxItems { .. } | Kind::AdditionalItems { .. } => "too many items".to_owned(),
        Kind::MinProperties { .. } => "too few fields".to_owned(),
        Kind::MaxProperties { .. } => "too many fields".to_owned(),
        Kind::UniqueItems => "must not hold an item twice".to_owned(),
        Kind::Pattern { pattern } => format!("must match {pattern}"),
        Kind::Format { format } => format!("must be a valid {format}"),
        Kind::OneOfMultipleValid { .. } => "has several of the allowed forms at once".to_owned(),
        Kind::FalseSchema | Kind::Not { .. } => "is not allowed".to_owned(),
        other => format!("breaks the rule {}", other.keyword()),
    }
}

/// Limit and actual size, if the rule is about a size.
fn sizes(kind: &Kind, value: &Value) -> Option<(u64, u64)> {
    let (limit, actual) = match kind {
        Kind::MinLength { limit } | Kind::MaxLength { limit } => (*limit, value.as_str()?.chars().count()),
        Kind::MinItems { limit } | Kind::MaxItems { limit } => (*limit, value.as_array()?.len()),
        Kind::MinProperties { limit } | Kind::MaxProperties { limit } => (*limit, value.as_object()?.len()),
        _ => return None,
    };
    Some((limit, u64::try_from(actual).ok()?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_field_of_an_object_that_knows_none_is_named() {
        let nothing = json!({ "type": "object", "additionalProperties": false });
        let validator = Validator::new(&json!({ "properties": { "inner": nothing } })).unwrap();
        let found = validator.violations(&json!({ "inner": { "a/b": "canary" } }), &[]);
        assert_eq!(found, [Violation::new("/inner/a~1b", "is not a known field")]);
    }
}
