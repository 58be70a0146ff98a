//! Verification: the handshake and the signature.

use bytes::Bytes;
use serde_json::json;
use zengine_connector::{
    InboundContext, InboundStrategy, Secret,
    strategy::{CredentialFault, InboundRequest, Principal, VerifyError},
    testing::{Decided, InboundSetup},
    verify::HmacSha256,
};
use zengine_strategies::whatsapp_meta_cloud::Tenant;

use crate::support::{app, message, normalize, strategy};

const META: HmacSha256 = HmacSha256::hex_with_prefix("sha256=");

fn context() -> InboundContext<Tenant> {
    InboundSetup::new()
        .with_secret(app().app_secret().clone(), ["new secret", "old secret"])
        .with_secret(app().verify_token().clone(), ["new token", "old token"])
        .context()
}

fn sign(body: &[u8], secret: &str) -> String {
    META.sign(body, &Secret::new(secret.as_bytes().to_vec()))
}

fn post(body: impl Into<Bytes>, signature: Option<&str>) -> InboundRequest {
    let mut request = http::Request::post("/hook").header("x-hub-signature", "sha1=0123");
    if let Some(signature) = signature {
        request = request.header("X-Hub-Signature-256", signature);
    }
    InboundRequest::http(request.body(body.into()).unwrap())
}

async fn verify(request: InboundRequest) -> Result<Decided, VerifyError> {
    strategy().verify(&request, &context()).await.map(Decided::from)
}

#[tokio::test]
async fn j_the_handshake_answers_the_raw_challenge_to_the_right_token_only() {
    let get = |query: &str| InboundRequest::http(http::Request::get(format!("/hook?{query}")).body(Bytes::new()).unwrap());
    for token in ["new%20token", "old+token"] {
        let request = get(&format!("hub.challenge=11%2B58&hub.verify_token={token}&hub.mode=subscribe"));
        let Decided::Reply(answer) = verify(request).await.unwrap() else { panic!("not a reply") };
        assert_eq!((answer.status().as_u16(), &**answer.body()), (200, b"11+58".as_slice()));
    }
    for query in [
        "hub.mode=subscribe&hub.challenge=1&hub.verify_token=new",
        "hub.mode=subscribe&hub.challenge=1&hub.verify_token=",
        "hub.mode=subscribe&hub.challenge=1",
        "hub.mode=unsubscribe&hub.challenge=1&hub.verify_token=new%20token",
        "hub.challenge=1&hub.verify_token=new%20token",
        "",
    ] {
        assert_eq!(verify(get(query)).await.unwrap_err().status(), 403, "{query}");
    }
}

#[tokio::test]
async fn r3_the_signature_covers_the_received_bytes() {
    // Meta signs its own escaped spelling, and that is what is on the wire.
    let escaped = br#"{"object":"whatsapp_business_account","entry":[],"note":"caf\u00e9 \/ \ud83d\ude00"}"#;
    let plain = "{\"object\":\"whatsapp_business_account\",\"entry\":[],\"note\":\"café / 😀\"}";
    let signature = sign(escaped, "new secret");
    let Decided::Events(Principal::Shared, payload) = verify(post(escaped.as_slice(), Some(&signature))).await.unwrap() else {
        panic!("not shared events")
    };
    assert_eq!(payload.body().as_ref(), escaped);
    assert!(
        matches!(verify(post(plain, Some(&signature))).await, Err(VerifyError::Unauthenticated(CredentialFault::Wrong))),
        "un-escaped on the way"
    );
}

/// Nobody has the secrets: a look-up would be answered 503.
#[tokio::test]
async fn what_carries_no_signature_or_token_is_refused_without_a_look_up() {
    let nothing = || InboundSetup::new().context();
    for signature in [None, Some(""), Some("sha256="), Some("sha256=zz"), Some("0123")] {
        let refused = strategy().verify(&post("{}", signature), &nothing()).await.map(Decided::from);
        let fault = if signature.is_none() { CredentialFault::Missing } else { CredentialFault::Malformed };
        assert!(matches!(refused, Err(VerifyError::Unauthenticated(told)) if told == fault), "{signature:?}");
    }
    let hello = http::Request::get("/hook?hub.mode=subscribe&hub.challenge=1").body(Bytes::new()).unwrap();
    let refused = strategy().verify(&InboundRequest::http(hello), &nothing()).await.map(Decided::from);
    assert!(matches!(refused, Err(VerifyError::Token(CredentialFault::Missing))));
    let signed = strategy().verify(&post("{}", Some(&sign(b"{}", "secret"))), &nothing()).await.map(Decided::from);
    assert!(matches!(signed, Err(VerifyError::Unavailable(_))));
}

#[tokio::test]
async fn both_app_secrets_count_while_one_is_rotated() {
    for secret in ["new secret", "old secret"] {
        assert!(verify(post("{}", Some(&sign(b"{}", secret)))).await.is_ok());
    }
    assert!(verify(post("{}", Some(&sign(b"{}", "older secret")))).await.is_err());
}

#[tokio::test]
async fn a_missing_or_wrong_signature_is_refused_with_401() {
    let good = sign(b"{}", "new secret");
    for signature in [None, Some(""), Some("sha256="), Some(&good[7..]), Some(&good[..70]), Some(&good.replace("sha256", "sha1"))] {
        let refused = verify(post("{}", signature)).await.unwrap_err();
        assert_eq!(refused.status(), 401, "{signature:?}");
        assert!(!format!("{refused:?} {refused}").contains(&good[7..]));
    }
}

#[tokio::test]
async fn other_methods_are_not_allowed() {
    for method in ["PUT", "HEAD", "DELETE", "PATCH", "OPTIONS"] {
        let request = http::Request::builder().method(method).uri("/hook?hub.mode=subscribe&hub.verify_token=new%20token&hub.challenge=1");
        let request = InboundRequest::http(request.body(Bytes::new()).unwrap());
        assert_eq!(verify(request).await.unwrap_err().status(), 405, "{method}");
    }
}

#[tokio::test]
async fn bodies_are_bounded_before_and_after_the_signature() {
    let large = Bytes::from(vec![b' '; (3 << 20) + 1]);
    assert_eq!(verify(post(large, None)).await.unwrap_err().status(), 413);
    let largest = vec![b' '; 3 << 20];
    let signature = sign(&largest, "new secret");
    assert!(verify(post(largest, Some(&signature))).await.is_ok());
    let deep = "[".repeat(10_000);
    assert_eq!(verify(post(deep.clone(), Some("sha256=00"))).await.unwrap_err().status(), 401);
    // What Meta signed is kept, not refused: it would come back for days.
    assert!(verify(post(deep.clone(), Some(&sign(deep.as_bytes(), "new secret")))).await.is_ok());
}

#[tokio::test]
async fn a_record_of_a_queue_brings_the_signature_along() {
    let body = message(json!({"type": "text", "text": {"body": "hi"}})).to_string();
    let record = || InboundRequest::trusted("arn:aws:sqs:eu-central-1:1:hooks", "1", body.clone());
    assert_eq!(verify(record()).await.unwrap_err().status(), 401);
    let signed = record().with_attribute("X-Hub-Signature-256", sign(body.as_bytes(), "old secret"));
    assert!(matches!(verify(signed).await.unwrap(), Decided::Events(Principal::Shared, _)));
}

#[tokio::test]
async fn what_is_signed_and_not_understood_is_let_in() {
    for body in [
        "",
        "not json",
        "[]",
        r#"{"object":"page"}"#,
        r#"{"object":"whatsapp_business_account","entry":[{"id":"0","changes":[{"field":"new"}]}]}"#,
    ] {
        assert!(verify(post(body, Some(&sign(body.as_bytes(), "new secret")))).await.is_ok(), "{body}");
        assert_eq!(normalize(body).len(), 1, "{body}");
    }
}

#[tokio::test]
async fn a_secret_that_does_not_resolve_is_our_own_fault() {
    let empty = InboundSetup::<Tenant>::new().context();
    let refused = strategy().verify(&post("{}", Some(&sign(b"{}", "new secret"))), &empty).await;
    assert_eq!(refused.unwrap_err().status(), 503);
}
