//! An emulator without a port, as an HTTP client.

use bytes::Bytes;
use http::Request;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use zengine_connector::HttpClient;
use zengine_connector::http::CallOptions;
use zengine_strategies::sandbox::meta_cloud::{MetaCloud, Webhooks};

use crate::support::{Callback, Client, NUMBER, TOKEN, message, post, settings, text};

/// The request that the tests' client posts, with its body in memory.
async fn request(base_url: &str, token: &str, body: &Value) -> Request<Bytes> {
    let (head, body) = post(&format!("{base_url}/v26.0/{NUMBER}/messages"), token, body).into_parts();
    Request::from_parts(head, body.collect().await.unwrap().to_bytes())
}

#[tokio::test]
async fn it_judges_as_the_one_with_a_port_whatever_host_is_named() {
    let (meta, client) = (MetaCloud::start(settings().with_seed(3)).unwrap(), Client::new());
    let here = MetaCloud::in_process(settings().with_seed(3)).unwrap().under("/graph/");
    for (token, body) in [
        (TOKEN, text()),
        (TOKEN, message("text", json!({"body": ""}))),
        (TOKEN, message("nothing", json!({}))),
        ("another", text()),
        (TOKEN, json!([])),
    ] {
        let there = client.send(post(&format!("{}/v26.0/{NUMBER}/messages", meta.base_url()), token, &body)).await.unwrap();
        let answer = here.call(request("https://no-such-host.invalid/graph", token, &body).await, CallOptions::DEFAULT).await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.body()), (there.status, &there.body), "{body}");
    }
    assert_eq!(here.journal().entries().len(), 5);
    assert_eq!(here.journal().accepted_count(), meta.journal().accepted_count());
}

#[tokio::test]
async fn it_sends_webhooks_too() {
    let callback = Callback::start().await;
    let once = Webhooks::new().with_statuses([("sent", std::time::Duration::ZERO)]);
    let here = MetaCloud::in_process(settings().with_callback(&callback.url).with_webhooks(once)).unwrap();
    here.call(request("http://x", TOKEN, &text()).await, CallOptions::DEFAULT).await.unwrap();
    here.journal().wait_for_webhooks(1).await;
    assert_eq!(callback.statuses()[0]["status"], "sent");
}
