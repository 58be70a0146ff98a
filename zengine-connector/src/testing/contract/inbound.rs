//! The inbound half of a fixture.

use std::{fmt, path::PathBuf};

use bytes::Bytes;
use serde_json::Value;

use super::{Call, Expected, Sample};
use crate::strategy::InboundRequest;

type Elements = Box<dyn Fn(&Sample) -> Value + Send + Sync>;
type Bodies = Box<dyn Fn(usize, Vec<Value>) -> Value + Send + Sync>;
type Mixed = Box<dyn Fn(Vec<(usize, Value)>) -> Value + Send + Sync>;
type Requests = Box<dyn Fn(&Delivery) -> http::Request<Bytes> + Send + Sync>;
type Events = Box<dyn Fn(usize, &Sample, &Expected<'_>) -> Option<http::Request<Bytes>> + Send + Sync>;
type Signs = Box<dyn Fn(&Delivery, http::Request<Bytes>) -> http::Request<Bytes> + Send + Sync>;
type ExpectedElements = Box<dyn Fn(&Sample, &Expected<'_>) -> Option<Value> + Send + Sync>;
type Polls = Box<dyn Fn(usize, &Sample, &http::Response<Bytes>) -> http::Request<Bytes> + Send + Sync>;
type Provider = Box<dyn Fn(&Call<'_>) -> http::Response<Bytes> + Send + Sync>;
type Records = Box<dyn Fn(&Delivery) -> InboundRequest + Send + Sync>;
type Handshakes = Box<dyn Fn(usize) -> Handshake + Send + Sync>;

/// A body to be delivered to a tenant.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Delivery {
    /// The index of the sample tenant.
    pub tenant: usize,
    /// The exact bytes of the body.
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

/// The form of a provider's requests.
pub(crate) enum Form {
    /// JSON: elements in a body.
    Json { element: Elements, body: Bodies, request: Requests },
    /// Any other: one event in a query, a form, XML.
    Any { event: Events, sign: Signs },
}

/// The inbound half of a fixture.
///
/// In JSON, an element becomes one event: it is one message in the provider's own form. `body` wraps elements of one tenant in a
/// webhook's body; `request` makes the whole signed request, whose path is the part below the strategy's mount.
/// [`requests`](Self::requests) is for all other forms.
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
///         http::Request::post(format!("/site-{}", delivery.tenant))
///             .header("acme-signature", HmacSha256::hex().sign(&delivery.body, &secret))
///             .body(delivery.body.clone())
///             .unwrap()
///     },
/// )
/// .signature("acme-signature");
/// ```
#[must_use = "return it from Fixture::inbound"]
pub struct Inbound {
    pub(crate) form: Form,
    pub(crate) batches: bool,
    pub(crate) mixed: Option<Mixed>,
    pub(crate) signatures: Vec<&'static str>,
    pub(crate) handshake: Option<Handshakes>,
    pub(crate) expected: Option<ExpectedElements>,
    pub(crate) unknown: Vec<Value>,
    pub(crate) poison: Vec<Value>,
    pub(crate) pairs: Option<PathBuf>,
    pub(crate) polls: Option<Polls>,
    pub(crate) media: Option<MediaFile>,
    pub(crate) records: Option<Records>,
}

/// A file that events name.
pub(crate) struct MediaFile {
    pub(crate) handle: String,
    pub(crate) bytes: Bytes,
    pub(crate) provider: Provider,
}

impl Inbound {
    /// Creates the half for JSON: the element of a sample message, the body with elements of the n-th tenant, and the signed
    /// request that delivers a body.
    pub fn new(
        element: impl Fn(&Sample) -> Value + Send + Sync + 'static,
        body: impl Fn(usize, Vec<Value>) -> Value + Send + Sync + 'static,
        request: impl Fn(&Delivery) -> http::Request<Bytes> + Send + Sync + 'static,
    ) -> Self {
        Self::of(Form::Json { element: Box::new(element), body: Box::new(body), request: Box::new(request) }, true)
    }

    /// Creates the half for requests of any form, one event each: a form, a query, XML, or several of these. `event` makes the
    /// n-th tenant's request without credentials for an expected event, or `None` if the provider has no such event; `sign` adds
    /// the credentials of the delivery's tenant to a request, to its headers, its address or its body. Statuses alone are enough.
    ///
    /// ```
    /// use bytes::Bytes;
    /// use zengine_connector::testing::contract::{Expected, Inbound};
    ///
    /// let inbound = Inbound::requests(
    ///     |tenant, sample, expected| match expected {
    ///         Expected::Text => {
    ///             let form = format!("id={}&from={}&text={}", sample.word("in"), sample.word("visitor"), sample.word("text"));
    ///             http::Request::post(format!("/{tenant}")).body(Bytes::from(form)).ok()
    ///         }
    ///         Expected::Status { target, state, .. } => {
    ///             http::Request::get(format!("/{tenant}?id={target}&state={}", state.as_str())).body(Bytes::new()).ok()
    ///         }
    ///         _ => None,
    ///     },
    ///     |delivery, mut request| {
    ///         let token = format!("token-{}", delivery.tenant).parse().unwrap();
    ///         request.headers_mut().insert("acme-token", token);
    ///         request
    ///     },
    /// )
    /// .signature("acme-token");
    /// ```
    pub fn requests(
        event: impl Fn(usize, &Sample, &Expected<'_>) -> Option<http::Request<Bytes>> + Send + Sync + 'static,
        sign: impl Fn(&Delivery, http::Request<Bytes>) -> http::Request<Bytes> + Send + Sync + 'static,
    ) -> Self {
        Self::of(Form::Any { event: Box::new(event), sign: Box::new(sign) }, false)
    }

    fn of(form: Form, batches: bool) -> Self {
        Self {
            form,
            batches,
            mixed: None,
            signatures: vec![],
            handshake: None,
            expected: None,
            unknown: vec![],
            poison: vec![],
            pairs: None,
            polls: None,
            media: None,
            records: None,
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

    /// Sets the request by which the sample's sender fetches late replies from the n-th tenant, after a response.
    pub fn polls(
        mut self,
        request: impl Fn(usize, &Sample, &http::Response<Bytes>) -> http::Request<Bytes> + Send + Sync + 'static,
    ) -> Self {
        self.polls = Some(Box::new(request));
        self
    }

    /// Sets a file that events may name by a handle, its bytes, and the provider's responses to the calls that fetch it.
    pub fn media(
        mut self,
        handle: impl Into<String>,
        bytes: impl Into<Bytes>,
        provider: impl Fn(&Call<'_>) -> http::Response<Bytes> + Send + Sync + 'static,
    ) -> Self {
        self.media = Some(MediaFile { handle: handle.into(), bytes: bytes.into(), provider: Box::new(provider) });
        self
    }

    /// Sets the record of a queue that delivers a body to a tenant: [`InboundRequest::trusted`].
    pub fn records(mut self, record: impl Fn(&Delivery) -> InboundRequest + Send + Sync + 'static) -> Self {
        self.records = Some(Box::new(record));
        self
    }

    /// Sets a folder of pairs: a webhook's body `name.in.json`, or a request `name.in.http` without credentials if the half is of
    /// [`requests`](Self::requests), and the result of `normalize`, `name.expect.json`.
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
