//! Nothing that is printed holds a secret, a person or what was said.

use std::fmt::Write as _;

use serde_json::json;
use zengine_connector::{Content, strategy::InboundRequest};

use crate::{
    host::{Do, Host, message, payload, request},
    log::Log,
};

#[tokio::test(start_paused = true)]
async fn rule_81_logs_errors_and_debug_hold_no_secret_no_person_and_no_content() {
    let log = Log::default();
    // For the whole process: what other tests make the core say holds no canary either.
    tracing::subscriber::set_global_default(log.clone()).unwrap();
    let host = Host::new();
    let mut printed = String::new();
    for todo in [None, Some(Do::NotStored), Some(Do::Poison), Some(Do::Reply { n: 0, after: std::time::Duration::ZERO, with: "x".into() })]
    {
        if let Some(todo) = todo.clone() {
            host.on("canary-text", todo);
        }
        let mut nowhere = message(&format!("nowhere {todo:?}"), "canary-conversation", "canary-text");
        nowhere["routes"] = json!([["phone", "canary-route"]]);
        let mut broken = nowhere.clone();
        broken["routes"] = json!([["phone", "broken"]]);
        let body = payload(&[
            message(&format!("{todo:?}"), "canary-conversation", "canary-text"),
            nowhere,
            broken,
            json!("canary-element"),
            message(&format!("failing {todo:?}"), "canary-2", "admit: fail"),
        ]);
        let request = request("/canary-path?canary=1").header("x-secret", "canary-secret").body(body).unwrap();
        let inbound = InboundRequest::http(request);
        write!(printed, "{inbound:?}").unwrap();
        let received = host.orchestrator.receive("acme-shared", inbound).await.unwrap();
        write!(printed, "{received:?}").unwrap();
    }
    let wrong = request("/").header("x-secret", "canary-guess").body(payload(&[message("9", "a", "canary-text")])).unwrap();
    write!(printed, "{:?}", host.receive("acme-shared", wrong).await).unwrap();
    let events = host.seen.events.lock().unwrap().clone();
    write!(printed, "{events:?}").unwrap();
    let to = host.seen.reply_to.lock().unwrap()[0].clone();
    write!(printed, "{to:?} {:?}", host.orchestrator.reply(&to, 0, Content::text("canary-reply")).await).unwrap();
    write!(printed, "{:?} {:?}", host.orchestrator, host.memory).unwrap();

    let log = log.lines("").join("\n");
    for line in ["inbound.completed", "inbound.poison", "inbound.unstored", "inbound.tenant_broken"] {
        assert!(log.contains(line), "{line} is missing in {log}");
    }
    for text in [&log, &printed] {
        assert!(!text.contains("canary"), "{text}");
    }
    assert!(log.contains("the host's database is down"), "the text is the host's own: {log}");
    assert!(log.contains("accepted=1 poisoned=3 unstored=1"), "{log}");
    assert!(!log.contains("(none)"), "a fact that is not there is a key that is not there: {log}");
}
