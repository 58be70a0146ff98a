//! Pairs of files: `name.in.json` and `name.expect.json` beside it. `BLESS=1` writes the actual results.

use std::{fs, path::Path};

use bytes::Bytes;
use serde_json::Value;

/// The inputs of a folder that end in `.in.` and this, by name, in order.
pub(crate) fn inputs(folder: &Path, kind: &str) -> Vec<(String, String)> {
    let files = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut inputs: Vec<_> = files
        .filter_map(|file| {
            let path = file.ok()?.path();
            let name = path.file_name()?.to_str()?.strip_suffix(kind)?.strip_suffix(".in.")?.to_owned();
            Some((name, fs::read_to_string(path).ok()?))
        })
        .collect();
    inputs.sort();
    assert!(!inputs.is_empty(), "{}: no file ends in .in.{kind}", folder.display());
    inputs
}

/// A request from a file: a line with method and address, lines with headers, an empty line and the body.
pub(crate) fn request(text: &str) -> Option<http::Request<Bytes>> {
    let (head, body) = text.split_once("\n\n").unwrap_or((text.trim_end(), ""));
    let mut lines = head.lines();
    let (method, uri) = lines.next()?.split_once(' ')?;
    let request = http::Request::builder().method(method).uri(uri);
    let request = lines.try_fold(request, |request, line| line.split_once(": ").map(|(name, value)| request.header(name, value)))?;
    request.body(Bytes::copy_from_slice(body.trim_end_matches('\n').as_bytes())).ok()
}

/// Compares the result of each input with the expected one. With `BLESS=1` in the environment, writes it instead.
///
/// # Panics
/// Panics if a result differs, with each pair and place.
pub(crate) fn compare(folder: &Path, results: &[(String, Value)]) {
    let bless = std::env::var_os("BLESS").is_some_and(|value| value == "1");
    let mut wrong = vec![];
    for (name, is) in results {
        let file = folder.join(format!("{name}.expect.json"));
        if bless {
            let text = serde_json::to_string_pretty(is).expect("a JSON value prints");
            fs::write(&file, text + "\n").unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            continue;
        }
        match fs::read_to_string(&file).map(|text| serde_json::from_str::<Value>(&text)) {
            Ok(Ok(expected)) => difference("", is, &expected, &mut |what| wrong.push(format!("{name}{what}"))),
            Ok(Err(error)) => wrong.push(format!("{name}.expect.json: {error}")),
            Err(_) => wrong.push(format!("{name}.expect.json is missing; BLESS=1 writes it")),
        }
    }
    assert!(wrong.is_empty(), "pairs differ; read each, and BLESS=1 writes the actual results:\n{}", wrong.join("\n"));
}

/// Reports each smallest place that differs.
fn difference(at: &str, is: &Value, expected: &Value, report: &mut dyn FnMut(String)) {
    match (is, expected) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: std::collections::BTreeSet<_> = a.keys().chain(b.keys()).collect();
            for key in keys {
                let (a, b) = (a.get(key).unwrap_or(&Value::Null), b.get(key).unwrap_or(&Value::Null));
                difference(&format!("{at}/{key}"), a, b, report);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (n, (a, b)) in a.iter().zip(b).enumerate() {
                difference(&format!("{at}/{n}"), a, b, report);
            }
        }
        _ if is == expected => {}
        _ => report(format!(" at {at}: is {is}, expected {expected}")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_difference_is_named_by_its_smallest_place() {
        let mut found = vec![];
        let expected = json!({ "a": [{ "b": 1 }, 2], "c": 3 });
        difference("", &json!({ "a": [{ "b": 9 }, 2] }), &expected, &mut |what| found.push(what));
        assert_eq!(found, [" at /a/0/b: is 9, expected 1", " at /c: is null, expected 3"]);
    }

    #[test]
    fn a_pair_without_expectation_fails_and_names_bless() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("x.in.json"), "1").unwrap();
        assert_eq!(inputs(folder.path(), "json"), [("x".to_owned(), "1".to_owned())]);
        let run = std::panic::catch_unwind(|| compare(folder.path(), &[("x".to_owned(), json!(1))]));
        assert!(super::super::host::panic_text(&*run.unwrap_err()).contains("BLESS=1"));
        fs::write(folder.path().join("x.expect.json"), "1").unwrap();
        compare(folder.path(), &[("x".to_owned(), json!(1))]);
    }
}
