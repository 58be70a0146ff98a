//! The journal's format, which programs in any language read: one line of each kind, as in the golden file.

use serde_json::{Value, json};
use zengine_strategies::sandbox::meta_cloud::{MetaCloud, Webhooks};
use zengine_strategies::sandbox::{EntryKind, Fault, WebhookFault};

use crate::support::{Callback, Client, NUMBER, TOKEN, message, settings, text};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/sandbox/journal.jsonl");

/// Replaces what differs between runs: times.
fn steady(value: &mut Value) {
    match value {
        Value::Object(members) => members.iter_mut().for_each(|(name, member)| match name.as_str() {
            "timestamp" => *member = "1793491200".into(),
            "time" => *member = 1_793_491_200.into(),
            _ => steady(member),
        }),
        Value::Array(items) => items.iter_mut().for_each(steady),
        _ => {}
    }
}

#[tokio::test]
async fn every_line_has_the_members_and_the_order_of_the_golden_file() {
    let callback = Callback::start().await;
    let once = Webhooks::new().with_statuses([("sent", std::time::Duration::ZERO)]);
    let meta = MetaCloud::start(settings().with_callback(&callback.url).with_seed(7).with_webhooks(once)).unwrap();
    let client = Client::new();
    meta.disturb_next(WebhookFault::duplicate(1));
    client.message(&meta, &text()).await;
    meta.settle().await;
    meta.fail_next(Fault::throttle());
    client.message(&meta, &text()).await;
    client.message(&meta, &message("text", json!({"body": ""}))).await;
    meta.fail_next(Fault::reset_after_reading());
    client.try_message(&meta, &text()).await.err().unwrap();
    client.get(&format!("{}/v26.0/{NUMBER}?fields=status&appsecret_proof=x", meta.base_url()), TOKEN).await;
    let lines: Vec<_> = meta
        .journal()
        .after(0, 100)
        .into_iter()
        .map(|mut entry| {
            entry.at_ms = 1_793_491_200_000;
            if entry.kind == EntryKind::Webhook {
                assert_eq!(entry.path, callback.url);
                "http://127.0.0.1:8080/hook".clone_into(&mut entry.path);
            }
            steady(&mut entry.body);
            serde_json::to_string(&entry).unwrap() + "\n"
        })
        .collect();
    let made = lines.concat();
    if std::env::var_os("BLESS").is_some() {
        std::fs::create_dir_all(std::path::Path::new(GOLDEN).parent().unwrap()).unwrap();
        std::fs::write(GOLDEN, &made).unwrap();
    }
    assert_eq!(made, std::fs::read_to_string(GOLDEN).unwrap(), "a public format: change it with a line in CHANGELOG.md, then BLESS=1");
}
