//! Requests of the provider, from elements to the answer.

use bytes::Bytes;
use serde_json::Value;

use super::{Delivery, Inbound, Sample, kit::Kit, world::World};

impl Kit {
    pub(crate) fn inbound(&self) -> &Inbound {
        self.inbound.as_ref().expect("the case needs an inbound half")
    }

    /// The element of a sample message.
    pub(crate) fn element(&self, sample: usize) -> Value {
        (self.inbound().element)(&Sample::new(sample))
    }

    /// A body with elements of a tenant.
    pub(crate) fn body(&self, tenant: usize, elements: Vec<Value>) -> Value {
        (self.inbound().body)(tenant, elements)
    }
}

impl World {
    /// The signed request that brings exact bytes to a tenant.
    pub(crate) fn request(&self, tenant: usize, body: impl Into<Bytes>) -> http::Request<Bytes> {
        (self.kit.inbound().request)(&Delivery::new(tenant, body, self.now_ms()))
    }
}
