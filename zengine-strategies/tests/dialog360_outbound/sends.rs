//! Sends: where they go, what proves them, what they carry.

use bytes::Bytes;
use serde_json::json;
use zengine_connector::message::{Media, MediaKind, MediaSource};
use zengine_connector::{Content, ErrorKind, Identity, OutboundMessage, Reach};
use zengine_strategies::whatsapp_360dialog::{Dialog360, Hosting};

use crate::support::{Bench, KEY, accepted, text};

#[tokio::test(start_paused = true)]
async fn a_send_goes_to_the_hosts_own_path_with_the_key_and_no_token() {
    let hosted =
        [(Hosting::Cloud, "https://waba-v2.360dialog.io/messages"), (Hosting::Sandbox, "https://waba-sandbox.360dialog.io/v1/messages")];
    for (hosting, address) in hosted {
        let bench = Bench::with(Dialog360::new(), |config| {
            config.hosting = hosting;
            config.phone_number_id = Some("100200300".to_owned());
        })
        .await;
        // Both statuses are success.
        bench.answer_json(if hosting == Hosting::Cloud { 200 } else { 201 }, &accepted());
        let receipt = bench.send(&text()).await.unwrap();
        assert_eq!(receipt.provider_id().unwrap().as_str(), "wamid.OUT");
        let call = bench.last();
        assert_eq!(call.uri().to_string(), address);
        assert_eq!(call.headers()["d360-api-key"], KEY);
        assert!(call.headers()["d360-api-key"].is_sensitive());
        assert!(!call.headers().contains_key("authorization") && !call.uri().to_string().contains("100200300"));
        let body = bench.last_json();
        assert_eq!((&body["messaging_product"], &body["recipient_type"]), (&json!("whatsapp"), &json!("individual")));
        assert_eq!(body["text"]["body"], "Hello");
    }
}

#[tokio::test(start_paused = true)]
async fn path_address_and_agent_can_be_set() {
    let settings = Dialog360::new().with_base_url("http://127.0.0.1:8089/").unwrap().with_user_agent("desk/1").unwrap();
    let bench = Bench::with(settings, |config| config.messages_path = Some("/v1/messages".to_owned())).await;
    bench.answer_json(200, &accepted());
    let _ = bench.send(&text()).await.unwrap();
    let call = bench.last();
    assert_eq!(
        (call.uri().to_string().as_str(), call.headers()["user-agent"].to_str().unwrap()),
        ("http://127.0.0.1:8089/v1/messages", "desk/1")
    );
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_to_the_older_hosting() {
    let bench = Bench::with(Dialog360::new(), |config| config.hosting = Hosting::OnPremise).await;
    let error = bench.send(&text()).await.unwrap_err();
    assert_eq!((error.kind(), error.reach()), (ErrorKind::Config, Reach::NotSent));
    assert!(bench.calls().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_file_in_bytes_is_stored_first_and_then_named() {
    let bench = Bench::new().await;
    let media = Media::new(MediaKind::Image, MediaSource::Inline { data: Bytes::from_static(b"picture") }).with_mime("image/png");
    bench.answer_json(200, &json!({"id": "media-1"}));
    bench.answer_json(200, &accepted());
    let message = OutboundMessage::new(Identity::phone("+15551230001").unwrap(), Content::Media(media));
    let receipt = bench.send(&message).await.unwrap();
    assert_eq!(bench.calls(), ["POST https://waba-v2.360dialog.io/media", "POST https://waba-v2.360dialog.io/messages"]);
    assert_eq!(bench.last_json()["image"]["id"], "media-1");
    assert_eq!(receipt.steps.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_person_without_a_number_is_named_by_the_scoped_id() {
    let bench = Bench::new().await;
    bench.answer_json(200, &accepted());
    let ana: Identity = serde_json::from_value(json!({"kind": "bsuid", "value": "US.1350000000000001"})).unwrap();
    let _ = bench.send(&OutboundMessage::text(ana, "Hello")).await.unwrap();
    let body = bench.last_json();
    assert_eq!((body.get("to"), &body["recipient"]), (None, &json!("US.1350000000000001")));
}

#[tokio::test(start_paused = true)]
async fn the_receipt_keeps_the_providers_spelling_of_the_number() {
    let bench = Bench::new().await;
    bench.answer_json(200, &json!({"contacts": [{"input": "+5511987650001", "wa_id": "551187650001"}], "messages": [{"id": "wamid.1"}]}));
    let receipt = bench.send(&OutboundMessage::text(Identity::phone("+5511987650001").unwrap(), "Oi")).await.unwrap();
    let data = serde_json::to_value(&receipt).unwrap()["data"].to_string();
    assert!(data.contains("\"551187650001\""), "{data}");
}

#[tokio::test(start_paused = true)]
async fn debug_prints_no_key() {
    let bench = Bench::new().await;
    let shown = format!("{:?} {:?}", bench.tenant, bench.strategy);
    assert!(!shown.contains("canary"), "{shown}");
}
