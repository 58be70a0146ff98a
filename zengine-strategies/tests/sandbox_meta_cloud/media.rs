//! Media endpoints.

use bytes::Bytes;
use http::Method;
use http_body_util::Full;
use serde_json::json;
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
