//! Authenticated requests.

use std::ops::Range;

use bytes::Bytes;

use super::Candidate;
use crate::ids::{ConversationId, TenantId};

/// The credentials that authenticated the bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Principal {
    /// A tenant's own credentials.
    Tenant(TenantId),
    /// The application's credentials; each event names its routes.
    Shared,
}

impl Principal {
    /// The tenant whose own credentials they are.
    pub(crate) fn tenant(&self) -> Option<&TenantId> {
        match self {
            Self::Tenant(tenant) => Some(tenant),
            Self::Shared => None,
        }
    }
}

/// A request that has passed `verify`, and its next step.
#[must_use = "hand it back to the core"]
pub struct Verified {
    pub(crate) principal: Principal,
    pub(crate) step: Step,
}

pub(crate) enum Step {
    Events(RawPayload),
    Reply(http::Response<Bytes>),
    Poll { conversation: ConversationId, after: Option<String> },
}

impl Verified {
    /// Events of one tenant, authenticated with that tenant's credentials.
    pub fn tenant<T>(of: &Candidate<T>, body: Bytes) -> Self {
        Self { principal: Principal::Tenant(of.id().clone()), step: Step::Events(RawPayload::new(body)) }
    }

    /// Events of any tenants, authenticated with the application's credentials; each event names its routes.
    pub fn shared(body: Bytes) -> Self {
        Self { principal: Principal::Shared, step: Step::Events(RawPayload::new(body)) }
    }

    /// An answer without events, for handshakes.
    pub fn reply(response: http::Response<Bytes>) -> Self {
        Self { principal: Principal::Shared, step: Step::Reply(response) }
    }

    /// A poll for replies that were not ready in time, after a cursor.
    pub fn poll<T>(of: &Candidate<T>, conversation: ConversationId, after: Option<String>) -> Self {
        Self { principal: Principal::Tenant(of.id().clone()), step: Step::Poll { conversation, after } }
    }

    /// Adds a note of `verify`, for `normalize` and `respond`. One note per type.
    pub fn with<N: Clone + Send + Sync + 'static>(mut self, note: N) -> Self {
        if let Step::Events(payload) = &mut self.step {
            payload.notes.insert(note);
        }
        self
    }
}

debug_fields!(Verified { principal });

/// Authenticated bytes. Only [`Verified`] makes them.
#[derive(Clone)]
pub struct RawPayload {
    body: Bytes,
    notes: http::Extensions,
    max_elements: usize,
}

/// Default maximum of the elements of a payload.
pub(crate) const MAX_ELEMENTS: usize = 10_000;

impl RawPayload {
    pub(crate) fn new(body: Bytes) -> Self {
        Self { body, notes: http::Extensions::new(), max_elements: MAX_ELEMENTS }
    }

    /// The same payload, of which the core looks at so many elements.
    pub(crate) fn of_elements(&self, max_elements: usize) -> Self {
        Self { max_elements, ..self.clone() }
    }

    /// An unauthenticated payload, to read stored bodies by hand. It cannot be given to an orchestrator.
    pub fn unverified(body: impl Into<Bytes>) -> Self {
        Self::new(body.into())
    }

    /// The exact bytes.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// Maximum elements that the core looks at
    /// ([`InboundSettings::max_elements`](crate::orchestrator::InboundSettings::max_elements)). It refuses a payload with more as a
    /// whole, so stop reading after one more: a body of a few megabytes may hold half a million. Defaults to 10,000.
    pub fn max_elements(&self) -> usize {
        self.max_elements
    }

    /// A note of `verify`.
    pub fn note<N: Send + Sync + 'static>(&self) -> Option<&N> {
        self.notes.get()
    }

    /// A part of the bytes, without a copy. An empty slice if the range is outside.
    pub fn slice(&self, range: Range<usize>) -> Bytes {
        if range.start <= range.end && range.end <= self.body.len() { self.body.slice(range) } else { Bytes::new() }
    }

    /// The bytes of a part that was borrowed from the body, without a copy.
    pub fn slice_of(&self, part: &str) -> Bytes {
        let (start, body) = (part.as_ptr() as usize, self.body.as_ptr() as usize);
        match start.checked_sub(body) {
            Some(from) if from + part.len() <= self.body.len() => self.body.slice(from..from + part.len()),
            // Not borrowed from the body after all: a copy is still the same bytes.
            _ => Bytes::copy_from_slice(part.as_bytes()),
        }
    }
}

debug_fields!(RawPayload { body_bytes: |it| it.body.len() });
