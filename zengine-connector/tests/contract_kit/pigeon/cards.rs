//! Cards, which are not JSON: a form by `POST /pigeon-cards/<loft>/<token>`, or the fate of a letter by `GET` with a query. The token
//! is the credential.

use std::collections::HashMap;

use bytes::Bytes;
use http::Method;
use zengine_connector::{
    Content, ConversationId, Event, Identity, InboundContext, ProviderMessageId,
    ids::RouteKey,
    message::{ElementError, State, Status},
    strategy::{CredentialFault, InboundRequest, Origin, RawPayload, RoutedEvent, Verified, VerifyError},
    verify::constant_time_eq,
};

use super::{Loft, Post};
use crate::flaw::Flaw;

pub(super) async fn verify(post: &Post, request: &InboundRequest, cx: &InboundContext<Loft>) -> Result<Verified, VerifyError> {
    let Origin::Http { parts, .. } = request.origin() else { return Err(VerifyError::NotFound) };
    let address = request.path().strip_prefix("/pigeon-cards/").and_then(|rest| rest.split_once('/'));
    let (name, token) = address.ok_or(VerifyError::NotFound)?;
    let loft = cx.find_one(&RouteKey::new("url_token", name)).await?;
    let right = loft.handshake_token.expose();
    let same = match post.flaw {
        Flaw::UrlTokenPrefix => !token.is_empty() && right.starts_with(token.as_bytes()),
        _ => constant_time_eq(token.as_bytes(), right),
    };
    if !same {
        return Err(VerifyError::Unauthenticated(CredentialFault::Wrong));
    }
    match parts.method {
        Method::POST => Ok(Verified::tenant(&loft, request.body().clone())),
        Method::GET => Ok(Verified::tenant(&loft, parts.uri.query().unwrap_or_default().to_owned().into())),
        _ => Err(VerifyError::MethodNotAllowed),
    }
}

pub(super) fn normalize(payload: &RawPayload) -> Vec<Result<RoutedEvent, ElementError>> {
    vec![card(payload.body()).map_err(|reason| ElementError::new("", reason, payload.body().clone()))]
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
    InboundRequest::http(request).query("a").map(std::borrow::Cow::into_owned)
}
