//! A fixture without its type, as the cases see it.

use std::{any::TypeId, sync::Arc};

use bytes::Bytes;
use serde_json::Value;

use super::{Call, Fixture, Inbound, Outbound, Sample, SampleTenant, Wire, logs::Logs, wire::Made};
use crate::{
    ids::{StrategyName, TenantId},
    message::{OutboundMessage, Receipt},
    registry::{RegistryBuilder, StrategyRegistry},
    strategy::{Descriptor, Strategy},
    sync::Mutex,
};

/// How many sample tenants a world has.
pub(crate) const TENANTS: usize = 3;

/// A call that sends, by what is the same in all of them.
type Shape = (http::Method, String);

/// A fixture without its type.
pub(crate) struct Kit {
    pub(crate) name: StrategyName,
    pub(crate) descriptor: &'static Descriptor,
    pub(crate) outbound: Option<Outbound>,
    pub(crate) inbound: Option<Inbound>,
    pub(crate) canonical: bool,
    pub(crate) application_secrets: Vec<(String, String)>,
    pub(crate) exceptions: &'static [(&'static str, &'static str)],
    tenant: fn(usize) -> SampleTenant,
    register: fn(&Wire, RegistryBuilder) -> RegistryBuilder,
    /// What is logged while a case runs.
    pub(crate) logs: Logs,
    learnt: Mutex<Learnt>,
}

/// What attempts that succeed show.
#[derive(Clone, Debug, Default)]
struct Learnt {
    /// What the call that sends looks like.
    shapes: Vec<Shape>,
    /// The most calls that an attempt makes before it.
    before: usize,
    /// A health check calls the provider.
    asks_for_health: bool,
    /// The provider names its messages.
    numbered: bool,
    /// A tenant's secret can be seen in its requests.
    shows_secret: bool,
}

impl Kit {
    pub(crate) fn of<F: Fixture>() -> Self {
        let descriptor = <F::Strategy as Strategy>::DESCRIPTOR;
        Self {
            name: StrategyName::new(descriptor.name).expect("the strategy's name"),
            descriptor,
            outbound: F::outbound(),
            inbound: F::inbound(),
            canonical: TypeId::of::<<F::Strategy as Strategy>::Message>() == TypeId::of::<OutboundMessage>(),
            application_secrets: F::application_secrets(),
            exceptions: F::exceptions(),
            tenant: F::tenant,
            register: |wire, builder| builder.register(F::strategy(wire)),
            logs: Logs::default(),
            learnt: Mutex::default(),
        }
    }

    pub(crate) fn tenant(&self, n: usize) -> SampleTenant {
        (self.tenant)(n)
    }

    pub(crate) fn tenant_id(n: usize) -> TenantId {
        TenantId::new(format!("contract-tenant-{n}")).unwrap()
    }

    /// A fresh instance of the strategy in a registry of its own.
    pub(crate) fn registry(&self, wire: &Wire) -> StrategyRegistry {
        (self.register)(wire, StrategyRegistry::builder()).build().expect("the strategy registers")
    }

    pub(crate) fn outbound(&self) -> &Outbound {
        self.outbound.as_ref().expect("the case needs an outbound half")
    }

    /// The n-th sample message as JSON.
    pub(crate) fn message(&self, n: usize) -> Value {
        (self.outbound().message)(&Sample::new(n))
    }

    /// What the provider answers to a call where all is well.
    pub(crate) fn answer(&self, call: &Call<'_>) -> http::Response<Bytes> {
        let provider = self.outbound.as_ref().and_then(|outbound| outbound.provider.as_ref());
        provider.expect("the strategy called a provider, and the fixture scripts none")(call)
    }

    /// Whether a call makes the message happen.
    pub(crate) fn sends(&self, request: &http::Request<Bytes>) -> bool {
        if let Some(picks) = self.outbound.as_ref().and_then(|outbound| outbound.sends.as_ref()) {
            return picks(request);
        }
        let learnt = self.learnt.lock();
        learnt.shapes.iter().any(|(method, path)| request.method() == method && request.uri().path() == path)
    }

    /// Remembers what an attempt of a tenant looked like that succeeded.
    pub(crate) fn learn(&self, tenant: usize, made: &[Made], receipt: &Receipt) {
        let Some(last) = made.last().map(|made| &made.request) else { return };
        let mut learnt = self.learnt.lock();
        learnt.shapes.push((last.method().clone(), last.uri().path().to_owned()));
        drop(learnt);
        let before = made.iter().take_while(|made| !self.sends(&made.request)).count();
        let shown = self.secrets_of(tenant).iter().any(|value| made.iter().any(|made| made.printed().contains(value.as_str())));
        let mut learnt = self.learnt.lock();
        learnt.before = learnt.before.max(before);
        learnt.numbered = receipt.provider_id().is_some();
        learnt.shows_secret = shown;
    }

    /// The most calls that an attempt of any sample message makes before the one that sends.
    pub(crate) fn calls_before(&self) -> usize {
        self.learnt.lock().before
    }

    /// Remembers that an attempt makes so many calls before the one that sends.
    pub(crate) fn learn_before(&self, made: &[Made]) {
        let before = made.iter().take_while(|made| !made.sends).count();
        if before < made.len() {
            let mut learnt = self.learnt.lock();
            learnt.before = learnt.before.max(before);
        }
    }

    /// Remembers whether a health check calls the provider.
    pub(crate) fn learn_health(&self, asks: bool) {
        self.learnt.lock().asks_for_health = asks;
    }

    /// Whether a health check calls the provider.
    pub(crate) fn asks_for_health(&self) -> bool {
        self.learnt.lock().asks_for_health
    }

    /// Whether the provider names its messages.
    pub(crate) fn is_numbered(&self) -> bool {
        self.learnt.lock().numbered
    }

    /// Whether a tenant's secret can be seen in its requests.
    pub(crate) fn shows_secret(&self) -> bool {
        self.learnt.lock().shows_secret
    }

    /// The values of all secrets of the sample tenants and of the application; of those that are JSON objects also their
    /// members.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let tenants = (0..TENANTS).flat_map(|n| self.tenant(n).secrets);
        tenants.chain(self.application_secrets.iter().cloned()).flat_map(|(_, value)| values_of(value)).collect()
    }

    /// The same of one sample tenant.
    pub(crate) fn secrets_of(&self, tenant: usize) -> Vec<String> {
        self.tenant(tenant).secrets.into_iter().flat_map(|(_, value)| values_of(value)).collect()
    }

    /// What a printed text must not hold: a secret, a recipient, a text. Gives the first that is there.
    pub(crate) fn leak(&self, printed: &str) -> Option<String> {
        let secret = |value: &&String| value.len() >= 4 && printed.contains(value.as_str());
        if self.secrets().iter().any(|value| secret(&value)) {
            return Some("a secret".to_owned());
        }
        let bytes = |text: &str| format!("{:?}", text.as_bytes());
        if self.secrets().iter().any(|value| value.len() >= 4 && printed.contains(bytes(value).trim_matches(['[', ']']))) {
            return Some("a secret, as bytes".to_owned());
        }
        if printed.contains("canary-") {
            let at = printed.find("canary-").unwrap_or_default();
            let word: String = printed[at..].chars().take(40).collect();
            return Some(format!("a sample word: {word}"));
        }
        // Sample phone numbers: 1555731 and four digits.
        printed.contains("1555731").then(|| "a recipient's number".to_owned())
    }

    /// Fails where a printed text holds something secret or personal.
    pub(crate) fn assert_clean(&self, what: &str, printed: &str) {
        if let Some(leak) = self.leak(printed) {
            panic!("{what} prints {leak}\n{printed}");
        }
    }
}

/// A secret, and the texts in it where it is a JSON object.
fn values_of(secret: String) -> Vec<String> {
    let members = serde_json::from_str::<serde_json::Map<String, Value>>(&secret).unwrap_or_default();
    let texts = members.values().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>();
    std::iter::once(secret).chain(texts).collect()
}

/// The kit behind a pointer, as worlds share it.
pub(crate) type Shared = Arc<Kit>;
