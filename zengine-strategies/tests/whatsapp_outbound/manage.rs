//! The strategy's smaller methods, byte for byte.

use serde_json::json;
use zengine_connector::{
    ErrorKind, Identity, Reach,
    http::{HttpCause, HttpError},
    message::{IdentityKind, State},
    strategy::HealthStatus,
};
use zengine_strategies::whatsapp_meta_cloud::{BusinessProfile, QrImage, templates::TemplateStatus};

use super::support::{Bench, answer, raw, refused};

#[tokio::test]
async fn people_are_blocked_unblocked_and_listed() {
    let bench = Bench::new().await;
    let (meta, number, cx) = (&bench.strategy, &bench.tenant, bench.contexts.event());
    let people = [Identity::phone("+4915550001111").unwrap(), Identity::guess("US.135").unwrap()];
    let done = json!({"messaging_product": "whatsapp", "block_users": {"added_users": [{"input": "+49", "wa_id": "4915550001111"}, {"input": "US.135"}]}});
    bench.answers([done.clone(), done]);
    let report = meta.block_users(number, &people, &cx).await.unwrap();
    assert_eq!((report.done, report.failed), (vec!["4915550001111".to_owned(), "US.135".to_owned()], vec![]));
    meta.unblock_users(number, &people[..1], &cx).await.unwrap();
    // A success in part comes as an error.
    let part = json!({
        "error": {"code": 139_100, "message": "canary"},
        "block_users": {"added_users": [{"wa_id": "1"}], "failed_users": [{"input": "+2", "errors": [{"code": 139_101, "message": "canary"}]}]}
    });
    bench.answer(answer(400, &part));
    let report = meta.block_users(number, &people, &cx).await.unwrap();
    assert_eq!((report.done.clone(), report.failed.clone()), (vec!["1".to_owned()], vec![("+2".to_owned(), Some(139_101))]));
    assert_eq!(format!("{report:?}"), "BlockReport { done: 1, failed: 1 }");
    bench.answer(refused(500, 139_103));
    let error = meta.block_users(number, &people, &cx).await.unwrap_err();
    assert_eq!((error.kind(), error.reach()), (ErrorKind::Unavailable, Reach::Maybe));
    assert!(!format!("{error} {error:?}").contains("49155"));
    bench.answers([
        json!({"data": [{"block_users": [{"wa_id": "1"}, {"wa_id": "2"}]}]}),
        json!({"data": [{"wa_id": "3"}], "paging": {"next": "n", "cursors": {"after": "c="}}}),
    ]);
    assert_eq!(meta.blocked_users(number, None, &cx).await.unwrap().items, ["1", "2"]);
    let page = meta.blocked_users(number, Some("a="), &cx).await.unwrap();
    assert_eq!((page.items, page.next.as_deref()), (vec!["3".to_owned()], Some("c=")));
    let both = r#"{"block_users":[{"user":"+4915550001111"},{"user_id":"US.135"}],"messaging_product":"whatsapp"}"#;
    assert_eq!(bench.line(0), format!("POST /v26.0/100200300/block_users {both}"));
    assert_eq!(
        bench.line(1),
        r#"DELETE /v26.0/100200300/block_users {"block_users":[{"user":"+4915550001111"}],"messaging_product":"whatsapp"}"#
    );
    assert_eq!(bench.line(4), "GET /v26.0/100200300/block_users?limit=100");
    assert_eq!(bench.line(5), "GET /v26.0/100200300/block_users?limit=100&after=a%3D");
    assert_eq!(meta.block_users(number, &[], &cx).await.unwrap_err().kind(), ErrorKind::MessageInvalid);
    let others = [
        Identity::new(IdentityKind::Username, "ana.b"),
        Identity::opaque("whatsapp", "hash"),
        Identity::new(IdentityKind::Group, "G1"),
        Identity::new(IdentityKind::ParentBsuid, "US.ENT.7"),
    ];
    for other in others.map(Result::unwrap) {
        let people = [people[0].clone(), other.clone()];
        let errors = [meta.block_users(number, &people, &cx).await, meta.unblock_users(number, &people, &cx).await];
        for error in errors.map(Result::unwrap_err) {
            assert_eq!((error.kind(), error.reach()), (ErrorKind::MessageInvalid, Reach::NotSent), "{other}");
        }
    }
    let many = vec![people[1].clone(); 1_001];
    for error in [meta.block_users(number, &many, &cx).await, meta.unblock_users(number, &many, &cx).await].map(Result::unwrap_err) {
        assert_eq!((error.kind(), error.reach()), (ErrorKind::MessageInvalid, Reach::NotSent));
    }
    assert_eq!(bench.calls(), 6);
    bench.answers([json!({"block_users": {}})]);
    meta.unblock_users(number, &many[..1_000], &cx).await.unwrap();
    assert_eq!(bench.posted()["block_users"][999], json!({"user_id": "US.135"}));
}

#[tokio::test]
async fn the_business_profile_is_read_and_changed() {
    let bench = Bench::new().await;
    let (meta, number, cx) = (&bench.strategy, &bench.tenant, bench.contexts.event());
    bench.answers([
        json!({"data": [{"about": "Tea", "websites": ["https://example.org"], "vertical": "RETAIL", "new": 1}]}),
        json!({"success": true}),
    ]);
    let profile = meta.business_profile(number, &cx).await.unwrap();
    assert_eq!((profile.about.as_deref(), profile.websites.len(), profile.email), (Some("Tea"), 1, None));
    let mut change = BusinessProfile::default();
    change.about = Some("More tea".to_owned());
    meta.set_business_profile(number, &change, &cx).await.unwrap();
    let fields = "about,address,description,email,profile_picture_url,vertical,websites";
    assert_eq!(bench.line(0), format!("GET /v26.0/100200300/whatsapp_business_profile?fields={fields}"));
    assert_eq!(bench.line(1), r#"POST /v26.0/100200300/whatsapp_business_profile {"about":"More tea","messaging_product":"whatsapp"}"#);
    change.websites = vec!["https://example.org".to_owned(); 3];
    assert_eq!(meta.set_business_profile(number, &change, &cx).await.unwrap_err().kind(), ErrorKind::MessageInvalid);
    bench.answers([json!({"data": [{"about": 7}]})]);
    assert_eq!(meta.business_profile(number, &cx).await.unwrap_err().kind(), ErrorKind::Protocol);
}

#[tokio::test]
async fn codes_that_open_a_chat_are_made_listed_and_deleted() {
    let bench = Bench::new().await;
    let (meta, number, cx) = (&bench.strategy, &bench.tenant, bench.contexts.event());
    let code = json!({"code": "ABC", "prefilled_message": "Hi", "deep_link_url": "https://wa.me/message/ABC", "qr_image_url": "https://i"});
    bench.answers([code.clone(), json!({"data": [code, {"x": 1}]}), json!({"success": true}), json!({})]);
    assert_eq!(meta.create_qr_code(number, "Hi \"you\"", QrImage::Png, &cx).await.unwrap().code, "ABC");
    assert_eq!(meta.qr_codes(number, &cx).await.unwrap().len(), 1);
    meta.delete_qr_code(number, "ABC", &cx).await.unwrap();
    assert_eq!(bench.line(0), r#"POST /v26.0/100200300/message_qrdls {"generate_qr_image":"PNG","prefilled_message":"Hi \"you\""}"#);
    assert_eq!(bench.line(1), "GET /v26.0/100200300/message_qrdls");
    assert_eq!(bench.line(2), "DELETE /v26.0/100200300/message_qrdls/ABC");
    let error = meta.create_qr_code(number, "x", QrImage::Svg, &cx).await.unwrap_err();
    assert_eq!((error.kind(), error.reach()), (ErrorKind::Protocol, Reach::Maybe));
    for text in [String::new(), "x".repeat(141)] {
        assert_eq!(meta.create_qr_code(number, &text, QrImage::Svg, &cx).await.unwrap_err().kind(), ErrorKind::MessageInvalid);
    }
    assert_eq!(meta.delete_qr_code(number, "../x", &cx).await.unwrap_err().kind(), ErrorKind::MessageInvalid);
    assert_eq!(bench.calls(), 4);
}

#[tokio::test]
async fn templates_are_handed_in_listed_changed_and_deleted() {
    let bench = Bench::new().await;
    let (meta, number, cx) = (&bench.strategy, &bench.tenant, bench.contexts.event());
    let definition =
        json!({"name": "order_ready", "language": "en_US", "category": "UTILITY", "components": [{"type": "BODY", "text": "Hi"}]});
    bench.answers([
        json!({"id": 17, "status": "PENDING", "category": "MARKETING"}),
        json!({"data": [
            {"id": "17", "name": "order_ready", "status": "APPROVED", "language": "en_US", "rejected_reason": "NONE"},
            {"id": "18", "name": "order_ready", "status": "REJECTED", "language": "de", "rejected_reason": "ABUSIVE_CONTENT"},
        ], "paging": {"cursors": {"after": "x"}}}),
        json!({"success": true}),
        json!({"success": true}),
        json!({"success": true}),
    ]);
    let made = meta.create_template(number, &definition, &cx).await.unwrap();
    assert_eq!(
        (made.id.meta.as_deref(), &made.status, made.category.as_deref()),
        (Some("17"), &Some(TemplateStatus::Pending), Some("MARKETING"))
    );
    assert!(made.is_of("order_ready", "en_US"), "the rest is as it was asked for");
    let page = meta.templates(number, Some("order_ready"), Some("a b"), &cx).await.unwrap();
    assert_eq!((page.records[0].is_sendable(), page.next, page.complete), (true, None, true));
    assert!(page.records[0].raw.is_some());
    let reasons: Vec<_> = page.records.iter().map(|template| template.rejected_reason.as_deref()).collect();
    assert_eq!(reasons, [None, Some("ABUSIVE_CONTENT")]);
    meta.edit_template(number, "17", &json!({"category": "UTILITY"}), &cx).await.unwrap();
    meta.delete_template(number, "order ready", None, &cx).await.unwrap();
    meta.delete_template(number, "order_ready", Some("17"), &cx).await.unwrap();
    assert_eq!(bench.line(0), format!("POST /v26.0/900100/message_templates {definition}"));
    let fields = "fields=id,name,status,category,language,parameter_format,quality_score,rejected_reason,components&limit=100";
    assert_eq!(bench.line(1), format!("GET /v26.0/900100/message_templates?{fields}&name=order_ready&after=a%20b"));
    assert_eq!(bench.line(2), r#"POST /v26.0/17 {"category":"UTILITY"}"#);
    assert_eq!(bench.line(3), "DELETE /v26.0/900100/message_templates?name=order%20ready");
    assert_eq!(bench.line(4), "DELETE /v26.0/900100/message_templates?name=order_ready&hsm_id=17");
    bench.answer(answer(400, &json!({"error": {"code": 100, "error_subcode": 2_388_024, "message": "canary"}})));
    let error = meta.create_template(number, &definition, &cx).await.unwrap_err();
    assert_eq!((error.kind(), error.reach()), (ErrorKind::Conflict, Reach::Processed));
    for wrong in [json!({}), json!([]), json!({"name": "", "language": "en", "category": "X"}), json!({"name": "n", "language": "en"})] {
        assert_eq!(meta.create_template(number, &wrong, &cx).await.unwrap_err().kind(), ErrorKind::MessageInvalid, "{wrong}");
    }
    assert_eq!(meta.delete_template(number, "", None, &cx).await.unwrap_err().kind(), ErrorKind::MessageInvalid);
    assert_eq!(meta.edit_template(number, "1/2", &json!({}), &cx).await.unwrap_err().kind(), ErrorKind::MessageInvalid);
    assert_eq!(meta.edit_template(number, "1", &json!([]), &cx).await.unwrap_err().kind(), ErrorKind::MessageInvalid);
    assert_eq!(bench.calls(), 6);
}

#[tokio::test]
async fn what_became_of_a_message_can_be_asked() {
    use State::{Delivered, Failed, Played, Read, Sent};
    let bench = Bench::new().await;
    let (meta, number, cx) = (&bench.strategy, &bench.tenant, bench.contexts.event());
    let event = |word: &str, at: i64| json!({"id": "e", "delivery_status": word, "timestamp": at, "webhook_uri": "https://canary"});
    let mut failed = event("FAILED", 1_760_000_004);
    failed["error_description"] = "canary".into();
    let events = [
        event("SENT", 1_760_000_000),
        event("delivered", 1_760_000_001),
        event("READ", 1_760_000_002),
        event("PLAYED", 1_760_000_003),
        failed,
        event("NEW", 1),
    ];
    bench.answers([json!({"data": [{"id": "1", "message_id": "wamid.A=", "events": {"data": events}}]}), json!({"data": []})]);
    let found = meta.delivery_events(number, "wamid.A+/=", &cx).await.unwrap();
    let states: Vec<_> = found.iter().map(|event| event.state).collect();
    assert_eq!(states, [Some(Sent), Some(Delivered), Some(Read), Some(Played), Some(Failed), None]);
    assert_eq!((found[4].error.as_deref(), found[0].error.as_deref()), (Some("canary"), None));
    assert!(!format!("{found:?}").contains("canary"));
    assert_eq!(found[0].at_ms, Some(1_760_000_000_000));
    assert_eq!(bench.line(0), "GET /v26.0/100200300/message_history?message_id=wamid.A%2B%2F%3D");
    assert_eq!(meta.delivery_events(number, "wamid.B", &cx).await.unwrap(), []);
    for odd in ["", "a b", "a\n", "é"] {
        assert_eq!(meta.delivery_events(number, odd, &cx).await.unwrap_err().kind(), ErrorKind::MessageInvalid);
    }
}

#[tokio::test]
async fn a_question_may_be_repeated_whatever_goes_wrong() {
    for (response, kind) in [
        (Ok(refused(500, 131_000)), ErrorKind::Unavailable),
        (Ok(refused(400, 80_008)), ErrorKind::RateLimited),
        (Ok(raw(200, "<html>canary")), ErrorKind::Protocol),
        (Err(HttpError::new(HttpCause::Timeout, Reach::Maybe)), ErrorKind::Timeout),
    ] {
        let bench = Bench::new().await;
        match response {
            Ok(response) => bench.answer(response),
            Err(lost) => bench.fail(lost),
        }
        let error = bench.strategy.subscribed_apps(&bench.tenant, &bench.contexts.event()).await.unwrap_err();
        assert_eq!((error.kind(), error.reach(), error.error().context("operation")), (kind, Reach::NotSent, Some("subscribed_apps")));
        assert!(!format!("{error} {error:?}").contains("canary"));
    }
}

#[tokio::test]
async fn management_limits_say_when_to_come_back() {
    let bench = Bench::new().await;
    let mut response = refused(400, 80_008);
    let usage = r#"{"900100":[{"type":"whatsapp","estimated_time_to_regain_access":"3"}],"x":[{"estimated_time_to_regain_access":2}]}"#;
    response.headers_mut().insert("x-business-use-case-usage", usage.parse().unwrap());
    bench.answer(response);
    let error = bench.strategy.subscribe(&bench.tenant, &bench.contexts.event()).await.unwrap_err();
    assert_eq!((error.kind(), error.retry_after().unwrap().as_secs()), (ErrorKind::RateLimited, 180));
}

#[tokio::test]
async fn health_looks_at_the_subscription_where_it_is_asked_to() {
    let connected = || json!({"status": "CONNECTED"});
    let apps = |id: &str| json!({"data": [{"whatsapp_business_api_data": {"id": id}}]});
    let silent = Bench::new().await;
    silent.answers([connected()]);
    assert_eq!((silent.health().await, silent.calls()), (HealthStatus::Healthy, 1));
    for (own, body, healthy) in [
        (Some("600700"), apps("600700"), true),
        (Some("600700"), apps("1"), false),
        (None, apps("1"), true),
        (None, json!({"data": []}), false),
    ] {
        let bench = Bench::with(|config| {
            config.health_checks_subscription = true;
            config.app_id = own.map(str::to_owned);
        })
        .await;
        bench.answers([connected(), body]);
        let health = bench.health().await;
        assert_eq!(health == HealthStatus::Healthy, healthy, "{own:?} {health:?}");
        assert_eq!(bench.line(1), "GET /v26.0/900100/subscribed_apps");
    }
    // A question that is not answered changes nothing.
    let bench = Bench::with(|config| config.health_checks_subscription = true).await;
    bench.answers([connected()]);
    bench.answer(refused(400, 80_008));
    assert_eq!(bench.health().await, HealthStatus::Healthy);
}
