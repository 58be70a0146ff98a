//! Each `name.in.json` gives what stands in `name.expect.json`. `BLESS=1` writes what came out; read it before you commit.

use std::{collections::BTreeMap, fs, path::PathBuf};

use serde_json::{Value, json};
use zengine_connector::{message::ElementError, strategy::RoutedEvent};

use crate::support::{ids, normalize, routes, shown};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/whatsapp-meta-cloud")
}

/// The bodies by name.
pub(crate) fn bodies() -> BTreeMap<String, String> {
    let files = fs::read_dir(folder()).unwrap().map(|file| file.unwrap().path());
    let name = |path: &PathBuf| path.file_name()?.to_str()?.strip_suffix(".in.json").map(str::to_owned);
    files.filter_map(|path| Some((name(&path)?, fs::read_to_string(&path).unwrap()))).collect()
}

fn event(event: &RoutedEvent) -> Value {
    let mut out = json!({ "event": shown(&event.event), "dedup": event.dedup });
    let mut add = |name: &str, value: Value| {
        if !matches!(&value, Value::Null | Value::Bool(false)) && value != json!([]) {
            out[name] = value;
        }
    };
    let context = serde_json::to_value(&event.context).unwrap();
    add("context", if context == json!({}) { Value::Null } else { context });
    add("routes", routes(event).into_iter().map(|(kind, value)| format!("{kind}:{value}")).collect());
    add("fan_out", event.fan_out.into());
    add("from", ids(&event.from).into());
    add("from_name", event.from.name.clone().into());
    add("to", event.to.iter().map(ids).collect());
    add("conversation", event.conversation.as_ref().map(ToString::to_string).into());
    add("provider_ids", event.provider_ids.iter().map(ToString::to_string).collect());
    add("occurred_at_ms", event.occurred_at_ms.into());
    add("reference", event.reference.as_ref().map(ToString::to_string).into());
    out
}

fn error(error: &ElementError) -> Value {
    json!({ "path": error.path, "reason": error.reason })
}

#[test]
fn each_webhook_gives_the_expected_events() {
    let bless = std::env::var_os("BLESS").is_some();
    let bodies = bodies();
    assert!(bodies.len() > 30, "the fixtures are there");
    let mut different = vec![];
    for (name, body) in bodies {
        let out: Vec<Value> = normalize(body).iter().map(|result| result.as_ref().map_or_else(error, event)).collect();
        let file = folder().join(format!("{name}.expect.json"));
        if bless {
            fs::write(&file, format!("{}\n", serde_json::to_string_pretty(&out).unwrap())).unwrap();
        }
        let expected: Vec<Value> = serde_json::from_str(&fs::read_to_string(&file).unwrap_or_default()).unwrap_or_default();
        for (index, (out, expected)) in out.iter().zip(&expected).enumerate().filter(|(_, (out, expected))| out != expected) {
            different.push(format!("{name}[{index}]\n  is       {out}\n  expected {expected}"));
        }
        if out.len() != expected.len() {
            different.push(format!("{name}: {} results, expected {}", out.len(), expected.len()));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn raw_is_the_exact_slice_of_each_element() {
    for (name, body) in bodies() {
        let document: Value = serde_json::from_str(&body).unwrap();
        for result in normalize(body.clone()) {
            let raw = match &result {
                Ok(event) => event.raw.clone(),
                Err(error) => error.raw.clone(),
            };
            let text = std::str::from_utf8(&raw).unwrap();
            assert!(body.contains(text) && !text.is_empty(), "{name}");
            let value: Value = serde_json::from_str(text).unwrap();
            if let Err(error) = result {
                assert_eq!(document.pointer(&error.path), Some(&value), "{name} {}", error.path);
            }
        }
    }
}
