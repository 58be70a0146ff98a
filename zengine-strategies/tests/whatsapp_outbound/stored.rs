//! The strategy's own methods for files.

use bytes::Bytes;
use serde_json::json;
use zengine_connector::{
    Content, ErrorKind, InboundStrategy as _, OutboundMessage, Reach, Secret,
    error::StepReach,
    http::{HttpCause, HttpError},
    message::{MediaKind, Party},
};
use zengine_strategies::whatsapp_meta_cloud::NewMedia;

use super::support::{Bench, PHONE, TOKEN, answer, message, raw, refused};

fn png() -> NewMedia {
    NewMedia::new(MediaKind::Image, "image/png").with_bytes("canary-bytes")
}

#[tokio::test]
async fn a_file_is_stored_byte_for_byte_and_sent_by_its_id() {
    let bench = Bench::new().await;
    bench.answers([json!({"id": "777"})]);
    let file =
        NewMedia::new(MediaKind::Document, "application/pdf").with_filename("Größe \"1\".pdf").with_ttl_minutes(90).with_bytes("%PDF");
    let stored = bench.strategy.upload(&bench.tenant, file, &bench.contexts.event()).await.unwrap();
    bench.call(0, |request| {
        assert_eq!((request.method().as_str(), request.uri().path()), ("POST", "/v26.0/100200300/media"));
        assert_eq!(request.headers()["authorization"], format!("Bearer {TOKEN}"));
        assert_eq!(request.headers()["content-type"], "multipart/form-data; boundary=zengine-part");
        let expected = "--zengine-part\r\nContent-Disposition: form-data; name=\"messaging_product\"\r\n\r\nwhatsapp\r\n\
            --zengine-part\r\nContent-Disposition: form-data; name=\"type\"\r\n\r\napplication/pdf\r\n\
            --zengine-part\r\nContent-Disposition: form-data; name=\"ttl_minutes\"\r\n\r\n90\r\n\
            --zengine-part\r\nContent-Disposition: form-data; name=\"file\"; filename=\"Größe _1_.pdf\"\r\nContent-Type: application/pdf\r\n\r\n%PDF\r\n\
            --zengine-part--\r\n";
        assert_eq!(std::str::from_utf8(request.body()).unwrap(), expected);
    });
    let to: Party = serde_json::from_value(json!(PHONE)).unwrap();
    bench.sent(&OutboundMessage::new(to, Content::Media(stored.into_media(MediaKind::Document)))).await;
    assert_eq!(bench.posted()["document"], json!({"id": "777"}));
}

#[tokio::test]
async fn chunks_are_put_together_and_never_held_beyond_the_limit() {
    let bench = Bench::new().await;
    bench.answers([json!({"id": "777"})]);
    let mut file = NewMedia::new(MediaKind::Audio, "audio/ogg; codecs=opus");
    file.push(b"one ").unwrap();
    file.push(b"two").unwrap();
    bench.strategy.upload(&bench.tenant, file, &bench.contexts.event()).await.unwrap();
    bench.call(0, |request| assert!(String::from_utf8_lossy(request.body()).contains("audio/ogg; codecs=opus\r\n\r\none two\r\n")));
    for (kind, mime, most) in [
        (MediaKind::Image, "image/jpeg", 5 << 20),
        (MediaKind::Video, "video/mp4", 16 << 20),
        (MediaKind::Audio, "audio/aac", 16 << 20),
        (MediaKind::Sticker, "image/webp", 100 << 10),
    ] {
        let mut file = NewMedia::new(kind, mime);
        file.push(&vec![0; most]).unwrap();
        let error = file.push(b"x").unwrap_err();
        assert_eq!((error.kind(), error.reach(), file.len()), (ErrorKind::Media, Reach::NotSent, most), "{kind:?}");
        assert_eq!(error.error().context("limit"), Some(&*most.to_string()));
        // The limit also counts where all bytes come at once.
        let whole = NewMedia::new(kind, mime).with_bytes(vec![0; most + 1]);
        let error = bench.strategy.upload(&bench.tenant, whole, &bench.contexts.event()).await.unwrap_err();
        assert_eq!((error.kind(), bench.calls()), (ErrorKind::Media, 1), "{kind:?}");
    }
    let mut moving = NewMedia::new(MediaKind::Sticker, "image/webp").animated();
    moving.push(&vec![0; 500 << 10]).unwrap();
    assert!(moving.push(b"x").is_err());
}

#[tokio::test]
async fn what_whatsapp_does_not_take_is_refused_before_it_is_sent() {
    let bench = Bench::new().await;
    for (file, field) in [
        (NewMedia::new(MediaKind::Image, "image/gif").with_bytes("x"), "/mime"),
        (NewMedia::new(MediaKind::Audio, "video/mp4").with_bytes("x"), "/mime"),
        (NewMedia::new(MediaKind::Sticker, "image/png").with_bytes("x"), "/mime"),
        (NewMedia::new(MediaKind::Document, "pdf").with_bytes("x"), "/mime"),
        (NewMedia::new(MediaKind::Document, "a/b\r\nX: y").with_bytes("x"), "/mime"),
        (NewMedia::new(MediaKind::Document, "/").with_bytes("x"), "/mime"),
        (NewMedia::new(MediaKind::Image, "image/png"), "/bytes"),
        (png().with_filename("a\nb"), "/filename"),
        (png().with_filename(""), "/filename"),
        (png().with_filename(" "), "/filename"),
        (png().with_ttl_minutes(0), "/ttl_minutes"),
    ] {
        let error = bench.strategy.upload(&bench.tenant, file, &bench.contexts.event()).await.unwrap_err();
        assert_eq!((error.kind(), error.reach(), error.error().context("field")), (ErrorKind::MessageInvalid, Reach::NotSent, Some(field)));
    }
    assert_eq!(bench.calls(), 0);
    bench.answers([json!({"id": "1"})]);
    bench
        .strategy
        .upload(&bench.tenant, NewMedia::new(MediaKind::Image, "IMAGE/PNG").with_bytes("x"), &bench.contexts.event())
        .await
        .unwrap();
}

#[tokio::test]
async fn storing_may_be_repeated_whatever_goes_wrong() {
    for (response, kind) in [
        (refused(400, 131_053), ErrorKind::Media),
        (refused(500, 131_000), ErrorKind::Unavailable),
        (refused(400, 80_007), ErrorKind::RateLimited),
        (raw(200, "canary"), ErrorKind::Protocol),
        (answer(200, &json!({"id": ""})), ErrorKind::Protocol),
    ] {
        let bench = Bench::new().await;
        bench.answer(response);
        let error = bench.strategy.upload(&bench.tenant, png(), &bench.contexts.event()).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.reach(), error.error().context("operation").or(Some("upload"))),
            (kind, Reach::NotSent, Some("upload"))
        );
        assert!(!format!("{error} {error:?} {:?}", png()).contains("canary"));
    }
    let bench = Bench::new().await;
    bench.fail(HttpError::new(HttpCause::Timeout, Reach::Maybe));
    let error = bench.strategy.upload(&bench.tenant, png(), &bench.contexts.event()).await.unwrap_err();
    assert_eq!((error.kind(), error.reach()), (ErrorKind::Timeout, Reach::NotSent));
}

#[tokio::test]
async fn the_receipt_of_a_file_in_bytes_names_both_calls_and_the_stored_file() {
    let bench = Bench::new().await;
    let source = json!({ "type": "inline", "data": "aGVsbG8=" });
    let content = json!({ "type": "media", "kind": "document", "mime": "text/plain", "filename": "a.txt", "source": source });
    bench.answers([json!({ "id": "777" }), json!({ "messages": [{ "id": "wamid.OUT" }] })]);
    let receipt = bench.try_send(&message(content)).await.unwrap();
    let steps: Vec<_> = receipt.steps.iter().map(|step| (&*step.what, step.reach, step.content, step.id.as_deref())).collect();
    let accepted = StepReach::Accepted;
    assert_eq!(steps, [("upload", accepted, false, Some("777")), ("message", accepted, true, None)]);
}

#[tokio::test]
async fn a_file_is_looked_at_fetched_and_deleted_for_this_number_only() {
    let bench = Bench::with(|config| config.app_secret = Some(Secret::new("app secret".to_owned()))).await;
    let digest = "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=";
    let node = json!({"id": "777", "url": "https://lookaside.fbsbx.com/x?mid=canary", "mime_type": "image/png", "sha256": digest, "file_size": "5"});
    bench.answers([node.clone(), node]);
    bench.answer(raw(200, "hello"));
    bench.answers([json!({"success": true})]);
    let cx = bench.contexts.event();
    let info = bench.strategy.media_info(&bench.tenant, "777", &cx).await.unwrap();
    assert_eq!((info.mime.as_deref(), info.bytes, info.sha256.unwrap()[0]), (Some("image/png"), Some(5), 0x2c));
    assert!(!format!("{info:?}").contains("canary"));
    let file = bench.strategy.media(&bench.tenant, &"777".into(), &cx).await.unwrap();
    assert_eq!((&*file.bytes, file.mime.as_deref(), &*file.warnings), (b"hello".as_slice(), Some("image/png"), [].as_slice()));
    assert!(!format!("{file:?}").contains("hello"));
    bench.strategy.delete_media(&bench.tenant, "777", &cx).await.unwrap();
    let lines: Vec<_> = (0..4).map(|n| bench.line(n)).collect();
    assert!(lines[0].starts_with("GET /v26.0/777?phone_number_id=100200300&appsecret_proof="), "{lines:?}");
    assert_eq!(lines[0], lines[1]);
    assert_eq!(lines[2], "GET /x?mid=canary", "the file host gets no proof");
    assert!(lines[3].starts_with("DELETE /v26.0/777?phone_number_id=100200300&appsecret_proof="), "{lines:?}");
}

#[tokio::test]
async fn an_answer_larger_than_the_limit_is_a_file_that_is_too_large() {
    let bench = Bench::with(|config| config.max_media_bytes = 4).await;
    bench.answers([json!({"url": "https://lookaside.fbsbx.com/x"})]);
    bench.fail(HttpError::new(HttpCause::TooLarge, Reach::Maybe));
    let error = bench.strategy.media(&bench.tenant, &"777".into(), &bench.contexts.event()).await.unwrap_err();
    assert_eq!((error.kind(), error.reach(), error.error().context("limit")), (ErrorKind::Media, Reach::NotSent, Some("4")));
}

#[tokio::test]
async fn no_method_takes_a_path_for_an_id() {
    let bench = Bench::new().await;
    let cx = bench.contexts.event();
    for id in ["", "..", "../me", "7/8", "7?x=1", "7#x", "7%2f8", "é"] {
        let kinds = [
            bench.strategy.media_info(&bench.tenant, id, &cx).await.map(drop).unwrap_err().kind(),
            bench.strategy.media(&bench.tenant, &id.into(), &cx).await.map(drop).unwrap_err().kind(),
            bench.strategy.delete_media(&bench.tenant, id, &cx).await.unwrap_err().kind(),
        ];
        assert_eq!(kinds, [ErrorKind::MessageInvalid; 3], "{id}");
    }
    assert_eq!(bench.calls(), 0);
}

#[tokio::test]
async fn deleting_is_done_only_where_meta_says_so() {
    for (body, kind, reach) in [
        (Bytes::from(r#"{"success":false}"#), ErrorKind::InvalidContent, Reach::Processed),
        (Bytes::from("{}"), ErrorKind::Protocol, Reach::Maybe),
        (Bytes::from("<html>"), ErrorKind::Protocol, Reach::Maybe),
    ] {
        let bench = Bench::new().await;
        bench.answer(raw(200, body));
        let error = bench.strategy.delete_media(&bench.tenant, "777", &bench.contexts.event()).await.unwrap_err();
        assert_eq!((error.kind(), error.reach()), (kind, reach));
    }
    let bench = Bench::new().await;
    bench.answer(answer(400, &json!({"error": {"code": 100, "error_subcode": 33}})));
    assert_eq!(bench.strategy.delete_media(&bench.tenant, "777", &bench.contexts.event()).await.unwrap_err().kind(), ErrorKind::Config);
}
