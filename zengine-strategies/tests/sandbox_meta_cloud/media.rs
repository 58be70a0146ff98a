//! Media endpoints.

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http_body_util::Full;
use serde_json::json;
use zengine_strategies::sandbox::Fault;
use zengine_strategies::sandbox::meta_cloud::MetaCloud;

use crate::support::{Answer, Client, NUMBER, TOKEN, bearer, message, settings, start};

const OTHER: &str = "sandbox-token-100200400";

async fn upload(meta: &MetaCloud, mime: &str, file: &[u8]) -> Answer {
    let mut body = format!(
        "--XX\r\ncontent-disposition: form-data; name=\"messaging_product\"\r\n\r\nwhatsapp\r\n\
         --XX\r\ncontent-disposition: form-data; name=\"type\"\r\n\r\n{mime}\r\n\
         --XX\r\ncontent-disposition: form-data; name=\"file\"; filename=\"f\"\r\ncontent-type: {mime}\r\n\r\n"
    )
    .into_bytes();
    body.extend_from_slice(file);
    body.extend_from_slice(b"\r\n--XX--\r\n");
    let url = format!("{}/v26.0/{NUMBER}/media", meta.base_url());
    let request = bearer(Method::POST, &url, TOKEN).header("content-type", "multipart/form-data; boundary=XX");
    Client::new().send(request.body(Full::from(body)).unwrap()).await.unwrap()
}

async fn call(method: Method, url: &str, token: &str) -> Answer {
    Client::new().send(bearer(method, url, token).body(Full::default()).unwrap()).await.unwrap()
}

#[tokio::test]
async fn a_file_goes_up_is_found_comes_down_and_is_deleted() {
    let meta = start();
    let file = b"\x89PNG\r\n--\x00\xff";
    let id = upload(&meta, "image/png", file).await.json()["id"].as_str().unwrap().to_owned();
    let node = format!("{}/v26.0/{id}", meta.base_url());
    let found = call(Method::GET, &format!("{node}?phone_number_id={NUMBER}"), TOKEN).await.json();
    assert_eq!((&found["mime_type"], &found["file_size"], &found["id"]), (&json!("image/png"), &json!(file.len()), &json!(id)));
    assert_eq!(found["sha256"].as_str().unwrap().len(), 64);

    let url = found["url"].as_str().unwrap();
    let down = call(Method::GET, url, TOKEN).await;
    assert_eq!((down.status, &down.body[..]), (200, &file[..]));
    assert_eq!(down.headers["content-type"], "image/png");
    let bare = Client::new().send(http::Request::get(url).body(Full::<Bytes>::default()).unwrap()).await.unwrap();
    assert_eq!(bare.status, 401);

    for (url, token) in [(&node, OTHER), (&format!("{node}?phone_number_id=100200400"), TOKEN)] {
        assert_eq!(call(Method::GET, url, token).await.code(), 100, "another tenant's media");
    }
    assert_eq!(call(Method::DELETE, &node, TOKEN).await.json(), json!({"success": true}));
    assert_eq!(call(Method::GET, &node, TOKEN).await.code(), 100);
    assert_eq!(call(Method::GET, url, TOKEN).await.status, 404);
    let entry = meta.journal().entries().remove(0);
    assert!(!entry.accepted && entry.body["bytes"].as_u64().unwrap() > 100);
}

#[tokio::test]
async fn sizes_and_types_are_checked() {
    let meta = start();
    assert_eq!(upload(&meta, "image/png", &vec![0; 5 * 1024 * 1024]).await.status, 200);
    assert_eq!(upload(&meta, "image/png", &vec![0; 5 * 1024 * 1024 + 1]).await.code(), 131_053);
    assert_eq!(upload(&meta, "image/bmp", b"x").await.code(), 100);
    assert_eq!(upload(&meta, "image/png", b"").await.code(), 131_053);
}

#[tokio::test]
async fn messages_may_be_limited_to_known_media_of_the_number() {
    let (meta, client) = (MetaCloud::start(settings().known_media_only()).unwrap(), Client::new());
    let own = meta.add_media(NUMBER, "image/png", &b"x"[..]);
    let foreign = meta.add_media("100200400", "image/png", &b"x"[..]);
    assert_eq!(client.message(&meta, &message("image", json!({"id": own}))).await.status, 200);
    assert_eq!(client.message(&meta, &message("audio", json!({"id": own}))).await.code(), 131_009);
    assert_eq!(client.message(&meta, &message("image", json!({"id": foreign}))).await.code(), 131_009);
    assert_eq!(client.message(&meta, &message("image", json!({"id": "1"}))).await.code(), 131_009);
}

#[tokio::test]
async fn addresses_expire_after_five_minutes_and_files_after_days() {
    let meta = start();
    let received = meta.add_media(NUMBER, "image/png", &b"x"[..]);
    let uploaded = upload(&meta, "image/png", b"y").await.json()["id"].as_str().unwrap().to_owned();
    let node = |id: &str| format!("{}/v26.0/{id}", meta.base_url());
    let url = call(Method::GET, &node(&received), TOKEN).await.json()["url"].as_str().unwrap().to_owned();
    assert_eq!(call(Method::GET, &url, TOKEN).await.status, 200);
    meta.advance(Duration::from_secs(301));
    assert_eq!(call(Method::GET, &url, TOKEN).await.status, 404);
    let again = call(Method::GET, &node(&received), TOKEN).await.json()["url"].as_str().unwrap().to_owned();
    assert_eq!(call(Method::GET, &again, TOKEN).await.status, 200, "resolved again");
    meta.advance(Duration::from_secs(8 * 86_400));
    assert_eq!(call(Method::GET, &node(&received), TOKEN).await.code(), 100, "a received file lives seven days");
    assert_eq!(call(Method::GET, &node(&uploaded), TOKEN).await.status, 200);
    meta.advance(Duration::from_secs(23 * 86_400));
    assert_eq!(call(Method::GET, &node(&uploaded), TOKEN).await.code(), 100, "an uploaded one thirty");
}

#[tokio::test]
async fn downloads_go_wrong_in_every_way() {
    let meta = start();
    let id = meta.add_media(NUMBER, "image/png", &b"file"[..]);
    let node = format!("{}/v26.0/{id}", meta.base_url());
    let honest = call(Method::GET, &node, TOKEN).await.json();
    meta.fail_next(Fault::wrong_hash());
    let lie = call(Method::GET, &node, TOKEN).await.json();
    assert_eq!((&lie["sha256"], lie["url"].is_string()), (&json!("0".repeat(64)), true));
    meta.fail_next(Fault::change("/url", "https://foreign.example/file").on_edge("media_url"));
    assert_eq!(call(Method::GET, &node, TOKEN).await.json()["url"], "https://foreign.example/file");

    let url = honest["url"].as_str().unwrap();
    meta.fail_next(Fault::oversize(300_000));
    let bomb = call(Method::GET, url, TOKEN).await;
    assert_eq!((bomb.status, bomb.body.len(), bomb.headers.contains_key("content-length")), (200, 300_004, false));
    meta.fail_next(Fault::redirect("https://foreign.example/file").on_edge("media_download"));
    assert_eq!(call(Method::GET, url, TOKEN).await.status, 302);
    meta.fail_next(Fault::cut_body().on_edge("media_download"));
    let cut = Client::new().send(bearer(Method::GET, url, TOKEN).body(Full::default()).unwrap()).await;
    assert!(cut.is_err());
    meta.fail_next(Fault::html(404).on_edge("media_download"));
    assert_eq!(call(Method::GET, url, TOKEN).await.status, 404);
    assert_eq!(&call(Method::GET, url, TOKEN).await.body[..], b"file");
    meta.fail_next(Fault::unavailable_after_accepting().on_edge("media_upload"));
    assert_eq!(upload(&meta, "image/png", b"y").await.status, 503);
    assert_eq!(meta.media_count(), 2, "stored behind the refusal");
    meta.fail_next(Fault::unavailable().on_edge("media_delete"));
    assert_eq!(call(Method::DELETE, &node, TOKEN).await.status, 503);
    assert_eq!(meta.media_count(), 2);
}
