//! The token that proves calls, and its renewal before it ends.
//!
//! What is configured is the beginning. Where the configuration says that the token ends, what became of it stands in the
//! tenant's sessions, so that all processes use the same; each keeps it in memory for minutes. Renewal is done by whoever
//! finds it due, one process and one call at a time, while all others go on with the token they have.

mod credentials;
mod keeper;
mod methods;
mod record;
mod renewal;

use zengine_connector::{Error, TenantId, async_trait};

pub use methods::TokenStatus;

pub(super) use credentials::Credentials;
pub(super) use keeper::Keeper;

/// Is told of every token that was renewed, so that the host can keep it where it keeps the configured one.
///
/// The new token works already and stands in the sessions, encrypted; a host that does not want to lose it with them writes
/// it to its secret store here. The strategy then finds it as the configured token, and asks nothing of anybody.
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
    /// A tenant's token was renewed.
    ///
    /// # Errors
    /// Where it could not be kept. It is logged, and the token is used all the same.
    async fn renewed(&self, tenant: &TenantId, token: &TokenStatus) -> Result<(), Error>;
}
