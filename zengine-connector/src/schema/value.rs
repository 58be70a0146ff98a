//! JSON as the walks along a schema see it, parsed or in its text.

use std::borrow::Cow;

use serde_json::Value;

use crate::json::ValueRef;

/// A JSON value, parsed or in its text.
pub(super) trait Json<'j>: Copy {
    /// Whether the value is of a type of JSON Schema.
    fn is_type(self, name: &str) -> bool;
    /// The text of a string.
    fn text(self) -> Option<Cow<'j, str>>;
    /// The members of an object.
    fn members(self) -> impl Iterator<Item = (Cow<'j, str>, Self)>;
    /// The elements of an array.
    fn items(self) -> impl Iterator<Item = Self>;

    /// The value in its text, if it is not parsed.
    fn written(self) -> Option<ValueRef<'j>>;

    fn member(self, name: &str) -> Option<Self> {
        self.members().find_map(|(key, member)| (key == name).then_some(member))
    }
}

impl<'j> Json<'j> for &'j Value {
    fn is_type(self, name: &str) -> bool {
        is_type(self, name)
    }

    fn text(self) -> Option<Cow<'j, str>> {
        self.as_str().map(Cow::from)
    }

    fn members(self) -> impl Iterator<Item = (Cow<'j, str>, Self)> {
        self.as_object().into_iter().flatten().map(|(name, member)| (name.into(), member))
    }

    fn items(self) -> impl Iterator<Item = Self> {
        self.as_array().into_iter().flatten()
    }

    fn written(self) -> Option<ValueRef<'j>> {
        None
    }
}

impl<'j> Json<'j> for ValueRef<'j> {
    fn is_type(self, name: &str) -> bool {
        match self.as_json().as_bytes().first() {
            Some(b'n') => name == "null",
            Some(b't' | b'f') => name == "boolean",
            Some(b'"') => name == "string",
            Some(b'[') => name == "array",
            Some(b'{') => name == "object",
            _ => name == "number" || (name == "integer" && !self.as_json().contains(['.', 'e', 'E'])),
        }
    }

    fn text(self) -> Option<Cow<'j, str>> {
        self.string()
    }

    fn members(self) -> impl Iterator<Item = (Cow<'j, str>, Self)> {
        self.object().into_iter().flat_map(|object| object.members())
    }

    fn items(self) -> impl Iterator<Item = Self> {
        self.elements().into_iter().flatten()
    }

    fn written(self) -> Option<ValueRef<'j>> {
        Some(self)
    }
}

/// Whether a value is of a type of JSON Schema.
pub(super) fn is_type(value: &Value, name: &str) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    }
}
