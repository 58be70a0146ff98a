//! The authentication of deliveries, and their tenants.

use serde_json::json;
use zengine_connector::SecretRef;
use zengine_connector::registry::TenantSetup;
use zengine_connector::strategy::InboundRequest;
use zengine_strategies::whatsapp_360dialog::Dialog360;

use crate::support::{Host, NAME, TOKEN, acme, envelope, header, message, post, post_bytes, signed, tenant, text_of, with_token};

const SIGNATURE: &str = "x-360dialog-signature";

async fn status(host: &Host, headers: &[(&str, &str)]) -> u16 {
    host.answer(post("/", headers, &message())).await
}

#[tokio::test(start_paused = true)]
async fn the_registered_header_is_compared_whole_and_its_name_in_any_case() {
    let host = Host::with_header().await;
    for wrong in
        [&[][..], &[("authorization", "Bearer secret-two")], &[("authorization", "Bearer secret-on")], &[("x-other", "Bearer secret-one")]]
    {
        assert_eq!(status(&host, wrong).await, 401, "{wrong:?}");
    }
    assert!(host.take().is_empty());
    assert_eq!(status(&host, &[("AUTHORIZATION", "Bearer secret-one")]).await, 200);
    assert_eq!(host.take()[0]["content"]["body"], "Hello");
}

#[tokio::test(start_paused = true)]
async fn during_a_rotation_both_headers_are_good() {
    let host = Host::new(Dialog360::new());
    let mut header = header("X-Hook-Secret");
    header["previous_value"] = json!({"secret": "older"});
    host.set_up(acme(json!({"webhook_header": header}))).await;
    for (value, expected) in [("Bearer secret-one", 200), ("Bearer secret-zero", 200), ("Bearer secret-two", 401)] {
        assert_eq!(status(&host, &[("x-hook-secret", value)]).await, expected, "{value}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_signature_of_the_exact_bytes_is_read_with_and_without_its_prefix() {
    let host = Host::new(Dialog360::new());
    host.set_up(acme(json!({"platform_secrets": [{"secret": "older"}, {"secret": "platform"}], "signature": "required"}))).await;
    let good = signed(&message(), "platform-secret");
    assert_eq!(status(&host, &[(SIGNATURE, &good)]).await, 200);
    assert_eq!(status(&host, &[(SIGNATURE, &format!("sha256={good}"))]).await, 200);
    assert_eq!(status(&host, &[(SIGNATURE, &signed(&message(), "Bearer secret-zero"))]).await, 200);
    for wrong in [&signed(&message(), "another-secret"), &format!("sha1={good}"), &good[1..], ""] {
        assert_eq!(status(&host, &[(SIGNATURE, wrong)]).await, 401, "{wrong}");
    }
    assert_eq!(status(&host, &[]).await, 401);
    // Meta's own signature is no credential here.
    assert_eq!(status(&host, &[("x-hub-signature-256", &format!("sha256={good}"))]).await, 401);
    let pretty = serde_json::to_string_pretty(&message()).unwrap();
    assert_eq!(host.answer(post_bytes("/", &[(SIGNATURE, &good)], pretty)).await, 401);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_signature_is_not_healed_by_the_right_header() {
    let host = Host::new(Dialog360::new());
    host.set_up(acme(json!({"webhook_header": header("Authorization"), "platform_secrets": [{"secret": "platform"}]}))).await;
    let right = ("authorization", "Bearer secret-one");
    let (good, bad) = (signed(&message(), "platform-secret"), signed(&message(), "another-secret"));
    assert_eq!(status(&host, &[right, (SIGNATURE, &bad)]).await, 401);
    assert_eq!(status(&host, &[(SIGNATURE, &good)]).await, 401, "the header is demanded too");
    assert_eq!(status(&host, &[right]).await, 200);
    assert_eq!(status(&host, &[right, (SIGNATURE, &good)]).await, 200);
}

#[tokio::test(start_paused = true)]
async fn an_ignored_signature_proves_nothing() {
    let host = Host::new(Dialog360::new());
    let config = json!({"webhook_header": header("Authorization"), "platform_secrets": [{"secret": "platform"}], "signature": "ignore"});
    host.set_up(acme(config)).await;
    let bad = signed(&message(), "another-secret");
    assert_eq!(status(&host, &[("authorization", "Bearer secret-one"), (SIGNATURE, &bad)]).await, 200);
    assert_eq!(status(&host, &[(SIGNATURE, &signed(&message(), "platform-secret"))]).await, 401);
}

#[tokio::test(start_paused = true)]
async fn the_token_in_the_path_decides_the_tenant_and_is_demanded_where_it_is_configured() {
    let host = Host::new(Dialog360::new());
    host.set_up(with_token(json!({}))).await;
    let flat = text_of(None, "wamid.flat");
    assert_eq!(host.answer(post(&format!("/{TOKEN}"), &[], &flat)).await, 200);
    assert_eq!(host.take()[0]["tenant"], "acme");
    for path in ["/", "/another-token-of-enough-length", &format!("/{TOKEN}x")] {
        assert_eq!(host.answer(post(path, &[], &message())).await, 401, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_number_of_another_tenant_is_refused_under_this_ones_credentials() {
    let host = Host::new(Dialog360::new());
    host.set_up(with_token(json!({}))).await;
    host.set_up(tenant("bolt", "100200301", json!({"webhook_header": header("Authorization")}))).await;
    for number in ["100200301", "999"] {
        let body = envelope([text_of(Some(number), "wamid.foreign")]);
        assert_eq!(host.answer(post(&format!("/{TOKEN}"), &[], &body)).await, 200, "{number}");
    }
    assert!(host.take().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_webhook_of_the_account_is_split_by_number() {
    let host = Host::new(Dialog360::new().with_platform_secret(SecretRef::named("platform")));
    let application = TenantSetup::common(NAME).application_secret("platform", "platform-secret");
    host.set_up(application).await;
    for (name, number) in [("acme", "100200300"), ("bolt", "100200301")] {
        host.set_up(tenant(name, number, json!({}))).await;
    }
    let body = envelope([text_of(Some("100200300"), "wamid.1"), text_of(Some("100200301"), "wamid.2")]);
    let good = signed(&body, "platform-secret");
    assert_eq!(host.answer(post("/", &[(SIGNATURE, &good)], &body)).await, 200);
    let mut tenants: Vec<_> = host.take().iter().map(|event| event["tenant"].as_str().unwrap().to_owned()).collect();
    tenants.sort();
    assert_eq!(tenants, ["acme", "bolt"]);
    assert_eq!(host.answer(post("/", &[(SIGNATURE, &signed(&body, "another-secret"))], &body)).await, 401);
    assert_eq!(host.answer(post("/", &[], &body)).await, 401);
}

#[tokio::test(start_paused = true)]
async fn there_is_no_handshake() {
    let host = Host::with_header().await;
    let get = http::Request::get("/?hub.mode=subscribe&hub.verify_token=x&hub.challenge=123").body(bytes::Bytes::new()).unwrap();
    let response = host.orchestrator.serve(NAME, get).await;
    assert_eq!((response.status().as_u16(), response.headers()["allow"].to_str().unwrap()), (405, "POST"));
}

#[tokio::test(start_paused = true)]
async fn authentication_comes_before_reading_and_what_is_no_json_is_kept() {
    let host = Host::new(Dialog360::new());
    host.set_up(with_token(json!({"webhook_header": header("Authorization")}))).await;
    let path = format!("/{TOKEN}");
    assert_eq!(host.answer(post_bytes(&path, &[], "not json")).await, 401);
    // Anything but 200 would bring it back for seven days.
    assert_eq!(host.answer(post_bytes(&path, &[("authorization", "Bearer secret-one")], "not json")).await, 200);
    let letters = host.stores.dead_letters().list(None, 10).await.unwrap().letters;
    assert_eq!(letters.len(), 1);
    assert!(host.take().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_receives_nothing_refuses_every_webhook() {
    let host = Host::new(Dialog360::new());
    host.set_up(acme(json!({"receives": false, "webhook_header": header("Authorization")}))).await;
    assert_eq!(status(&host, &[("authorization", "Bearer secret-one")]).await, 401);
}

#[tokio::test(start_paused = true)]
async fn a_body_above_the_limit_is_refused_before_it_is_read() {
    let host = Host::new(Dialog360::new().with_max_webhook_bytes(100));
    host.set_up(acme(json!({"webhook_header": header("Authorization")}))).await;
    assert_eq!(status(&host, &[("authorization", "Bearer secret-one")]).await, 413);
}

#[tokio::test(start_paused = true)]
async fn a_queue_record_proves_itself_by_the_headers_that_travel_along() {
    let host = Host::with_header().await;
    let record = |value: &str| {
        InboundRequest::trusted("arn:aws:sqs:eu-west-1:000000000000:hooks", "1", message().to_string())
            .with_attribute("Authorization", value)
    };
    let receive = |request| host.orchestrator.receive(NAME, request);
    let _ = receive(record("Bearer secret-two")).await.unwrap();
    assert!(host.take().is_empty());
    let _ = receive(record("Bearer secret-one")).await.unwrap();
    assert_eq!(host.take().len(), 1);
}

/// A refusal tells a stranger nothing.
#[tokio::test(start_paused = true)]
async fn every_refusal_looks_the_same() {
    let host = Host::with_header().await;
    let mut bodies = vec![];
    let unknown = envelope([text_of(Some("777"), "wamid.x")]);
    let requests = [
        post("/", &[], &message()),
        post("/", &[("authorization", "Bearer x")], &message()),
        post("/some-token-of-nobody-at-all", &[], &unknown),
    ];
    for request in requests {
        let response = host.orchestrator.serve(NAME, request).await;
        bodies.push((response.status(), response.into_body()));
    }
    assert!(bodies.windows(2).all(|pair| pair[0] == pair[1]), "{bodies:?}");
}

/// An application whose account signs webhooks.
async fn of_account() -> Host {
    let host = Host::new(Dialog360::new().with_platform_secret(SecretRef::named("platform")));
    host.set_up(TenantSetup::common(NAME).application_secret("platform", "platform-secret")).await;
    host
}

#[tokio::test(start_paused = true)]
async fn beside_the_applications_account_a_tenant_may_have_its_own_or_none() {
    let host = of_account().await;
    host.set_up(acme(json!({"platform_secrets": [{"secret": "older"}], "signature": "required"}))).await;
    let ignoring = json!({"signature": "ignore", "webhook_header": header("Authorization")});
    host.set_up(tenant("bolt", "100200301", ignoring)).await;
    let own = signed(&message(), "Bearer secret-zero");
    assert_eq!(status(&host, &[(SIGNATURE, &own)]).await, 200);
    let of_bolt = envelope([text_of(Some("100200301"), "wamid.2")]);
    let foreign = signed(&of_bolt, "another-secret");
    let headers = [(SIGNATURE, foreign.as_str()), ("authorization", "Bearer secret-one")];
    assert_eq!(host.answer(post("/", &headers, &of_bolt)).await, 200);
    let tenants: Vec<_> = host.take().iter().map(|event| event["tenant"].clone()).collect();
    assert_eq!(tenants, ["acme", "bolt"]);
}

#[tokio::test(start_paused = true)]
async fn the_applications_account_reaches_no_tenant_that_receives_nothing() {
    let host = of_account().await;
    host.set_up(acme(json!({"receives": false}))).await;
    let good = signed(&message(), "platform-secret");
    assert_eq!(status(&host, &[(SIGNATURE, &good)]).await, 200);
    assert!(host.take().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_signature_in_an_unknown_encoding_is_in_the_way_of_those_only_who_look_at_it() {
    let odd = ("x-360dialog-signature", "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=");
    for (signature, expected) in [("ignore", 200), ("when_present", 401), ("required", 401)] {
        let host = Host::new(Dialog360::new());
        let secrets = json!([{"secret": "platform"}]);
        host.set_up(acme(json!({"signature": signature, "platform_secrets": secrets, "webhook_header": header("Authorization")}))).await;
        assert_eq!(status(&host, &[odd, ("authorization", "Bearer secret-one")]).await, expected, "{signature}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_short_token_proves_nothing_and_neither_does_one_that_is_not_configured() {
    let host = Host::new(Dialog360::new());
    let routes =
        |setup: TenantSetup, token| setup.route("url_token", token).route("phone_number_id", "100200300").shared_route("waba_id", "900100");
    host.set_up(routes(acme(json!({"token_in_path": true})), "short")).await;
    assert_eq!(host.answer(post("/short", &[], &message())).await, 401);
    let host = Host::new(Dialog360::new());
    host.set_up(routes(acme(json!({"platform_secrets": [{"secret": "platform"}]})), TOKEN)).await;
    let path = format!("/{TOKEN}");
    assert_eq!(host.answer(post(&path, &[], &message())).await, 401);
    let good = signed(&message(), "platform-secret");
    assert_eq!(host.answer(post(&path, &[(SIGNATURE, &good)], &message())).await, 200);
}
