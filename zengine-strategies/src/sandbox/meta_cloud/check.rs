//! Checks of request parameters: a JSON value and its path in Meta's errors.

use serde_json::{Map, Value};

use super::errors::GraphError;

pub(super) type Checked<T = ()> = Result<T, GraphError>;

/// A value of the request and its path.
#[derive(Debug, Clone)]
pub(super) struct Param<'a> {
    pub(super) value: &'a Value,
    pub(super) path: String,
}

impl<'a> Param<'a> {
    pub(super) fn root(value: &'a Value) -> Self {
        Self { value, path: String::new() }
    }

    fn step(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}['{key}']", self.path) }
    }

    pub(super) fn object(&self) -> Checked<&'a Map<String, Value>> {
        self.value.as_object().ok_or_else(|| self.invalid("must be an object"))
    }

    /// Checks that an object has only these keys; Meta refuses others with code 100.
    pub(super) fn only(&self, allowed: &[&str]) -> Checked {
        match self.object()?.keys().find(|key| !allowed.contains(&key.as_str())) {
            Some(key) => Err(GraphError::bad(format!("Unexpected key \"{key}\" on param \"{}\".", self.path))),
            None => Ok(()),
        }
    }

    pub(super) fn optional(&self, key: &str) -> Option<Param<'a>> {
        self.value.get(key).map(|value| Param { value, path: self.step(key) })
    }

    pub(super) fn required(&self, key: &str) -> Checked<Param<'a>> {
        self.object()?;
        self.optional(key).ok_or_else(|| GraphError::missing(&self.step(key)))
    }

    pub(super) fn text(&self) -> Checked<&'a str> {
        self.value.as_str().ok_or_else(|| self.invalid("must be a string"))
    }

    /// A text of `least` to `most` Unicode characters, and not of spaces only.
    pub(super) fn text_of(&self, least: usize, most: usize) -> Checked<&'a str> {
        let text = self.text()?;
        let length = text.chars().count();
        if (least..=most).contains(&length) && (text.is_empty() || !text.trim().is_empty()) {
            return Ok(text);
        }
        Err(self.invalid(&format!("length is {length}, must be {least} to {most}")))
    }

    pub(super) fn one_of(&self, allowed: &[&str]) -> Checked<&'a str> {
        let text = self.text()?;
        if allowed.contains(&text) { Ok(text) } else { Err(self.invalid(&format!("must be one of {}", allowed.join(", ")))) }
    }

    pub(super) fn boolean(&self) -> Checked<bool> {
        self.value.as_bool().ok_or_else(|| self.invalid("must be true or false"))
    }

    pub(super) fn integer_of(&self, least: i64, most: i64) -> Checked<i64> {
        let number = self.value.as_i64().ok_or_else(|| self.invalid("must be an integer"))?;
        if (least..=most).contains(&number) { Ok(number) } else { Err(self.invalid(&format!("must be {least} to {most}"))) }
    }

    /// A number, or a string with a number.
    pub(super) fn number_of(&self, least: f64, most: f64) -> Checked<f64> {
        let number = match self.value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        match number {
            Some(number) if number >= least && number <= most => Ok(number),
            Some(_) => Err(self.invalid(&format!("must be {least} to {most}"))),
            None => Err(self.invalid("must be a number")),
        }
    }

    pub(super) fn items_of(&self, least: usize, most: usize) -> Checked<Vec<Param<'a>>> {
        let items = self.value.as_array().ok_or_else(|| self.invalid("must be an array"))?;
        if !(least..=most).contains(&items.len()) {
            return Err(self.invalid(&format!("has {} items, must have {least} to {most}", items.len())));
        }
        Ok(items.iter().enumerate().map(|(index, value)| Param { value, path: format!("{}[{index}]", self.path) }).collect())
    }

    /// An absolute http or https address.
    pub(super) fn url(&self) -> Checked<&'a str> {
        let text = self.text()?;
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        match rest {
            Some(rest) if !rest.starts_with('/') && !rest.is_empty() && !text.contains(char::is_whitespace) => Ok(text),
            _ => Err(self.invalid("must be an http or https address")),
        }
    }

    pub(super) fn invalid(&self, why: &str) -> GraphError {
        GraphError::invalid(if self.path.is_empty() { "request" } else { &self.path }, why)
    }
}

/// Refuses a second occurrence of a value.
pub(super) fn distinct<'a>(seen: &mut Vec<&'a str>, value: &'a str, param: &Param<'_>) -> Checked {
    if seen.contains(&value) {
        return Err(param.invalid("must be unique"));
    }
    seen.push(value);
    Ok(())
}
