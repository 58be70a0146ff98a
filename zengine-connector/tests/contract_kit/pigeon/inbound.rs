//! Verification: `POST /<loft>`, or `POST /` of the hub, signed with the time in front; and the handshake by GET.

use std::sync::atomic::Ordering::SeqCst;

use bytes::Bytes;
use http::{Method, StatusCode, header};
use serde_json::Value;
use zengine_connector::{
    InboundContext, InboundEvent, Secret, SecretRef,
    http::CallOptions,
    ids::RouteKey,
    strategy::{Admit, Candidate, CredentialFault, FinalResponse, Handled, InboundRequest, Verified, VerifyError},
    verify::{Freshness, HmacSha256, answer_challenge},
};

use super::{Loft, Post, letters::Webhook};
use crate::flaw::Flaw;

/// The secret that signs for all lofts of the hub.
pub(crate) const HUB_SECRET: &str = "pigeon-hub";
/// The form of a loft's own signatures.
pub(crate) const SIGNATURE: HmacSha256 = HmacSha256::hex_with_prefix("sha256=");
/// The form of the hub's signatures.
pub(crate) const HUB_SIGNATURE: HmacSha256 = HmacSha256::base64_with_prefix("v1=");
/// The header with the signature of `<time>.<body>`.
pub(crate) const SIGNATURE_HEADER: &str = "pigeon-signature";
/// The header with the time of signing, in seconds.
pub(crate) const TIME_HEADER: &str = "pigeon-time";

pub(super) async fn verify_own(post: &Post, request: &InboundRequest, cx: &InboundContext<Loft>) -> Result<Verified, VerifyError> {
    let token = request.path().strip_prefix('/').ok_or(VerifyError::NotFound)?;
    let loft = match cx.find_one(&RouteKey::new("url_token", token)).await {
        Err(_) if post.is(Flaw::UnknownGoesToLast) => {
            let last = post.memory.route.lock().unwrap().clone().unwrap_or_default();
            let last = cx.find_one(&RouteKey::new("url_token", last)).await?;
            return Ok(Verified::tenant(&last, request.body().clone()));
        }
        found => found?,
    };
    *post.memory.route.lock().unwrap() = Some(token.to_owned());
    if request.method() == Some(&Method::GET) {
        return handshake(post, request, std::slice::from_ref(&loft.handshake_token));
    }
    let own = match post.flaw {
        Flaw::CachesFirstWebhookSecret => {
            let mut first = post.memory.webhook_secret.lock().unwrap();
            Secret::new(first.get_or_insert_with(|| loft.webhook_secret.expose().clone()).clone())
        }
        _ => loft.webhook_secret.clone(),
    };
    delivery(post, request, cx, (SIGNATURE, &[own])).await?;
    let whose = match post.flaw {
        Flaw::TenantFromBody => named(request, cx).await.unwrap_or(loft),
        _ => loft,
    };
    Ok(Verified::tenant(&whose, request.body().clone()))
}

/// The tenant that the body names, which must not be believed.
async fn named(request: &InboundRequest, cx: &InboundContext<Loft>) -> Option<Candidate<Loft>> {
    let body: Value = serde_json::from_slice(request.body()).ok()?;
    cx.find_one(&RouteKey::new("url_token", body["letters"][0]["loft"].as_str()?)).await.ok()
}

pub(super) async fn verify_hub(post: &Post, request: &InboundRequest, cx: &InboundContext<Loft>) -> Result<Verified, VerifyError> {
    let secrets = match cx.secret(&SecretRef::named(HUB_SECRET)).await {
        Err(_) if post.is(Flaw::FailsOpenWithoutSecret) => return Ok(Verified::shared(request.body().clone())),
        Err(_) if post.is(Flaw::OutageIsRefusal) => return Err(VerifyError::Unauthenticated(CredentialFault::Wrong)),
        secrets => secrets?,
    };
    if post.is(Flaw::TrustsAnyRecord) && request.method().is_none() {
        return Ok(Verified::shared(request.body().clone()));
    }
    if request.method() == Some(&Method::GET) {
        return handshake(post, request, &secrets);
    }
    let tried = if post.is(Flaw::OnlyNewestSecret) { 1 } else { secrets.len() };
    delivery(post, request, cx, (HUB_SIGNATURE, &secrets[..tried])).await?;
    Ok(Verified::shared(request.body().clone()))
}

fn handshake(post: &Post, request: &InboundRequest, tokens: &[Secret<Vec<u8>>]) -> Result<Verified, VerifyError> {
    let (token, challenge) = (request.query("token"), request.query("challenge"));
    let mut answer = match post.flaw {
        Flaw::HandshakeAnyToken => http::Response::new(Bytes::from(challenge.unwrap_or_default().into_owned())),
        Flaw::HandshakeTokenPrefix if tokens[0].expose().starts_with(token.as_deref().unwrap_or_default().as_bytes()) => {
            answer_challenge(tokens[0].expose_str(), challenge.as_deref(), tokens)?
        }
        _ => answer_challenge(token.as_deref(), challenge.as_deref(), tokens)?,
    };
    if post.is(Flaw::HandshakeAsHtml) {
        answer.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/html"));
    }
    Ok(Verified::reply(answer))
}

/// The signature and the time of one delivery. `Err` may be a refusal that says too much: then it is an answer.
async fn delivery(
    post: &Post,
    request: &InboundRequest,
    cx: &InboundContext<Loft>,
    (form, secrets): (HmacSha256, &[Secret<Vec<u8>>]),
) -> Result<(), VerifyError> {
    if request.method() != Some(&Method::POST) {
        return Err(VerifyError::MethodNotAllowed("POST"));
    }
    if post.is(Flaw::VerifyCallsProvider) {
        let ask = http::Request::get("https://pigeon.example/keys").body(Bytes::new()).unwrap();
        let _ = post.http.call(ask, CallOptions::DEFAULT).await;
    }
    if post.is(Flaw::VerifySleeps) {
        super::sleep(std::time::Duration::from_secs(3)).await;
    }
    let (given, time) = (request.header(SIGNATURE_HEADER), request.header(TIME_HEADER));
    if !post.is(Flaw::StaleAccepted) {
        Freshness::DEFAULT.check_unix_seconds(time, cx.now())?;
    }
    let time = time.unwrap_or_default().as_bytes();
    let parts: [&[u8]; 3] = [time, b".", request.body()];
    let right = |body: &[u8]| form.sign(&[time, b".", body].concat(), &secrets[0]);
    match (post.flaw, given) {
        (Flaw::MissingSignatureAccepted, None) | (Flaw::AnySignatureAccepted, Some(_)) => return Ok(()),
        (Flaw::LocksOut, _) if post.memory.count.load(SeqCst) > 10 => return Err(VerifyError::Forbidden),
        (Flaw::SignaturePrefixAccepted, Some(given)) if right(request.body()).starts_with(given) => return Ok(()),
        (Flaw::SignatureSchemeIgnored, Some(given)) => {
            let digits = given.rsplit('=').next().unwrap_or_default();
            return form.check_parts(Some(&format!("sha256={digits}")), &parts, secrets);
        }
        (Flaw::SignatureCaseIgnored, Some(given)) if given.eq_ignore_ascii_case(&right(request.body())) => return Ok(()),
        (Flaw::SignsTrimmed, _) => return form.check_parts(given, &[time, b".", request.body().trim_ascii()], secrets),
        (Flaw::SignsReserialized, _) => {
            let anew = serde_json::from_slice::<Value>(request.body()).map(|body| body.to_string());
            let anew = anew.map_or(request.body().clone(), Bytes::from);
            return form.check_parts(given, &[time, b".", &anew], secrets);
        }
        (Flaw::RefusesRedelivery, _) => {
            let body = String::from_utf8_lossy(request.body()).into_owned();
            if !post.memory.seen.lock().unwrap().insert(body) {
                return Err(VerifyError::Forbidden);
            }
        }
        (Flaw::GarbageRefused, _) if serde_json::from_slice::<Webhook<'_>>(request.body()).is_err() => {
            form.check_parts(given, &parts, secrets)?;
            return Err(VerifyError::Malformed("not a webhook of the post office"));
        }
        _ => {}
    }
    let checked = form.check_parts(given, &parts, secrets);
    match (post.flaw, checked) {
        (Flaw::LocksOut, Err(error)) => {
            post.memory.count.fetch_add(1, SeqCst);
            Err(error)
        }
        (Flaw::OracleInLog, Err(error)) => {
            tracing::warn!(expected = right(request.body()), "wrong signature");
            Err(error)
        }
        (Flaw::OracleInBody, Err(_)) => {
            Err(VerifyError::Malformed(Box::leak(format!("expected {}", right(request.body())).into_boxed_str())))
        }
        (Flaw::OracleInHeader, Err(_)) => {
            Err(VerifyError::Challenge(Box::leak(format!("Pigeon {}", right(request.body())).into_boxed_str()), CredentialFault::Wrong))
        }
        (_, checked) => checked,
    }
}

pub(super) fn admit(post: &Post, event: &InboundEvent) -> Admit {
    let drop = post.is(Flaw::AdmitDropsSecond) && !post.memory.seen.lock().unwrap().insert(event.id.clone());
    if drop { Admit::Drop("seen before") } else { Admit::Pass }
}

/// Every response names the office.
pub(super) fn finish(post: &Post, response: &mut FinalResponse<'_>) {
    match post.flaw {
        Flaw::FinishesSome if response.status() == StatusCode::PAYLOAD_TOO_LARGE => return,
        Flaw::FinishPanics if response.reason().is_some() => panic!("a refusal is no answer of the post office"),
        Flaw::FinishSetsLength => response.add_header(header::CONTENT_LENGTH, header::HeaderValue::from_static("1")),
        _ => {}
    }
    response.add_header(header::SERVER, header::HeaderValue::from_static("pigeon"));
}

pub(super) fn respond(post: &Post, request: &InboundRequest, handled: &Handled) -> http::Response<Bytes> {
    let mut answer = handled.acknowledge();
    match post.flaw {
        Flaw::EchoesBody => *answer.body_mut() = request.body().clone(),
        Flaw::AlwaysSaysSuccess => *answer.status_mut() = StatusCode::OK,
        Flaw::BadElementRefused if handled.poisoned > 0 => *answer.status_mut() = StatusCode::BAD_REQUEST,
        _ => {}
    }
    answer
}
