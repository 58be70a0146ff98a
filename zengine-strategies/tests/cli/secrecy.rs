//! Nothing that is secret, and on standard error nobody's name, is ever printed.

use serde_json::json;
use zengine_strategies::sandbox::Fault;

use crate::support::{APP_SECRET, Bench, PHONE, Run, TOKEN, VERIFY_TOKEN, WHATSAPP, message, signature, text, webhook, written, zengine};

fn look(run: &Run) {
    for secret in [TOKEN, APP_SECRET, VERIFY_TOKEN] {
        assert!(!run.out.contains(secret) && !run.err.contains(secret), "{secret}: {run:?}");
    }
    for private in [PHONE, PHONE.trim_start_matches('+'), "canary body"] {
        assert!(!run.err.contains(private), "{private}: {run:?}");
    }
}

#[test]
fn no_command_prints_a_secret_or_on_standard_error_a_person() {
    let bench = Bench::new();
    let config = bench.config.as_str();
    for fault in [
        None,
        Some(Fault::code(190)),
        Some(Fault::code(131_026)),
        Some(Fault::throttle()),
        Some(Fault::reset_after_accepting()),
        Some(Fault::raw(500, "text/plain", "canary")),
    ] {
        bench.meta.clear_faults();
        if let Some(fault) = fault {
            bench.meta.fail_always(fault);
        }
        look(&bench.send(&text(), &["--timeout", "2"]));
        look(&zengine(&["health", WHATSAPP, "--config", config], ""));
    }
    look(&bench.send(&text(), &["--dry-run"]));
    for content in [
        json!({"type": "text", "body": ""}),
        json!({"type": "canary body"}),
        json!({"type": "reaction", "target": PHONE.repeat(200), "emoji": "x"}),
    ] {
        look(&bench.send(&message(content), &[]));
    }
    look(&zengine(&["check", WHATSAPP, "--config", config], ""));
    let body = webhook(&json!([written("wamid.1")]));
    for header in [signature(body.as_bytes()), signature(b"x"), format!("X-Hub-Signature-256: {APP_SECRET}")] {
        look(&zengine(&["receive", WHATSAPP, "--config", config, "--header", &header], &body));
    }
    let path = format!("/?hub.mode=subscribe&hub.verify_token={VERIFY_TOKEN}x&hub.challenge=1");
    look(&zengine(&["receive", WHATSAPP, "--config", config, "--method", "GET", "--path", &path], ""));
}
