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
