//! Files: which address gets the key, and when no look-up is made any more.

use std::time::Duration;

use http::Response;
use serde_json::json;
use zengine_connector::http::{HttpCause, HttpError};
use zengine_connector::message::MediaKind;
use zengine_connector::strategy::MediaRequest;
use zengine_connector::{ErrorKind, Fault, InboundStrategy, Reach, SendError};
use zengine_strategies::whatsapp_360dialog::{Dialog360, Hosting, MediaPenalty, NewMedia};

use crate::support::{Bench, KEY};

const QUERY: &str = "?mid=1234500000000001&ext=1764406800&hash=AT%2Bx%3D%3D";

async fn fetch(bench: &Bench, id: &str) -> Result<zengine_connector::strategy::MediaFile, SendError> {
    bench.strategy.media(&bench.tenant, &MediaRequest::new(id), &bench.cx()).await
}

/// The calls that fetching a file at this address makes, after its look-up.
async fn fetched(settings: Dialog360, url: &str) -> Result<Vec<String>, SendError> {
    let bench = Bench::with(settings, |_| {}).await;
    bench.answer_json(200, &json!({"id": "77", "url": url, "mime_type": "image/jpeg", "messaging_product": "whatsapp"}));
    bench.answer(200, "bytes");
    let file = fetch(&bench, "77").await.inspect_err(|_| assert_eq!(bench.calls().len(), 1, "{url}"))?;
    assert_eq!(&file.bytes[..], b"bytes");
    assert_eq!(bench.last().headers()["d360-api-key"], KEY);
    Ok(bench.calls().split_off(1))
}

#[tokio::test(start_paused = true)]
async fn the_files_own_host_is_replaced_and_path_and_query_stay() {
    for host in ["lookaside.fbsbx.com", "LOOKASIDE.fbsbx.com", "waba-v2.360dialog.io"] {
        let calls = fetched(Dialog360::new(), &format!("https://{host}/whatsapp_business/attachments/{QUERY}")).await.unwrap();
        assert_eq!(calls, [format!("GET https://waba-v2.360dialog.io/whatsapp_business/attachments/{QUERY}")], "{host}");
    }
    let proxy = Dialog360::new().with_base_url("http://127.0.0.1:8089/wa/").unwrap();
    let calls = fetched(proxy, &format!("https://lookaside.fbsbx.com/whatsapp_business/attachments/{QUERY}")).await.unwrap();
    assert_eq!(calls, [format!("GET http://127.0.0.1:8089/wa/whatsapp_business/attachments/{QUERY}")]);
}

#[tokio::test(start_paused = true)]
async fn no_other_address_gets_the_key() {
    for odd in [
        "https://evil.test/whatsapp_business/attachments/?mid=1",
        "https://lookaside.fbsbx.com.evil.test/whatsapp_business/attachments/?mid=1",
        "https://evil-lookaside.fbsbx.com/whatsapp_business/attachments/?mid=1",
        "https://lookaside.fbsbx.com@evil.test/whatsapp_business/attachments/?mid=1",
        "https://user:pw@lookaside.fbsbx.com/whatsapp_business/attachments/?mid=1",
        "http://lookaside.fbsbx.com/whatsapp_business/attachments/?mid=1",
        "https://lookaside.fbsbx.com:8443/whatsapp_business/attachments/?mid=1",
        "https://lookaside.fbsbx.com/v1/configs/webhook",
        "https://lookaside.fbsbx.com/whatsapp_business/attachments/../../v1/configs/webhook?mid=1",
        "https://lookaside.fbsbx.com/whatsapp_business/attachments/%2e%2e/%2e%2e/health_status",
        "https://lookaside.fbsbx.com\\@evil.test/whatsapp_business/attachments/",
        "//lookaside.fbsbx.com/whatsapp_business/attachments/?mid=1",
        "file:///etc/passwd",
        "https://scontent.whatsapp.net/v/t61/1.jpg?sig=2",
        "https://waba-v2.360dialog.io/health_status",
        "",
    ] {
        let error = fetched(Dialog360::new(), odd).await.unwrap_err();
        assert_eq!(error.reach(), Reach::NotSent, "{odd}");
    }
}

#[tokio::test(start_paused = true)]
async fn another_host_of_files_can_be_listed() {
    let settings = Dialog360::new().with_file_hosts(["files.example.org"]).unwrap();
    let calls = fetched(settings.clone(), "https://files.example.org/whatsapp_business/attachments/?mid=1").await.unwrap();
    assert_eq!(calls, ["GET https://waba-v2.360dialog.io/whatsapp_business/attachments/?mid=1"]);
    assert!(fetched(settings, "https://lookaside.fbsbx.com/whatsapp_business/attachments/?mid=1").await.is_err());
    for odd in ["https://files.example.org", "files.example.org:443", "FILES.example.org", "", ".example.org"] {
        assert!(Dialog360::new().with_file_hosts([odd]).is_err(), "{odd}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_redirect_is_not_followed() {
    let bench = Bench::new().await;
    bench.answer_json(200, &json!({"url": format!("https://lookaside.fbsbx.com/whatsapp_business/attachments/{QUERY}")}));
    bench.answer_with(Ok(Response::builder().status(302).header("location", "https://evil.test/x").body(bytes::Bytes::new()).unwrap()));
    let error = fetch(&bench, "77").await.unwrap_err();
    assert_eq!((error.kind(), error.reach(), bench.calls().len()), (ErrorKind::Media, Reach::NotSent, 2));
}

#[tokio::test(start_paused = true)]
async fn an_id_is_no_path() {
    let bench = Bench::new().await;
    for odd in ["1234/../v1/configs/webhook", "1234?fields=id", "", "..", "health_status", "waba_webhook", "face"] {
        assert_eq!(fetch(&bench, odd).await.unwrap_err().kind(), ErrorKind::MessageInvalid, "{odd}");
    }
    assert!(bench.calls().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_digest_is_compared_in_both_spellings_and_another_one_is_a_warning() {
    let right = ["n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"];
    for (digest, body, warnings) in [(right[0], "test", 0), (right[1], "test", 0), (right[0], "tess", 1), (right[1], "tess", 1)] {
        let bench = Bench::new().await;
        bench.answer_json(
            200,
            &json!({"url": format!("https://lookaside.fbsbx.com/whatsapp_business/attachments/{QUERY}"), "sha256": digest}),
        );
        bench.answer(200, body);
        let file = fetch(&bench, "77").await.unwrap();
        assert_eq!((&file.bytes[..], file.warnings.len()), (body.as_bytes(), warnings), "{digest} {body}");
    }
}

#[tokio::test(start_paused = true)]
async fn after_four_failed_look_ups_within_an_hour_no_further_one_is_made() {
    let bench = Bench::new().await;
    for _ in 0..4 {
        bench.answer_json(404, &json!({"error": "Not found"}));
        assert!(fetch(&bench, "77").await.is_err());
        tokio::time::advance(Duration::from_secs(60)).await;
    }
    let error = fetch(&bench, "77").await.unwrap_err();
    assert_eq!((error.kind(), error.fault(), error.reach()), (ErrorKind::Busy, Fault::Local, Reach::NotSent));
    assert_eq!(error.retry_after(), Some(Duration::from_secs(56 * 60)), "until the first of them is an hour old");
    assert_eq!(bench.calls().len(), 4);
    // Storing a file has a limit of its own.
    bench.answer_json(200, &json!({"id": "78"}));
    let file = NewMedia::new(MediaKind::Image, "image/png").with_bytes(&b"picture"[..]);
    bench.strategy.upload(&bench.tenant, file, &bench.cx()).await.unwrap();
    tokio::time::advance(Duration::from_secs(56 * 60)).await;
    bench.answer_json(404, &json!({"error": "Not found"}));
    assert!(fetch(&bench, "77").await.is_err_and(|error| error.kind() != ErrorKind::Busy));
    assert_eq!(bench.calls().len(), 6);
}

#[tokio::test(start_paused = true)]
async fn what_the_provider_did_not_answer_is_no_failed_look_up() {
    let bench = Bench::new().await;
    for _ in 0..6 {
        bench.answer_with(Err(HttpError::new(HttpCause::Connect, Reach::NotSent)));
        assert!(fetch(&bench, "77").await.is_err_and(|error| error.kind() != ErrorKind::Busy));
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_of_another_process_counts() {
    let bench = Bench::new().await;
    let other = bench.other_process().await;
    for bench in [&bench, &other, &bench, &other] {
        bench.answer_json(404, &json!({"error": "Not found"}));
        assert!(fetch(bench, "77").await.is_err_and(|error| error.kind() != ErrorKind::Busy));
    }
    for bench in [&bench, &other] {
        assert!(fetch(bench, "77").await.is_err_and(|error| error.kind() == ErrorKind::Busy));
    }
}

#[tokio::test(start_paused = true)]
async fn open_look_ups_count_as_if_they_failed() {
    for (penalty, most) in [(MediaPenalty::Current, 19), (MediaPenalty::Older, 4)] {
        let bench = Bench::with(Dialog360::new(), |config| config.media_penalty = penalty).await;
        for _ in 0..30 {
            bench.answer_json(404, &json!({"error": "Not found"}));
        }
        let errors = futures_of(30, || fetch(&bench, "77")).await;
        assert_eq!(bench.calls().len(), most, "{penalty:?}");
        assert_eq!(errors.iter().filter(|error| error.kind() == ErrorKind::Busy).count(), 30 - most);
    }
}

/// The errors of so many calls that are made at the same time.
async fn futures_of<T, F: Future<Output = Result<T, SendError>>>(count: usize, call: impl Fn() -> F) -> Vec<SendError> {
    let mut open: Vec<_> = (0..count).map(|_| Box::pin(call())).collect();
    let mut errors = vec![];
    std::future::poll_fn(|cx| {
        open.retain_mut(|call| match call.as_mut().poll(cx) {
            std::task::Poll::Ready(done) => {
                errors.extend(done.err());
                false
            }
            std::task::Poll::Pending => true,
        });
        if open.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    errors
}

#[tokio::test(start_paused = true)]
async fn the_older_hosting_is_not_called_for_files() {
    let bench = Bench::with(Dialog360::new(), |config| config.hosting = Hosting::OnPremise).await;
    assert_eq!(fetch(&bench, "77").await.err().unwrap().kind(), ErrorKind::Config);
    assert!(bench.calls().is_empty());
}
