//! The registration of webhooks.

use std::collections::BTreeMap;

use http::{HeaderName, Method, StatusCode, Uri};
use serde_json::{Map, Value, json};
use zengine_connector::error::Violation;
use zengine_connector::message::Checker;
use zengine_connector::{ErrorKind, EventContext, Secret, SendError};

use super::config::is_header_value;
use super::health::WEBHOOK;
use super::{Tenant, WhatsApp360Dialog};
use crate::waba::gateway::Payload;
use crate::waba::{answer, wire};

/// The address to which 360dialog posts webhooks, and the headers that it repeats on each.
///
/// ```
/// use zengine_connector::Secret;
/// use zengine_strategies::whatsapp_360dialog::WebhookTarget;
///
/// let target = WebhookTarget::new("https://hooks.example.org/webhooks/whatsapp-360dialog")
///     .with_header("Authorization", Secret::new("Bearer of-your-choice".to_owned()));
/// assert!(target.check().is_ok());
/// assert!(WebhookTarget::new("https://hooks.example.org:8443/").check().is_err()); // 360dialog takes no port
/// ```
#[derive(Clone)]
pub struct WebhookTarget {
    url: String,
    headers: BTreeMap<String, Secret<String>>,
}

impl WebhookTarget {
    /// An address without headers of its own.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), headers: BTreeMap::new() }
    }

    /// Adds a header that is repeated on every webhook.
    #[must_use = "returns the target with the header"]
    pub fn with_header(mut self, name: impl Into<String>, value: Secret<String>) -> Self {
        self.headers.insert(name.into(), value);
        self
    }

    /// The address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Checks everything that the provider's pages demand; finds every violation.
    ///
    /// # Errors
    /// The violations: an address that is not https, or that has a port, a user or a fragment, or a host with an underscore; a header
    /// whose name has an underscore, or whose value is not visible ASCII.
    pub fn check(&self) -> Result<(), Vec<Violation>> {
        let mut check = Checker::new();
        check.count("/url", self.url.len(), 1, 2_000);
        let uri = self.url.parse::<Uri>().unwrap_or_default();
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        let is_https = uri.scheme_str() == Some("https") && !authority.is_empty() && !self.url.contains('#');
        check.require(is_https, "/url", "must be an https address without a fragment");
        check.require(!authority.contains('@'), "/url", "must not hold a user");
        check.require(uri.port().is_none(), "/url", "must not hold a port");
        check.require(!authority.contains('_'), "/url", "the host must not hold an underscore");
        for (name, value) in &self.headers {
            let at = format!("/headers/{name}");
            check.require(
                !name.contains('_') && name.parse::<HeaderName>().is_ok(),
                at.clone(),
                "must be the name of a header, with hyphens",
            );
            check.require(is_header_value(value.expose()), at, "must be visible ASCII characters, with spaces only between them");
        }
        check.finish()
    }

    /// Whether the provider names this address, and these headers if it lists any.
    fn is_in(&self, found: &Value) -> bool {
        let listed = found.get("headers").and_then(Value::as_object).filter(|listed| !listed.is_empty());
        let has = |listed: &Map<String, Value>| {
            let same = |name: &str, value: &str| listed.iter().any(|(own, given)| own.eq_ignore_ascii_case(name) && given == value);
            self.headers.iter().all(|(name, value)| same(name, value.expose()))
        };
        found["url"] == *self.url && listed.is_none_or(has)
    }

    fn body(&self) -> Value {
        let headers: BTreeMap<_, _> = self.headers.iter().map(|(name, value)| (name, value.expose())).collect();
        json!({"url": self.url, "headers": headers})
    }
}

// An address may hold a token of a tenant, a header is a secret.
redacted!(WebhookTarget { headers: |it| it.headers.len() });

/// The webhook that the provider has registered.
#[derive(Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct RegisteredWebhook {
    /// The address, if there is one.
    pub url: Option<String>,
    /// The names of its headers.
    pub header_names: Vec<String>,
    /// The numbers of the account, as the provider spells them; of a number's own webhook none.
    pub numbers: Vec<String>,
}

redacted!(RegisteredWebhook { url: |it| it.url.is_some(), header_names, numbers: |it| it.numbers.len() });

impl RegisteredWebhook {
    fn read(body: &Value) -> Self {
        let names = body.get("headers").and_then(Value::as_object).map(|headers| headers.keys().cloned().collect());
        let numbers = wire::items(body, "phone_numbers").iter().filter_map(wire::id).collect();
        Self { url: wire::text(body, "url").filter(|url| !url.is_empty()), header_names: names.unwrap_or_default(), numbers }
    }
}

/// The webhooks that a registration is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WebhookScope {
    /// Those of the key's number.
    Number,
    /// Those of all numbers of the account.
    Account {
        /// Whether the addresses of single numbers are replaced too.
        replace_numbers: bool,
    },
}

impl WebhookScope {
    const fn path(self) -> &'static str {
        match self {
            Self::Number => WEBHOOK,
            Self::Account { .. } => "/waba_webhook",
        }
    }
}

/// The state of a registration.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WebhookState {
    /// The provider names the address.
    Confirmed(RegisteredWebhook),
    /// The provider has taken the request and still names another address or none: an account's takes some 20 seconds. Ask again with
    /// [`webhook`](WhatsApp360Dialog::webhook).
    Pending,
}

/// The webhooks of a tenant's number or account.
impl WhatsApp360Dialog {
    /// Registers an address, and reads it back once.
    ///
    /// # Errors
    /// `MessageInvalid` with all violations if the address or a header does not fit, before anything is called; the provider's errors.
    /// Safe to repeat.
    pub async fn set_webhook(
        &self,
        tenant: &Tenant,
        scope: WebhookScope,
        target: &WebhookTarget,
        cx: &EventContext,
    ) -> Result<WebhookState, SendError> {
        let invalid = |violations| SendError::of(ErrorKind::MessageInvalid, "the webhook does not fit").violations(violations).not_sent();
        target.check().map_err(invalid)?;
        let mut body = target.body();
        if let WebhookScope::Account { replace_numbers: true } = scope {
            body["override_all"] = true.into();
        }
        let timeout = tenant.limits.send.min(cx.remaining());
        let response = self.gateway(tenant)?.call(Method::POST, scope.path(), Payload::Json(&body), timeout).await?;
        answer::changed(&response, cx.now(), "set_webhook")?;
        let found = self.read_webhook(tenant, scope, cx).await?.filter(|found| target.is_in(found));
        Ok(found.map_or(WebhookState::Pending, |found| WebhookState::Confirmed(RegisteredWebhook::read(&found))))
    }

    /// The registered address; `None` if there is none.
    ///
    /// # Errors
    /// The provider's errors. Safe to repeat.
    pub async fn webhook(&self, tenant: &Tenant, scope: WebhookScope, cx: &EventContext) -> Result<Option<RegisteredWebhook>, SendError> {
        let found = self.read_webhook(tenant, scope, cx).await?;
        Ok(found.map(|found| RegisteredWebhook::read(&found)).filter(|found| found.url.is_some()))
    }

    async fn read_webhook(&self, tenant: &Tenant, scope: WebhookScope, cx: &EventContext) -> Result<Option<Value>, SendError> {
        let timeout = tenant.limits.send.min(cx.remaining());
        let response = self.gateway(tenant)?.call(Method::GET, scope.path(), Payload::Nothing, timeout).await;
        let response = response.map_err(|lost| answer::again(lost, "webhook"))?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        answer::read(&response, cx.now(), "webhook").map(Some)
    }
}
