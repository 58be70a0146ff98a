//! The strategy's own methods for a tenant's token.

use std::time::SystemTime;

use zengine_connector::{EventContext, Secret, SendError};

use super::{
    keeper::over,
    renewal::{self, Ended},
};
use crate::whatsapp_meta_cloud::{Tenant, WhatsAppMetaCloud};

/// The token in use.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TokenStatus {
    /// The token.
    pub token: Secret<String>,
    /// When it was issued, where that is known.
    pub issued_at: Option<SystemTime>,
    /// When it ends; `None`: never, or nobody asked.
    pub expires_at: Option<SystemTime>,
    /// Whether it is another than the configured one.
    pub is_renewed: bool,
}

/// The tenant's token.
impl WhatsAppMetaCloud {
    /// The token in use, from memory or the sessions; asks Meta nothing.
    pub async fn token(&self, tenant: &Tenant, cx: &EventContext) -> TokenStatus {
        let configured = &tenant.token.configured;
        let Some(watch) = &tenant.token.watch else {
            return TokenStatus { token: configured.token().clone(), issued_at: None, expires_at: None, is_renewed: false };
        };
        let held = watch.held(configured, cx).await;
        TokenStatus {
            token: held.credentials.token().clone(),
            issued_at: held.life.issued_at(),
            expires_at: held.life.expires_at(),
            is_renewed: held.credentials.token().expose() != configured.token().expose(),
        }
    }

    /// Looks after the token now: asks about its life where nobody knows it, renews it where four fifths are over, and gives
    /// the token in use. For hosts that want it on a schedule of their own; every call of a tenant, health checks included,
    /// does it where it is due.
    ///
    /// # Errors
    /// `ReauthorizationRequired` where the token has ended; `Busy` where another process is at it or the sessions do not
    /// answer; what Meta says.
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
