//! The handle common to all running emulators.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::clock::Clock;
use super::faults::FaultQueue;
use super::handler::RequestHandler;
use super::journal::Journal;
use super::provider::{Engine, Provider, StartOptions};
use super::server::{PortGate, Request, Server};
use super::webhooks::{WebhookFormat, WebhookSender};
use super::{Delivery, Fault, InProcess, WebhookFault};

/// A running emulator of the provider `P`. Dropping it stops the emulator.
///
/// Each provider's module has an alias: [`MetaCloud`](super::meta_cloud::MetaCloud) is `Emulator<Meta>`. These methods are
/// common to all; the module documents the provider's own.
pub struct Emulator<P> {
    pub(super) handler: RequestHandler<P>,
    server: Server,
}

impl<P: Provider> Emulator<P> {
    /// Starts an emulator on 127.0.0.1, on its own thread; works inside and outside of any async runtime.
    ///
    /// # Errors
    ///
    /// The port is taken, the journal cannot be opened, or the thread cannot be started.
    pub fn start(settings: P::Settings) -> io::Result<Self> {
        let options = P::options(&settings);
        let journal = Journal::open(options.journal.as_deref(), P::SECRETS)?;
        let mut handler = None;
        let server = Server::start(options.port, |address, gate| {
            let made = handler.insert(RequestHandler::new(settings, options, address, gate, journal)).clone();
            Arc::new(move |request: Request| Box::pin(made.clone().handle(request)))
        })?;
        let handler = handler.ok_or_else(|| io::Error::other("the server made no handler"))?;
        Ok(Self { handler, server })
    }

    /// Creates an emulator without a port, as an HTTP client.
    ///
    /// # Errors
    ///
    /// The journal cannot be opened.
    pub fn in_process(settings: P::Settings) -> io::Result<InProcess<P>> {
        InProcess::launch(settings)
    }

    /// Restores the initial state: numbers, tokens, media, faults, pending webhooks, clock. Empties the journal in memory; its
    /// file, its numbers and its counters stay.
    pub fn reset(&self) {
        self.handler.reset();
    }
}

impl<P: Provider> RequestHandler<P> {
    /// Builds the state, which is also the webhook format, then the provider's part with it.
    pub(super) fn new(settings: P::Settings, options: StartOptions, address: SocketAddr, gate: PortGate, journal: Journal) -> Self {
        let (clock, journal) = (Clock::new(), Arc::new(journal));
        let state = Arc::new(P::open(settings, &clock, &journal));
        let format: Arc<dyn WebhookFormat> = Arc::<P::State>::clone(&state);
        let sender = WebhookSender::new(format, options.webhooks, options.seed, clock.clone(), Arc::clone(&journal));
        let engine = Engine { address, clock, journal, faults: FaultQueue::new(options.seed), webhooks: Arc::new(sender) };
        let engine = Arc::new(engine);
        Self { provider: Arc::new(P::new(state, Arc::clone(&engine))), engine, gate }
    }

    /// Restores the initial state.
    pub(super) fn reset(&self) {
        self.engine.clock.reset();
        self.engine.faults.reset();
        self.engine.webhooks.reset();
        self.engine.journal.clear();
        self.provider.reset();
    }
}

impl<P> Emulator<P> {
    /// Returns the address to use instead of the provider's own, without a trailing slash.
    pub fn base_url(&self) -> String {
        self.handler.engine.base_url()
    }

    /// Returns the journal of requests and webhooks.
    pub fn journal(&self) -> &Journal {
        &self.handler.engine.journal
    }

    /// Stops the emulator and waits for its thread. Pending webhooks are lost; see [`settle`](Self::settle).
    pub fn shutdown(self) {
        drop(self);
    }

    // Faults.

    /// Queues a fault for the next matching request, behind the faults already queued.
    pub fn fail_next(&self, fault: Fault) {
        self.handler.engine.faults.push(fault);
    }

    /// Applies a fault to every matching request until [`clear_faults`](Self::clear_faults).
    pub fn fail_always(&self, fault: Fault) {
        self.fail_next(fault.forever());
    }

    /// Queues these faults in order, each for the next matching request. [`Fault::pass`] lets one through.
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

    /// Clears the queued request faults.
    pub fn clear_faults(&self) {
        self.handler.engine.faults.clear();
    }

    /// Returns the number of queued request faults.
    pub fn waiting_faults(&self) -> usize {
        self.handler.engine.faults.len()
    }

    /// Closes the port, so that connections are refused. Closes idle connections too.
    ///
    /// # Errors
    ///
    /// The emulator has stopped.
    pub async fn refuse_connections(&self) -> io::Result<()> {
        self.handler.gate.refuse(None).await
    }

    /// Closes the port for a duration of real time.
    ///
    /// # Errors
    ///
    /// The emulator has stopped.
    pub async fn refuse_connections_for(&self, time: Duration) -> io::Result<()> {
        self.handler.gate.refuse(Some(time)).await
    }

    /// Reopens the port at the same address.
    ///
    /// # Errors
    ///
    /// Another program has taken the port, or the emulator has stopped.
    pub async fn accept_connections(&self) -> io::Result<()> {
        self.handler.gate.accept().await
    }

    // Webhooks.

    /// Queues a fault for the next matching webhook, behind those already queued.
    pub fn disturb_next(&self, fault: WebhookFault) {
        self.handler.engine.webhooks.faults.push(fault);
    }

    /// Applies a fault to every matching webhook until [`clear_webhook_faults`](Self::clear_webhook_faults).
    pub fn disturb_always(&self, fault: WebhookFault) {
        self.disturb_next(fault.forever());
    }

    /// Clears the queued webhook faults; webhooks already delayed are still delivered.
    pub fn clear_webhook_faults(&self) {
        self.handler.engine.webhooks.faults.clear();
    }

    /// Returns the number of queued webhook faults.
    pub fn waiting_webhook_faults(&self) -> usize {
        self.handler.engine.webhooks.faults.len()
    }

    /// Returns the newest 10,000 finished webhook POSTs, delivered or given up, oldest first.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.handler.engine.webhooks.log()
    }

    /// Waits until all webhooks are delivered or given up.
    pub async fn settle(&self) {
        self.handler.engine.webhooks.settle().await;
    }

    // Time.

    /// Advances the emulator's clock: tokens and addresses expire, delayed and repeated webhooks become due.
    pub fn advance(&self, by: Duration) {
        self.handler.engine.clock.advance(by);
    }

    /// Returns the emulator's time, in milliseconds since 1970.
    pub fn now_ms(&self) -> u64 {
        self.handler.engine.clock.now_ms()
    }

    /// Runs a future on the emulator's own runtime, so that callers may use any. `None` if the emulator has stopped.
    pub(super) async fn run<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Option<T> {
        self.server.runtime().spawn(work).await.ok()
    }
}

redacted!(Emulator<P> { base_url: |it| it.base_url() });
