//! What a strategy receives.

use std::{fmt, path::PathBuf};

use bytes::Bytes;
use serde_json::Value;

use super::{Sample, Told};

type Elements = Box<dyn Fn(&Sample) -> Value + Send + Sync>;
type Bodies = Box<dyn Fn(usize, Vec<Value>) -> Value + Send + Sync>;
type Mixed = Box<dyn Fn(Vec<(usize, Value)>) -> Value + Send + Sync>;
type Requests = Box<dyn Fn(&Delivery) -> http::Request<Bytes> + Send + Sync>;
type Tells = Box<dyn Fn(&Sample, &Told<'_>) -> Option<Value> + Send + Sync>;
type Handshakes = Box<dyn Fn(usize) -> Handshake + Send + Sync>;

/// A body on its way to a tenant.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Delivery {
    /// Which sample tenant it is for.
    pub tenant: usize,
    /// The exact bytes.
    pub body: Bytes,
    /// The time, in milliseconds UTC, for signatures that hold one.
    pub now_ms: i64,
}

impl Delivery {
    pub(crate) fn new(tenant: usize, body: impl Into<Bytes>, now_ms: i64) -> Self {
        Self { tenant, body: body.into(), now_ms }
    }
}

/// A handshake: what the provider asks, and what it expects.
#[derive(Clone, Debug)]
#[must_use = "return it from the closure of Inbound::handshake"]
pub struct Handshake {
    pub(crate) request: http::Request<Bytes>,
    pub(crate) expect: Bytes,
    pub(crate) wrong: Option<http::Request<Bytes>>,
}

impl Handshake {
    /// A request, and the exact body that must answer it, with status 200.
    pub fn new(request: http::Request<Bytes>, expect: impl Into<Bytes>) -> Self {
        Self { request, expect: expect.into(), wrong: None }
    }

    /// The same question with a wrong token, which must be refused.
    pub fn wrong(mut self, request: http::Request<Bytes>) -> Self {
        self.wrong = Some(request);
        self
    }
}

/// The inbound half of a fixture.
///
/// An element is what becomes one event: one message in the provider's own form. `body` puts elements of one tenant into
/// the body of a webhook, `request` makes the whole signed request of it.
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
    pub(crate) tells: Option<Tells>,
    pub(crate) unknown: Vec<Value>,
    pub(crate) poison: Vec<Value>,
    pub(crate) pairs: Option<PathBuf>,
}

impl Inbound {
    /// How a message of a person arrives: one element of each sample, a body of elements for the n-th tenant, and the
    /// signed request that brings a body.
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
            tells: None,
            unknown: vec![],
            poison: vec![],
            pairs: None,
        }
    }

    /// A body holds exactly one element.
    pub fn one_element(mut self) -> Self {
        self.batches = false;
        self
    }

    /// One body may hold elements of several tenants; this makes it.
    pub fn mixed(mut self, body: impl Fn(Vec<(usize, Value)>) -> Value + Send + Sync + 'static) -> Self {
        self.mixed = Some(Box::new(body));
        self
    }

    /// The header that authenticates a request; several may be named. Without it the request must be refused.
    pub fn signature(mut self, header: &'static str) -> Self {
        self.signatures.push(header);
        self
    }

    /// How the provider asks whether the address is ours.
    pub fn handshake(mut self, of: impl Fn(usize) -> Handshake + Send + Sync + 'static) -> Self {
        self.handshake = Some(Box::new(of));
        self
    }

    /// What the provider tells besides messages of text: the element of each kind, `None` where it has no such thing. The
    /// kit tries every kind and says which are absent.
    pub fn tells(mut self, element: impl Fn(&Sample, &Told<'_>) -> Option<Value> + Send + Sync + 'static) -> Self {
        self.tells = Some(Box::new(element));
        self
    }

    /// Elements of types that the strategy does not know: each must become an event, not an error.
    pub fn unknown(mut self, elements: impl IntoIterator<Item = Value>) -> Self {
        self.unknown.extend(elements);
        self
    }

    /// Elements that cannot be read, whatever the strategy knows. Where none are named, the kit uses a number and a text
    /// in an element's place.
    pub fn poison(mut self, elements: impl IntoIterator<Item = Value>) -> Self {
        self.poison.extend(elements);
        self
    }

    /// A folder of pairs: a webhook's body `name.in.json` and what `normalize` makes of it, `name.expect.json`.
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
