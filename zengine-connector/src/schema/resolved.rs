//! A configuration with its secrets in it.

use serde_json::Value;
use zeroize::Zeroize as _;

use super::Site;

/// A configuration with resolved secrets, for as long as `configure` reads it; its texts are overwritten on drop.
pub(crate) struct Resolved(Value);

impl Resolved {
    pub(crate) fn new(config: Value) -> Self {
        Self(config)
    }

    pub(crate) fn value(&self) -> &Value {
        &self.0
    }

    /// The secrets at these places.
    pub(crate) fn texts<'a>(&'a self, sites: &'a [Site]) -> impl Iterator<Item = &'a str> {
        sites.iter().filter_map(|site| self.0.pointer(&site.pointer)?.as_str())
    }

    /// Replaces a reference by its secret.
    pub(crate) fn fill(&mut self, pointer: &str, secret: &str) {
        if let Some(place) = self.0.pointer_mut(pointer) {
            *place = Value::String(secret.to_owned());
        }
    }
}

impl Drop for Resolved {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe),
        Value::Object(members) => members.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_secret_goes_where_its_reference_stood_and_is_wiped() {
        let mut config = Resolved::new(json!({ "a/b": [{ "secret": "x" }], "n": 1 }));
        config.fill("/a~1b/0", "canary");
        config.fill("/nowhere", "canary");
        assert_eq!(*config.value(), json!({ "a/b": ["canary"], "n": 1 }));
        wipe(&mut config.0);
        assert_eq!(*config.value(), json!({ "a/b": [""], "n": 1 }));
    }
}
