//! The port for secrets, and the secret stores for production.

mod env;
mod error;
mod file;
mod files;
mod form;
mod function;
mod members;
mod names;
mod resolve;

use std::fmt;

use async_trait::async_trait;
use futures_util::future::join_all;

pub(crate) use self::resolve::{check_secret, resolve};
pub use self::{env::EnvSecrets, error::SecretError, files::FileSecrets, function::SecretFn};
use crate::{
    ids::{StrategyName, TenantId},
    secret::Secret,
};

/// The namespace of a secret. Scopes are separate: a store looks in exactly one.
///
/// The core resolves a named secret of a tenant's configuration in [`Tenant`](Self::Tenant) and, only if it is not found there,
/// in [`Shared`](Self::Shared). A tenant's configuration never reaches [`Application`](Self::Application).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SecretScope {
    /// A tenant's own secrets.
    Tenant {
        /// The registered name of the strategy.
        strategy: StrategyName,
        /// The tenant.
        tenant: TenantId,
    },
    /// Secrets for every tenant of a strategy that has none of that name.
    Shared {
        /// The registered name of the strategy.
        strategy: StrategyName,
    },
    /// The secrets of the application itself, such as the key of its webhooks: those in a strategy's constructor and those that
    /// [`InboundContext::secret`](crate::InboundContext::secret) reads.
    Application {
        /// The registered name of the strategy.
        strategy: StrategyName,
    },
}

impl SecretScope {
    /// A tenant's own secrets.
    pub fn tenant(strategy: StrategyName, tenant: TenantId) -> Self {
        Self::Tenant { strategy, tenant }
    }

    /// The secrets that all tenants share.
    pub fn shared(strategy: StrategyName) -> Self {
        Self::Shared { strategy }
    }

    /// The application's secrets.
    pub fn application(strategy: StrategyName) -> Self {
        Self::Application { strategy }
    }

    /// The registered name of the strategy.
    pub fn strategy(&self) -> &StrategyName {
        match self {
            Self::Tenant { strategy, .. } | Self::Shared { strategy } | Self::Application { strategy } => strategy,
        }
    }
}

/// The scope in words: `the scope of tenant acme`.
impl fmt::Display for SecretScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tenant { tenant, .. } => write!(f, "the scope of tenant {tenant}"),
            Self::Shared { .. } => f.write_str("the shared scope"),
            Self::Application { .. } => f.write_str("the application's scope"),
        }
    }
}

/// The answer for one name: the values, newest first.
pub type SecretAnswer = Result<Vec<Secret<Vec<u8>>>, SecretError>;

/// A store of secrets by scope and name. It answers whole values: the core checks them, picks the member that a
/// [`SecretRef`](crate::SecretRef) names, and reads environment variables and files of the host itself.
///
/// The core calls [`get_all`](Self::get_all), once per scope. A call that takes longer than 10 seconds is dropped and counts as
/// [`Unavailable`](SecretError::Unavailable). A value has 1 byte to 64 KiB, and a secret at most 16 of them.
///
/// ```
/// # use zengine_connector::{StrategyName, TenantId};
/// use zengine_connector::store::{Memory, SecretScope};
/// # smol::block_on(async {
/// let memory = Memory::new();
/// let acme = SecretScope::tenant(StrategyName::new("sns-sms")?, TenantId::new("acme")?);
/// memory.put_secret(&acme, "aws", "an access key");
/// assert_eq!(memory.secrets().get(&acme, "aws").await?[0].expose().as_slice(), b"an access key");
/// # Ok::<(), zengine_connector::Error>(())
/// # }).unwrap();
/// ```
#[async_trait]
pub trait SecretStore: Send + Sync + fmt::Debug + 'static {
    /// The values of a secret in exactly this scope, newest first. Two while the secret is being rotated.
    async fn get(&self, scope: &SecretScope, name: &str) -> SecretAnswer;

    /// The values of several secrets of one scope: one answer per name, in their order. The time limit holds for all of them.
    ///
    /// The default calls [`get`](Self::get) for each, all at once. A remote store should ask once.
    async fn get_all(&self, scope: &SecretScope, names: &[&str]) -> Vec<SecretAnswer> {
        join_all(names.iter().map(|name| self.get(scope, name))).await
    }

    /// The place where the store looks for a secret, for the error about one that is not there: a variable, a file, a path of the
    /// vault. Never a value. Defaults to the scope in words.
    fn place(&self, scope: &SecretScope, name: &str) -> String {
        let _ = name;
        scope.to_string()
    }
}

/// Maximum size of a secret's value, in bytes.
const MAX_SECRET: usize = 64 * 1024;
