//! A signed delivery to `whatsapp-meta-cloud`, verified and normalized by the strategy itself.

use std::{
    future::Future,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zengine_connector::{
    HttpClient, InboundContext, InboundStrategy as _, Reach, Secret, SecretRef, async_trait,
    http::{CallOptions, HttpCause, HttpError},
    message::ElementError,
    strategy::{InboundRequest, RawPayload, RoutedEvent},
    testing::{Decided, InboundSetup},
    verify::HmacSha256,
};
use zengine_strategies::whatsapp_meta_cloud::{MetaApp, Tenant, WhatsAppMetaCloud};

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

/// The HMAC alone, with the key set up each time, as every check has to.
pub(super) fn peer_mac(body: &[u8]) -> [u8; 32] {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(SECRET) else { return [0; 32] };
    mac.update(body);
    mac.finalize().into_bytes().into()
}

/// A signed request and all that is needed to receive it.
pub(super) struct Delivery {
    strategy: WhatsAppMetaCloud,
    request: InboundRequest,
    payload: RawPayload,
    cx: InboundContext<Tenant>,
}

/// The strategy of one Meta app that makes no call.
pub(crate) fn strategy() -> WhatsAppMetaCloud {
    WhatsAppMetaCloud::new(Arc::new(Nobody), MetaApp::new(app_secret(), SecretRef::named("verify-token")))
}

fn app_secret() -> SecretRef {
    SecretRef::named("app-secret")
}

impl Delivery {
    #[allow(clippy::expect_used, reason = "the request is made of constants")]
    pub(super) fn new(body: String) -> Self {
        let signature = HmacSha256::hex_with_prefix("sha256=").sign(body.as_bytes(), &Secret::new(SECRET.to_vec()));
        let request = http::Request::post("/webhooks/whatsapp")
            .header("content-type", "application/json")
            .header("x-hub-signature-256", signature)
            .body(body.clone().into())
            .expect("a valid request");
        Self {
            strategy: strategy(),
            request: InboundRequest::http(request),
            payload: RawPayload::unverified(body),
            cx: InboundSetup::new().with_secret(app_secret(), [SECRET]).context(),
        }
    }

    /// Verify and normalize.
    pub(super) fn receive(&self) -> usize {
        match at_once(self.strategy.verify(&self.request, &self.cx)).map(|verified| verified.map(Decided::from)) {
            Some(Ok(Decided::Events(_, payload))) => good(&self.strategy.normalize(&payload)),
            _ => 0,
        }
    }

    /// Normalize alone.
    pub(super) fn normalize(&self) -> usize {
        good(&self.strategy.normalize(&self.payload))
    }
}

fn good(events: &[Result<RoutedEvent, ElementError>]) -> usize {
    events.iter().filter(|event| event.is_ok()).count()
}

/// The output of a future that is never pending.
fn at_once<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// Receiving makes no call.
#[derive(Debug)]
struct Nobody;

#[async_trait]
impl HttpClient for Nobody {
    async fn call(&self, _: http::Request<bytes::Bytes>, _: CallOptions) -> Result<http::Response<bytes::Bytes>, HttpError> {
        Err(HttpError::new(HttpCause::Connect, Reach::NotSent))
    }
}
