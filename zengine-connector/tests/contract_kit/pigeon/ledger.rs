//! Pigeon Post's ledger: `GET /ledger?key=…` finds a letter by the key that it was sent with. A session counts the letters.

use std::{sync::atomic::Ordering::SeqCst, time::Duration};

use bytes::Bytes;
use serde_json::Value;
use zengine_connector::{
    ErrorKind, OutboundMessage, ProviderMessageId, Receipt, SendContext, SendError,
    http::{CallOptions, retry_after, status_error},
    strategy::Lookup,
};

use super::{Loft, Post, outbound};
use crate::flaw::Flaw;

const LONGEST: Duration = Duration::from_secs(10);

pub(super) async fn send(post: &Post, loft: &Loft, message: &OutboundMessage, cx: &SendContext) -> Result<Receipt, SendError> {
    if post.memory.locked.swap(post.is(Flaw::SessionStaysLocked), SeqCst) {
        return Err(SendError::of(ErrorKind::Busy, "the ledger is locked").not_sent());
    }
    let count = cx.sessions().get::<u64>("count").await.map_err(|error| error.into_send_error().not_sent())?;
    post.memory.locked.store(false, SeqCst);
    let receipt = outbound::send(post, loft, message, cx).await?;
    let (version, next) = (count.as_ref().map(|count| count.version), count.map_or(1, |count| count.value.saturating_add(1)));
    match cx.sessions().put("count", &next, version, Duration::from_secs(3600)).await {
        Err(error) if post.is(Flaw::SessionHidesSend) => Err(error.into_send_error().not_sent()),
        // The letter is on its way: a count is not worth a second one.
        _ => Ok(receipt),
    }
}

pub(super) async fn lookup(post: &Post, loft: &Loft, cx: &SendContext) -> Result<Lookup, SendError> {
    let key = if post.is(Flaw::LookupFindsAny) { "" } else { cx.provider_key().as_str() };
    let request = http::Request::get(format!("https://pigeon.example/ledger?key={key}"))
        .header("authorization", format!("Bearer {}", loft.api_key.expose()))
        .body(Bytes::new())
        .unwrap();
    let answer = match post.http.call(request, CallOptions::DEFAULT.with_timeout(LONGEST.min(cx.remaining()))).await {
        Err(_) if post.is(Flaw::LookupErrorIsNotFound) => return Ok(Lookup::NotFound),
        answer => answer?,
    };
    if post.is(Flaw::LookupMisses) {
        return Ok(Lookup::NotFound);
    }
    if let Some((error, reach)) = status_error(answer.status(), retry_after(answer.headers(), cx.now())) {
        return Err(error.reach(reach));
    }
    let found = serde_json::from_slice::<Value>(answer.body()).ok().and_then(|answer| answer.get("found").cloned());
    match found {
        Some(Value::Null) => Ok(Lookup::NotFound),
        Some(Value::String(id)) => Ok(ProviderMessageId::new(id).map_or(Lookup::NotFound, |id| Lookup::Found(Receipt::accepted(id)))),
        _ => Err(SendError::of(ErrorKind::Protocol, "the ledger cannot be read").maybe()),
    }
}
