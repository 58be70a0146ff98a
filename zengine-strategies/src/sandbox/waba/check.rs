//! Checks of request parameters: a JSON value and its path in Meta's errors.

use serde_json::{Map, Value};

use super::errors::GraphError;

pub(in crate::sandbox) type Checked<T = ()> = Result<T, GraphError>;

/// A value of the request and its path.
#[derive(Debug, Clone)]
pub(in crate::sandbox) struct Param<'a> {
    pub(in crate::sandbox) value: &'a Value,
    pub(in crate::sandbox) path: String,
}

impl<'a> Param<'a> {
    pub(in crate::sandbox) fn root(value: &'a Value) -> Self {
        Self { value, path: String::new() }
    }

    fn step(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}['{key}']", self.path) }
    }

    pub(in crate::sandbox) fn object(&self) -> Checked<&'a Map<String, Value>> {
        self.value.as_object().ok_or_else(|| self.invalid("must be an object"))
    }

    /// Checks that an object has only these keys; Meta refuses others with code 100.
    pub(in crate::sandbox) fn only(&self, allowed: &[&str]) -> Checked {
        match self.object()?.keys().find(|key| !allowed.contains(&key.as_str())) {
            Some(key) => Err(GraphError::bad(format!("Unexpected key \"{key}\" on param \"{}\".", self.path))),
            None => Ok(()),
        }
    }

    pub(in crate::sandbox) fn optional(&self, key: &str) -> Option<Param<'a>> {
        self.value.get(key).map(|value| Param { value, path: self.step(key) })
    }

    pub(in crate::sandbox) fn required(&self, key: &str) -> Checked<Param<'a>> {
        self.object()?;
        self.optional(key).ok_or_else(|| GraphError::missing(&self.step(key)))
    }

    pub(in crate::sandbox) fn text(&self) -> Checked<&'a str> {
        self.value.as_str().ok_or_else(|| self.invalid("must be a string"))
    }

    /// A text of `least` to `most` Unicode characters, and not of spaces only.
    pub(in crate::sandbox) fn text_of(&self, least: usize, most: usize) -> Checked<&'a str> {
        let text = self.text()?;
        let length = text.chars().count();
        if (least..=most).contains(&length) && (text.is_empty() || !text.trim().is_empty()) {
            return Ok(text);
        }
        Err(self.invalid(&format!("length is {length}, must be {least} to {most}")))
    }

    pub(in crate::sandbox) fn template_name(&self) -> Checked<&'a str> {
        let name = self.text_of(1, 512)?;
        let fits = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if fits { Ok(name) } else { Err(self.invalid("may only contain a to z, 0 to 9 and _")) }
    }

    pub(in crate::sandbox) fn one_of(&self, allowed: &[&str]) -> Checked<&'a str> {
        let text = self.text()?;
        if allowed.contains(&text) { Ok(text) } else { Err(self.invalid(&format!("must be one of {}", allowed.join(", ")))) }
    }

    pub(in crate::sandbox) fn boolean(&self) -> Checked<bool> {
        self.value.as_bool().ok_or_else(|| self.invalid("must be true or false"))
    }

    pub(in crate::sandbox) fn integer_of(&self, least: i64, most: i64) -> Checked<i64> {
        let number = self.value.as_i64().ok_or_else(|| self.invalid("must be an integer"))?;
        if (least..=most).contains(&number) { Ok(number) } else { Err(self.invalid(&format!("must be {least} to {most}"))) }
    }

    /// A number, or a string with a number.
    pub(in crate::sandbox) fn number_of(&self, least: f64, most: f64) -> Checked<f64> {
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

    pub(in crate::sandbox) fn items_of(&self, least: usize, most: usize) -> Checked<Vec<Param<'a>>> {
        let items = self.value.as_array().ok_or_else(|| self.invalid("must be an array"))?;
        if !(least..=most).contains(&items.len()) {
            return Err(self.invalid(&format!("has {} items, must have {least} to {most}", items.len())));
        }
        Ok(items.iter().enumerate().map(|(index, value)| Param { value, path: format!("{}[{index}]", self.path) }).collect())
    }

    /// An absolute http or https address.
    pub(in crate::sandbox) fn url(&self) -> Checked<&'a str> {
        let text = self.text()?;
        let (scheme, rest) = text.split_once("://").unwrap_or_default();
        let is_web = scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http");
        let fits = is_web && !rest.starts_with('/') && !rest.is_empty() && !text.contains(char::is_whitespace);
        if fits { Ok(text) } else { Err(self.invalid("must be an http or https address")) }
    }

    /// Checks the value against a shape.
    pub(in crate::sandbox) fn is(&self, shape: &Is<'_>) -> Checked {
        match *shape {
            Is::Any => Ok(()),
            Is::Text(least, most) => self.text_of(least, most).map(drop),
            Is::Label(most) => {
                let text = self.text_of(1, most)?;
                if text.trim() == text { Ok(()) } else { Err(self.invalid("must not begin or end with space")) }
            }
            Is::AnyText => self.text().map(drop),
            Is::Word(allowed) => self.one_of(allowed).map(drop),
            Is::Bool => self.boolean().map(drop),
            Is::Integer(least, most) => self.integer_of(least, most).map(drop),
            Is::Number(least, most) => self.number_of(least, most).map(drop),
            Is::Url => self.url().map(drop),
            Is::AnyObject => self.object().map(drop),
            Is::Strings(keys) => {
                self.only(keys)?;
                keys.iter().filter_map(|key| self.optional(key)).try_for_each(|value| value.text().map(drop))
            }
            Is::Object(members) => {
                self.only(&members.iter().map(|member| member.0).collect::<Vec<_>>())?;
                self.is(&Is::Open(members))
            }
            Is::Open(members) => members.iter().try_for_each(|Member(name, is_required, shape)| match self.optional(name) {
                Some(value) => value.is(shape),
                None if *is_required => self.required(name).map(drop),
                None => self.object().map(drop),
            }),
            Is::List(least, most, shape) => self.items_of(least, most)?.iter().try_for_each(|item| item.is(shape)),
            Is::By(check) => check(self),
        }
    }

    /// Refuses equal values in the members that `values` finds.
    pub(in crate::sandbox) fn distinct<'v>(&self, values: impl Iterator<Item = &'v Value>) -> Checked {
        let mut seen = Vec::new();
        for value in values {
            if seen.contains(&value) {
                return Err(self.invalid("must be unique"));
            }
            seen.push(value);
        }
        Ok(())
    }

    pub(in crate::sandbox) fn invalid(&self, why: &str) -> GraphError {
        GraphError::invalid(if self.path.is_empty() { "request" } else { &self.path }, why)
    }
}

/// The shape of a value in a request.
#[derive(Debug, Clone, Copy)]
pub(in crate::sandbox) enum Is<'s> {
    Any,
    /// A text of so many Unicode characters, and not of spaces only.
    Text(usize, usize),
    /// A text of at most so many characters without space around it.
    Label(usize),
    AnyText,
    Word(&'s [&'s str]),
    Bool,
    Integer(i64, i64),
    /// A number, or a string with a number.
    Number(f64, f64),
    Url,
    AnyObject,
    /// An object with no other than these members, which are optional strings.
    Strings(&'s [&'s str]),
    /// An object with no other than these members.
    Object(&'s [Member<'s>]),
    /// An object with these and any other members.
    Open(&'s [Member<'s>]),
    /// A list of so many items of this shape.
    List(usize, usize, &'s Is<'s>),
    By(fn(&Param<'_>) -> Checked),
}

/// A member of an object: its name, whether it is required, and its shape.
#[derive(Debug, Clone, Copy)]
pub(in crate::sandbox) struct Member<'s>(pub(in crate::sandbox) &'s str, pub(in crate::sandbox) bool, pub(in crate::sandbox) Is<'s>);

/// The shape of an object: `"name" ! shape` for a required member, `"name" ? shape` for an optional one.
macro_rules! object {
    (@ !) => { true };
    (@ ?) => { false };
    ($($name:literal $need:tt $shape:expr),* $(,)?) => {
        $crate::sandbox::waba::check::Is::Object(object!(= $($name $need $shape),*))
    };
    (= $($name:literal $need:tt $shape:expr),* $(,)?) => {
        &[$($crate::sandbox::waba::check::Member($name, object!(@ $need), $shape)),*]
    };
}
pub(in crate::sandbox) use object;
