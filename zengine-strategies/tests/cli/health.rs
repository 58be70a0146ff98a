//! `zengine health`.

use serde_json::json;
use zengine_strategies::sandbox::Fault;

use crate::support::{Bench, Files, NOBODY, Run, WHATSAPP, command, file, zengine};

fn health(bench: &Bench) -> Run {
    zengine(&["health", WHATSAPP, "--config", &bench.config], "")
}

#[test]
fn a_healthy_channel_is_healthy() {
    let bench = Bench::new();
    let line = health(&bench).ended(0).line();
    assert_eq!(line, json!({ "strategy": WHATSAPP, "tenant": "acme", "status": "healthy" }));
}

#[test]
fn each_state_has_its_exit_code_and_a_reason() {
    let bench = Bench::new();
    bench.meta.set_node_field("100200300", "quality_rating", "RED");
    let line = health(&bench).ended(7).line();
    assert_eq!((&line["status"], line["reason"].is_string()), (&json!("degraded"), true));

    bench.meta.set_token("100200300", "another");
    assert_eq!(health(&bench).ended(8).line()["status"], "unhealthy");

    bench.meta.fail_next(Fault::throttle().on_any_request());
    assert_eq!(health(&bench).ended(9).line()["status"], "inconclusive");
}

#[test]
fn a_provider_that_is_not_there_is_unhealthy_and_a_wrong_file_is_invalid() {
    let files = Files::new();
    let mut content = file(NOBODY);
    let path = files.write("file.json", &content);
    assert_eq!(zengine(&["health", WHATSAPP, "--config", &path], "").ended(8).line()["status"], "unhealthy");
    content["config"]["phone_number_id"] = "x".into();
    let path = files.write("file.json", &content);
    let run = zengine(&["health", WHATSAPP, "--config", &path], "").ended(2);
    assert!(run.out.is_empty() && run.err.starts_with("/config/phone_number_id: "), "{run:?}");
}

#[test]
fn a_provider_on_this_machine_is_not_asked_through_a_proxy() {
    let bench = Bench::new();
    let mut command = command(&["health", WHATSAPP, "--config", &bench.config]);
    for variable in ["HTTP_PROXY", "http_proxy", "ALL_PROXY"] {
        command.env(variable, NOBODY);
    }
    assert_eq!(command.output().unwrap().status.code(), Some(0));
}
