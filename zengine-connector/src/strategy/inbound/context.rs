//! Look-ups of tenants before a request is authenticated.

use std::{any::Any, marker::PhantomData, ops::Deref, sync::Arc, time::SystemTime};

use super::{super::Sessions, CredentialFault, VerifyError};
use crate::{
    ids::{RouteKey, TenantId},
    runtime::BoxFuture,
    secret::{Secret, SecretRef},
};

/// A tenant behind a route key, type-erased.
pub(crate) struct Found {
    pub(crate) tenant: TenantId,
    pub(crate) state: Arc<dyn Any + Send + Sync>,
    pub(crate) sessions: Sessions,
}

/// The look-ups that `verify` may make. Every one is bounded and cached, misses too.
pub(crate) trait TenantLookup: Send + Sync {
    fn now(&self) -> SystemTime;
    fn find<'a>(&'a self, key: &'a RouteKey) -> BoxFuture<'a, Result<Vec<Found>, VerifyError>>;
    fn secret<'a>(&'a self, reference: &'a SecretRef) -> BoxFuture<'a, Result<Vec<Secret<Vec<u8>>>, VerifyError>>;
}

/// The tenants of one strategy, before the tenant of a request is known.
pub struct InboundContext<T> {
    lookup: Arc<dyn TenantLookup>,
    tenant: PhantomData<fn() -> T>,
}

debug_fields!([T] InboundContext<T> {});

impl<T> InboundContext<T> {
    pub(crate) fn new(lookup: Arc<dyn TenantLookup>) -> Self {
        Self { lookup, tenant: PhantomData }
    }
}

impl<T: Send + Sync + 'static> InboundContext<T> {
    /// The wall clock.
    pub fn now(&self) -> SystemTime {
        self.lookup.now()
    }

    /// The tenants behind a key, configured. Bounded; cached, misses too.
    ///
    /// # Errors
    /// `Unavailable` if a store does not answer.
    pub async fn find(&self, key: &RouteKey) -> Result<Vec<Candidate<T>>, VerifyError> {
        let mut candidates = Vec::new();
        for found in self.lookup.find(key).await? {
            let state = found.state.downcast::<T>().map_err(|_| VerifyError::Malformed("a tenant of another strategy"))?;
            candidates.push(Candidate { id: found.tenant, state, sessions: found.sessions });
        }
        Ok(candidates)
    }

    /// The one tenant behind a key.
    ///
    /// # Errors
    /// `Unauthenticated` unless there is exactly one; `Unavailable` if a store does not answer.
    pub async fn find_one(&self, key: &RouteKey) -> Result<Candidate<T>, VerifyError> {
        let mut candidates = self.find(key).await?;
        match candidates.pop() {
            Some(candidate) if candidates.is_empty() => Ok(candidate),
            _ => Err(VerifyError::Unauthenticated(CredentialFault::Wrong)),
        }
    }

    /// An application-level secret, cached; the newest value first, two while it is being rotated.
    ///
    /// # Errors
    /// `Unavailable` if it does not resolve: the host's set-up is at fault, not the caller.
    pub async fn secret(&self, reference: &SecretRef) -> Result<Vec<Secret<Vec<u8>>>, VerifyError> {
        self.lookup.secret(reference).await
    }
}

/// A tenant that a request may belong to. You authenticate the request against it to get
/// [`Verified`](super::Verified).
pub struct Candidate<T> {
    id: TenantId,
    state: Arc<T>,
    sessions: Sessions,
}

impl<T> Candidate<T> {
    /// The tenant.
    pub fn id(&self) -> &TenantId {
        &self.id
    }

    /// The tenant's sessions with this strategy.
    pub fn sessions(&self) -> &Sessions {
        &self.sessions
    }
}

impl<T> Deref for Candidate<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.state
    }
}

debug_fields!([T] Candidate<T> { id });
