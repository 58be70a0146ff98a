//! Which token a tenant's calls use.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::{Duration, SystemTime},
};

use zengine_connector::{Cached, ErrorKind, HttpClient, SendError, runtime::to_ms};

use super::{
    Credentials, TokenHook,
    record::{Held, KEY, Life, Record},
    renewal::{self, Ended},
};
use crate::whatsapp_meta_cloud::{AppCredentials, TokenKind, context::CallContext, onboarding::AppCalls};

/// How long what the sessions say is believed without looking again.
const MEMORY: Duration = Duration::from_secs(300);
/// The same where the sessions cannot be read.
const MEMORY_WITHOUT_STORE: Duration = Duration::from_secs(10);
/// When what failed is tried again, where nobody says.
const LATER: Duration = Duration::from_secs(600);
/// The least time a call must have left to spend some of it on the token.
const LEAST: Duration = Duration::from_secs(2);
/// The longest that one question about the token may take.
const LONGEST: Duration = Duration::from_secs(5);

/// A tenant's token.
#[derive(Debug)]
pub(in crate::whatsapp_meta_cloud) struct Keeper {
    pub(super) configured: Arc<Credentials>,
    /// Absent: the token does not end, and nothing is asked about it.
    pub(super) watch: Option<Watch>,
}

/// What watching a token that ends takes.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) app: AppCredentials,
    pub(super) waba_id: String,
    pub(super) root: String,
    pub(super) renews: bool,
    held: Cached<Held>,
    /// Whether a call of this process is at it.
    busy: AtomicBool,
    /// Milliseconds before which nothing is tried again.
    not_before_ms: AtomicI64,
}

impl Keeper {
    pub(in crate::whatsapp_meta_cloud) fn fixed(configured: Credentials) -> Self {
        Self { configured: Arc::new(configured), watch: None }
    }

    /// A token that ends, of an account, at an address of the API.
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

    /// The token of this moment, looked after where that is due.
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

    /// Meta refused the token: another process may have a newer one.
    pub(in crate::whatsapp_meta_cloud) fn refused(&self) {
        if let Some(watch) = &self.watch {
            watch.held.invalidate();
        }
    }

    /// Whether the token's end is near, as far as this process knows.
    pub(in crate::whatsapp_meta_cloud) async fn ends_soon(&self, cx: &dyn CallContext) -> bool {
        match &self.watch {
            Some(watch) => watch.held(&self.configured, cx).await.life.ends_soon(cx.now()),
            None => false,
        }
    }
}

impl Watch {
    /// What is in use: from memory, else from the sessions.
    pub(super) async fn held(&self, configured: &Arc<Credentials>, cx: &dyn CallContext) -> Arc<Held> {
        let unknown = || Held { credentials: Arc::clone(configured), life: Life::Unknown };
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

    /// Forgets what is in memory: the sessions know better.
    pub(super) fn forget(&self) {
        self.held.invalidate();
    }

    /// The right to look after the token; none where another call of this process has it, where it was tried a moment ago,
    /// or where too little time is left.
    fn turn(&self, cx: &dyn CallContext) -> Option<Turn<'_>> {
        let early = to_ms(cx.now()) < self.not_before_ms.load(Ordering::Acquire);
        if early || cx.remaining() < LEAST || self.busy.swap(true, Ordering::AcqRel) {
            return None;
        }
        Some(Turn { watch: self })
    }

    /// Calls of the app, each within its part of the time that is left.
    pub(super) fn calls<'a>(&'a self, http: &'a dyn HttpClient, cx: &dyn CallContext) -> AppCalls<'a> {
        AppCalls { http, root: &self.root, app: &self.app, timeout: LONGEST.min(cx.remaining() / 4), now: cx.now() }
    }
}

/// Given back when it goes, also where its call is dropped.
struct Turn<'w> {
    watch: &'w Watch,
}

impl Turn<'_> {
    /// When it may be tried again.
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
