//! The end of a send, by the provider's answer.

use std::time::Duration;

use http::Response;
use serde_json::json;
use zengine_connector::{
    ErrorKind as Kind, OutboundMessage, Reach, SendError,
    error::Scope,
    http::{HttpCause, HttpError},
};
use zengine_strategies::whatsapp_meta_cloud::Addressee;

use super::support::{Bench, PHONE, TOKEN, accepted, answer, config, message, raw, refused};

fn text() -> OutboundMessage {
    message(json!({"type": "text", "body": "canary-body"}))
}

async fn error_of(response: Response<bytes::Bytes>) -> SendError {
    let bench = Bench::new().await;
    bench.answer(response);
    let error = bench.try_send(&text()).await.unwrap_err();
    assert_eq!(bench.calls(), 1, "one attempt is one call");
    let printed = format!("{error} {error:?}");
    for canary in ["canary", TOKEN, PHONE, "15551230001"] {
        assert!(!printed.contains(canary), "{printed}");
    }
    error
}

#[tokio::test]
async fn an_accepted_message_has_its_id_and_whom_it_went_to() {
    let bench = Bench::new().await;
    let receipt = bench.try_send(&text()).await.unwrap();
    assert_eq!(receipt.provider_id().unwrap().as_str(), "wamid.OUT");
    let addressee: Addressee = receipt.data().unwrap().unwrap();
    assert_eq!(addressee.wa_id.as_deref(), Some("15551230001"));
    assert!(!format!("{receipt:?}").contains("15551230001"));
    bench.answer(answer(200, &json!({"contacts": [{"wa_id": 15_551_230_001_i64}], "messages": [{"id": "wamid.N"}]})));
    let addressee: Addressee = bench.try_send(&text()).await.unwrap().data().unwrap().unwrap();
    assert_eq!(addressee.wa_id.as_deref(), Some("15551230001"), "an id written as a number");
}

#[tokio::test]
async fn the_id_of_a_stored_file_may_be_a_number() {
    let bench = Bench::new().await;
    bench.answer(answer(200, &json!({"id": 777})));
    bench.answer(answer(200, &accepted()));
    let image = json!({"type": "media", "kind": "image", "mime": "image/png", "source": {"type": "inline", "data": "aGVsbG8="}});
    bench.sent(&message(image)).await;
    bench.last_call(|request, _| {
        let sent: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
        assert_eq!(sent["image"]["id"], "777");
    });
}

#[tokio::test]
async fn a_held_template_says_so() {
    let bench = Bench::new().await;
    bench.answer(answer(200, &json!({"messages": [{"id": "wamid.1", "message_status": "held_for_quality_assessment"}]})));
    let receipt = bench.try_send(&text()).await.unwrap();
    assert_eq!(receipt.note.as_deref(), Some("held_for_quality_assessment"));
}

#[tokio::test]
async fn an_odd_answer_with_an_id_is_still_accepted() {
    for body in [
        json!({"messages": [{"id": "wamid.1"}]}),
        json!({"contacts": null, "messages": [{"id": "wamid.1", "message_status": 7}]}),
        json!({"contacts": [{"input": PHONE, "user_id": "US.1"}], "messages": [{"id": "wamid.1", "group_id": "G"}], "error": null}),
    ] {
        let bench = Bench::new().await;
        bench.answer(answer(200, &body));
        assert_eq!(bench.try_send(&text()).await.unwrap().provider_id().unwrap().as_str(), "wamid.1", "{body}");
    }
}

#[tokio::test]
async fn success_without_an_id_may_have_been_sent() {
    for response in [
        answer(200, &json!({"messaging_product": "whatsapp", "contacts": []})),
        answer(200, &json!({"messages": []})),
        answer(200, &json!({"messages": [{"id": ""}]})),
        answer(200, &json!({"messages": [{"id": "a\nb"}]})),
        answer(200, &json!({"success": true})),
        answer(200, &json!([])),
        raw(200, "<html>canary</html>"),
        raw(200, ""),
        raw(200, "{\"messages\":[{\"id\":\"wamid."),
    ] {
        let error = error_of(response).await;
        assert_eq!((error.kind(), error.reach()), (Kind::Protocol, Reach::Maybe), "{error}");
        assert_eq!(error.error().context("http_status"), Some("200"), "{error}");
    }
}

/// Asked for, they are there; printed, they are nowhere: [`error_of`] looks.
#[tokio::test]
async fn the_providers_own_words_are_there_for_who_asks() {
    let error = error_of(answer(
        400,
        &json!({"error": {
            "message": "canary-message", "code": 132_000, "error_subcode": 2_494_055, "error_user_title": "canary-title",
            "error_user_msg": "canary-sentence", "fbtrace_id": "AWEdqoNazWdC",
            "error_data": {"messaging_product": "whatsapp", "details": "canary-details"},
        }}),
    ))
    .await;
    let words = error.error().provider_details().unwrap();
    let [subcode, title, message, details, trace] =
        [&words.subcode, &words.title, &words.message, &words.details, &words.trace_id].map(|text| text.as_deref().unwrap_or_default());
    assert_eq!((subcode, title, message), ("2494055", "canary-title", "canary-sentence"));
    assert_eq!((details, trace), ("canary-details", "AWEdqoNazWdC"));

    let expired = json!({"error": {"message": "canary", "type": "OAuthException", "code": 190, "error_subcode": 460, "fbtrace_id": "Ax"}});
    let error = error_of(answer(401, &expired)).await;
    assert_eq!((error.kind(), error.error().provider_details().unwrap().subcode.as_deref()), (Kind::Unauthorized, Some("460")));
    assert!(error.to_string().contains("the password was changed"), "{error}");
    assert!(error_of(raw(502, "<html>canary</html>")).await.error().provider_details().is_none());
}

#[tokio::test]
async fn a_token_that_is_quoted_is_kept_nowhere() {
    let quoting = format!("Malformed access token {TOKEN}");
    let error = error_of(answer(401, &json!({"error": {"message": quoting, "code": 190, "error_user_msg": quoting}}))).await;
    let kept = serde_json::to_string(error.error().provider_details().unwrap()).unwrap();
    assert!(!kept.contains(TOKEN) && kept.contains("Malformed access token ***"), "{kept}");
    let bench = Bench::new().await;
    bench.answer(answer(401, &json!({"error": {"message": quoting, "code": 190}})));
    let kept = serde_json::to_string(bench.health().await.reason().unwrap().details().unwrap()).unwrap();
    assert!(!kept.contains(TOKEN) && kept.contains("***"), "{kept}");
}

#[tokio::test]
async fn the_providers_first_words_are_kept_beside_those_for_people_and_in_odd_shapes() {
    let template = json!({"message": "canary-first", "code": 100, "error_user_title": "canary-title", "error_user_msg": "canary-sentence"});
    let untold = json!({"message": "canary-first", "code": 100, "error_user_title": "canary-title"});
    for (body, title, message, details) in [
        (json!({"error": template}), "canary-title", "canary-sentence", "canary-first"),
        (json!({"error": untold}), "canary-title", "canary-first", ""),
        (json!({"error": "canary-first"}), "canary-first", "", ""),
        (json!({"errors": [untold]}), "canary-title", "canary-first", ""),
        (json!({"errors": [{"title": "canary-first", "code": 131_026}]}), "canary-first", "", ""),
    ] {
        let error = error_of(answer(400, &body)).await;
        let words = error.error().provider_details().unwrap();
        let found = [&words.title, &words.message, &words.details].map(|text| text.as_deref().unwrap_or_default());
        assert_eq!(found, [title, message, details], "{body}");
        let code = body["errors"][0]["code"].as_i64().map(|code| code.to_string());
        assert_eq!(error.provider_code(), code.as_deref().or(body["error"]["code"].as_i64().map(|_| "100")));
    }
}

#[tokio::test]
async fn an_error_in_a_200_is_an_error() {
    let error = error_of(refused(200, 131_047)).await;
    assert_eq!((error.kind(), error.reach(), error.provider_code()), (Kind::WindowClosed, Reach::Processed, Some("131047")));
    let error = error_of(answer(200, &json!({"error": {"message": "canary"}}))).await;
    assert_eq!((error.kind(), error.reach()), (Kind::Unexpected, Reach::Maybe));
}

#[tokio::test]
async fn codes_decide_and_the_status_does_not() {
    let table = [
        (refused(400, 131_047), Kind::WindowClosed, Reach::Processed, None),
        (refused(400, 131_056), Kind::RateLimited, Reach::NotSent, Some(Scope::Recipient)),
        (refused(400, 130_429), Kind::RateLimited, Reach::NotSent, Some(Scope::Sender)),
        (refused(401, 190), Kind::Unauthorized, Reach::Processed, None),
        (refused(400, 131_026), Kind::InvalidRecipient, Reach::Processed, None),
        (refused(404, 132_001), Kind::Template, Reach::Processed, None),
        (refused(403, 133_007), Kind::Account, Reach::Processed, None),
        (answer(500, &json!({"error": {"code": 200_002, "error_subcode": 2_388_109}})), Kind::Template, Reach::Processed, None),
        (answer(500, &json!({"error": {"code": 200_002, "error_subcode": 33}})), Kind::Unavailable, Reach::Maybe, None),
        (refused(503, 2), Kind::Unavailable, Reach::Maybe, None),
        (refused(500, 134_102), Kind::Template, Reach::Processed, None),
        (refused(500, 131_057), Kind::Unavailable, Reach::NotSent, None),
        (raw(502, "<html>canary</html>"), Kind::Unavailable, Reach::Maybe, None),
        (raw(429, ""), Kind::RateLimited, Reach::NotSent, Some(Scope::Account)),
        (answer(400, &json!({"error": {"code": "130429"}})), Kind::RateLimited, Reach::NotSent, Some(Scope::Sender)),
        (raw(400, "\u{feff}{\"error\": {\"code\": 130429}}"), Kind::RateLimited, Reach::NotSent, Some(Scope::Sender)),
        (answer(400, &json!({"error": {"code": 100, "error_subcode": 33}})), Kind::Config, Reach::Processed, None),
        (answer(400, &json!({"error": {"code": 131_009, "error_data": "canary"}})), Kind::InvalidContent, Reach::Processed, None),
        (
            answer(400, &json!({"error": {"code": 131_009, "error_data": {"details": "canary"}}})),
            Kind::InvalidContent,
            Reach::Processed,
            None,
        ),
        (answer(400, &json!({"error": "canary"})), Kind::InvalidContent, Reach::Processed, None),
    ];
    for (response, kind, reach, scope) in table {
        let error = error_of(response).await;
        assert_eq!((error.kind(), error.reach(), error.scope()), (kind, reach, scope), "{error}");
    }
}

#[tokio::test]
async fn what_may_have_been_sent_is_not_safe_to_send_again() {
    for (status, code) in [(400, 1), (500, 1), (503, 2), (500, 131_000), (500, 131_016), (503, 133_004)] {
        assert!(!error_of(refused(status, code)).await.is_safe_to_resend(), "{code}");
    }
    for code in [4, 80_007, 130_429, 131_056, 131_057] {
        assert!(error_of(refused(400, code)).await.is_safe_to_resend(), "{code}");
    }
    let mut busy = raw(503, "");
    busy.headers_mut().insert("retry-after", "5".parse().unwrap());
    let error = error_of(busy).await;
    assert_eq!((error.reach(), error.retry_after()), (Reach::Maybe, Some(Duration::from_secs(5))), "the header never lowers the reach");
}

#[tokio::test]
async fn a_lost_answer_may_have_been_sent_and_a_refused_connection_was_not() {
    let table = [
        (HttpCause::Timeout, Reach::Maybe, Kind::Timeout),
        (HttpCause::Broken, Reach::Maybe, Kind::Unavailable),
        (HttpCause::TooLarge, Reach::Maybe, Kind::Protocol),
        (HttpCause::Connect, Reach::NotSent, Kind::Unavailable),
    ];
    for (cause, reach, kind) in table {
        let bench = Bench::new().await;
        bench.fail(HttpError::new(cause, reach));
        let error = bench.try_send(&text()).await.unwrap_err();
        assert_eq!((error.kind(), error.reach(), bench.calls()), (kind, reach, 1), "{error}");
    }
}

#[tokio::test]
async fn a_file_that_is_not_stored_means_nothing_was_sent() {
    let content = json!({
        "type": "media", "kind": "image", "mime": "image/png", "filename": "canary.png", "source": {"type": "inline", "data": "aGVsbG8="}
    });
    let file = message(content);
    let table = [
        (refused(400, 131_053), Kind::Media),
        (refused(500, 131_000), Kind::Unavailable),
        (refused(401, 190), Kind::Unauthorized),
        (raw(502, "<html>canary</html>"), Kind::Unavailable),
        (answer(200, &json!({})), Kind::Protocol),
    ];
    for (response, kind) in table {
        let bench = Bench::new().await;
        bench.answer(response);
        let error = bench.try_send(&file).await.unwrap_err();
        assert_eq!((error.kind(), error.reach(), bench.calls()), (kind, Reach::NotSent, 1), "{error}");
        assert!(!format!("{error} {error:?}").contains("canary"));
    }
    let bench = Bench::new().await;
    bench.fail(HttpError::new(HttpCause::Timeout, Reach::Maybe));
    let error = bench.try_send(&file).await.unwrap_err();
    assert_eq!((error.kind(), error.reach()), (Kind::Timeout, Reach::NotSent));
}

#[tokio::test]
async fn waits_come_from_the_attempt_and_from_the_headers() {
    let seconds = |n| Some(Duration::from_secs(n));
    let bench = Bench::new().await;
    for (attempt, wait) in [(1, 1), (2, 4), (3, 16)] {
        bench.answer(refused(400, 131_056));
        assert_eq!(bench.attempt(&text(), attempt).await.unwrap_err().retry_after(), seconds(wait));
    }
    let of = |entries: &str| format!("{{{entries}}}").replace("\",", "\",\"estimated_time_to_regain_access\":");
    let usage = r#"{"900100":[{"type":"whatsapp","call_count":100,"estimated_time_to_regain_access":12}]}"#;
    for (code, header, value, wait) in [
        (80_007, "x-business-use-case-usage", usage, seconds(720)),
        (
            80_007,
            "x-business-use-case-usage",
            &of(r#""900100":[{"type":"whatsapp",0}],"9":[{"type":"whatsapp",5}],"7":[{"type":"ads",59}]"#),
            None,
        ),
        (
            80_007,
            "x-business-use-case-usage",
            &of(r#""9":[{"type":"whatsapp",5},{"type":"whatsapp",6}],"7":[{"type":"ads",59}]"#),
            seconds(360),
        ),
        (80_007, "x-business-use-case-usage", &of(r#""8":[{"type":"pages",5}],"7":[{"type":"ads",59}]"#), seconds(59 * 60)),
        (4, "x-business-use-case-usage", "not json", None),
        (4, "x-business-use-case-usage", r#"{"1":[{"estimated_time_to_regain_access":0}]}"#, None),
        (130_429, "x-business-use-case-usage", usage, None),
        (130_429, "retry-after", "7", seconds(7)),
        (130_429, "retry-after", "garbage", None),
        (130_429, "retry-after", "999999999", seconds(24 * 3600)),
        (132_069, "retry-after", "7", seconds(3600)),
        (134_101, "x-none", "", seconds(600)),
    ] {
        let mut response = refused(400, code);
        response.headers_mut().insert(header, value.parse().unwrap());
        assert_eq!(error_of(response).await.retry_after(), wait, "{code} {header} {value}");
    }
}

#[tokio::test]
async fn the_error_names_code_status_and_trace() {
    let error = error_of(refused(400, 131_026)).await;
    assert_eq!(error.provider_code(), Some("131026"));
    assert_eq!(error.error().context("http_status"), Some("400"));
    assert_eq!(error.error().context("provider_request_id"), Some("Atrace"));
    let odd = error_of(answer(400, &json!({"error": {"code": 100, "fbtrace_id": "a canary\n"}}))).await;
    assert_eq!(odd.error().context("provider_request_id"), None);
    let long = error_of(answer(400, &json!({"error": {"code": 100, "fbtrace_id": "A".repeat(129)}}))).await;
    assert_eq!(long.error().context("provider_request_id"), None);
}

#[tokio::test]
async fn a_read_mark_succeeds_only_where_the_answer_says_so() {
    let mark = message(json!({"type": "read_mark", "target": "wamid.IN"}));
    for (body, kind, reach) in [
        (json!({"success": false}), Kind::InvalidContent, Reach::Processed),
        (json!({}), Kind::Protocol, Reach::Maybe),
        (json!({"success": 1}), Kind::Protocol, Reach::Maybe),
        (json!(null), Kind::Protocol, Reach::Maybe),
    ] {
        let bench = Bench::new().await;
        bench.answer(answer(200, &body));
        let error = bench.try_send(&mark).await.unwrap_err();
        assert_eq!((error.kind(), error.reach()), (kind, reach), "{body}");
    }
    for word in [json!(true), json!("true")] {
        let bench = Bench::new().await;
        bench.answer(answer(200, &json!({"success": word})));
        assert!(bench.try_send(&mark).await.unwrap().provider_id().is_none());
    }
    let bench = Bench::new().await;
    bench.answer(refused(400, 131_009));
    assert_eq!(bench.try_send(&mark).await.unwrap_err().kind(), Kind::InvalidContent);
}

#[tokio::test]
async fn the_timeout_is_the_nearer_of_setting_and_deadline() {
    let bench = Bench::with(|config| config.send_timeout_ms = 2_000).await;
    bench.sent(&text()).await;
    bench.last_call(|_, options| assert_eq!(options.timeout, Duration::from_secs(2)));
    let hurried = Bench { contexts: bench.contexts.clone().with_time_left(Duration::from_millis(500)), ..bench };
    hurried.sent(&text()).await;
    hurried.last_call(|_, options| assert!(options.timeout <= Duration::from_millis(500)));
    let late = Bench { contexts: hurried.contexts.clone().with_time_left(Duration::ZERO), ..hurried };
    let error = late.try_send(&text()).await.unwrap_err();
    assert_eq!((error.kind(), error.reach(), late.calls()), (Kind::Timeout, Reach::NotSent, 2));
}

#[tokio::test]
async fn nothing_prints_a_secret() {
    let bench = Bench::new().await;
    bench.answer(answer(200, &accepted()));
    let receipt = bench.try_send(&text()).await.unwrap();
    let printed = format!("{:?} {:?} {:?} {receipt:?}", bench.strategy, bench.tenant, config());
    for canary in [TOKEN, "canary", "15551230001"] {
        assert!(!printed.contains(canary), "{printed}");
    }
    bench.last_call(|request, _| assert!(!format!("{:?}", request.headers()).contains(TOKEN)));
}

#[tokio::test]
async fn a_wrong_configuration_names_every_field() {
    let mut wrong = config();
    wrong.phone_number_id = "+1 555".into();
    wrong.waba_id = String::new();
    wrong.health_timeout_ms = 0;
    let Err(error) = Bench::of(wrong).await else { panic!("configured") };
    assert_eq!(error.kind(), Kind::ConfigInvalid);
    let pointers: Vec<_> = error.violations().iter().map(|violation| violation.pointer.as_str()).collect();
    assert_eq!(pointers, ["/phone_number_id", "/waba_id", "/health_timeout_ms"]);
}
