//! The bounds of a payload, which every strategy inherits: its JSON before it is read, its elements after.

use crate::{
    json::Unread,
    message::ElementError,
    orchestrator::InboundSettings,
    strategy::{DynInbound, RawPayload, RoutedEvent, guarded},
};

/// Checks a body that is JSON, in one pass and without an allocation.
pub(super) fn check(settings: &InboundSettings, inbound: &dyn DynInbound, body: &[u8]) -> Result<(), Unread> {
    if inbound.takes_json() { settings.json.check(body) } else { Ok(()) }
}

/// The elements of a payload. A payload beyond its bounds, or whose strategy panics, is returned as one unreadable element with
/// all its bytes.
pub(super) fn elements(
    settings: &InboundSettings,
    inbound: &dyn DynInbound,
    payload: &RawPayload,
) -> Vec<Result<RoutedEvent, ElementError>> {
    read(settings, inbound, payload).unwrap_or_else(|why| vec![Err(refused(payload, why))])
}

/// The error of a payload with too many elements, or with elements that lead to too many tenants.
pub(super) fn too_many(payload: &RawPayload) -> ElementError {
    refused(payload, TOO_MANY)
}

const TOO_MANY: &str = "the payload holds too many elements";

fn refused(payload: &RawPayload, why: &'static str) -> ElementError {
    ElementError::new("", why, payload.body().clone())
}

fn read(
    settings: &InboundSettings,
    inbound: &dyn DynInbound,
    payload: &RawPayload,
) -> Result<Vec<Result<RoutedEvent, ElementError>>, &'static str> {
    check(settings, inbound, payload.body()).map_err(Unread::reason)?;
    let bounded = payload.of_elements(settings.max_elements);
    let elements = guarded("normalize", || inbound.normalize(&bounded));
    let elements = elements.map_err(|_| "the strategy panicked while it read the payload")?;
    if elements.len() > settings.max_elements { Err(TOO_MANY) } else { Ok(elements) }
}
