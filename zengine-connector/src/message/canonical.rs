//! Canonical JSON: sorted keys, no white space, whole numbers without a fraction.

use std::{collections::BTreeMap, io::Write};

use serde::{Serialize, Serializer};
use serde_json::{Number, Value};

/// Writes a value as canonical JSON.
pub(super) fn write(value: &Value, into: &mut dyn Write) -> serde_json::Result<()> {
    serde_json::to_writer(into, &Canonical(value))
}

struct Canonical<'a>(&'a Value);

impl Serialize for Canonical<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Array(items) => serializer.collect_seq(items.iter().map(Canonical)),
            // The map may keep the order of insertion, where some other crate asks serde_json to.
            Value::Object(members) => {
                let sorted: BTreeMap<_, _> = members.iter().map(|(key, value)| (key, Canonical(value))).collect();
                serializer.collect_map(sorted)
            }
            Value::Number(number) => whole(number).serialize(serializer),
            Value::Null | Value::Bool(_) | Value::String(_) => self.0.serialize(serializer),
        }
    }
}

/// `1.0` and `1e0` are `1`.
fn whole(number: &Number) -> Number {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match number.as_f64() {
        #[allow(clippy::cast_possible_truncation)] // within the range that doubles hold exactly
        Some(float) if !number.is_i64() && !number.is_u64() && float.fract() == 0.0 && float.abs() <= EXACT => Number::from(float as i64),
        _ => number.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_23_key_order_white_space_and_float_form_do_not_matter() {
        let spelled = |text: &str| {
            let mut out = Vec::new();
            write(&serde_json::from_str(text).unwrap(), &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(spelled(r#"{"b":[1.0, 2e0],"a":{"y":null,"x":"\u0041"}}"#), r#"{"a":{"x":"A","y":null},"b":[1,2]}"#);
        assert_eq!(spelled("[1.5, 12345678901234567890]"), "[1.5,12345678901234567890]");
    }
}
