//! Query and renewal of a token.

use std::{sync::Arc, time::Duration};

use zengine_connector::strategy::{SessionErrorKind, Versioned};
use zengine_connector::{ErrorKind, HttpClient, Secret, SendError};

use super::keeper::Watch;
use super::record::{KEY, Record, TURN};
use super::{Credentials, TokenHook, TokenStatus};
use crate::waba::context::CallContext;
use crate::whatsapp_meta_cloud::TokenInfo;

/// Time after which another process that holds the lock is considered dead.
const TURN_TIME: Duration = Duration::from_secs(60);

/// The result of a renewal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// The token is unchanged, and its lifetime is known.
    Same,
    Renewed,
    /// Meta says that the token does not work: a new signup is required.
    Dead,
}

/// Queries the token, and renews it if four fifths of its lifetime are over.
pub(super) async fn look_after(
    watch: &Watch,
    configured: &Arc<Credentials>,
    http: &dyn HttpClient,
    hook: Option<&dyn TokenHook>,
    cx: &dyn CallContext,
) -> Result<Ended, SendError> {
    let turn = match cx.sessions().put(TURN, &true, None, TURN_TIME).await {
        Ok(version) => version,
        // Another process is at it: look again when it is done.
        Err(busy) if busy.kind == SessionErrorKind::Conflict => {
            return Err(busy.into_send_error().retry_after(TURN_TIME).not_sent());
        }
        Err(error) => return Err(logged(error.into_send_error().not_sent())),
    };
    let ended = in_turn(watch, configured, http, hook, cx).await;
    // If the store fails, the lock expires by itself.
    let _ = cx.sessions().delete(TURN, turn).await;
    watch.forget();
    ended.map_err(logged)
}

async fn in_turn(
    watch: &Watch,
    configured: &Arc<Credentials>,
    http: &dyn HttpClient,
    hook: Option<&dyn TokenHook>,
    cx: &dyn CallContext,
) -> Result<Ended, SendError> {
    // Whoever had the turn before us may have done it.
    let stored = cx.sessions().get::<Record>(KEY).await.map_err(|error| error.into_send_error().not_sent())?;
    let version = stored.as_ref().map(|stored| stored.version);
    let current = stored.filter(|stored| stored.value.is_of(configured.token()));
    let held = current.as_ref().map(|Versioned { value, .. }| value.held(configured, &watch.app.app_secret));
    if held.as_ref().is_some_and(|held| !held.life.is_due(cx.now(), watch.renews)) {
        return Ok(Ended::Same);
    }
    let token = held.as_ref().map_or(configured, |held| &held.credentials).token();
    let info = watch.calls(http, cx).inspect(token).await?;
    if !info.is_usable(cx.now()) {
        tracing::warn!(tenant = %cx.tenant(), "an access token does not work any more: sign up again");
        return Ok(Ended::Dead);
    }
    ours(&info, watch)?;
    let renewed = (!configured.is(token.expose())).then_some(token);
    let as_it_is = Record::new(configured.token(), renewed, &info);
    let due = as_it_is.held(configured, &watch.app.app_secret).life.is_due(cx.now(), watch.renews);
    if !due {
        keep(&as_it_is, version, cx).await?;
        return Ok(Ended::Same);
    }
    let issued = watch.calls(http, cx).renew(token).await?;
    // The old token stays the one until the new one has proved itself.
    let new = watch.calls(http, cx).inspect(&issued.token).await?;
    ours(&new, watch)?;
    let lasts_longer = match (new.expires_at, info.expires_at) {
        (Some(new), Some(old)) => new > old,
        _ => true,
    };
    if !new.is_usable(cx.now()) || !lasts_longer {
        return Err(SendError::of(ErrorKind::Protocol, "the renewed token is no better than the old one").not_sent());
    }
    keep(&Record::new(configured.token(), Some(&issued.token), &new), version, cx).await?;
    tracing::info!(tenant = %cx.tenant(), "an access token was renewed");
    tell(hook, &issued.token, &new, cx).await;
    Ok(Ended::Renewed)
}

/// Checks that the token belongs to the app and covers the account.
fn ours(info: &TokenInfo, watch: &Watch) -> Result<(), SendError> {
    let wrong = |what| Err(SendError::of(ErrorKind::Config, what).not_sent());
    if info.app_id.as_deref().is_some_and(|app| app != watch.app.app_id) {
        return wrong("the token belongs to another app");
    }
    if !info.covers(&watch.waba_id) {
        return wrong("the token may not touch this account");
    }
    Ok(())
}

/// Stores the record; if another process stored one first, that is kept.
async fn keep(record: &Record, version: Option<u64>, cx: &dyn CallContext) -> Result<(), SendError> {
    match cx.sessions().put(KEY, record, version, record.ttl(cx.now())).await {
        Ok(_) => Ok(()),
        Err(error) if error.kind == SessionErrorKind::Conflict => Ok(()),
        Err(error) => Err(error.into_send_error().not_sent()),
    }
}

async fn tell(hook: Option<&dyn TokenHook>, token: &Secret<String>, info: &TokenInfo, cx: &dyn CallContext) {
    let Some(hook) = hook else { return };
    let status = TokenStatus { token: token.clone(), issued_at: info.issued_at, expires_at: info.expires_at, is_renewed: true };
    if let Err(error) = hook.renewed(cx.tenant(), &status).await {
        tracing::warn!(tenant = %cx.tenant(), kind = error.kind().as_str(), "a renewed token could not be handed to the host");
    }
}

fn logged(error: SendError) -> SendError {
    tracing::warn!(kind = error.kind().as_str(), code = error.provider_code(), "an access token could not be looked after");
    error
}
