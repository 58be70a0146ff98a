//! The meaning of a partner's answers where it differs from Meta's.

use zengine_connector::{ErrorKind, Reach};

use super::{Class, GraphError, class};

/// The class of a partner's error. `http`: the status of a refused call, or the one that a body with status 200 names.
pub(super) fn adjust(known: Class, error: &GraphError, http: Option<u16>) -> Class {
    let Some(status) = http else { return known };
    match (error.code, status) {
        (None, 409) => class(ErrorKind::Conflict, Reach::Processed, "another operation is running"),
        (None, 415) => class(ErrorKind::Media, Reach::Processed, "the provider does not take this type of file"),
        // Documented by the partner: a throttled request was not processed. A failing gateway may only quote a throttle.
        (Some(80_008), 400..=499) | (Some(429 | 613), 429) => Class { reach: Reach::NotSent, ..known },
        _ => known,
    }
}
