//! Cases from files.

use serde_json::Value;

/// The cases of a file. A text `<x*60>` stands for sixty times `x`.
pub(crate) fn cases(file: &str) -> Vec<Value> {
    let mut cases: Vec<Value> = serde_json::from_str(file).unwrap();
    cases.iter_mut().for_each(expand);
    cases
}

fn expand(value: &mut Value) {
    match value {
        Value::String(text) => {
            let run = text.strip_prefix('<').and_then(|text| text.strip_suffix('>')?.split_once('*'));
            if let Some((letter, count)) = run {
                *text = letter.repeat(count.parse().unwrap());
            }
        }
        Value::Array(items) => items.iter_mut().for_each(expand),
        Value::Object(members) => members.values_mut().for_each(expand),
        _ => {}
    }
}

/// Whether a value has everything that another has.
pub(crate) fn contains(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            part.iter().all(|(name, part)| contains(whole.get(name).unwrap_or(&Value::Null), part))
        }
        _ => whole == part,
    }
}
