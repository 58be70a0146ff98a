//! The bundle of a host's stores.

use std::sync::Arc;

use super::{ClaimStore, DeadLetterPort, DeadLetterSink, EpochLog, EventBus, SecretStore, SessionStore, TenantDirectory, TenantWriter};
use crate::{
    error::{Error, ErrorKind},
    keyring::KeyRing,
};

/// A bundle with one store of each kind. [`Memory`](super::Memory) and the embedded store convert into it; to mix stores, use
/// its [`builder`](Self::builder).
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
    /// Writes tenants' configuration, if this store holds it. The core only reads.
    pub tenant_writer: Option<Arc<dyn TenantWriter>>,
    /// Secrets, if this store holds them.
    pub secrets: Option<Arc<dyn SecretStore>>,
}

/// The ports of a store that implements several with one of its members, and its conversions into [`Stores`].
macro_rules! ports_of {
    ($store:ident { $($(#[$doc:meta])* $name:ident: $port:ident in $member:ident,)* } $(without $absent:ident)?) => {
        impl $store {
            /// All ports.
            pub fn stores(&self) -> Stores {
                Stores { $($name: self.$name().into(),)* $($absent: None)? }
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
}

macro_rules! ports {
    ($($(#[$doc:meta])* $name:ident: $port:ident;)*) => {$(
        $(#[$doc])*
        pub fn $name(mut self, port: Arc<dyn $port>) -> Self {
            self.$name = Some(port);
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
        /// Keys for encryption and fingerprints. Required.
        keys: KeyRing;
        /// The tenants and their configurations.
        directory: TenantDirectory;
        /// The writer of tenants.
        tenant_writer: TenantWriter;
        /// The secrets of tenants and of the application.
        secrets: SecretStore;
    }

    /// The store of dead letters, or a sink. Required.
    pub fn dead_letters(mut self, port: impl Into<DeadLetterPort>) -> Self {
        self.dead_letters = Some(port.into());
        self
    }

    /// A sink of dead letters in place of a store, such as a queue. Its consumer passes the letters to
    /// [`redrive_letter`](crate::Orchestrator::redrive_letter) and [`replay_letter`](crate::Orchestrator::replay_letter).
    pub fn dead_letter_sink(self, sink: Arc<dyn DeadLetterSink>) -> Self {
        self.dead_letters(DeadLetterPort::Sink(sink))
    }

    /// Every port of a bundle. A port that is set by its own call, before or after, takes its place. A second call adds only the
    /// ports that the bundles before it lack, such as secrets beside the embedded store.
    pub fn base(mut self, stores: impl Into<Stores>) -> Self {
        let stores = stores.into();
        self.claims.get_or_insert(stores.claims);
        self.dead_letters.get_or_insert(stores.dead_letters);
        self.events.get_or_insert(stores.events);
        self.epochs.get_or_insert(stores.epochs);
        self.sessions.get_or_insert(stores.sessions);
        self.keys.get_or_insert(stores.keys);
        self.directory = self.directory.or(stores.directory);
        self.tenant_writer = self.tenant_writer.or(stores.tenant_writer);
        self.secrets = self.secrets.or(stores.secrets);
        self
    }

    /// Builds the bundle.
    ///
    /// # Errors
    /// `Settings` if a required port is missing. The context `missing` lists the call for each of them.
    pub fn build(self) -> Result<Stores, Error> {
        let missing = self.missing();
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
        } = self
        else {
            let error = Error::new(ErrorKind::Settings, "ports are missing: add them with these calls, or a whole bundle with base(..)");
            return Err(error.with_context("missing", missing.join(", ")));
        };
        Ok(Stores { claims, dead_letters, events, epochs, sessions, keys, directory, tenant_writer, secrets })
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
    use super::*;
    use crate::store::Memory;

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
            let stores = builder.build().unwrap();
            assert!(Arc::ptr_eq(&stores.claims, &claims) && Arc::ptr_eq(&stores.directory.unwrap(), &directory));
            let DeadLetterPort::Store(letters) = &stores.dead_letters else { panic!("a store") };
            assert!(Arc::ptr_eq(letters, &base.dead_letters()) && Arc::ptr_eq(&stores.secrets.unwrap(), &base.secrets()));
            assert!(Arc::ptr_eq(&stores.tenant_writer.unwrap(), &base.tenant_writer()));
        }
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
