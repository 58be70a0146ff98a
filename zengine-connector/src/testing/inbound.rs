//! Contexts for calling a strategy's inbound half directly, without an orchestrator.

use std::{
    collections::HashMap,
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use crate::{
    error::{Error, ErrorKind},
    ids::{ConversationId, RouteKey, TenantId},
    runtime::BoxFuture,
    secret::{Secret, SecretRef},
    strategy::{Found, InboundContext, Principal, RawPayload, Sessions, Step, TenantLookup, Verified, VerifyError},
};

/// A builder of the context that [`InboundStrategy::verify`](crate::InboundStrategy::verify) takes: secrets by reference,
/// tenants by route, a clock that stands still.
///
/// ```
/// use zengine_connector::{SecretRef, testing::InboundSetup};
///
/// let app_secret = SecretRef::named("app-secret");
/// let cx = InboundSetup::<()>::new().with_secret(app_secret.clone(), ["new", "old"]).context();
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// assert_eq!(cx.secret(&app_secret).await.unwrap().len(), 2);
/// # });
/// ```
pub struct InboundSetup<T> {
    now: SystemTime,
    secrets: HashMap<SecretRef, Vec<Vec<u8>>>,
    tenants: Vec<(RouteKey, TenantId, Arc<T>, Sessions)>,
}

impl<T: Send + Sync + 'static> InboundSetup<T> {
    /// Creates a setup without secrets and tenants, at 1 November 2025, 00:00 UTC.
    pub fn new() -> Self {
        Self { now: SystemTime::UNIX_EPOCH + Duration::from_secs(1_761_955_200), secrets: HashMap::new(), tenants: vec![] }
    }

    /// Sets the clock.
    #[must_use = "returns the setup with the time"]
    pub fn with_now(mut self, now: SystemTime) -> Self {
        self.now = now;
        self
    }

    /// Adds a secret with its values, the newest first.
    #[must_use = "returns the setup with the secret"]
    pub fn with_secret<V: Into<Vec<u8>>>(mut self, reference: SecretRef, values: impl IntoIterator<Item = V>) -> Self {
        self.secrets.insert(reference, values.into_iter().map(Into::into).collect());
        self
    }

    /// Adds a tenant behind a route; [`Contexts::sessions`](super::Contexts::sessions) has sessions for it.
    #[must_use = "returns the setup with the tenant"]
    pub fn with_tenant(mut self, route: RouteKey, id: TenantId, state: Arc<T>, sessions: Sessions) -> Self {
        self.tenants.push((route, id, state, sessions));
        self
    }

    /// Builds the context. A secret that was not added is `Unavailable`; a route that was not added finds no tenant.
    pub fn context(self) -> InboundContext<T> {
        InboundContext::new(Arc::new(self))
    }
}

impl<T: Send + Sync + 'static> Default for InboundSetup<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for InboundSetup<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InboundSetup").field("secrets", &self.secrets.len()).field("tenants", &self.tenants.len()).finish_non_exhaustive()
    }
}

impl<T: Send + Sync + 'static> TenantLookup for InboundSetup<T> {
    fn now(&self) -> SystemTime {
        self.now
    }

    fn find<'a>(&'a self, key: &'a RouteKey) -> BoxFuture<'a, Result<Vec<Found>, VerifyError>> {
        let behind = self.tenants.iter().filter(|(route, ..)| route == key);
        let found = behind
            .map(|(_, id, state, sessions)| Found { tenant: id.clone(), state: Arc::clone(state) as _, sessions: sessions.clone() })
            .collect();
        Box::pin(std::future::ready(Ok(found)))
    }

    fn secret<'a>(&'a self, reference: &'a SecretRef) -> BoxFuture<'a, Result<Vec<Secret<Vec<u8>>>, VerifyError>> {
        let values = self.secrets.get(reference).map(|values| values.iter().cloned().map(Secret::new).collect());
        let unknown = || VerifyError::Unavailable(Error::new(ErrorKind::Secret, "the setup has no such secret"));
        Box::pin(std::future::ready(values.ok_or_else(unknown)))
    }
}

/// The result of [`InboundStrategy::verify`](crate::InboundStrategy::verify).
#[derive(Debug)]
#[non_exhaustive]
pub enum Decided {
    /// A payload to normalize, with the principal that sent it.
    Events(Principal, RawPayload),
    /// The complete response.
    Reply(http::Response<bytes::Bytes>),
    /// A poll for replies of a conversation, after a cursor.
    Poll(Principal, ConversationId, Option<String>),
}

impl From<Verified> for Decided {
    fn from(verified: Verified) -> Self {
        match verified.step {
            Step::Events(payload) => Self::Events(verified.principal, payload),
            Step::Reply(response) => Self::Reply(response),
            Step::Poll { conversation, after } => Self::Poll(verified.principal, conversation, after),
        }
    }
}
