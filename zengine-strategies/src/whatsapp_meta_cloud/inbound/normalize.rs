//! Webhook bodies into events.

use zengine_connector::{ElementError, RawPayload, RoutedEvent};

use super::verify::BeyondLimits;
use crate::waba::webhook;

/// Meta sends the family's own form; each event names its number first and its account second.
pub(super) fn normalize(payload: &RawPayload) -> Vec<Result<RoutedEvent, ElementError>> {
    if payload.note::<BeyondLimits>().is_some() {
        return vec![Err(ElementError::new("", "nested deeper or of more items than is read", payload.body().clone()))];
    }
    webhook::normalize(payload)
}
