//! The bundle of a host's stores.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    ClaimStore, DeadLetterPort, DeadLetterSink, EpochLog, EventBus, MediaStore, SecretStore, SessionStore, TenantDirectory, TenantWriter,
    tenant_writer::RowsOnly,
};
use crate::{
    error::{Error, ErrorKind},
    keyring::KeyRing,
};

/// A bundle with one store of each kind. [`Memory`](super::Memory) and the embedded store convert into it; to mix stores, use its
/// [`builder`](Self::builder).
///
/// ```
/// use zengine_connector::store::{Memory, Stores};
///
/// let (memory, events) = (Memory::new(), Memory::new());
/// let stores = Stores::builder().base(&memory).events(events.events()).build()?;
/// assert!(stores.directory.is_some());
/// # Ok::<(), zengine_connector::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Stores {
    /// Claims of sends and inbound events.
    pub claims: Arc<dyn ClaimStore>,
    /// Dead letters.
    pub dead_letters: DeadLetterPort,
    /// The bus for domain events.
    pub events: Arc<dyn EventBus>,
    /// Breaker transitions.
    pub epochs: Arc<dyn EpochLog>,
    /// State of strategies.
    pub sessions: Arc<dyn SessionStore>,
    /// Keys for encryption and fingerprints.
    pub keys: Arc<dyn KeyRing>,
    /// Tenants' configuration, if this store holds it.
    pub directory: Option<Arc<dyn TenantDirectory>>,
    /// Writes tenants' configuration, if this store holds it, for [`TenantSetup`](crate::registry::TenantSetup).
    pub tenant_writer: Option<Arc<dyn TenantWriter>>,
    /// Secrets, if this store holds them.
    pub secrets: Option<Arc<dyn SecretStore>>,
    /// Files for messages, if this store holds them.
    pub media: Option<Arc<dyn MediaStore>>,
}

/// The ports of a store that implements several with one of its members, and its conversions into [`Stores`].
macro_rules! ports_of {
    ($store:ident { $($(#[$doc:meta])* $name:ident: $port:ident in $member:ident,)* }) => {
        impl $store {
            /// All ports.
            pub fn stores(&self) -> Stores {
                Stores { $($name: self.$name().into(),)* }
            }
        }

        /// The ports, one by one.
        impl $store {$(
            $(#[$doc])*
            pub fn $name(&self) -> Arc<dyn $port> {
                Arc::clone(&self.$member) as _
            }
        )*}

        impl From<&$store> for Stores {
            fn from(store: &$store) -> Self {
                store.stores()
            }
        }

        impl From<$store> for Stores {
            fn from(store: $store) -> Self {
                store.stores()
            }
        }
    };
}
pub(super) use ports_of;

impl Stores {
    /// An empty bundle to fill.
    pub fn builder() -> StoresBuilder {
        StoresBuilder::default()
    }
}

/// Collects the ports of a [`Stores`], in any order.
///
/// ```
/// use zengine_connector::store::{Memory, Stores};
///
/// let memory = Memory::new();
/// let error = Stores::builder().claims(memory.claims()).keys(memory.keys()).build().unwrap_err();
/// assert_eq!(error.context("missing"), Some(".dead_letters(..), .events(..), .epochs(..), .sessions(..)"));
/// ```
#[derive(Clone, Default)]
#[must_use = "finish it with build()"]
pub struct StoresBuilder {
    claims: Option<Arc<dyn ClaimStore>>,
    dead_letters: Option<DeadLetterPort>,
    events: Option<Arc<dyn EventBus>>,
    epochs: Option<Arc<dyn EpochLog>>,
    sessions: Option<Arc<dyn SessionStore>>,
    keys: Option<Arc<dyn KeyRing>>,
    pub(crate) directory: Option<Arc<dyn TenantDirectory>>,
    tenant_writer: Option<Arc<dyn TenantWriter>>,
    pub(crate) secrets: Option<Arc<dyn SecretStore>>,
    media: Option<Arc<dyn MediaStore>>,
    /// The ports that were set by their own calls.
    named: BTreeSet<&'static str>,
    /// Whether a bundle had secrets.
    base_has_secrets: bool,
}

/// The ports that keep what the keys encrypt or hash.
const NEED_KEYS: [&str; 3] = ["claims", "dead_letters", "sessions"];

macro_rules! ports {
    ($($(#[$doc:meta])* $name:ident: $port:ident;)*) => {$(
        $(#[$doc])*
        pub fn $name(mut self, port: Arc<dyn $port>) -> Self {
            self.$name = Some(port);
            self.named.insert(stringify!($name));
            self
        }
    )*};
}

impl StoresBuilder {
    ports! {
        /// The store of claims. Required.
        claims: ClaimStore;
        /// The bus of domain events. Required.
        events: EventBus;
        /// The log of breaker transitions. Required.
        epochs: EpochLog;
        /// The store of strategies' sessions. Required.
        sessions: SessionStore;
        /// Keys for encryption and fingerprints. Required, also over a base of [`Memory`](super::Memory), once claims, dead
        /// letters or sessions are your own: the memory's key is lost with the process.
        keys: KeyRing;
        /// The tenants and their configurations.
        directory: TenantDirectory;
        /// The writer of tenants.
        tenant_writer: TenantWriter;
        /// The secrets of tenants and of the application.
        secrets: SecretStore;
        /// Files for messages.
        media: MediaStore;
    }

    /// The store of dead letters, or a sink. Required.
    pub fn dead_letters(mut self, port: impl Into<DeadLetterPort>) -> Self {
        self.dead_letters = Some(port.into());
        self.named.insert("dead_letters");
        self
    }

    /// A sink of dead letters in place of a store, such as a queue. Its consumer passes the letters to
    /// [`redrive_letter`](crate::Orchestrator::redrive_letter) and [`replay_letter`](crate::Orchestrator::replay_letter).
    pub fn dead_letter_sink(self, sink: Arc<dyn DeadLetterSink>) -> Self {
        self.dead_letters(DeadLetterPort::Sink(sink))
    }

    /// Every port of a bundle. A port that is set by its own call, before or after, takes its place. A second call adds only the
    /// ports that the bundles before it lack.
    ///
    /// A bundle's writer of tenants goes with its directory and its secrets: if the directory is set by its own call, the writer is
    /// left out, and if the secrets are, it refuses to write secrets, because nothing would read them. One that
    /// [`tenant_writer`](Self::tenant_writer) sets stays as it is.
    pub fn base(mut self, stores: impl Into<Stores>) -> Self {
        let stores = stores.into();
        self.claims.get_or_insert(stores.claims);
        self.dead_letters.get_or_insert(stores.dead_letters);
        self.events.get_or_insert(stores.events);
        self.epochs.get_or_insert(stores.epochs);
        self.sessions.get_or_insert(stores.sessions);
        self.keys.get_or_insert(stores.keys);
        if self.directory.is_none() {
            self.directory = stores.directory;
            self.tenant_writer = self.tenant_writer.or(stores.tenant_writer);
        }
        self.base_has_secrets |= stores.secrets.is_some();
        self.secrets = self.secrets.or(stores.secrets);
        self.media = self.media.or(stores.media);
        self
    }

    /// Builds the bundle.
    ///
    /// # Errors
    /// `Settings` if a required port is missing, or if claims, dead letters or sessions are set by their own calls while the keys
    /// are a base's that are lost with the process. The context `missing` lists the calls to add.
    ///
    /// ```
    /// use zengine_connector::store::{Memory, Stores};
    ///
    /// let (memory, yours) = (Memory::new(), Memory::new());
    /// let error = Stores::builder().base(&memory).claims(yours.claims()).build().unwrap_err();
    /// assert_eq!((error.context("field"), error.context("missing")), (Some("claims"), Some(".keys(..)")));
    /// assert!(Stores::builder().base(&memory).claims(yours.claims()).keys(memory.keys()).build().is_ok()); // one process
    /// ```
    pub fn build(self) -> Result<Stores, Error> {
        let missing = self.missing();
        let lost_keys = self.lost_keys();
        let named = |port| self.named.contains(port);
        let is_bases = !named("tenant_writer");
        let (leaves_writer_out, rows_only) = (is_bases && named("directory"), is_bases && named("secrets") && self.base_has_secrets);
        let Self {
            claims: Some(claims),
            dead_letters: Some(dead_letters),
            events: Some(events),
            epochs: Some(epochs),
            sessions: Some(sessions),
            keys: Some(keys),
            directory,
            tenant_writer,
            secrets,
            media,
            ..
        } = self
        else {
            let error = Error::new(ErrorKind::Settings, "ports are missing: add them with these calls, or a whole bundle with base(..)");
            return Err(error.with_context("missing", missing.join(", ")));
        };
        if let Some(error) = lost_keys {
            return Err(error);
        }
        let tenant_writer = tenant_writer.filter(|_| !leaves_writer_out);
        let tenant_writer = if rows_only { tenant_writer.map(|writer| Arc::new(RowsOnly(writer)) as _) } else { tenant_writer };
        Ok(Stores { claims, dead_letters, events, epochs, sessions, keys, directory, tenant_writer, secrets, media })
    }

    /// The refusal of a base's keys that are lost with the process beside stores that may outlive it: after a restart the fingerprint
    /// of every claim counts as equal, and receipts, letters and sessions cannot be opened.
    fn lost_keys(&self) -> Option<Error> {
        let yours: Vec<_> = NEED_KEYS.into_iter().filter(|port| self.named.contains(port)).collect();
        let lost = !self.named.contains("keys") && self.keys.as_ref().is_some_and(|keys| keys.is_ephemeral());
        (lost && !yours.is_empty()).then(|| {
            let message = "the keys of the base are lost with the process, and your stores may outlive it: add your own with keys(..)";
            Error::new(ErrorKind::Settings, message).with_context("field", yours.join(", ")).with_context("missing", ".keys(..)")
        })
    }

    /// The calls that add the required ports that are missing.
    pub(crate) fn missing(&self) -> Vec<&'static str> {
        let required = [
            (self.claims.is_none(), ".claims(..)"),
            (self.dead_letters.is_none(), ".dead_letters(..)"),
            (self.events.is_none(), ".events(..)"),
            (self.epochs.is_none(), ".epochs(..)"),
            (self.sessions.is_none(), ".sessions(..)"),
            (self.keys.is_none(), ".keys(..)"),
        ];
        required.into_iter().filter_map(|(missing, call)| missing.then_some(call)).collect()
    }
}

debug_fields!(StoresBuilder { missing: |builder| builder.missing() });

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;
    use crate::{
        ids::{StrategyName, TenantId},
        store::{Memory, SecretScope, StoreErrorKind, TenantRow},
    };

    #[test]
    fn a_bundle_without_ports_names_every_missing_one_and_its_call() {
        let error = Stores::builder().build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Settings);
        assert_eq!(
            error.to_string(),
            "settings (permanent): ports are missing: add them with these calls, or a whole bundle with base(..), \
             missing=.claims(..), .dead_letters(..), .events(..), .epochs(..), .sessions(..), .keys(..)"
        );
    }

    #[test]
    fn a_port_takes_the_place_of_the_bases_whichever_comes_first() {
        let (base, other) = (Memory::new(), Memory::new());
        let (claims, directory) = (other.claims(), other.directory());
        for builder in [
            Stores::builder().base(&base).claims(Arc::clone(&claims)).directory(Arc::clone(&directory)),
            Stores::builder().claims(Arc::clone(&claims)).directory(Arc::clone(&directory)).base(&base),
        ] {
            let stores = builder.keys(base.keys()).build().unwrap();
            assert!(Arc::ptr_eq(&stores.claims, &claims) && Arc::ptr_eq(&stores.directory.unwrap(), &directory));
            let DeadLetterPort::Store(letters) = &stores.dead_letters else { panic!("a store") };
            assert!(Arc::ptr_eq(letters, &base.dead_letters()) && Arc::ptr_eq(&stores.secrets.unwrap(), &base.secrets()));
        }
    }

    #[test]
    fn a_bases_writer_goes_with_its_directory_and_its_secrets() {
        let (base, other) = (Memory::new(), Memory::new());
        let bare = || Stores { directory: None, secrets: None, tenant_writer: None, ..other.stores() };
        for builder in [Stores::builder().base(&base).secrets(other.secrets()), Stores::builder().secrets(other.secrets()).base(&base)] {
            let writer = builder.clone().build().unwrap().tenant_writer.expect("a writer of rows");
            let scope = SecretScope::shared(StrategyName::new("sns-sms").unwrap());
            let written = writer.put_secret(&scope, "aws", vec!["canary".into()]).now_or_never().unwrap();
            assert_eq!(written.unwrap_err().kind, StoreErrorKind::Unsupported, "nothing would read it");
            let (acme, sms) = (TenantId::new("acme").unwrap(), StrategyName::new("sns-sms").unwrap());
            writer.put(&acme, &sms, TenantRow::new(serde_json::json!({}))).now_or_never().unwrap().unwrap();
            assert!(base.directory().config(&acme, &sms).now_or_never().unwrap().unwrap().is_some());
            assert!(builder.directory(other.directory()).build().unwrap().tenant_writer.is_none());
        }
        for (builder, kept) in [
            (Stores::builder().base(&base), true),
            (Stores::builder().base(&base).events(other.events()), true),
            (Stores::builder().base(&base).directory(other.directory()), false),
            (Stores::builder().directory(other.directory()).base(&base), false),
            (Stores::builder().base(&base).directory(other.directory()).tenant_writer(base.tenant_writer()), true),
            (Stores::builder().base(Stores { secrets: None, ..base.stores() }).secrets(other.secrets()), true),
            (Stores::builder().base(bare()).base(&base), true),
            (Stores::builder().base(Stores { directory: Some(other.directory()), ..bare() }).base(&base), false),
        ] {
            let writer = builder.build().unwrap().tenant_writer;
            assert_eq!(writer.is_some(), kept);
            assert!(writer.is_none_or(|writer| Arc::ptr_eq(&writer, &base.tenant_writer())));
        }
    }

    /// Rule 23: after a restart, another message with the same id would count as the same.
    #[test]
    fn rule_23_keys_that_are_lost_are_refused_beside_stores_that_are_not() {
        let (base, yours) = (Memory::new(), Memory::new());
        let builder = || Stores::builder().base(&base);
        let sink = || Arc::clone(&yours.dead_letters()) as Arc<dyn DeadLetterSink>;
        for (builder, field) in [
            (builder().claims(yours.claims()), "claims"),
            (Stores::builder().claims(yours.claims()).base(&base), "claims"),
            (builder().dead_letters(yours.dead_letters()), "dead_letters"),
            (builder().dead_letter_sink(sink()), "dead_letters"),
            (builder().sessions(yours.sessions()).claims(yours.claims()), "claims, sessions"),
        ] {
            let error = builder.clone().build().unwrap_err();
            let named = (error.kind(), error.context("field"), error.context("missing"));
            assert_eq!(named, (ErrorKind::Settings, Some(field), Some(".keys(..)")));
            assert!(builder.keys(yours.keys()).build().is_ok());
        }
        let others = builder().events(yours.events()).epochs(yours.epochs()).secrets(yours.secrets());
        assert!(others.build().is_ok(), "nothing in them needs the keys");
    }

    #[test]
    fn the_directory_the_writer_and_the_secrets_may_be_absent() {
        let memory = Memory::new();
        let stores = Stores::builder()
            .claims(memory.claims())
            .dead_letters(memory.dead_letters())
            .events(memory.events())
            .epochs(memory.epochs())
            .sessions(memory.sessions())
            .keys(memory.keys())
            .build()
            .unwrap();
        assert!(stores.directory.is_none() && stores.tenant_writer.is_none() && stores.secrets.is_none());
    }
}
