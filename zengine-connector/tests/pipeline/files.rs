//! Files of the media store in messages.

use std::{
    ops::Range,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use zengine_connector::{
    ClientMessageId, Configure, ConfigureContext, Content, Deferred, Error, ErrorKind, Identity, Orchestrator, OrchestratorBuilder,
    OutboundMessage, OutboundStrategy, Outcome, ProviderMessageId, Receipt, SendContext, SendError, Strategy, StrategyName,
    StrategyRegistry, TenantId,
    message::{Capabilities, Email, EmailAttachment, EmailRules, Length, Media, MediaKind, MediaRule, MediaSource},
    pipeline::{DeferredReason, RedriveOptions},
    runtime::{Clock as _, to_ms},
    schemars,
    store::{ClaimKey, ClaimOp, FileUrl, Lease, MediaStore, NewFile, OwnerToken, StoreError, StoreErrorKind, StoredFile},
};

use crate::support::{World, secs, tenant};

const DOCUMENTS: &[MediaRule] =
    &[MediaRule { kind: MediaKind::Document, max_bytes: 3 << 20, mimes: &["application/pdf"], caption: Some(Length::chars(100)) }];
const LINKS: Capabilities = Capabilities::NONE.with_media(DOCUMENTS);
const BYTES: Capabilities = LINKS.with_media_bytes(2 << 20).with_email(EmailRules::new(10, 2 << 20).with_attachments(3));

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Nothing {}

/// The messages that a strategy got.
type Got = Arc<Mutex<Vec<OutboundMessage>>>;

macro_rules! strategies {
    ($($(#[$doc:meta])* $name:ident $text:literal $capabilities:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Strategy)]
        #[strategy(name = $text, channel = Messenger, config = Nothing, outbound = OutboundMessage, capabilities = $capabilities)]
        struct $name(Got, Arc<AtomicBool>);

        impl Configure<Nothing> for $name {
            type Tenant = ();

            async fn configure(&self, _: Nothing, _: &ConfigureContext) -> Result<(), Error> {
                Ok(())
            }
        }

        impl OutboundStrategy<Nothing, OutboundMessage> for $name {
            async fn send(&self, (): &(), message: &OutboundMessage, _: &SendContext) -> Result<Receipt, SendError> {
                if self.1.load(SeqCst) {
                    return Err(SendError::throttled("busy").retry_after(secs(600)).not_sent());
                }
                self.0.lock().unwrap().push(message.clone());
                Ok(Receipt::accepted(ProviderMessageId::new("1").unwrap()))
            }
        }
    )*};
}

strategies! {
    /// Takes bytes.
    TakesBytes "bytes" BYTES;
    /// Takes addresses.
    TakesLinks "links" LINKS;
}

/// A media store that counts reads of bytes, gives addresses, and fails from one read on.
#[derive(Debug)]
struct Files {
    store: Arc<dyn MediaStore>,
    reads: Mutex<u32>,
    /// The number of reads from which none is answered.
    fails_from: Mutex<Option<u32>>,
    /// Whether reads are never answered.
    hangs: AtomicBool,
    links: bool,
}

impl Files {
    fn fails(&self, read: u32) -> Result<(), StoreError> {
        match *self.fails_from.lock().unwrap() {
            Some(from) if read >= from => Err(StoreError::new(StoreErrorKind::Unavailable, "down")),
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl MediaStore for Files {
    async fn put(&self, tenant: &TenantId, id: &str, file: &NewFile, ttl: Duration, now_ms: i64) -> Result<StoredFile, StoreError> {
        self.store.put(tenant, id, file, ttl, now_ms).await
    }

    async fn extend(&self, tenant: &TenantId, id: &str, ttl: Duration, now_ms: i64) -> Result<Option<StoredFile>, StoreError> {
        self.store.extend(tenant, id, ttl, now_ms).await
    }

    async fn info(&self, tenant: &TenantId, id: &str, now_ms: i64) -> Result<Option<StoredFile>, StoreError> {
        self.fails(0)?;
        self.store.info(tenant, id, now_ms).await
    }

    async fn get(&self, tenant: &TenantId, id: &str, range: Range<u64>, now_ms: i64) -> Result<Option<Bytes>, StoreError> {
        let read = {
            let mut reads = self.reads.lock().unwrap();
            *reads += 1;
            *reads
        };
        self.fails(read)?;
        if self.hangs.load(SeqCst) {
            std::future::pending::<()>().await;
        }
        assert!(range.end - range.start <= 1 << 20, "a call reads at most 1 MiB");
        self.store.get(tenant, id, range, now_ms).await
    }

    async fn url(&self, _: &TenantId, id: &str, now_ms: i64) -> Result<Option<FileUrl>, StoreError> {
        Ok(self.links.then(|| FileUrl::new(format!("https://files.example/{id}"), now_ms + 60_000)))
    }

    async fn delete(&self, tenant: &TenantId, id: &str) -> Result<(), StoreError> {
        self.store.delete(tenant, id).await
    }
}

struct Host {
    world: World,
    got: Got,
    /// Whether the provider throttles.
    throttles: Arc<AtomicBool>,
    files: Arc<Files>,
    process: Orchestrator,
}

impl Host {
    fn new(links: bool) -> Self {
        Self::with(links, |it| it)
    }

    fn with(links: bool, settings: impl FnOnce(OrchestratorBuilder) -> OrchestratorBuilder) -> Self {
        let (world, got, throttles) = (World::in_memory(), Got::default(), Arc::<AtomicBool>::default());
        for name in ["bytes", "links"] {
            world.memory.put_tenant(&tenant(), &StrategyName::new(name).unwrap(), serde_json::json!({}));
        }
        let (reads, fails_from, hangs) = (Mutex::new(0), Mutex::new(None), AtomicBool::new(false));
        let files = Arc::new(Files { store: world.memory.media(), reads, fails_from, hangs, links });
        let registry = StrategyRegistry::builder()
            .register(TakesBytes(Arc::clone(&got), Arc::clone(&throttles)))
            .register(TakesLinks(Arc::clone(&got), Arc::default()));
        let process = world.host(registry, |it| settings(it.media(Arc::clone(&files) as _)));
        Self { world, got, throttles, files, process }
    }

    async fn store(&self, file: NewFile) -> Media {
        let stored = self.process.store_media(&tenant(), &file, secs(3600)).await.unwrap();
        Media::stored(MediaKind::Document, stored.id).with_caption("Your invoice")
    }

    async fn send(&self, strategy: &str, id: &str, media: &Media) -> Result<Outcome, Error> {
        let to = Identity::opaque("messenger", "7").unwrap();
        self.process.send(&tenant(), strategy, id, &OutboundMessage::new(to, Content::Media(media.clone()))).await
    }

    fn reads(&self) -> u32 {
        *self.files.reads.lock().unwrap()
    }

    /// The file of the only message that was sent.
    fn sent(&self) -> Media {
        let got = self.got.lock().unwrap();
        let [OutboundMessage { content: Content::Media(media), .. }] = &got[..] else { panic!("{} messages", got.len()) };
        media.clone()
    }
}

fn pdf(bytes: usize) -> NewFile {
    NewFile::new(vec![7; bytes]).with_mime("application/pdf").with_name("invoice.pdf")
}

#[tokio::test(start_paused = true)]
async fn a_stored_file_reaches_a_channel_that_takes_bytes_as_bytes() {
    let host = Host::new(true);
    let media = host.store(pdf(1_500_000)).await;
    assert_eq!(host.send("bytes", "1", &media).await.unwrap().as_str(), "delivered");
    let sent = host.sent();
    let MediaSource::Inline { data } = &sent.source else { panic!("{}", serde_json::to_string(&sent.source).unwrap()) };
    assert!(*data == vec![7; 1_500_000]);
    assert_eq!(
        (sent.mime.as_deref(), sent.filename.as_deref(), sent.bytes),
        (Some("application/pdf"), Some("invoice.pdf"), Some(1_500_000))
    );
    assert_eq!((sent.caption.as_deref(), host.reads()), (Some("Your invoice"), 2));
}

#[tokio::test(start_paused = true)]
async fn rule_23_a_stored_file_counts_by_its_id_and_is_not_read_for_a_duplicate() {
    let host = Host::new(true);
    let media = host.store(pdf(10)).await;
    assert_eq!(host.send("bytes", "1", &media).await.unwrap().as_str(), "delivered");
    let other = host.world.host(StrategyRegistry::builder().register(TakesBytes(Arc::clone(&host.got), Arc::default())), |it| {
        it.media(Arc::clone(&host.files) as _)
    });
    let message = OutboundMessage::new(Identity::opaque("messenger", "7").unwrap(), Content::Media(media.clone()));
    assert_eq!(other.send(&tenant(), "bytes", "1", &message).await.unwrap().as_str(), "delivered", "replayed");
    let again = host.store(pdf(10)).await;
    assert_eq!(host.send("bytes", "1", &again).await.unwrap().as_str(), "delivered", "replayed: the same file has the same id");
    let other = host.store(pdf(11)).await;
    assert_eq!(host.send("bytes", "1", &other).await.unwrap_err().kind(), ErrorKind::Mismatch);
    assert_eq!((host.reads(), host.got.lock().unwrap().len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_stored_file_is_a_link_where_the_channel_takes_no_bytes() {
    let host = Host::new(true);
    let media = host.store(pdf(1_500_000)).await;
    assert_eq!(host.send("links", "1", &media).await.unwrap().as_str(), "delivered");
    let MediaSource::Url { url, expires_at_ms: Some(_) } = host.sent().source else { panic!() };
    assert!(url.starts_with("https://files.example/"));
    assert_eq!(host.reads(), 0);
    let without = Host::new(false);
    let media = without.store(pdf(10)).await;
    let error = without.send("links", "1", &media).await.unwrap_err();
    assert_eq!(error.violations()[0].to_string(), "/content/source: the channel takes no bytes: give a web address");
}

#[tokio::test(start_paused = true)]
async fn an_e_mail_is_measured_with_its_stored_files_and_gets_their_bytes() {
    let host = Host::new(true);
    let mail = async |id: &str, sizes: &[usize]| {
        let mut files = vec![];
        for size in sizes {
            files.push(EmailAttachment::new(host.store(pdf(*size)).await));
        }
        let email = Email::new("Your invoices").with_text("t").with_attachments(files);
        let message = OutboundMessage::new(Identity::email("ana@shop.example").unwrap(), Content::Email(email.into()));
        host.process.send(&tenant(), "bytes", id, &message).await
    };
    let error = mail("1", &[700_000, 900_000]).await.unwrap_err();
    let over = "/content/attachments: the e-mail is too large once its files are encoded, in bytes (limit 2097152, actual 2189492)";
    assert_eq!(error.violations().iter().map(ToString::to_string).collect::<Vec<_>>(), [over]);
    assert_eq!(host.reads(), 0);
    assert_eq!(mail("1", &[700_000, 800_000]).await.unwrap().as_str(), "delivered");
    let got = host.got.lock().unwrap();
    let Content::Email(sent) = &got[0].content else { panic!() };
    for (attached, size) in sent.attachments.iter().zip([700_000, 800_000]) {
        let MediaSource::Inline { data } = &attached.media.source else { panic!() };
        assert_eq!((data.len(), attached.media.filename.as_deref()), (size, Some("invoice.pdf")));
    }
}

#[tokio::test(start_paused = true)]
async fn a_stored_file_is_validated_before_it_is_read() {
    let host = Host::new(true);
    let words = NewFile::new("words").with_mime("text/plain");
    for (file, violations) in [
        (pdf((2 << 20) + 1), vec!["/content/source: the file is too large, in bytes (limit 2097152, actual 2097153)"]),
        (
            pdf((3 << 20) + 1),
            vec![
                "/content/source: the file is too large, in bytes (limit 2097152, actual 3145729)",
                "/content/bytes: the file is too large, in bytes (limit 3145728, actual 3145729)",
            ],
        ),
        (words, vec!["/content/mime: the channel does not take this MIME type"]),
    ] {
        let error = host.send("bytes", "1", &host.store(file).await).await.unwrap_err();
        let found: Vec<_> = error.violations().iter().map(ToString::to_string).collect();
        assert_eq!((error.kind(), found), (ErrorKind::MessageInvalid, violations.iter().map(ToString::to_string).collect()));
    }
    assert_eq!((host.reads(), host.got.lock().unwrap().len()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_absent_fails_for_good_before_anything_is_sent() {
    let host = Host::new(true);
    let media = host.store(pdf(10)).await;
    let unknown = Media::stored(MediaKind::Document, "0".repeat(32));
    assert_eq!(host.send("bytes", "1", &unknown).await.unwrap_err().kind(), ErrorKind::Media);
    host.world.pass(secs(3600)).await;
    assert_eq!(host.send("bytes", "2", &media).await.unwrap_err().kind(), ErrorKind::Media);
    assert_eq!(host.send("links", "2", &media).await.unwrap_err().kind(), ErrorKind::Media);
    assert_eq!(host.got.lock().unwrap().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_media_store_that_does_not_answer_defers_the_send() {
    for from in [0, 2] {
        let host = Host::new(true);
        let media = host.store(pdf(1_500_000)).await;
        *host.files.fails_from.lock().unwrap() = Some(from);
        let Outcome::Deferred(Deferred { reason, .. }) = host.send("bytes", "1", &media).await.unwrap() else { panic!("{from}") };
        assert_eq!((reason, host.got.lock().unwrap().len()), (DeferredReason::StoreUnavailable, 0), "{from}");
        *host.files.fails_from.lock().unwrap() = None;
        assert_eq!(host.send("bytes", "1", &media).await.unwrap().as_str(), "delivered");
        assert_eq!(host.sent().bytes, Some(1_500_000));
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_is_read_once_the_send_is_let_in_and_within_the_time_of_its_attempt() {
    let host = Host::with(false, |it| it.bulkhead(1).attempt_timeout(secs(2)));
    let media = host.store(pdf(10)).await;
    host.files.hangs.store(true, SeqCst);
    let began = host.world.clock.monotonic();
    let (reading, second) = tokio::join!(host.send("bytes", "1", &media), host.send("bytes", "2", &media));
    let reason = |outcome: Result<Outcome, Error>| {
        let Outcome::Deferred(Deferred { reason, .. }) = outcome.unwrap() else { panic!("not deferred") };
        reason
    };
    // The first one has the only place while it reads.
    assert_eq!((reason(second), host.reads()), (DeferredReason::Busy, 1));
    assert_eq!(reason(reading), DeferredReason::StoreUnavailable);
    assert_eq!(host.world.clock.monotonic().saturating_sub(began), secs(2));
    host.files.hangs.store(false, SeqCst);
    assert_eq!(host.send("bytes", "1", &media).await.unwrap().as_str(), "delivered");
}

/// The strategy of these tests keeps what it got, as one that still sends it.
#[tokio::test(start_paused = true)]
async fn a_send_that_finds_no_room_for_its_files_is_put_off_before_they_are_read() {
    let host = Host::with(false, |it| it.max_file_bytes(1_000));
    let (large, small) = (host.store(pdf(1_001)).await, host.store(pdf(10)).await);
    assert_eq!(host.send("bytes", "1", &large).await.unwrap().as_str(), "delivered", "more than the whole passes alone");
    let Outcome::Deferred(Deferred { reason, retry_after, .. }) = host.send("bytes", "2", &small).await.unwrap() else { panic!() };
    assert_eq!((reason, retry_after, host.reads()), (DeferredReason::Busy, secs(1), 1));
    host.got.lock().unwrap().clear();
    for id in ["2", "3"] {
        assert_eq!(host.send("bytes", id, &small).await.unwrap().as_str(), "delivered");
    }
    assert_eq!(host.send("bytes", "4", &large).await.unwrap().as_str(), "deferred");
    host.got.lock().unwrap().clear();
    assert_eq!(host.send("bytes", "4", &large).await.unwrap().as_str(), "delivered");
}

/// A provider that throttles once: the send is accepted and put off.
#[tokio::test(start_paused = true)]
async fn rule_85_a_message_that_was_put_off_and_whose_file_is_gone_fails_with_a_letter() {
    let host = Host::new(true);
    let media = host.store(pdf(10)).await;
    host.throttles.store(true, SeqCst);
    assert_eq!(host.send("bytes", "1", &media).await.unwrap().as_str(), "deferred");
    host.throttles.store(false, SeqCst);
    host.world.pass(secs(3600)).await;
    let Outcome::Failed(failed) = host.send("bytes", "1", &media).await.unwrap() else { panic!() };
    let letters = host.world.all_letters().await.len();
    assert_eq!((failed.error.kind(), host.got.lock().unwrap().len(), letters), (ErrorKind::Media, 0, 1));
    assert_eq!(host.send("bytes", "1", &media).await.unwrap().as_str(), "failed", "replayed");

    // The letter stays until the file is stored again under its id.
    let redrive = || host.process.redrive(&failed.failure_id, RedriveOptions::new().force("the file is back"));
    assert_eq!(redrive().await.unwrap_err().kind(), ErrorKind::Media);
    assert_eq!(host.world.all_letters().await.len(), 1);
    assert_eq!(host.store(pdf(10)).await, media);
    assert_eq!(redrive().await.unwrap().as_str(), "delivered");
    assert_eq!((host.sent().bytes, host.world.all_letters().await.len()), (Some(10), 0));
}

/// The owner of a claim died, or is at work on it: until its lease is over the message comes again, so that it is never dropped without a
/// letter.
#[tokio::test(start_paused = true)]
async fn rule_85_a_message_whose_file_is_gone_comes_again_while_another_caller_may_own_it() {
    let host = Host::new(true);
    let media = host.store(pdf(10)).await;
    host.throttles.store(true, SeqCst);
    assert_eq!(host.send("bytes", "1", &media).await.unwrap().as_str(), "deferred");
    host.world.pass(secs(3600)).await;
    let claims = host.world.memory.claims();
    let key = ClaimKey::outbound(&tenant(), &StrategyName::new("bytes").unwrap(), &ClientMessageId::new("1").unwrap());
    let now_ms = to_ms(host.world.clock.now());
    let fingerprint = claims.get(&key).await.unwrap().unwrap().fingerprint;
    let lease = Lease { owner: OwnerToken::named("another"), boot: None, until_ms: now_ms + 30_000 };
    let claim = ClaimOp::Claim { lease, fingerprint, skew_ms: 0, ttl_s: 86_400 };
    assert!(claims.apply(&key, &claim, None, now_ms).await.unwrap().done);
    assert_eq!(host.send("bytes", "1", &media).await.unwrap().as_str(), "deferred");
    assert_eq!(host.world.all_letters().await.len(), 0);
    host.world.pass(secs(60)).await;
    assert_eq!(host.send("bytes", "1", &media).await.unwrap().as_str(), "failed");
    assert_eq!((host.world.all_letters().await.len(), host.got.lock().unwrap().len()), (1, 0));
}

/// The store loses the file between two reads.
#[tokio::test(start_paused = true)]
async fn a_file_that_expires_before_it_is_read_fails_the_send() {
    let host = Host::new(true);
    let media = host.store(pdf(10)).await;
    let MediaSource::Store { key } = &media.source else { panic!() };
    let without_bytes = Arc::new(Gone(Arc::clone(&host.files) as _));
    let registry = StrategyRegistry::builder().register(TakesBytes(Arc::clone(&host.got), Arc::default()));
    let process = host.world.host(registry, |it| it.media(without_bytes));
    let to = Identity::opaque("messenger", "7").unwrap();
    let message = OutboundMessage::new(to, Content::Media(Media::stored(MediaKind::Document, key)));
    let Outcome::Failed(failed) = process.send(&tenant(), "bytes", "1", &message).await.unwrap() else { panic!() };
    assert_eq!((failed.error.kind(), host.got.lock().unwrap().len()), (ErrorKind::Media, 0));
    // The letter names the file, not its bytes.
    assert_eq!(host.world.all_letters().await.len(), 1);
}

/// A store whose bytes are gone.
#[derive(Debug)]
struct Gone(Arc<dyn MediaStore>);

#[async_trait]
impl MediaStore for Gone {
    async fn put(&self, tenant: &TenantId, id: &str, file: &NewFile, ttl: Duration, now_ms: i64) -> Result<StoredFile, StoreError> {
        self.0.put(tenant, id, file, ttl, now_ms).await
    }

    async fn extend(&self, tenant: &TenantId, id: &str, ttl: Duration, now_ms: i64) -> Result<Option<StoredFile>, StoreError> {
        self.0.extend(tenant, id, ttl, now_ms).await
    }

    async fn info(&self, tenant: &TenantId, id: &str, now_ms: i64) -> Result<Option<StoredFile>, StoreError> {
        self.0.info(tenant, id, now_ms).await
    }

    async fn get(&self, _: &TenantId, _: &str, _: Range<u64>, _: i64) -> Result<Option<Bytes>, StoreError> {
        Ok(None)
    }

    async fn delete(&self, tenant: &TenantId, id: &str) -> Result<(), StoreError> {
        self.0.delete(tenant, id).await
    }
}
