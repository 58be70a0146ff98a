//! Canonical JSON: sorted keys, no white space, whole numbers without a fraction.

use std::io::Write;

use serde_json::{Number, Value};

/// Writes a value as canonical JSON.
pub(super) fn write(value: &Value, into: &mut dyn Write) -> serde_json::Result<()> {
    match value {
        Value::Array(items) => separated(b'[', items.iter(), b']', into, |item, into| write(item, into)),
        Value::Object(members) => {
            // The map may keep the order of insertion, where some other crate asks serde_json to.
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(key, _)| *key);
            separated(b'{', members.into_iter(), b'}', into, |(key, value), into| {
                serde_json::to_writer(&mut *into, key)?;
                into.write_all(b":").map_err(serde_json::Error::io)?;
                write(value, into)
            })
        }
        Value::Number(number) => serde_json::to_writer(into, &whole(number)),
        Value::Null | Value::Bool(_) | Value::String(_) => serde_json::to_writer(into, value),
    }
}

fn separated<T>(
    open: u8,
    items: impl Iterator<Item = T>,
    close: u8,
    into: &mut dyn Write,
    mut each: impl FnMut(T, &mut dyn Write) -> serde_json::Result<()>,
) -> serde_json::Result<()> {
    into.write_all(&[open]).map_err(serde_json::Error::io)?;
    for (i, item) in items.enumerate() {
        if i > 0 {
            into.write_all(b",").map_err(serde_json::Error::io)?;
        }
        each(item, into)?;
    }
    into.write_all(&[close]).map_err(serde_json::Error::io)
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
