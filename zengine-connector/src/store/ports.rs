//! The host's stores, with time limits.

use std::{ops::Range, sync::Arc, time::Duration};

use bytes::Bytes;

use super::{
    Applied, ClaimKey, ClaimOp, ClaimRecord, DeadLetter, DeadLetterPage, DeadLetterSink as _, DomainEvent, DuePage, EpochEntry, FileUrl,
    InboundOp, InboundRecord, MediaStore, NewFile, Reference, SecretAnswer, SecretError, SecretScope, SecretStore, SessionPage, StoreError,
    StoreErrorKind, StoredFile, StoredSession, Stores, TenantConfig, TenantDirectory, secrets::resolve,
};
use crate::{
    error::{Error, ErrorKind},
    ids::{FailureId, RouteKey, StrategyName, TenantId},
    runtime::{Clock, Missed, guard, to_ms},
    secret::SecretRef,
};

/// Maximum time for the tenant directory or the secret store, which are cached and often remote.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(10);

/// Maximum time to store a file.
const PUT_FILE_TIMEOUT: Duration = Duration::from_secs(60);

/// The host's stores. Every call ends within its time limit. A call that timed out may have been done. The core accesses
/// claims, letters, events, epochs, sessions, directory and secrets only through this.
pub(crate) struct Ports {
    clock: Arc<dyn Clock>,
    stores: Stores,
    directory: Arc<dyn TenantDirectory>,
    secrets: Arc<dyn SecretStore>,
}

impl Ports {
    /// Maximum time of one call to a store.
    pub(crate) const STORE_TIMEOUT: Duration = Duration::from_secs(5);

    /// Wraps the stores. `directory` and `secrets` replace those in `stores`.
    pub(crate) fn new(stores: Stores, directory: Arc<dyn TenantDirectory>, secrets: Arc<dyn SecretStore>, clock: Arc<dyn Clock>) -> Self {
        Self { clock, stores, directory, secrets }
    }

    /// The host's stores as given. Calls to them have no time limit.
    pub(crate) fn bundle(&self) -> &Stores {
        &self.stores
    }

    /// The wall clock in milliseconds UTC.
    pub(crate) fn now_ms(&self) -> i64 {
        to_ms(self.clock.now())
    }

    /// The store's answer; an error if it gives none in time, or panics.
    pub(crate) async fn store<T>(&self, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
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

/// Declares calls of the ports, each within the time limit of a store. With `now_ms`, the time is the last
/// argument.
macro_rules! calls {
    ($($(#[$about:meta])* $name:ident = $port:ident.$method:ident($($argument:ident: $type:ty),*) $($now:ident)? -> $answer:ty;)*) => {
        impl Ports {$(
            $(#[$about])*
            pub(crate) async fn $name(&self, $($argument: $type),*) -> Result<$answer, StoreError> {
                self.store(self.stores.$port.$method($($argument,)* $(self.$now())?)).await
            }
        )*}
    };
}

calls! {
    apply = claims.apply(key: &ClaimKey, operation: &ClaimOp, current: Option<&ClaimRecord>, now_ms: i64) -> Applied<ClaimRecord>;
    /// The record of a send, also an expired one.
    stored_record = claims.get(key: &ClaimKey) -> Option<ClaimRecord>;
    apply_inbound = claims.apply_inbound(key: &ClaimKey, operation: &InboundOp, current: Option<&InboundRecord>) now_ms
        -> Applied<InboundRecord>;
    put_reference = claims.put_reference(hash: &str, reference: &Reference) -> ();
    reference = claims.reference(hash: &str) now_ms -> Option<Reference>;
    due = claims.due(before_ms: i64, after: Option<&str>, limit: usize) -> DuePage;
    put_letter = dead_letters.put(letter: &DeadLetter) -> ();
    publish = events.publish(event: &DomainEvent) -> ();
    append_epoch = epochs.append(log: &str, entry: EpochEntry) -> bool;
    newest_epoch = epochs.newest(log: &str) -> Option<EpochEntry>;
    session = sessions.get(scope: &str, key: &str) now_ms -> Option<(u64, Bytes)>;
    put_session = sessions.put(scope: &str, key: &str, value: Bytes, expect: Option<u64>, ttl: Duration) now_ms -> u64;
    list_sessions = sessions.list(after: Option<&str>, limit: usize) -> SessionPage;
    list_scope = sessions.list_scope(scope: &str, prefix: &str, after: Option<&str>, limit: usize) now_ms -> SessionPage;
    delete_session = sessions.delete(scope: &str, key: &str, expect: u64) now_ms -> ();
}

impl Ports {
    pub(crate) fn boot(&self) -> Option<&str> {
        self.stores.claims.boot()
    }

    /// The record of a send, unless it is expired.
    pub(crate) async fn record(&self, key: &ClaimKey) -> Result<Option<ClaimRecord>, StoreError> {
        Ok(self.stored_record(key).await?.filter(|record| !record.is_expired(self.now_ms())))
    }

    /// The letter of this id.
    ///
    /// # Errors
    /// `MessageInvalid` if there is none, `Unsupported` if the port is a sink.
    pub(crate) async fn known_letter(&self, id: &FailureId) -> Result<DeadLetter, Error> {
        self.store(self.stores.dead_letters.store()?.get(id))
            .await?
            .ok_or_else(|| Error::new(ErrorKind::MessageInvalid, "there is no dead letter of this id").with_context("failure_id", id))
    }

    /// Deletes a session of this version, also an expired one.
    pub(crate) async fn erase_session(&self, session: &StoredSession) -> Result<(), StoreError> {
        // No value is expired at this time.
        self.store(self.stores.sessions.delete(&session.scope, &session.key, session.version, 0)).await
    }

    pub(crate) async fn list_letters(&self, after: Option<&FailureId>, limit: usize) -> Result<DeadLetterPage, StoreError> {
        self.store(self.stores.dead_letters.store()?.list(after, limit)).await
    }

    pub(crate) async fn take_letter(&self, id: &FailureId, seen: u32) -> Result<Option<DeadLetter>, StoreError> {
        self.store(self.stores.dead_letters.store()?.take(id, seen)).await
    }

    pub(crate) async fn remove_letter(&self, id: &FailureId) -> Result<(), StoreError> {
        self.store(self.stores.dead_letters.store()?.remove(id)).await
    }
}

/// Files.
impl Ports {
    pub(crate) fn media(&self) -> Result<&dyn MediaStore, StoreError> {
        let absent = || StoreError::new(StoreErrorKind::Unsupported, "the host has no media store");
        self.stores.media.as_deref().ok_or_else(absent)
    }

    /// Stores a file. A large one has more time than other calls.
    pub(crate) async fn put_file(&self, tenant: &TenantId, id: &str, file: &NewFile, ttl: Duration) -> Result<StoredFile, StoreError> {
        file.check()?;
        let put = guard(&*self.clock, PUT_FILE_TIMEOUT, self.media()?.put(tenant, id, file, ttl, self.now_ms())).await;
        put.unwrap_or_else(|missed| Err(unavailable(missed, "the media store panicked", "the media store did not answer within 60 s")))
    }

    /// The facts about a file, which then stands for `ttl` at least.
    pub(crate) async fn extend_file(&self, tenant: &TenantId, id: &str, ttl: Duration) -> Result<Option<StoredFile>, StoreError> {
        self.store(self.media()?.extend(tenant, id, ttl, self.now_ms())).await
    }

    pub(crate) async fn file(&self, tenant: &TenantId, id: &str) -> Result<Option<StoredFile>, StoreError> {
        self.store(self.media()?.info(tenant, id, self.now_ms())).await
    }

    pub(crate) async fn file_range(&self, tenant: &TenantId, id: &str, range: Range<u64>) -> Result<Option<Bytes>, StoreError> {
        self.store(self.media()?.get(tenant, id, range, self.now_ms())).await
    }

    pub(crate) async fn file_url(&self, tenant: &TenantId, id: &str) -> Result<Option<FileUrl>, StoreError> {
        self.store(self.media()?.url(tenant, id, self.now_ms())).await
    }

    pub(crate) async fn erase_files(&self, tenant: &TenantId, limit: usize) -> Result<u64, StoreError> {
        self.store(self.media()?.erase(tenant, limit)).await
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
        self.secrets(scope, std::slice::from_ref(reference)).await.pop().unwrap_or(Err(SecretError::Unavailable(None)))
    }

    /// One answer per reference. None has an empty value.
    pub(crate) async fn secrets(&self, scope: &SecretScope, references: &[SecretRef]) -> Vec<SecretAnswer> {
        let answers = guard(&*self.clock, LOOKUP_TIMEOUT, resolve(&*self.secrets, scope, references)).await;
        answers.unwrap_or_else(|_| vec![Err(SecretError::Unavailable(None)); references.len()])
    }

    /// The place where the store looks for a secret. `None` if the host itself holds it.
    pub(crate) fn secret_place(&self, scope: &SecretScope, reference: &SecretRef) -> Option<String> {
        match reference {
            SecretRef::Named { secret, .. } => Some(self.secrets.place(scope, secret)),
            _ => None,
        }
    }
}

debug_fields!(Ports { claims: |ports| &ports.stores.claims });
