//! The host's stores, with time limits.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;

use super::{
    Applied, ClaimKey, ClaimOp, ClaimRecord, DeadLetter, DeadLetterSink as _, DomainEvent, DuePage, EpochEntry, InboundOp, InboundRecord,
    LocalSecrets, Reference, SecretAnswer, SecretError, SecretScope, SecretStore, StoreError, StoreErrorKind, Stores, TenantConfig,
    TenantDirectory,
};
use crate::{
    error::{Error, ErrorKind},
    ids::{FailureId, RouteKey, StrategyName, TenantId},
    runtime::{Clock, Missed, guard, to_ms},
    secret::SecretRef,
};

/// Maximum time for the tenant directory or the secret store, which are cached and often remote.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(10);

/// The host's stores. Every call ends within its time limit. A call that timed out may have been done. The core accesses
/// claims, letters, events, epochs, sessions, directory and secrets only through this.
pub(crate) struct Ports {
    clock: Arc<dyn Clock>,
    stores: Stores,
    directory: Arc<dyn TenantDirectory>,
    secrets: LocalSecrets,
}

impl Ports {
    /// Maximum time of one call to a store.
    pub(crate) const STORE_TIMEOUT: Duration = Duration::from_secs(5);

    /// Wraps the stores. `directory` and `secrets` replace those in `stores`.
    pub(crate) fn new(stores: Stores, directory: Arc<dyn TenantDirectory>, secrets: Arc<dyn SecretStore>, clock: Arc<dyn Clock>) -> Self {
        Self { clock, stores, directory, secrets: LocalSecrets::new(secrets) }
    }

    /// The wall clock in milliseconds UTC.
    pub(crate) fn now_ms(&self) -> i64 {
        to_ms(self.clock.now())
    }

    /// The store's answer; an error if it gives none in time, or panics.
    async fn store<T>(&self, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        guard(&*self.clock, Self::STORE_TIMEOUT, call)
            .await
            .unwrap_or_else(|missed| Err(unavailable(missed, "the store panicked", "the store did not answer within 5 s")))
    }

    async fn look_up<T>(&self, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        guard(&*self.clock, LOOKUP_TIMEOUT, call).await.unwrap_or_else(|missed| {
            Err(unavailable(missed, "the tenant directory panicked", "the tenant directory did not answer within 10 s"))
        })
    }
}

fn unavailable(missed: Missed, panicked: &'static str, timed_out: &'static str) -> StoreError {
    let message = match missed {
        Missed::Panicked => panicked,
        Missed::TimedOut => timed_out,
    };
    StoreError::new(StoreErrorKind::Unavailable, message)
}

/// Claims.
impl Ports {
    pub(crate) fn boot(&self) -> Option<&str> {
        self.stores.claims.boot()
    }

    pub(crate) async fn apply(
        &self,
        key: &ClaimKey,
        operation: &ClaimOp,
        current: Option<&ClaimRecord>,
        now_ms: i64,
    ) -> Result<Applied<ClaimRecord>, StoreError> {
        self.store(self.stores.claims.apply(key, operation, current, now_ms)).await
    }

    /// The record of a send, also an expired one.
    pub(crate) async fn stored_record(&self, key: &ClaimKey) -> Result<Option<ClaimRecord>, StoreError> {
        self.store(self.stores.claims.get(key)).await
    }

    /// The record of a send, unless it is expired.
    pub(crate) async fn record(&self, key: &ClaimKey) -> Result<Option<ClaimRecord>, StoreError> {
        Ok(self.stored_record(key).await?.filter(|record| !record.is_expired(self.now_ms())))
    }

    pub(crate) async fn apply_inbound(
        &self,
        key: &ClaimKey,
        operation: &InboundOp,
        current: Option<&InboundRecord>,
    ) -> Result<Applied<InboundRecord>, StoreError> {
        self.store(self.stores.claims.apply_inbound(key, operation, current, self.now_ms())).await
    }

    pub(crate) async fn put_reference(&self, hash: &str, reference: &Reference) -> Result<(), StoreError> {
        self.store(self.stores.claims.put_reference(hash, reference)).await
    }

    pub(crate) async fn reference(&self, hash: &str) -> Result<Option<Reference>, StoreError> {
        self.store(self.stores.claims.reference(hash, self.now_ms())).await
    }

    pub(crate) async fn due(&self, before_ms: i64, after: Option<&str>, limit: usize) -> Result<DuePage, StoreError> {
        self.store(self.stores.claims.due(before_ms, after, limit)).await
    }
}

/// Dead letters and events.
impl Ports {
    pub(crate) async fn put_letter(&self, letter: &DeadLetter) -> Result<(), StoreError> {
        self.store(self.stores.dead_letters.put(letter)).await
    }

    /// The letter of this id.
    ///
    /// # Errors
    /// `MessageInvalid` if there is none, `Unsupported` if the port is a sink.
    pub(crate) async fn known_letter(&self, id: &FailureId) -> Result<DeadLetter, Error> {
        self.store(self.stores.dead_letters.store()?.get(id))
            .await?
            .ok_or_else(|| Error::new(ErrorKind::MessageInvalid, "there is no dead letter of this id").with_context("actual", id))
    }

    pub(crate) async fn take_letter(&self, id: &FailureId, seen: u32) -> Result<Option<DeadLetter>, StoreError> {
        self.store(self.stores.dead_letters.store()?.take(id, seen)).await
    }

    pub(crate) async fn remove_letter(&self, id: &FailureId) -> Result<(), StoreError> {
        self.store(self.stores.dead_letters.store()?.remove(id)).await
    }

    pub(crate) async fn publish(&self, event: &DomainEvent) -> Result<(), StoreError> {
        self.store(self.stores.events.publish(event)).await
    }
}

/// Breaker logs.
impl Ports {
    pub(crate) async fn append_epoch(&self, log: &str, entry: EpochEntry) -> Result<bool, StoreError> {
        self.store(self.stores.epochs.append(log, entry)).await
    }

    pub(crate) async fn newest_epoch(&self, log: &str) -> Result<Option<EpochEntry>, StoreError> {
        self.store(self.stores.epochs.newest(log)).await
    }
}

/// Sessions of strategies.
impl Ports {
    pub(crate) async fn session(&self, scope: &str, key: &str) -> Result<Option<(u64, Bytes)>, StoreError> {
        self.store(self.stores.sessions.get(scope, key, self.now_ms())).await
    }

    pub(crate) async fn put_session(
        &self,
        (scope, key): (&str, &str),
        value: Bytes,
        expect: Option<u64>,
        ttl: Duration,
    ) -> Result<u64, StoreError> {
        self.store(self.stores.sessions.put(scope, key, value, expect, ttl, self.now_ms())).await
    }

    pub(crate) async fn delete_session(&self, scope: &str, key: &str, expect: u64) -> Result<(), StoreError> {
        self.store(self.stores.sessions.delete(scope, key, expect, self.now_ms())).await
    }
}

/// Tenants and secrets.
impl Ports {
    pub(crate) async fn tenant_config(&self, tenant: &TenantId, strategy: &StrategyName) -> Result<Option<TenantConfig>, StoreError> {
        self.look_up(self.directory.config(tenant, strategy)).await
    }

    pub(crate) async fn route(&self, strategy: &StrategyName, key: &RouteKey) -> Result<Vec<TenantId>, StoreError> {
        self.look_up(self.directory.route(strategy, key)).await
    }

    pub(crate) async fn secret(&self, scope: &SecretScope, reference: &SecretRef) -> SecretAnswer {
        guard(&*self.clock, LOOKUP_TIMEOUT, self.secrets.get(scope, reference)).await.unwrap_or(Err(SecretError::Unavailable(None)))
    }

    /// One answer per reference.
    pub(crate) async fn secrets(&self, scope: &SecretScope, references: &[SecretRef]) -> Vec<SecretAnswer> {
        if references.is_empty() {
            return vec![];
        }
        let answers = guard(&*self.clock, LOOKUP_TIMEOUT, self.secrets.get_all(scope, references)).await;
        answers.unwrap_or_else(|_| references.iter().map(|_| Err(SecretError::Unavailable(None))).collect())
    }
}

impl fmt::Debug for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ports").field("claims", &self.stores.claims).finish_non_exhaustive()
    }
}
