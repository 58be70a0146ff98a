//! The inbound half of a fixture.

use std::{fmt, path::PathBuf};

use bytes::Bytes;
use serde_json::Value;

use super::{Expected, Sample};

type Elements = Box<dyn Fn(&Sample) -> Value + Send + Sync>;
type Bodies = Box<dyn Fn(usize, Vec<Value>) -> Value + Send + Sync>;
type Mixed = Box<dyn Fn(Vec<(usize, Value)>) -> Value + Send + Sync>;
type Requests = Box<dyn Fn(&Delivery) -> http::Request<Bytes> + Send + Sync>;
type ExpectedElements = Box<dyn Fn(&Sample, &Expected<'_>) -> Option<Value> + Send + Sync>;
type Handshakes = Box<dyn Fn(usize) -> Handshake + Send + Sync>;

/// A body to be delivered to a tenant.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Delivery {
    /// The index of the sample tenant.
    pub tenant: usize,
    /// The exact bytes.
    pub body: Bytes,
    /// The time of the delivery, in milliseconds UTC, for signatures that include it.
    pub now_ms: i64,
}

impl Delivery {
    pub(crate) fn new(tenant: usize, body: impl Into<Bytes>, now_ms: i64) -> Self {
        Self { tenant, body: body.into(), now_ms }
    }
}

/// A webhook handshake: the provider's request and the expected response.
#[derive(Clone, Debug)]
#[must_use = "return it from the closure of Inbound::handshake"]
pub struct Handshake {
    pub(crate) request: http::Request<Bytes>,
    pub(crate) expect: Bytes,
    pub(crate) wrong: Option<http::Request<Bytes>>,
}

impl Handshake {
    /// Creates a handshake: the request, and the exact body of the response, which has status 200.
    pub fn new(request: http::Request<Bytes>, expect: impl Into<Bytes>) -> Self {
        Self { request, expect: expect.into(), wrong: None }
    }

    /// Adds the same request with a wrong token, which must be refused.
    pub fn wrong(mut self, request: http::Request<Bytes>) -> Self {
        self.wrong = Some(request);
        self
    }
}

/// The inbound half of a fixture.
///
/// An element becomes one event: it is one message in the provider's own form. `body` wraps elements of one tenant in a
/// webhook's body; `request` makes the whole signed request.
///
/// ```
/// use serde_json::json;
/// use zengine_connector::{Secret, testing::contract::Inbound, verify::HmacSha256};
///
/// let inbound = Inbound::new(
///     |sample| json!({ "id": sample.word("message"), "from": sample.word("visitor"), "text": sample.text() }),
///     |_tenant, elements| json!({ "messages": elements }),
///     |delivery| {
///         let secret = Secret::new(format!("hook-secret-{}", delivery.tenant).into_bytes());
///         http::Request::post(format!("/acme/site-{}", delivery.tenant))
///             .header("acme-signature", HmacSha256::hex().sign(&delivery.body, &secret))
///             .body(delivery.body.clone())
///             .unwrap()
///     },
/// )
/// .signature("acme-signature");
/// ```
#[must_use = "return it from Fixture::inbound"]
pub struct Inbound {
    pub(crate) element: Elements,
    pub(crate) body: Bodies,
    pub(crate) request: Requests,
    pub(crate) batches: bool,
    pub(crate) mixed: Option<Mixed>,
    pub(crate) signatures: Vec<&'static str>,
    pub(crate) handshake: Option<Handshakes>,
    pub(crate) expected: Option<ExpectedElements>,
    pub(crate) unknown: Vec<Value>,
    pub(crate) poison: Vec<Value>,
    pub(crate) pairs: Option<PathBuf>,
}

impl Inbound {
    /// Creates the half: the element of a sample message, the body with elements of the n-th tenant, and the signed
    /// request that delivers a body.
    pub fn new(
        element: impl Fn(&Sample) -> Value + Send + Sync + 'static,
        body: impl Fn(usize, Vec<Value>) -> Value + Send + Sync + 'static,
        request: impl Fn(&Delivery) -> http::Request<Bytes> + Send + Sync + 'static,
    ) -> Self {
        Self {
            element: Box::new(element),
            body: Box::new(body),
            request: Box::new(request),
            batches: true,
            mixed: None,
            signatures: vec![],
            handshake: None,
            expected: None,
            unknown: vec![],
            poison: vec![],
            pairs: None,
        }
    }

    /// Limits a body to one element.
    pub fn one_element(mut self) -> Self {
        self.batches = false;
        self
    }

    /// Sets the function that makes a body with elements of several tenants.
    pub fn mixed(mut self, body: impl Fn(Vec<(usize, Value)>) -> Value + Send + Sync + 'static) -> Self {
        self.mixed = Some(Box::new(body));
        self
    }

    /// Adds a header that authenticates a request. A request without it must be refused.
    pub fn signature(mut self, header: &'static str) -> Self {
        self.signatures.push(header);
        self
    }

    /// Sets the handshake of the n-th tenant.
    pub fn handshake(mut self, of: impl Fn(usize) -> Handshake + Send + Sync + 'static) -> Self {
        self.handshake = Some(Box::new(of));
        self
    }

    /// Sets the elements of events other than text messages: return the element of each, or `None` if the provider has no
    /// such event. The kit tries every kind and lists the absent ones.
    pub fn expected(mut self, element: impl Fn(&Sample, &Expected<'_>) -> Option<Value> + Send + Sync + 'static) -> Self {
        self.expected = Some(Box::new(element));
        self
    }

    /// Adds elements of types unknown to the strategy. Each must become an event, not an error.
    pub fn unknown(mut self, elements: impl IntoIterator<Item = Value>) -> Self {
        self.unknown.extend(elements);
        self
    }

    /// Adds elements that cannot be read. Defaults to a number, a string and an empty list.
    pub fn poison(mut self, elements: impl IntoIterator<Item = Value>) -> Self {
        self.poison.extend(elements);
        self
    }

    /// Sets a folder of pairs: a webhook's body `name.in.json` and the result of `normalize`, `name.expect.json`.
    pub fn pairs(mut self, folder: impl Into<PathBuf>) -> Self {
        self.pairs = Some(folder.into());
        self
    }
}

impl fmt::Debug for Inbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbound")
            .field("batches", &self.batches)
            .field("mixed", &self.mixed.is_some())
            .field("signatures", &self.signatures)
            .field("handshake", &self.handshake.is_some())
            .field("pairs", &self.pairs)
            .finish_non_exhaustive()
    }
}
