//! The port for secrets.

use std::{collections::BTreeMap, fmt};

use async_trait::async_trait;
use futures_util::future::join_all;
use serde_json::value::RawValue;

use super::{StoreError, StoreErrorKind};
use crate::{
    error::{BoxError, Error, ErrorKind},
    ids::{StrategyName, TenantId},
    secret::{Secret, SecretRef},
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

/// The reason for which a secret was not resolved. Holds no part of the secret.
#[derive(Debug)]
#[non_exhaustive]
pub enum SecretError {
    /// No secret has this name.
    NotFound,
    /// The secret does not have the expected format, for example it lacks the named member.
    Malformed(&'static str),
    /// The store denies access.
    Denied,
    /// The store does not answer.
    Unavailable(Option<BoxError>),
}

impl SecretError {
    pub(crate) const fn message(&self) -> &'static str {
        match self {
            Self::NotFound => "the secret does not exist",
            Self::Malformed(what) => what,
            Self::Denied => "the secret store refuses access",
            Self::Unavailable(_) => "the secret store does not answer",
        }
    }
}

display!(SecretError, |it| it.message());

impl std::error::Error for SecretError {}

impl From<SecretError> for Error {
    fn from(error: SecretError) -> Self {
        let kind = match error {
            SecretError::NotFound | SecretError::Malformed(_) => ErrorKind::ConfigInvalid,
            SecretError::Denied | SecretError::Unavailable(_) => ErrorKind::Secret,
        };
        let failed = Self::new(kind, error.message());
        match error {
            SecretError::Unavailable(Some(source)) => failed.with_source(source),
            _ => failed,
        }
    }
}

/// A store of secrets.
///
/// A call that takes longer than 10 seconds is dropped and counts as [`Unavailable`](SecretError::Unavailable).
///
/// ```
/// # use zengine_connector::{SecretRef, StrategyName, TenantId};
/// use zengine_connector::store::{Memory, SecretScope};
/// # smol::block_on(async {
/// let memory = Memory::new();
/// let acme = SecretScope::tenant(StrategyName::new("sns-sms")?, TenantId::new("acme")?);
/// memory.put_secret(&acme, "aws", "an access key");
/// assert_eq!(memory.secrets().get(&acme, &SecretRef::named("aws")).await?[0].expose().as_slice(), b"an access key");
/// # Ok::<(), zengine_connector::Error>(())
/// # }).unwrap();
/// ```
#[async_trait]
pub trait SecretStore: Send + Sync + fmt::Debug + 'static {
    /// The values of a secret in exactly this scope, newest first. Two while the secret is being rotated.
    async fn get(&self, scope: &SecretScope, reference: &SecretRef) -> Result<Vec<Secret<Vec<u8>>>, SecretError>;

    /// The values of several secrets of one scope: one answer per reference, in their order. The time limit holds for all of them.
    ///
    /// The default calls [`get`](Self::get) for each, all at once. A remote store should ask once: the core resolves a
    /// tenant's configuration with two calls at most, one per scope.
    async fn get_all(&self, scope: &SecretScope, references: &[SecretRef]) -> Vec<SecretAnswer> {
        join_all(references.iter().map(|reference| self.get(scope, reference))).await
    }
}

/// Maximum size of a secret's value, in bytes.
pub(crate) const MAX_SECRET: usize = 64 * 1024;
/// Maximum length of a secret's name, in bytes.
const MAX_NAME: usize = 255;
/// Maximum number of values of a secret.
const MAX_VALUES: usize = 16;

/// Checks a secret that is to be written.
///
/// # Errors
/// `TooLarge`, with the rule that it breaks.
pub(crate) fn check_secret(name: &str, values: &[Secret<Vec<u8>>]) -> Result<(), StoreError> {
    let too_large = |message| Err(StoreError::new(StoreErrorKind::TooLarge, message));
    match () {
        () if name.is_empty() || name.len() > MAX_NAME => too_large("a secret's name has 1 to 255 bytes"),
        () if values.len() > MAX_VALUES => too_large("a secret has at most 16 values"),
        () if values.iter().any(|value| value.expose().len() > MAX_SECRET) => too_large("a secret's value has at most 65536 bytes"),
        () => Ok(()),
    }
}

/// The answer of a store that reads whole secrets: within bounds, not empty, and the member that is asked for.
pub(crate) fn answer(values: Vec<Secret<Vec<u8>>>, key: Option<&str>) -> SecretAnswer {
    if values.len() > MAX_VALUES || values.iter().any(|value| value.expose().len() > MAX_SECRET) {
        return Err(SecretError::Malformed("a secret is too large"));
    }
    if values.is_empty() {
        return Err(SecretError::NotFound);
    }
    // A signature under an empty key proves nothing.
    if values.iter().any(|value| value.expose().is_empty()) {
        return Err(SecretError::Malformed("the secret is empty"));
    }
    match key {
        None => Ok(values),
        Some(key) => values.iter().map(|value| member(value, key)).collect(),
    }
}

/// The answer to one reference: its values, newest first.
pub type SecretAnswer = Result<Vec<Secret<Vec<u8>>>, SecretError>;

/// A member of a secret that is a JSON object: the text of a string, or the JSON of any other value.
pub(crate) fn member(value: &Secret<Vec<u8>>, key: &str) -> Result<Secret<Vec<u8>>, SecretError> {
    const NO_OBJECT: SecretError = SecretError::Malformed("the secret is not a JSON object");
    let text = value.expose_str().ok_or(NO_OBJECT)?;
    let members: BTreeMap<String, &RawValue> = serde_json::from_str(text).map_err(|_| NO_OBJECT)?;
    let raw = members.get(key).ok_or(SecretError::Malformed("the secret has no such member"))?.get();
    if raw == "null" {
        return Err(SecretError::Malformed("the secret's member is null"));
    }
    let text = if raw.starts_with('"') { serde_json::from_str::<String>(raw).map_err(|_| NO_OBJECT)? } else { raw.to_owned() };
    Ok(Secret::new(text.into_bytes()))
}
