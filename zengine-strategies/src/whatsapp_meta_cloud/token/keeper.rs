//! The token that a tenant's calls use.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use zengine_connector::{ErrorKind, HttpClient, SendError, runtime::to_ms, strategy::Cached};

use super::record::{Held, KEY, Life, Record};
use super::renewal::Ended;
use super::{Credentials, TokenHook, renewal};
use crate::waba::context::CallContext;
use crate::whatsapp_meta_cloud::{AppCredentials, TokenKind, onboarding::AppCalls};

/// Time that a record of the sessions is cached.
const MEMORY: Duration = Duration::from_secs(300);
/// The same if the sessions cannot be read.
const MEMORY_WITHOUT_STORE: Duration = Duration::from_secs(10);
/// Wait before a failed renewal is tried again, unless the error names one.
const LATER: Duration = Duration::from_secs(600);
/// Minimum time a call must have left to spend some of it on the token.
const LEAST: Duration = Duration::from_secs(2);
/// Maximum time of one call about the token.
const LONGEST: Duration = Duration::from_secs(5);

/// A tenant's token.
#[derive(Debug)]
pub(in crate::whatsapp_meta_cloud) struct Keeper {
    pub(super) configured: Arc<Credentials>,
    /// Absent if the token does not expire; its state is then not queried.
    pub(super) watch: Option<Watch>,
}

/// The state for watching a token that expires.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) app: AppCredentials,
    pub(super) waba_id: String,
    pub(super) root: String,
    pub(super) renews: bool,
    held: Cached<Held>,
    /// Whether a call of this process is renewing.
    busy: AtomicBool,
    /// Time before which nothing is tried again, in milliseconds UTC.
    not_before_ms: AtomicI64,
}

impl Keeper {
    pub(in crate::whatsapp_meta_cloud) fn fixed(configured: Credentials) -> Self {
        Self { configured: Arc::new(configured), watch: None }
    }

    /// A token that expires, of an account, at an address of the API.
    pub(in crate::whatsapp_meta_cloud) fn watched(
        configured: Credentials,
        app: AppCredentials,
        kind: TokenKind,
        waba_id: &str,
        root: &str,
    ) -> Self {
        let watch = Watch {
            app,
            waba_id: waba_id.to_owned(),
            root: root.to_owned(),
            renews: kind == TokenKind::Renewable,
            held: Cached::new(),
            busy: AtomicBool::new(false),
            not_before_ms: AtomicI64::new(i64::MIN),
        };
        Self { configured: Arc::new(configured), watch: Some(watch) }
    }

    /// The current token, renewed first if that is due.
    pub(in crate::whatsapp_meta_cloud) async fn current(
        &self,
        http: &dyn HttpClient,
        hook: Option<&dyn TokenHook>,
        cx: &dyn CallContext,
    ) -> Result<Arc<Credentials>, SendError> {
        let Some(watch) = &self.watch else { return Ok(Arc::clone(&self.configured)) };
        let mut held = watch.held(&self.configured, cx).await;
        if held.life.is_due(cx.now(), watch.renews)
            && let Some(turn) = watch.turn(cx)
        {
            // What goes wrong is logged there: the token that is there still works, or Meta says that it does not.
            let ended = renewal::look_after(watch, &self.configured, http, hook, cx).await;
            turn.done(ended.as_ref(), cx.now());
            if matches!(ended, Ok(Ended::Dead)) {
                return Err(over());
            }
            held = watch.held(&self.configured, cx).await;
        }
        if held.life.is_over(cx.now()) {
            // Another process may have renewed it since this one looked.
            watch.forget();
            held = watch.held(&self.configured, cx).await;
            if held.life.is_over(cx.now()) {
                return Err(over());
            }
        }
        Ok(Arc::clone(&held.credentials))
    }

    /// Drops the cached token after Meta refused it: another process may have a newer one.
    pub(in crate::whatsapp_meta_cloud) fn refused(&self) {
        if let Some(watch) = &self.watch {
            watch.held.invalidate();
        }
    }

    /// Whether the token expires soon, as far as this process knows.
    pub(in crate::whatsapp_meta_cloud) async fn ends_soon(&self, cx: &dyn CallContext) -> bool {
        match &self.watch {
            Some(watch) => watch.held(&self.configured, cx).await.life.ends_soon(cx.now()),
            None => false,
        }
    }
}

impl Watch {
    /// The token in use: from memory, else from the sessions.
    pub(super) async fn held(&self, configured: &Arc<Credentials>, cx: &dyn CallContext) -> Arc<Held> {
        let unknown = || Held { credentials: Arc::clone(configured), life: Life::default() };
        let read = async || {
            let (held, time) = match cx.sessions().get::<Record>(KEY).await {
                Ok(found) => {
                    let of_it = found.map(|found| found.value).filter(|record| record.is_of(configured.token()));
                    (of_it.map_or_else(unknown, |record| record.held(configured, &self.app.app_secret)), MEMORY)
                }
                Err(error) => {
                    tracing::warn!(kind = ?error.kind, "what became of a token cannot be read; the configured one is used");
                    (unknown(), MEMORY_WITHOUT_STORE)
                }
            };
            Ok::<_, std::convert::Infallible>((held, time))
        };
        match self.held.get_or_refresh(cx.now(), read).await {
            Ok(held) => held,
            Err(never) => match never {},
        }
    }

    /// Drops the cached token, so that the sessions are read again.
    pub(super) fn forget(&self) {
        self.held.invalidate();
    }

    /// The right to renew the token; `None` if another call of this process has it, if it was tried a moment ago, or if too
    /// little time is left.
    fn turn(&self, cx: &dyn CallContext) -> Option<Turn<'_>> {
        let early = to_ms(cx.now()) < self.not_before_ms.load(Ordering::Acquire);
        if early || cx.remaining() < LEAST || self.busy.swap(true, Ordering::AcqRel) {
            return None;
        }
        Some(Turn { watch: self })
    }

    /// Calls of the app, each with a quarter of the time that is left, at most [`LONGEST`].
    pub(super) fn calls<'a>(&'a self, http: &'a dyn HttpClient, cx: &dyn CallContext) -> AppCalls<'a> {
        AppCalls { http, root: &self.root, app: &self.app, timeout: LONGEST.min(cx.remaining() / 4), now: cx.now() }
    }
}

/// The right to renew, released on drop, also if its call is dropped.
struct Turn<'w> {
    watch: &'w Watch,
}

impl Turn<'_> {
    /// Sets the time at which renewal may be tried again.
    fn done(self, ended: Result<&Ended, &SendError>, now: SystemTime) {
        let wait = match ended {
            Ok(Ended::Same | Ended::Renewed) => Duration::from_secs(1),
            Ok(Ended::Dead) => LATER,
            Err(error) => error.retry_after().unwrap_or(LATER).clamp(Duration::from_secs(60), Duration::from_secs(3600)),
        };
        self.watch.not_before_ms.store(to_ms(now + wait), Ordering::Release);
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.watch.busy.store(false, Ordering::Release);
    }
}

pub(super) fn over() -> SendError {
    SendError::of(ErrorKind::ReauthorizationRequired, "the access token has expired and cannot be renewed any more: sign up again")
        .not_sent()
}
