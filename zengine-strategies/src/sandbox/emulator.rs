//! The handle of a running emulator, as far as it is the same for all.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::clock::Clock;
use super::faults::Faults;
use super::handler::RequestHandler;
use super::journal::Journal;
use super::provider::{Engine, Provider};
use super::server::{Request, Server};
use super::webhooks::{Plan, WebhookFault, WebhookFormat, WebhookSender};
use super::{Delivery, Fault};

/// A running emulator of a provider `P`. It stops when this is dropped.
///
/// Each provider's module names its own: [`MetaCloud`](super::meta_cloud::MetaCloud) is `Emulator<Meta>`. What stands here is
/// common to all; what is special to a provider stands with its alias.
pub struct Emulator<P> {
    pub(super) handler: RequestHandler<P>,
    server: Server,
}

/// What every emulator is started with.
pub(super) struct StartOptions<'a> {
    pub(super) port: u16,
    pub(super) seed: u64,
    pub(super) journal: Option<&'a Path>,
    pub(super) plan: Plan,
}

impl<P: Provider> Emulator<P> {
    /// Starts one on 127.0.0.1: first the state, which also packs webhooks, then the provider's part around it.
    pub(super) fn launch<S: WebhookFormat>(
        options: StartOptions<'_>,
        state: impl FnOnce(&Clock, &Arc<Journal>) -> Arc<S>,
        provider: impl FnOnce(Arc<S>, Arc<Engine>) -> P,
    ) -> io::Result<Self> {
        let (clock, journal) = (Clock::new(), Arc::new(Journal::open(options.journal)?));
        let state = state(&clock, &journal);
        let format: Arc<dyn WebhookFormat> = Arc::<S>::clone(&state);
        let webhooks = Arc::new(WebhookSender::new(format, options.plan, options.seed, clock.clone(), Arc::clone(&journal)));
        let mut handler = None;
        let server = Server::start(options.port, |address, gate| {
            let engine = Arc::new(Engine { address, clock, journal, faults: Faults::new(options.seed), webhooks });
            let provider = Arc::new(provider(state, Arc::clone(&engine)));
            let made = handler.insert(RequestHandler { engine, provider, gate }).clone();
            Arc::new(move |request: Request| Box::pin(made.clone().handle(request)))
        })?;
        let handler = handler.ok_or_else(|| io::Error::other("the server made no handler"))?;
        Ok(Self { handler, server })
    }

    /// Goes back to the state of the start: numbers, tokens, media, faults, webhooks on their way, clock. The journal in memory
    /// is emptied; its file, its numbers and its counters stay.
    pub fn reset(&self) {
        self.handler.reset();
    }
}

impl<P: Provider> RequestHandler<P> {
    /// Goes back to the state of the start.
    pub(super) fn reset(&self) {
        self.engine.clock.reset();
        self.engine.faults.reset();
        self.engine.webhooks.reset(self.provider.plan());
        self.engine.journal.clear();
        self.provider.reset();
    }
}

impl<P> Emulator<P> {
    /// Returns the address to use instead of the provider's own, without a slash at the end.
    pub fn base_url(&self) -> String {
        self.handler.engine.base_url()
    }

    /// Returns the journal of requests and webhooks.
    pub fn journal(&self) -> &Journal {
        &self.handler.engine.journal
    }

    /// Stops it and waits for its thread. Webhooks that are still to come are lost; see [`settle`](Self::settle).
    pub fn shutdown(self) {
        drop(self);
    }

    // Faults.

    /// Plays a fault on the next request that fits it, behind the faults that wait already.
    pub fn fail_next(&self, fault: Fault) {
        self.handler.engine.faults.push(fault);
    }

    /// Plays a fault on every request that fits it, until [`clear_faults`](Self::clear_faults).
    pub fn fail_always(&self, fault: Fault) {
        self.fail_next(fault.forever());
    }

    /// Plays these faults one after the other, each on the next request that fits it. [`Fault::pass`] lets one through.
    ///
    /// ```
    /// use zengine_strategies::sandbox::{Fault, meta_cloud::{MetaCloud, Settings}};
    ///
    /// let meta = MetaCloud::start(Settings::new())?;
    /// meta.script([Fault::pass(), Fault::throttle().times(2), Fault::pass(), Fault::cut_body()]);
    /// assert_eq!(meta.waiting_faults(), 4);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn script(&self, faults: impl IntoIterator<Item = Fault>) {
        faults.into_iter().for_each(|fault| self.fail_next(fault));
    }

    /// Forgets the faults of requests.
    pub fn clear_faults(&self) {
        self.handler.engine.faults.clear();
    }

    /// Counts the faults of requests that wait.
    pub fn waiting_faults(&self) -> usize {
        self.handler.engine.faults.len()
    }

    /// Closes the port, so that connecting is refused. Idle connections are closed too.
    ///
    /// # Errors
    ///
    /// The emulator has stopped.
    pub async fn refuse_connections(&self) -> io::Result<()> {
        self.handler.gate.refuse(None).await
    }

    /// Closes the port for a while of real time.
    ///
    /// # Errors
    ///
    /// The emulator has stopped.
    pub async fn refuse_connections_for(&self, time: Duration) -> io::Result<()> {
        self.handler.gate.refuse(Some(time)).await
    }

    /// Opens the port again, at the same address.
    ///
    /// # Errors
    ///
    /// The port has been taken by another program, or the emulator has stopped.
    pub async fn accept_connections(&self) -> io::Result<()> {
        self.handler.gate.accept().await
    }

    // Webhooks.

    /// Plays a fault on the next webhook that fits it, behind those that wait already.
    pub fn disturb_next(&self, fault: WebhookFault) {
        self.handler.engine.webhooks.push_fault(fault);
    }

    /// Plays a fault on every webhook that fits it, until [`clear_webhook_faults`](Self::clear_webhook_faults).
    pub fn disturb_always(&self, fault: WebhookFault) {
        self.disturb_next(fault.forever());
    }

    /// Forgets the faults of webhooks; what they hold back still comes.
    pub fn clear_webhook_faults(&self) {
        self.handler.engine.webhooks.clear_faults();
    }

    /// Counts the faults of webhooks that wait.
    pub fn waiting_webhook_faults(&self) -> usize {
        self.handler.engine.webhooks.waiting_faults().len()
    }

    /// Returns the webhook POSTs that have ended, delivered or given up, oldest first; the newest 10,000.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.handler.engine.webhooks.log()
    }

    /// Waits until all webhooks are delivered or given up.
    pub async fn settle(&self) {
        self.handler.engine.webhooks.settle().await;
    }

    // Time.

    /// Moves the emulator's clock ahead: tokens and addresses expire, delayed and repeated webhooks become due.
    pub fn advance(&self, by: Duration) {
        self.handler.engine.clock.advance(by);
    }

    /// Returns the emulator's time, in milliseconds since 1970.
    pub fn now_ms(&self) -> u64 {
        self.handler.engine.clock.now_ms()
    }

    /// Runs on the emulator's own runtime, so that the caller's may be any. `None` if the emulator has stopped.
    pub(super) async fn run<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Option<T> {
        self.server.runtime().spawn(work).await.ok()
    }
}

impl<P> fmt::Debug for Emulator<P> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Emulator").field("base_url", &self.base_url()).finish_non_exhaustive()
    }
}
