//! Every store against the contract, and broken stores that break it.

#![allow(clippy::unwrap_used)] // helpers of tests

use std::{ops::Range, sync::Arc, time::Duration};

use bytes::Bytes;
use zengine_connector::{
    FailureId, StrategyName, TenantId, async_trait, delegate_claims,
    ids::ConfigVersion,
    store::{
        Applied, At, ClaimKey, ClaimOp, ClaimRecord, ClaimStore, DeadLetter, DeadLetterPage, DeadLetterPort, DeadLetterSink,
        DeadLetterStore, Decision, Embedded, FileUrl, InboundOp, InboundRecord, MediaStore, Memory, NewFile, Reference, StoreError,
        StoreErrorKind, StoredFile, Stores, TenantRow, TenantWriter,
        compare_and_set::{self, CompareAndSet, Operation as _, PutIf, Stored},
    },
    testing::{
        CasStore,
        store_contract::{self, Subject},
    },
};

fn memory() -> Subject {
    Subject::new(Memory::new())
}

fn embedded() -> Subject {
    let folder = tempfile::tempdir().unwrap();
    let store = Embedded::open(folder.path().join("zengine.db")).unwrap();
    Subject::new(store).holding(folder)
}

fn with_claims(claims: impl ClaimStore) -> Subject {
    let memory = Memory::new();
    Subject::new(Stores::builder().base(&memory).keys(memory.keys()).claims(Arc::new(claims)).build().unwrap())
}

fn found() -> Subject {
    with_claims(CasStore::new())
}

/// A store that connects first, and returns nothing with a refused write.
async fn refused() -> Subject {
    tokio::task::yield_now().await;
    with_claims(CasStore::without_found())
}

zengine_connector::store_contract!(memory_stores, crate::memory);
zengine_connector::store_contract!(embedded_store, crate::embedded);
zengine_connector::store_contract!(compare_and_set_that_returns_the_record, crate::found, ports = [claims]);
zengine_connector::store_contract!(compare_and_set_that_returns_nothing, crate::refused, ports = [claims]);

/// A writer that takes `enabled` from every row.
#[derive(Debug)]
struct Enabling(Arc<dyn TenantWriter>);

#[async_trait]
impl TenantWriter for Enabling {
    async fn put(&self, tenant: &TenantId, strategy: &StrategyName, row: TenantRow) -> Result<ConfigVersion, StoreError> {
        self.0.set_enabled(tenant, strategy, row.enabled).await?;
        self.0.put(tenant, strategy, row).await
    }

    async fn row(&self, tenant: &TenantId, strategy: &StrategyName) -> Result<Option<TenantRow>, StoreError> {
        self.0.row(tenant, strategy).await
    }

    async fn set_enabled(&self, tenant: &TenantId, strategy: &StrategyName, enabled: bool) -> Result<bool, StoreError> {
        self.0.set_enabled(tenant, strategy, enabled).await
    }

    async fn remove(&self, tenant: &TenantId, strategy: &StrategyName) -> Result<bool, StoreError> {
        self.0.remove(tenant, strategy).await
    }
}

#[tokio::test]
#[should_panic(expected = "`put` enabled (left) a row that was disabled")]
async fn a_writer_that_enables_what_was_disabled_breaks_the_contract() {
    let memory = Memory::new();
    let mut stores = Stores::from(&memory);
    stores.tenant_writer = Some(Arc::new(Enabling(memory.tenant_writer())));
    store_contract::a_row_that_is_written_again_stays_disabled(&Subject::new(stores)).await;
}

/// A store that refuses and keeps by the record that its caller believes to be stored.
#[derive(Debug)]
struct Trusting(Arc<dyn ClaimStore>);

#[async_trait]
impl ClaimStore for Trusting {
    delegate_claims!(0: get, apply_inbound, put_reference, reference);

    async fn apply(
        &self,
        key: &ClaimKey,
        operation: &ClaimOp,
        current: Option<&ClaimRecord>,
        now_ms: i64,
    ) -> Result<Applied<ClaimRecord>, StoreError> {
        match operation.decide(current, At { now_ms, boot: None }) {
            Decision::Write(_) => self.0.apply(key, operation, current, now_ms).await,
            Decision::Keep => Ok(Applied::done(current.cloned())),
            Decision::Refuse => Ok(Applied::refused(current.cloned())),
        }
    }
}

/// A store whose keys pass through a function, as through a collation. It has no inbound claims.
#[derive(Debug)]
struct Collated(Arc<dyn ClaimStore>, fn(&str) -> String);

impl Collated {
    fn subject(collate: fn(&str) -> String) -> Subject {
        with_claims(Self(Memory::new().claims(), collate))
    }

    fn key(&self, key: &ClaimKey) -> ClaimKey {
        ClaimKey::parse(&self.1(key.as_str())).unwrap()
    }
}

#[async_trait]
impl ClaimStore for Collated {
    async fn apply(
        &self,
        key: &ClaimKey,
        operation: &ClaimOp,
        current: Option<&ClaimRecord>,
        now_ms: i64,
    ) -> Result<Applied<ClaimRecord>, StoreError> {
        self.0.apply(&self.key(key), operation, current, now_ms).await
    }

    async fn get(&self, key: &ClaimKey) -> Result<Option<ClaimRecord>, StoreError> {
        self.0.get(&self.key(key)).await
    }

    async fn apply_inbound(
        &self,
        key: &ClaimKey,
        _: &InboundOp,
        _: Option<&InboundRecord>,
        _: i64,
    ) -> Result<Applied<InboundRecord>, StoreError> {
        let source = format!("no table for {key}");
        Err(StoreError::new(StoreErrorKind::Unavailable, "the database did not run the statement").with_source(source))
    }

    async fn put_reference(&self, hash: &str, reference: &Reference) -> Result<(), StoreError> {
        self.0.put_reference(&self.1(hash), reference).await
    }

    async fn reference(&self, hash: &str, now_ms: i64) -> Result<Option<Reference>, StoreError> {
        self.0.reference(&self.1(hash), now_ms).await
    }
}

#[tokio::test]
#[should_panic(expected = "rule 11: the store finds the record of another key under v1|acme|sns-sms|E")]
async fn a_store_that_ignores_the_case_of_keys_breaks_the_contract() {
    store_contract::rule_11_keys_that_look_alike_are_other_records(&Collated::subject(str::to_lowercase)).await;
}

#[tokio::test]
#[should_panic(expected = "rule 11: the store finds the record of another key under v1|acme|sns-sms|e : keys are compared byte by byte")]
async fn a_store_that_pads_keys_with_spaces_breaks_the_contract() {
    store_contract::rule_11_keys_that_look_alike_are_other_records(&Collated::subject(|key| key.trim_end().to_owned())).await;
}

#[tokio::test]
#[should_panic(expected = "`reference` of \"e\" returned (left) the send of a hash that looks alike")]
async fn a_store_that_ignores_the_case_of_hashes_breaks_the_contract() {
    store_contract::references_find_their_send_until_they_expire(&Collated::subject(str::to_lowercase)).await;
}

#[tokio::test]
#[should_panic(expected = "rule 84: `apply_inbound` of Claim returned StoreError { kind: Unavailable")]
async fn a_case_says_which_call_of_the_store_failed() {
    store_contract::rule_84_a_released_inbound_event_is_claimed_again(&Collated::subject(str::to_owned)).await;
}

#[tokio::test]
#[should_panic(expected = "the cases of `directory` need `.tenant_writer(..)`")]
async fn a_directory_without_a_writer_is_not_taken_for_tested() {
    let stores = Stores::builder().base(Memory::new()).directory(Memory::new().directory()).build().unwrap();
    store_contract::the_directory_finds_tenants_by_route(&Subject::new(stores)).await;
}

/// A queue of dead letters.
fn sink() -> Subject {
    let memory = Memory::new();
    let sink = DeadLetterPort::Sink(Arc::clone(&memory.dead_letters()) as _);
    Subject::new(Stores::builder().base(&memory).keys(memory.keys()).dead_letters(sink).build().unwrap())
}

zengine_connector::store_contract!(sink_of_dead_letters, crate::sink, ports = [dead_letter_sink]);

#[tokio::test]
#[should_panic(expected = "test a sink with `ports = [dead_letter_sink]`")]
async fn a_sink_is_not_taken_for_a_tested_store_of_dead_letters() {
    store_contract::rule_70_a_dead_letter_is_taken_once_per_redrive(&sink()).await;
}

/// A store of dead letters that keeps the members that this build knows.
#[derive(Debug)]
struct KnownMembers(Arc<dyn DeadLetterStore>);

#[async_trait]
impl DeadLetterSink for KnownMembers {
    async fn put(&self, letter: &DeadLetter) -> Result<(), StoreError> {
        self.0.put(&serde_json::from_str(&serde_json::to_string(letter).unwrap()).unwrap()).await
    }
}

#[async_trait]
impl DeadLetterStore for KnownMembers {
    async fn get(&self, id: &FailureId) -> Result<Option<DeadLetter>, StoreError> {
        self.0.get(id).await
    }

    async fn list(&self, after: Option<&FailureId>, limit: usize) -> Result<DeadLetterPage, StoreError> {
        self.0.list(after, limit).await
    }

    async fn take(&self, id: &FailureId, seen: u32) -> Result<Option<DeadLetter>, StoreError> {
        self.0.take(id, seen).await
    }

    async fn remove(&self, id: &FailureId) -> Result<(), StoreError> {
        self.0.remove(id).await
    }
}

#[tokio::test]
#[should_panic(expected = "`put` or `get` dropped a member: store `to_cbor`")]
async fn a_store_that_drops_what_a_newer_release_wrote_breaks_the_contract() {
    let memory = Memory::new();
    let letters: Arc<dyn DeadLetterStore> = Arc::new(KnownMembers(memory.dead_letters()));
    let stores = Stores::builder().base(&memory).keys(memory.keys()).dead_letters(letters).build().unwrap();
    store_contract::a_dead_letter_keeps_what_a_newer_release_wrote(&Subject::new(stores)).await;
}

#[tokio::test]
#[should_panic(expected = "rule 13: Claim returned (left) another record than the stored one")]
async fn a_store_that_trusts_its_callers_record_breaks_the_contract() {
    let claims = Trusting(Memory::new().claims());
    store_contract::a_wrong_current_record_changes_no_result_of_a_send(&with_claims(claims)).await;
}

/// A store whose conditional write compares a part of what it must.
#[derive(Debug)]
struct Partial {
    claims: CasStore,
    same: fn(Stored, Stored) -> bool,
}

impl Partial {
    const fn new(claims: CasStore, same: fn(Stored, Stored) -> bool) -> Self {
        Self { claims, same }
    }

    /// Compares `rev` alone.
    fn by_rev() -> Self {
        Self::new(CasStore::new(), |stored, seen| stored.rev == seen.rev)
    }

    /// Compares the owner alone.
    fn by_owner() -> Self {
        Self::new(CasStore::new(), |stored, seen| stored.owner == seen.owner)
    }
}

macro_rules! partial {
    ($($record:ty, $operation:ty;)*) => {$(
        #[async_trait]
        impl CompareAndSet<$record> for Partial {
            async fn get(&self, key: &ClaimKey) -> Result<Option<$record>, StoreError> {
                CompareAndSet::get(&self.claims, key).await
            }

            async fn put_if(&self, key: &ClaimKey, expected: Option<Stored>, record: &$record) -> Result<PutIf<$record>, StoreError> {
                let stored: Option<$record> = CompareAndSet::get(&self.claims, key).await?;
                let stored = stored.as_ref().map(<$operation>::state);
                let expected = stored.filter(|stored| expected.is_some_and(|seen| (self.same)(*stored, seen))).or(expected);
                self.claims.put_if(key, expected, record).await
            }
        }
    )*};
}

partial! {
    ClaimRecord, ClaimOp;
    InboundRecord, InboundOp;
}

#[async_trait]
impl ClaimStore for Partial {
    async fn apply(
        &self,
        key: &ClaimKey,
        operation: &ClaimOp,
        current: Option<&ClaimRecord>,
        now_ms: i64,
    ) -> Result<Applied<ClaimRecord>, StoreError> {
        compare_and_set::apply(self, key, operation, current, At { now_ms, boot: None }).await
    }

    async fn get(&self, key: &ClaimKey) -> Result<Option<ClaimRecord>, StoreError> {
        CompareAndSet::get(self, key).await
    }

    async fn apply_inbound(
        &self,
        key: &ClaimKey,
        operation: &InboundOp,
        current: Option<&InboundRecord>,
        now_ms: i64,
    ) -> Result<Applied<InboundRecord>, StoreError> {
        compare_and_set::apply(self, key, operation, current, At { now_ms, boot: None }).await
    }

    async fn put_reference(&self, hash: &str, reference: &Reference) -> Result<(), StoreError> {
        self.claims.put_reference(hash, reference).await
    }

    async fn reference(&self, hash: &str, now_ms: i64) -> Result<Option<Reference>, StoreError> {
        self.claims.reference(hash, now_ms).await
    }
}

#[tokio::test]
#[should_panic(expected = "rule 15: the store did (left) Mark of an owner whose record was removed")]
async fn a_store_that_compares_rev_alone_breaks_the_contract_of_sends() {
    store_contract::rule_15_late_owner_cannot_change_a_record_that_was_made_anew(&with_claims(Partial::by_rev())).await;
}

#[tokio::test]
#[should_panic(expected = "rule 84: the store did (left) Renew of an owner whose record was removed")]
async fn a_store_that_compares_rev_alone_breaks_the_contract_of_events() {
    store_contract::rule_84_late_owner_cannot_change_an_inbound_record_that_was_made_anew(&with_claims(Partial::by_rev())).await;
}

#[tokio::test]
#[should_panic(expected = "rule 13: `current` changed the result (left)")]
async fn a_store_that_compares_the_owner_alone_breaks_the_contract_of_sends() {
    store_contract::a_wrong_current_record_changes_no_result_of_a_send(&with_claims(Partial::by_owner())).await;
}

#[tokio::test]
#[should_panic(expected = "rule 84: `current` changed the result (left)")]
async fn a_store_that_compares_the_owner_alone_breaks_the_contract_of_events() {
    store_contract::a_wrong_current_record_changes_no_result_of_an_inbound_event(&with_claims(Partial::by_owner())).await;
}

/// A fault of a media store.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Planted {
    /// `get` returns the file from the start of the range to its end.
    NoEnd,
    /// A file never expires.
    Forever,
    /// Files are found by their id alone.
    AnyTenant,
    /// `delete` does nothing.
    Keeps,
    /// `erase` removes nothing.
    ErasesNone,
    /// `put` replaces a file that stands.
    Replaces,
    /// `extend` moves the end to an earlier time too.
    Shortens,
    /// `put` takes files of any size.
    AnySize,
}

#[derive(Debug)]
struct FaultyFiles(Arc<dyn MediaStore>, Planted);

impl FaultyFiles {
    fn subject(planted: Planted) -> Subject {
        let memory = Memory::new();
        let mut stores = Stores::from(&memory);
        stores.media = Some(Arc::new(Self(memory.media(), planted)));
        Subject::new(stores)
    }

    fn tenant(&self, tenant: &TenantId) -> TenantId {
        if self.1 == Planted::AnyTenant { TenantId::new("all").unwrap() } else { tenant.clone() }
    }

    fn now(&self, now_ms: i64) -> i64 {
        if self.1 == Planted::Forever { 0 } else { now_ms }
    }
}

#[async_trait]
impl MediaStore for FaultyFiles {
    async fn put(&self, tenant: &TenantId, id: &str, file: &NewFile, ttl: Duration, now_ms: i64) -> Result<StoredFile, StoreError> {
        let cut = NewFile::new(file.bytes.slice(..file.bytes.len().min(1000)));
        let file = if self.1 == Planted::AnySize && file.check().is_err() { &cut } else { file };
        if self.1 == Planted::Replaces {
            self.0.delete(&self.tenant(tenant), id).await?;
        }
        self.0.put(&self.tenant(tenant), id, file, ttl, now_ms).await
    }

    async fn extend(&self, tenant: &TenantId, id: &str, ttl: Duration, now_ms: i64) -> Result<Option<StoredFile>, StoreError> {
        let (tenant, now_ms) = (self.tenant(tenant), self.now(now_ms));
        let stands = self.0.info(&tenant, id, now_ms).await?;
        if let Some(stands) = stands.filter(|_| self.1 == Planted::Shortens) {
            let bytes = self.0.get(&tenant, id, 0..stands.bytes, now_ms).await?.unwrap();
            self.0.delete(&tenant, id).await?;
            return self.0.put(&tenant, id, &NewFile::new(bytes), ttl, now_ms).await.map(Some);
        }
        self.0.extend(&tenant, id, ttl, now_ms).await
    }

    async fn info(&self, tenant: &TenantId, id: &str, now_ms: i64) -> Result<Option<StoredFile>, StoreError> {
        self.0.info(&self.tenant(tenant), id, self.now(now_ms)).await
    }

    async fn get(&self, tenant: &TenantId, id: &str, range: Range<u64>, now_ms: i64) -> Result<Option<Bytes>, StoreError> {
        let range = if self.1 == Planted::NoEnd { range.start..u64::MAX } else { range };
        self.0.get(&self.tenant(tenant), id, range, self.now(now_ms)).await
    }

    async fn url(&self, _: &TenantId, _: &str, _: i64) -> Result<Option<FileUrl>, StoreError> {
        Ok(None)
    }

    async fn delete(&self, tenant: &TenantId, id: &str) -> Result<(), StoreError> {
        if self.1 == Planted::Keeps { Ok(()) } else { self.0.delete(&self.tenant(tenant), id).await }
    }

    async fn erase(&self, tenant: &TenantId, limit: usize) -> Result<u64, StoreError> {
        let limit = if self.1 == Planted::ErasesNone { 0 } else { limit };
        self.0.erase(&self.tenant(tenant), limit).await
    }
}

#[tokio::test]
#[should_panic(expected = "`get` of the bytes 0 to 1 of 300000 returned other bytes, Some(300000) of them")]
async fn a_media_store_that_ignores_the_end_of_a_range_breaks_the_contract() {
    store_contract::a_file_is_read_in_ranges(&FaultyFiles::subject(Planted::NoEnd)).await;
}

#[tokio::test]
#[should_panic(expected = "`get` returned (left) a file at its end")]
async fn a_media_store_that_never_expires_a_file_breaks_the_contract() {
    store_contract::a_file_expires_exactly_at_its_end(&FaultyFiles::subject(Planted::Forever)).await;
}

#[tokio::test]
#[should_panic(expected = "`info` returned (left) a file of another tenant")]
async fn a_media_store_that_ignores_the_tenant_breaks_the_contract() {
    store_contract::files_of_different_tenants_are_separate(&FaultyFiles::subject(Planted::AnyTenant)).await;
}

#[tokio::test]
#[should_panic(expected = "`get` returned (left) a file that was deleted")]
async fn a_media_store_that_keeps_what_is_deleted_breaks_the_contract() {
    store_contract::a_deleted_file_is_absent(&FaultyFiles::subject(Planted::Keeps)).await;
}

#[tokio::test]
#[should_panic(expected = "`erase` removed (left) another number of files than the tenant has")]
async fn a_media_store_that_erases_nothing_breaks_the_contract() {
    store_contract::the_files_of_a_tenant_are_erased(&FaultyFiles::subject(Planted::ErasesNone)).await;
}

#[tokio::test]
#[should_panic(expected = "must be refused: call `NewFile::check`")]
async fn a_media_store_that_takes_any_size_breaks_the_contract() {
    store_contract::a_file_that_is_too_large_is_refused(&FaultyFiles::subject(Planted::AnySize)).await;
}

#[tokio::test]
#[should_panic(expected = "`put` replaced a file that stands")]
async fn a_media_store_that_replaces_a_file_breaks_the_contract() {
    store_contract::a_file_that_stands_is_not_replaced(&FaultyFiles::subject(Planted::Replaces)).await;
}

#[tokio::test]
#[should_panic(expected = "`extend` moved the end of a file (left) to an earlier time")]
async fn a_media_store_that_shortens_the_life_of_a_file_breaks_the_contract() {
    store_contract::the_end_of_a_file_moves_only_later(&FaultyFiles::subject(Planted::Shortens)).await;
}
