//! The strategy's own methods for a tenant's token.

use std::time::SystemTime;

use zengine_connector::{EventContext, Secret, SendError};

use super::keeper::over;
use super::renewal::{self, Ended};
use crate::whatsapp_meta_cloud::{Tenant, WhatsAppMetaCloud};

/// The token in use.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TokenStatus {
    /// The token.
    pub token: Secret<String>,
    /// Time of issue, if it is known.
    pub issued_at: Option<SystemTime>,
    /// Time of expiry; `None` if it never expires or the expiry is not known yet.
    pub expires_at: Option<SystemTime>,
    /// Whether it differs from the configured one.
    pub is_renewed: bool,
}

/// The tenant's token.
impl WhatsAppMetaCloud {
    /// The token in use, from memory or the sessions; does not call Meta.
    pub async fn token(&self, tenant: &Tenant, cx: &EventContext) -> TokenStatus {
        let configured = &tenant.token.configured;
        let Some(watch) = &tenant.token.watch else {
            return TokenStatus { token: configured.token().clone(), issued_at: None, expires_at: None, is_renewed: false };
        };
        let held = watch.held(configured, cx).await;
        TokenStatus {
            token: held.credentials.token().clone(),
            issued_at: held.life.issued_at,
            expires_at: held.life.expires_at,
            is_renewed: !configured.is(held.credentials.token().expose()),
        }
    }

    /// Renews the token now if that is due: queries its lifetime if it is unknown, renews it after four fifths of it, and
    /// returns the token in use. For hosts with their own schedule; every call of a tenant, health checks included, does the
    /// same when it is due.
    ///
    /// # Errors
    /// `ReauthorizationRequired` if the token has expired; `Busy` if another process is renewing it or the sessions do not
    /// answer; Meta's errors.
    pub async fn renew_token(&self, tenant: &Tenant, cx: &EventContext) -> Result<TokenStatus, SendError> {
        if let Some(watch) = &tenant.token.watch {
            watch.forget();
            if watch.held(&tenant.token.configured, cx).await.life.is_due(cx.now(), watch.renews) {
                let ended = renewal::look_after(watch, &tenant.token.configured, &*self.http, self.token_hook.as_deref(), cx).await?;
                if ended == Ended::Dead {
                    return Err(over());
                }
            }
        }
        Ok(self.token(tenant, cx).await)
    }
}
