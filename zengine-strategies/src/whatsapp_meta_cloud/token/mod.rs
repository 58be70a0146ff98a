//! The token that proves calls, and its renewal before it expires.
//!
//! The configured token is the first one. If the configuration says that the token expires, its current state is in the
//! tenant's sessions, so that all processes use the same; each caches it in memory for minutes. The call that finds it due
//! renews it, one process and one call at a time, while all others go on with the token they have.

mod keeper;
mod methods;
mod record;
mod renewal;

use zengine_connector::{Error, TenantId, async_trait};

pub use methods::TokenStatus;

use crate::waba::gateway::Credentials;
pub(super) use keeper::Keeper;

/// A hook that is called after every renewal of a token, so that the host can store it where it stores the configured one.
///
/// The new token is already valid and is in the sessions, encrypted; a host that does not want to lose it with them writes
/// it to its secret store here. The strategy then finds it as the configured token, and makes no further call.
///
/// ```
/// use zengine_connector::{Error, TenantId, async_trait};
/// use zengine_strategies::whatsapp_meta_cloud::{TokenHook, TokenStatus};
///
/// #[derive(Debug)]
/// struct ToTheVault;
///
/// #[async_trait]
/// impl TokenHook for ToTheVault {
///     async fn renewed(&self, tenant: &TenantId, token: &TokenStatus) -> Result<(), Error> {
///         let _to_be_written = (tenant, token.token.expose(), token.expires_at);
///         Ok(())
///     }
/// }
/// ```
#[async_trait]
pub trait TokenHook: Send + Sync + std::fmt::Debug + 'static {
    /// Called after a tenant's token was renewed.
    ///
    /// # Errors
    /// If the token could not be stored. The error is logged, and the token is used all the same.
    async fn renewed(&self, tenant: &TenantId, token: &TokenStatus) -> Result<(), Error>;
}
