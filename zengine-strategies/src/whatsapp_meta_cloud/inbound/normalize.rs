//! Webhook bodies into events.

use zengine_connector::{ElementError, RawPayload, RoutedEvent};

use crate::waba::webhook;

/// Meta sends the family's own form; each event names its number first and its account second.
pub(super) fn normalize(payload: &RawPayload) -> Vec<Result<RoutedEvent, ElementError>> {
    webhook::normalize(payload)
}
