//! Cards, which are not JSON: a form by `POST /<loft>/<token>`, or the fate of a letter by `GET` with a query. The token
//! is the credential. The response holds replies, `GET …/replies?from=…&after=…` later ones; a record of the queue `pigeon/<loft>`
//! holds the same form.

use std::{borrow::Cow, collections::HashMap, sync::atomic::Ordering::SeqCst, time::Duration};

use bytes::Bytes;
use http::Method;
use zengine_connector::{
    Content, ConversationId, Error, Event, EventContext, Identity, InboundContext, InboundEvent, ProviderMessageId, SendError,
    http::{CallOptions, status_error},
    ids::RouteKey,
    message::{ElementError, State, Status},
    strategy::{
        Admit, CredentialFault, EventEncoding, Handled, InboundRequest, MediaFile, Origin, RawPayload, RoutedEvent, SessionError, Verified,
        VerifyError,
    },
    verify::constant_time_eq,
};

use super::{Loft, Post};
use crate::flaw::Flaw;

pub(super) async fn verify(post: &Post, request: &InboundRequest, cx: &InboundContext<Loft>) -> Result<Verified, VerifyError> {
    let parts = match request.origin() {
        Origin::Http { parts, .. } => parts,
        Origin::Trusted { source, .. } => {
            let exact = source.strip_prefix("pigeon/");
            let name = if post.is(Flaw::TrustsAnySource) { source.rsplit('/').next() } else { exact };
            let loft = cx.find_one(&RouteKey::new("url_token", name.ok_or(VerifyError::NotFound)?)).await?;
            return Ok(Verified::tenant(&loft, request.body().clone()));
        }
        _ => return Err(VerifyError::NotFound),
    };
    let address = request.path().strip_prefix('/').and_then(|rest| rest.split_once('/'));
    let (name, rest) = address.ok_or(VerifyError::NotFound)?;
    let (token, polls) = rest.strip_suffix("/replies").map_or((rest, false), |token| (token, true));
    let loft = cx.find_one(&RouteKey::new("url_token", name)).await?;
    let right = loft.handshake_token.expose();
    let same = match post.flaw {
        Flaw::UrlTokenPrefix => !token.is_empty() && right.starts_with(token.as_bytes()),
        Flaw::PollsUnchecked if polls => true,
        _ => constant_time_eq(token.as_bytes(), right),
    };
    if !same {
        return Err(VerifyError::Unauthenticated(CredentialFault::Wrong));
    }
    if polls {
        let conversation = request.query("from").and_then(|from| ConversationId::new(from).ok());
        let after = request.query("after").filter(|_| !post.is(Flaw::PollsFromTheStart)).map(Cow::into_owned);
        return Ok(Verified::poll(&loft, conversation.ok_or(VerifyError::Malformed("no sender"))?, after));
    }
    match parts.method {
        Method::POST => Ok(Verified::tenant(&loft, request.body().clone())),
        Method::GET => Ok(Verified::tenant(&loft, parts.uri.query().unwrap_or_default().to_owned().into())),
        _ => Err(VerifyError::MethodNotAllowed("GET, POST")),
    }
}

pub(super) fn normalize(post: &Post, payload: &RawPayload) -> Vec<Result<RoutedEvent, ElementError>> {
    let mut read = card(payload.body()).map_err(|reason| ElementError::new("", reason, payload.body().clone()));
    if let (Flaw::RecordsAreNew, Ok(event)) = (post.flaw, &mut read) {
        event.dedup = post.memory.count.fetch_add(1, SeqCst).to_string();
    }
    if let Ok(event) = &mut read {
        let words: Bytes = match post.flaw {
            Flaw::FingerprintChanges => format!("{:p}", post.memory).into(),
            _ => match &event.event {
                Event::Message { content: Content::Text(text) } => text.body.clone().into(),
                _ => return vec![read],
            },
        };
        event.fingerprint = Some(EventEncoding::new(1, words));
    }
    vec![read]
}

/// Remembers the last card of a loft.
pub(super) async fn admit(post: &Post, event: &InboundEvent, cx: &EventContext) -> Result<Admit, Error> {
    match remember(event, cx).await {
        Ok(()) => Ok(Admit::Pass),
        Err(_) if post.is(Flaw::AdmitDropsWithoutSession) => Ok(Admit::Drop("no session")),
        Err(error) => Err(error.into_send_error().not_sent().into_error()),
    }
}

async fn remember(event: &InboundEvent, cx: &EventContext) -> Result<(), SessionError> {
    let known = cx.sessions().get::<String>("last").await?;
    cx.sessions().put("last", &event.id, known.map(|known| known.version), Duration::from_secs(3600)).await?;
    Ok(())
}

pub(super) fn respond(post: &Post, handled: &Handled) -> http::Response<Bytes> {
    let mut answer = handled.acknowledge();
    let all = if post.is(Flaw::FirstReplyOnly) { 1 } else { usize::MAX };
    let replies: Vec<_> = handled.replies.iter().take(all).map(|reply| &reply.content).collect();
    if post.is(Flaw::PendingIsFailure) && handled.pending && handled.replies.is_empty() {
        *answer.status_mut() = http::StatusCode::SERVICE_UNAVAILABLE;
    }
    *answer.body_mut() = serde_json::json!({ "replies": replies, "after": handled.cursor }).to_string().into();
    answer
}

pub(super) async fn media(post: &Post, loft: &Loft, handle: &str) -> Result<MediaFile, SendError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let url = if post.is(Flaw::MediaAnyAddress) && handle.starts_with("https://") {
        handle.to_owned()
    } else if !handle.is_empty() && handle.len() < 100 && handle.bytes().all(plain) {
        format!("https://pigeon.example/files/{handle}")
    } else {
        return Err(SendError::domain("not a file of the post office").not_sent());
    };
    let key = match post.flaw {
        Flaw::MediaWithFirstKey => post.memory.key.lock().unwrap().get_or_insert_with(|| loft.api_key.expose().clone()).clone(),
        _ => loft.api_key.expose().clone(),
    };
    let request = http::Request::get(url).header("authorization", format!("Bearer {key}")).body(Bytes::new()).unwrap();
    let answer = post.http.call(request, CallOptions::DEFAULT).await?;
    match status_error(answer.status(), None).filter(|_| !post.is(Flaw::MediaErrorIsContent)) {
        Some((error, reach)) => Err(error.reach(reach)),
        None => Ok(MediaFile::new(answer.into_body())),
    }
}

fn card(form: &Bytes) -> Result<RoutedEvent, &'static str> {
    let text = std::str::from_utf8(form).map_err(|_| "not a form")?;
    let fields: HashMap<_, _> = text.split('&').filter_map(|pair| pair.split_once('=')).collect();
    let field = |name: &str| fields.get(name).and_then(|value| decoded(value));
    let at_ms = field("at").and_then(|at| at.parse::<i64>().ok()).map(|at| at.saturating_mul(1000));
    let mut routed = match (field("id"), field("from"), field("text"), field("of"), field("state")) {
        (Some(id), Some(from), Some(text), ..) => {
            let mut routed = RoutedEvent::new(Event::message(Content::text(text)), format!("card|{id}"), form.clone());
            routed.from = Identity::opaque("pigeon", &from).map_err(|_| "nobody wrote it")?.into();
            routed.conversation = ConversationId::new(&from).ok();
            routed.provider_ids = ProviderMessageId::new(&id).into_iter().collect();
            routed
        }
        (.., Some(of), Some(state)) => {
            let state: State = serde_json::from_value(state.into()).map_err(|_| "not a state")?;
            RoutedEvent::new(Event::Status(Status::new(&of, state)), format!("{}|{of}", state.as_str()), form.clone())
        }
        _ => return Err("neither a card nor news of one"),
    };
    routed.occurred_at_ms = at_ms;
    Ok(routed)
}

/// Decodes `+` and `%xx`, as a query.
fn decoded(value: &str) -> Option<String> {
    let request = http::Request::get(format!("/?a={value}")).body(Bytes::new()).ok()?;
    InboundRequest::http(request).query("a").map(Cow::into_owned)
}
