//! A type-erased fixture, as the cases use it.

use std::{any::TypeId, sync::Arc};

use bytes::Bytes;
use serde_json::Value;

use super::{
    Call, Delivery, Expected, Fixture, Inbound, Outbound, Sample, SampleTenant, Wire, inbound::Form, leaks::Forms, logs::Logs, vary,
    wire::RecordedCall,
};
use crate::{
    ids::{StrategyName, TenantId},
    message::{Capabilities, Idempotency, OutboundMessage, Receipt, State},
    registry::{RegistryBuilder, StrategyRegistry},
    strategy::{Descriptor, Strategy},
    sync::Mutex,
};

/// The number of sample tenants of a host.
pub(crate) const TENANTS: usize = 3;

/// The method and path common to all calls that send.
type CallPattern = (http::Method, String);

/// A type-erased fixture.
pub(crate) struct Kit {
    pub(crate) name: StrategyName,
    pub(crate) descriptor: &'static Descriptor,
    pub(crate) outbound: Option<Outbound>,
    pub(crate) inbound: Option<Inbound>,
    pub(crate) canonical: bool,
    pub(crate) application_secrets: Vec<(String, String)>,
    /// The values of all secrets of the sample tenants and the application, and the members of those that are JSON objects.
    pub(crate) secrets: Vec<String>,
    pub(crate) exceptions: &'static [(&'static str, &'static str)],
    tenant: fn(usize) -> SampleTenant,
    register: fn(&Wire, RegistryBuilder) -> RegistryBuilder,
    /// The log lines of the running case.
    pub(crate) logs: Logs,
    forms: Forms,
    observed: Mutex<Observed>,
}

/// Facts observed in successful attempts and a health check.
#[derive(Clone, Debug, Default)]
struct Observed {
    /// The patterns of the call that sends.
    patterns: Vec<CallPattern>,
    /// The most calls that an attempt makes before the one that sends.
    before: usize,
    /// A health check calls the provider.
    health_calls_provider: bool,
    /// The provider names its messages.
    names_messages: bool,
    /// A tenant's secret can be seen in its requests.
    shows_secret: bool,
    /// The calls to the session store of a successful attempt.
    session_calls: u32,
    /// The capability tables of the sample tenants that differ, each with the first tenant of it.
    tables: Vec<(usize, Capabilities)>,
    /// The protection against duplicates that the strategy states for each sample tenant and message.
    idempotency: Vec<Idempotency>,
}

impl Kit {
    pub(crate) fn of<F: Fixture>() -> Self {
        let descriptor = <F::Strategy as Strategy>::DESCRIPTOR;
        let tenants = (0..TENANTS).flat_map(|n| F::tenant(n).secrets);
        let outbound = F::outbound();
        let tokens = outbound.iter().filter_map(|outbound| outbound.conversations.as_ref()).flat_map(|script| script.tokens.clone());
        let secrets = tenants.chain(F::application_secrets()).flat_map(|(_, value)| values_of(value));
        let secrets: Vec<_> = secrets.chain(tokens).collect();
        Self {
            name: StrategyName::new(descriptor.name).expect("the strategy's name"),
            descriptor,
            outbound,
            inbound: F::inbound(),
            canonical: TypeId::of::<<F::Strategy as Strategy>::Message>() == TypeId::of::<OutboundMessage>(),
            application_secrets: F::application_secrets(),
            exceptions: F::exceptions(),
            tenant: F::tenant,
            register: |wire, builder| builder.register(F::strategy(wire)),
            logs: Logs::default(),
            forms: Forms::of(&secrets),
            secrets,
            observed: Mutex::default(),
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

    pub(crate) fn inbound(&self) -> &Inbound {
        self.inbound.as_ref().expect("the case needs an inbound half")
    }

    /// The element of a sample message in JSON.
    pub(crate) fn element(&self, sample: usize) -> Value {
        self.element_of(&Sample::new(sample), &Expected::Text).expect("a message is an element")
    }

    /// The element of an event in JSON. `None` if the provider has no such event, or speaks no JSON.
    pub(crate) fn element_of(&self, sample: &Sample, expected: &Expected<'_>) -> Option<Value> {
        match (&self.inbound().form, expected) {
            (Form::Json { element, .. }, Expected::Text) => Some(element(sample)),
            (Form::Json { .. }, expected) => self.inbound().expected.as_ref()?(sample, expected),
            (Form::Any { .. }, _) => None,
        }
    }

    /// A body in JSON with elements of a tenant.
    pub(crate) fn body(&self, tenant: usize, elements: Vec<Value>) -> Value {
        match &self.inbound().form {
            Form::Json { body, .. } => body(tenant, elements),
            Form::Any { .. } => panic!("the case needs webhooks in JSON"),
        }
    }

    /// The signed request of an event, as delivered at a time. `None` if the provider has no such event.
    pub(crate) fn event(&self, tenant: usize, sample: &Sample, expected: &Expected<'_>, now_ms: i64) -> Option<http::Request<Bytes>> {
        match &self.inbound().form {
            Form::Json { .. } => {
                let element = self.element_of(sample, expected)?;
                self.deliver(tenant, self.body(tenant, vec![element]).to_string(), now_ms)
            }
            Form::Any { event, sign } => {
                let request = event(tenant, sample, expected)?;
                Some(sign(&Delivery::new(tenant, request.body().clone(), now_ms), request))
            }
        }
    }

    /// The event that samples stand for: a text message, or the status of one if the provider sends statuses only.
    pub(crate) fn sample_event(&self, tenant: usize, sample: &Sample, now_ms: i64) -> http::Request<Bytes> {
        let recipients = [sample.word("visitor")];
        let (target, sent_at_ms) = (sample.word("sent"), sample.at_ms() - 3_600_000);
        let status = Expected::Status { target: &target, state: State::Delivered, sent_at_ms, recipients: &recipients };
        let event = self.event(tenant, sample, &Expected::Text, now_ms).or_else(|| self.event(tenant, sample, &status, now_ms));
        event.expect("the inbound half makes neither a text message nor a status `delivered`")
    }

    /// The signed request with exactly these bytes: the body, or the query if the sample's request has no body. `None` if they
    /// are no query.
    pub(crate) fn deliver(&self, tenant: usize, bytes: impl Into<Bytes>, now_ms: i64) -> Option<http::Request<Bytes>> {
        let bytes = bytes.into();
        match &self.inbound().form {
            Form::Json { request, .. } => Some(request(&Delivery::new(tenant, bytes, now_ms))),
            Form::Any { event, sign } => {
                let sample = Sample::new(0);
                let status =
                    Expected::Status { target: "kit-sent-0", state: State::Delivered, sent_at_ms: sample.at_ms(), recipients: &[] };
                let request = event(tenant, &sample, &Expected::Text).or_else(|| event(tenant, &sample, &status))?;
                let request = vary::with_content(&request, bytes)?;
                Some(sign(&Delivery::new(tenant, request.body().clone(), now_ms), request))
            }
        }
    }

    /// The n-th sample message as JSON.
    pub(crate) fn message(&self, n: usize) -> Value {
        (self.outbound().message)(&Sample::new(n))
    }

    /// The provider's response to a call without a fault, also to one that fetches media.
    pub(crate) fn answer(&self, call: &Call<'_>, media: bool) -> http::Response<Bytes> {
        if let Some(media) = self.inbound.as_ref().and_then(|inbound| inbound.media.as_ref()).filter(|_| media) {
            return (media.provider)(call);
        }
        let provider = self.outbound.as_ref().and_then(|outbound| outbound.provider.as_ref());
        provider.expect("the strategy called a provider, and the fixture scripts none")(call)
    }

    /// Whether a call is the one that sends.
    pub(crate) fn sends(&self, request: &http::Request<Bytes>) -> bool {
        if let Some(picks) = self.outbound.as_ref().and_then(|outbound| outbound.sends.as_ref()) {
            return picks(request);
        }
        let observed = self.observed.lock();
        observed.patterns.iter().any(|(method, path)| request.method() == method && request.uri().path() == path)
    }

    /// Records the calls of a tenant's successful attempt.
    pub(crate) fn observe(&self, tenant: usize, calls: &[RecordedCall], receipt: &Receipt) {
        let Some(last) = calls.last().map(|call| &call.request) else { return };
        let mut observed = self.observed.lock();
        observed.patterns.push((last.method().clone(), last.uri().path().to_owned()));
        drop(observed);
        let before = calls.iter().take_while(|call| !self.sends(&call.request)).count();
        let shown = self.secrets_of(tenant).iter().any(|value| calls.iter().any(|call| call.printed().contains(value.as_str())));
        let mut observed = self.observed.lock();
        observed.before = observed.before.max(before);
        observed.names_messages = receipt.provider_id().is_some();
        observed.shows_secret = shown;
    }

    /// The most calls that an attempt of any sample message makes before the one that sends.
    pub(crate) fn calls_before(&self) -> usize {
        self.observed.lock().before
    }

    /// Records the number of calls before the one that sends.
    pub(crate) fn observe_before(&self, calls: &[RecordedCall]) {
        let before = calls.iter().take_while(|call| !call.sends).count();
        if before < calls.len() {
            let mut observed = self.observed.lock();
            observed.before = observed.before.max(before);
        }
    }

    /// Records whether a health check calls the provider.
    pub(crate) fn observe_health(&self, asks: bool) {
        self.observed.lock().health_calls_provider = asks;
    }

    /// Whether a health check calls the provider.
    pub(crate) fn health_calls_provider(&self) -> bool {
        self.observed.lock().health_calls_provider
    }

    /// Whether the provider names its messages.
    pub(crate) fn names_messages(&self) -> bool {
        self.observed.lock().names_messages
    }

    /// Whether a tenant's secret can be seen in its requests.
    pub(crate) fn shows_secret(&self) -> bool {
        self.observed.lock().shows_secret
    }

    /// Records the calls to the session store of a successful attempt.
    pub(crate) fn observe_sessions(&self, calls: u32) {
        self.observed.lock().session_calls = calls;
    }

    /// The calls to the session store of a successful attempt.
    pub(crate) fn session_calls(&self) -> u32 {
        self.observed.lock().session_calls
    }

    /// Records the capability table of a tenant.
    pub(crate) fn observe_table(&self, tenant: usize, table: &Capabilities) {
        let mut observed = self.observed.lock();
        if !observed.tables.iter().any(|(_, known)| known == table) {
            observed.tables.push((tenant, table.clone()));
        }
    }

    /// Records the protection against duplicates of the next tenant.
    pub(crate) fn observe_idempotency(&self, idempotency: Idempotency) {
        self.observed.lock().idempotency.push(idempotency);
    }

    /// The protection against duplicates of a tenant's sample messages.
    pub(crate) fn idempotency(&self, tenant: usize) -> Idempotency {
        self.observed.lock().idempotency.get(tenant).copied().unwrap_or(self.descriptor.idempotency)
    }

    /// The capability tables of the sample tenants that differ, each with a tenant of it.
    pub(crate) fn tables(&self) -> Vec<(usize, Capabilities)> {
        self.observed.lock().tables.clone()
    }

    /// The values of one sample tenant's secrets, and the members of those that are JSON objects.
    pub(crate) fn secrets_of(&self, tenant: usize) -> Vec<String> {
        self.tenant(tenant).secrets.into_iter().flat_map(|(_, value)| values_of(value)).collect()
    }

    /// The first thing in a printed text that must not be there: a secret, a recipient or a text.
    pub(crate) fn leak(&self, printed: &str) -> Option<String> {
        if let Some(form) = self.secret_in(printed) {
            return Some(form.to_owned());
        }
        if printed.contains("canary-") {
            let at = printed.find("canary-").unwrap_or_default();
            let word: String = printed[at..].chars().take(40).collect();
            return Some(format!("a sample word: {word}"));
        }
        // Sample phone numbers: 1555731 and four digits.
        printed.contains("1555731").then(|| "a recipient's number".to_owned())
    }

    /// The form in which a text holds a secret, if it does.
    pub(crate) fn secret_in(&self, text: &str) -> Option<&'static str> {
        self.forms.find(text)
    }

    /// A text with `***` in place of each secret.
    pub(crate) fn masked(&self, text: &str) -> String {
        self.forms.masked(text)
    }

    /// A body, as JSON if it is JSON, masked.
    pub(crate) fn masked_body(&self, body: &[u8]) -> Value {
        let Ok(mut json) = serde_json::from_slice(body) else { return self.masked(&String::from_utf8_lossy(body)).into() };
        self.forms.mask_json(&mut json);
        json
    }

    /// Checks that a printed text holds nothing secret or personal.
    pub(crate) fn assert_clean(&self, what: &str, printed: &str) {
        if let Some(leak) = self.leak(printed) {
            panic!("{what} prints {leak}\n{printed}");
        }
    }
}

/// A secret, and its members if it is a JSON object.
fn values_of(secret: String) -> Vec<String> {
    let members = serde_json::from_str::<serde_json::Map<String, Value>>(&secret).unwrap_or_default();
    let texts = members.values().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>();
    std::iter::once(secret).chain(texts).collect()
}

/// A kit shared by several hosts.
pub(crate) type SharedKit = Arc<Kit>;
