//! The host: an orchestrator, a store, a web server for webhooks.

use std::time::Duration;

use tempfile::TempDir;
use zengine_connector::{
    BoxError, Orchestrator,
    stage::{Breaker, Dedup},
    store::Embedded,
};

use super::{Arguments, handler::ReceivedEvents};
use crate::{
    provider::{Provider, STRATEGY},
    web,
};

/// Everything that runs.
#[derive(Debug)]
pub(super) struct Host {
    /// One send, one receive.
    pub(super) orchestrator: Orchestrator,
    /// The provider.
    pub(super) provider: Provider,
    /// The events that webhooks brought.
    pub(super) news: ReceivedEvents,
    /// The store.
    pub(super) store: Embedded,
    /// Whether the store was there before.
    pub(super) kept: bool,
    /// A store that goes with the process.
    _scratch: Option<TempDir>,
}

impl Host {
    /// Starts everything and, with the emulator, subscribes to its webhooks.
    ///
    /// # Errors
    /// If a port is taken, a file cannot be used or a setting is impossible.
    pub(super) async fn start(arguments: &Arguments) -> Result<Self, BoxError> {
        let scratch = if arguments.store.is_none() { Some(TempDir::new()?) } else { None };
        let path = match (&arguments.store, &scratch) {
            (Some(path), _) => path.clone(),
            (None, Some(scratch)) => scratch.path().join("quickstart.db"),
            (None, None) => return Err("no place for the store".into()),
        };
        let kept = path.exists();
        let store = Embedded::open(&path)?;
        let (provider, whatsapp) = Provider::start(arguments.journal.as_deref())?;
        let news = ReceivedEvents::default();

        // Times are short so that the story is; in production the defaults stay.
        let orchestrator = Orchestrator::builder()
            .strategy(whatsapp)
            .stores(&store)
            .directory(provider.tenants.directory())
            .secrets(provider.tenants.secrets())
            .dedup(Dedup { lease: Duration::from_secs(8), ..Dedup::default() })
            .breaker(Breaker { open_time: Duration::from_secs(1), ..Breaker::default() })
            .attempt_timeout(Duration::from_secs(1))
            .inbound_handler(news.clone())
            .build()?;

        let port = std::env::var("PORT").ok().and_then(|port| port.parse().ok()).unwrap_or(0);
        let address = web::serve(&orchestrator, port).await?;
        provider.subscribe(&format!("http://{address}/webhooks/{STRATEGY}")).await?;
        Ok(Self { orchestrator, provider, news, store, kept, _scratch: scratch })
    }

    /// Lets webhooks that are under way arrive, and stops.
    pub(super) async fn stop(self) {
        self.orchestrator.shutdown(Duration::from_secs(2)).await;
    }
}
