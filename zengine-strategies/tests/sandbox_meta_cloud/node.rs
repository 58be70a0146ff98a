//! Reads: health, numbers of an account, statuses by message id.

use serde_json::json;

use crate::support::{Client, NUMBER, TOKEN, start, text};

#[tokio::test]
async fn health_shows_the_fields_that_were_asked_for() {
    let (meta, client) = (start(), Client::new());
    let node = format!("{}/v26.0/{NUMBER}", meta.base_url());
    let all = client.get(&format!("{node}?fields=status,quality_rating,throughput,health_status"), TOKEN).await.json();
    assert_eq!((&all["status"], &all["quality_rating"]), (&json!("CONNECTED"), &json!("GREEN")));
    assert_eq!(all["health_status"]["can_send_message"], "AVAILABLE");
    assert_eq!((all.get("verified_name"), &all["id"]), (None, &json!(NUMBER)));

    meta.set_node_field(NUMBER, "quality_rating", "RED");
    assert_eq!(client.get(&node, TOKEN).await.json()["quality_rating"], "RED");
    assert_eq!(client.get(&format!("{node}?fields=shoe_size"), TOKEN).await.code(), 100);
    assert_eq!(client.get(&node, "sandbox-token-100200400").await.code(), 100);
    meta.set_token(NUMBER, "renewed");
    assert_eq!(client.get(&node, TOKEN).await.status, 401);
    assert_eq!(client.get(&node, "renewed").await.status, 200);
}

#[tokio::test]
async fn statuses_and_numbers_can_be_looked_up() {
    let (meta, client) = (start(), Client::new());
    let wamid = client.message(&meta, &text()).await.wamid();
    meta.settle().await;
    let url = format!("{}/v26.0/{NUMBER}/message_history?message_id={}", meta.base_url(), wamid.replace('=', "%3D").replace('+', "%2B"));
    let events = client.get(&url, TOKEN).await.json()["data"][0]["events"]["data"].clone();
    let states: Vec<_> = events.as_array().unwrap().iter().map(|event| event["delivery_status"].clone()).collect();
    assert_eq!(states, ["SENT", "DELIVERED", "READ"]);
    let numbers = client.get(&format!("{}/v26.0/900100/phone_numbers", meta.base_url()), TOKEN).await.json();
    assert_eq!(numbers["data"][0]["id"], NUMBER);
}

#[tokio::test]
async fn management_calls_can_be_limited_by_the_hour_and_the_account() {
    let (meta, client) = (start(), Client::new());
    meta.set_management_limit(Some(2));
    let node = format!("{}/v26.0/{NUMBER}", meta.base_url());
    for _ in 0..2 {
        assert_eq!(client.get(&node, TOKEN).await.status, 200);
    }
    let refused = client.get(&format!("{}/v26.0/900100/phone_numbers", meta.base_url()), TOKEN).await;
    assert_eq!((refused.status, refused.code()), (400, 80_008));
    let usage: serde_json::Value = serde_json::from_slice(refused.headers["x-business-use-case-usage"].as_bytes()).unwrap();
    assert_eq!(usage["900100"][0]["estimated_time_to_regain_access"], 60);
    assert_eq!(client.message(&meta, &text()).await.status, 200, "sends do not count");
    let other = format!("{}/v26.0/100200400", meta.base_url());
    assert_eq!(client.get(&other, "sandbox-token-100200400").await.status, 200);
    meta.advance(std::time::Duration::from_secs(3_600));
    assert_eq!(client.get(&node, TOKEN).await.status, 200);
}
