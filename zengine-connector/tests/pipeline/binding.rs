//! Sends whose configuration does not resolve.

use serde::Deserialize;
use zengine_connector::{
    ClientMessageId, Configure, ConfigureContext, Error, ErrorKind, Memory, OutboundMessage, OutboundStrategy, Reach, Receipt, SendContext,
    SendError, SendOptions, Strategy, StrategyName, StrategyRegistry, TenantId, async_trait,
    error::Disposition,
    ids::RouteKey,
    message::{Capabilities, Channel, Idempotency, Length},
    pipeline::DeferredReason,
    runtime::Clock,
    schema::schema_of,
    schemars,
    store::{ClaimStatus, StoreError, StoreErrorKind, TenantConfig, TenantDirectory},
    strategy::{Descriptor, Direction, Reply},
    testing::{ProviderAnswer, QueryableProvider, Recording, StoreCall, StoreFault},
};

use super::new_world;
use crate::log::Log;
use crate::support::{deferred, delivered, drop_after, failed, id, ms, secs, send, strategy, tenant, text, unknown};

/// A directory that does not answer.
#[derive(Debug)]
pub(crate) struct Silent;

#[async_trait]
impl TenantDirectory for Silent {
    async fn config(&self, _: &TenantId, _: &StrategyName) -> Result<Option<TenantConfig>, StoreError> {
        Err(StoreError::new(StoreErrorKind::Unavailable, "no answer"))
    }

    async fn route(&self, _: &StrategyName, _: &RouteKey) -> Result<Vec<TenantId>, StoreError> {
        Err(StoreError::new(StoreErrorKind::Unavailable, "no answer"))
    }

    async fn tenants(&self, _: &StrategyName, _: Option<&TenantId>, _: usize) -> Result<Vec<TenantId>, StoreError> {
        Err(StoreError::new(StoreErrorKind::Unavailable, "no answer"))
    }
}

/// Case 92.
#[tokio::test(start_paused = true)]
async fn rule_85_what_is_settled_is_replayed_before_binding() {
    let (world, provider) = (new_world(), Recording::new());
    let sighted = world.process(&provider);
    let blind = world.process_with(&provider, |it| it.directory(std::sync::Arc::new(Silent)));
    delivered(send(&sighted, "delivered").await);
    provider.answer(ProviderAnswer::error(ErrorKind::InvalidContent, Reach::Processed));
    failed(send(&sighted, "failed").await);

    assert!(delivered(send(&blind, "delivered").await).replayed);
    assert!(failed(send(&blind, "failed").await).replayed);
    let error = blind.send(tenant(), "recording", id("delivered"), &text("other")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Mismatch);

    let end = deferred(send(&blind, "new").await);
    assert_eq!((end.reason, end.retry_after), (DeferredReason::BindFailed, secs(30)));
    assert!(world.record("new").await.is_none(), "nothing is claimed");
    assert_eq!(provider.calls().len(), 2);

    // Of a tenant that is gone too.
    let moved = world.process_with(&provider, |it| it.directory(Memory::new().directory()));
    assert!(delivered(send(&moved, "delivered").await).replayed);
    let error = moved.send(tenant(), "recording", id("new"), &text("hello")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnknownTenant);
}

/// Rule 86: what requeueing would only repeat is an error that says so.
#[tokio::test(start_paused = true)]
async fn rule_86_what_can_never_be_sent_is_rejected() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process(&provider);
    let stranger = TenantId::new("stranger").unwrap();
    let send = |tenant: TenantId, strategy: &'static str, message: OutboundMessage| {
        let process = &process;
        async move { process.send(&tenant, strategy, id("1"), &message).await.unwrap_err() }
    };
    let errors = [
        send(stranger, "recording", text("hello")).await,
        send(tenant(), "recoding", text("hello")).await,
        send(tenant(), "recording", text("")).await,
    ];
    let kinds: Vec<_> = errors.iter().map(Error::kind).collect();
    assert_eq!(kinds, [ErrorKind::UnknownTenant, ErrorKind::UnknownStrategy, ErrorKind::MessageInvalid]);
    assert!(errors.iter().all(|error| error.disposition() == Disposition::Reject));
    assert_eq!((provider.calls().len(), world.record("1").await), (0, None));
    // Rule 12: an id is checked before anything else.
    for wrong in [String::new(), "a\nb".to_owned(), "x".repeat(256)] {
        assert!(ClientMessageId::new(wrong).is_err());
    }
}

/// A configuration that cannot be bound defers a message until it is too old, if its age is known.
#[tokio::test(start_paused = true)]
async fn rule_85_a_message_too_old_for_its_broken_tenant_ends_with_its_letter() {
    let (world, provider, log) = (new_world(), Recording::new(), Log::default());
    let _logging = tracing::subscriber::set_default(log.clone());
    let process = world.process(&provider);
    // Put off before the configuration broke, once with nothing sent and once in doubt.
    provider.answer(ProviderAnswer::throttle(secs(60)));
    deferred(send(&process, "released").await);
    let killed = world.killed(&provider);
    provider.answer(ProviderAnswer::AcceptThenHang);
    drop_after(&world, &killed, "in doubt", secs(1)).await;
    world.memory.put_tenant(&tenant(), &strategy(), serde_json::json!({"no": "member"}));
    world.pass(secs(120)).await;

    let born = world.clock.now();
    let send_born = async |what: &str| {
        let options = SendOptions::new().created_at(born);
        process.send_with(tenant(), "recording", id(what), &text("hello"), options).await.unwrap()
    };
    for what in ["new", "released", "in doubt"] {
        assert_eq!(deferred(send_born(what).await).reason, DeferredReason::BindFailed);
        assert_eq!(deferred(send(&process, what).await).reason, DeferredReason::BindFailed, "its age is not known");
    }
    world.clock.jump_ms(6 * 3_600_000 + 1000);
    world.pass(secs(31)).await;
    let end = failed(send_born("new").await);
    assert_eq!((end.error.kind(), end.replayed, provider.calls().len()), (ErrorKind::Expired, false, 2));
    assert!(failed(send_born("new").await).replayed);
    failed(send_born("released").await);
    unknown(send_born("in doubt").await);
    assert_eq!((world.all_letters().await.len(), world.failed().len()), (3, 3));
    assert_eq!(deferred(send(&process, "nobody knows").await).reason, DeferredReason::BindFailed);

    let lines = log.lines("tenant.configuration_refused");
    assert!(lines.len() == 1 && lines[0].contains("/no") && lines[0].contains("created_at"), "once per version: {lines:?}");
    world.memory.put_tenant(&tenant(), &strategy(), serde_json::json!({"still": "wrong"}));
    world.pass(secs(31)).await;
    deferred(send(&process, "nobody knows").await);
    assert_eq!(log.lines("tenant.configuration_refused").len(), 2);
}

/// A caller that goes away while such a message ends leaves its letter to a task, whatever of the end was written.
#[tokio::test(start_paused = true)]
async fn rule_31_a_message_too_old_for_its_tenant_ends_without_its_caller() {
    for call in [StoreCall::Claim, StoreCall::Commit, StoreCall::PutLetter] {
        let (world, provider) = (new_world(), Recording::new());
        let blind = world.process_with(&provider, |it| it.directory(std::sync::Arc::new(Silent)));
        let options = SendOptions::new().created_at(world.clock.now());
        world.clock.jump_ms(7 * 3_600_000);
        world.faults.next(call, 1, StoreFault::DoneThenHang);
        let (tenant, message) = (tenant(), text("hello"));
        tokio::select! { biased;
            end = blind.send_with(&tenant, "recording", id("1"), &message, options) => panic!("{end:?}"),
            () = world.pass(secs(1)) => {}
        }
        world.pass(ms(1)).await;
        let record = world.record("1").await.unwrap();
        assert_eq!((record.status, record.effects_pending.pending()), (ClaimStatus::Failed, false), "{call:?}");
        assert_eq!(world.all_letters().await.len(), 1, "{call:?}");
    }
}

/// A send of a tenant that is gone is rejected and does not come again: what may have arrived ends with its letter.
#[tokio::test(start_paused = true)]
async fn rule_85_a_send_in_doubt_ends_although_its_tenant_is_gone() {
    let (world, provider) = (new_world(), Recording::new());
    provider.answer(ProviderAnswer::AcceptThenHang);
    drop_after(&world, &world.killed(&provider), "1", secs(1)).await;
    let moved = world.process_with(&provider, |it| it.directory(Memory::new().directory()));
    assert_eq!(deferred(send(&moved, "1").await).reason, DeferredReason::BindFailed, "its owner may be at work");
    world.pass(secs(63)).await;
    world.faults.always(StoreCall::GetClaim, StoreFault::Refused);
    assert_eq!(deferred(send(&moved, "1").await).reason, DeferredReason::BindFailed, "nothing is known of it");
    world.faults.heal();
    unknown(send(&moved, "1").await);
    assert_eq!((world.all_letters().await.len(), world.failed().len(), provider.calls().len()), (1, 1, 1));
    assert!(unknown(send(&moved, "1").await).replayed);
}

/// A version of the strategy whose channel carries three bytes of text, and which may panic before the claim.
struct Narrow {
    panics: bool,
}

#[derive(Deserialize, schemars::JsonSchema)]
struct Nothing {}

impl Configure<Nothing> for Narrow {
    type Tenant = ();

    async fn configure(&self, _: Nothing, _: &ConfigureContext) -> Result<(), Error> {
        Ok(())
    }
}

impl OutboundStrategy<Nothing, OutboundMessage> for Narrow {
    async fn send(&self, (): &(), _: &OutboundMessage, _: &SendContext) -> Result<Receipt, SendError> {
        Err(SendError::domain("no message fits").not_sent())
    }

    fn capabilities<'t>(&self, (): &'t ()) -> Option<&'t Capabilities> {
        assert!(!self.panics, "on purpose");
        None
    }
}

impl Strategy for Narrow {
    type Config = Nothing;
    type Message = OutboundMessage;
    const DESCRIPTOR: &'static Descriptor = &Descriptor {
        name: "recording",
        summary: "Refuses more than three bytes.",
        channel: Channel::Messenger,
        capabilities: &Capabilities::NONE.with_text(Length::bytes(3)),
        idempotency: Idempotency::None,
        direction: Direction { outbound: true, inbound: false },
        reply: Reply::Acknowledge { within_ms: None },
        config_schema: schema_of::<Nothing>,
        message_schema: schema_of::<OutboundMessage>,
    };

    fn halves() -> zengine_connector::private::Halves<Self> {
        zengine_connector::private::Halves::new().outbound()
    }
}

/// A message that its channel no longer carries is rejected and does not come again: a settled send is replayed, one in doubt ends.
#[tokio::test(start_paused = true)]
async fn rule_19_a_send_in_doubt_ends_although_its_message_no_longer_fits() {
    let (world, provider) = (new_world(), Recording::new());
    delivered(send(&world.process(&provider), "settled").await);
    provider.answer(ProviderAnswer::AcceptThenHang);
    drop_after(&world, &world.killed(&provider), "in doubt", secs(1)).await;
    let narrow = world.host(StrategyRegistry::builder().register(Narrow { panics: false }), |it| it);
    assert!(delivered(send(&narrow, "settled").await).replayed);
    let later = deferred(send(&narrow, "in doubt").await);
    assert_eq!(later.error.as_ref().map(Error::kind), Some(ErrorKind::MessageInvalid), "its owner may be at work");
    world.pass(secs(63)).await;
    unknown(send(&narrow, "in doubt").await);
    assert_eq!((world.all_letters().await.len(), provider.calls().len()), (1, 2));
    let error = narrow.send(tenant(), "recording", id("new"), &text("hello")).await.unwrap_err();
    assert_eq!((error.kind(), world.record("new").await), (ErrorKind::MessageInvalid, None));
}

/// A strategy that fails over a message says nothing against it: what is in doubt is looked up by the next call.
#[tokio::test(start_paused = true)]
async fn rule_19_a_panic_before_the_claim_ends_no_doubt() {
    let (world, provider) = (new_world(), Recording::<QueryableProvider>::default());
    provider.answer(ProviderAnswer::AcceptThenHang);
    drop_after(&world, &world.killed(&provider), "1", secs(1)).await;
    world.pass(secs(63)).await;
    let panics = world.host(StrategyRegistry::builder().register(Narrow { panics: true }), |it| it);
    let error = panics.send(tenant(), "recording", id("1"), &text("hello")).await.unwrap_err();
    assert_eq!((error.kind(), world.record("1").await.unwrap().status), (ErrorKind::Unexpected, ClaimStatus::Sending));
    delivered(send(&world.process(&provider), "1").await);
    assert_eq!((provider.effects("1"), world.all_letters().await.len()), (1, 0));
}
