//! The port for secrets.

use std::{collections::BTreeMap, fmt};

use async_trait::async_trait;
use serde_json::value::RawValue;

use crate::{
    error::{BoxError, Error, ErrorKind},
    ids::{StrategyName, TenantId},
    secret::{Secret, SecretRef},
};

/// The scope of a secret. A store looks for the tenant's own secret first, then for the shared one of the same name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct SecretScope {
    /// The registered name of the strategy.
    pub strategy: StrategyName,
    /// The tenant; `None` for the application's own secrets.
    pub tenant: Option<TenantId>,
}

impl SecretScope {
    /// A tenant's secrets.
    pub fn tenant(strategy: StrategyName, tenant: TenantId) -> Self {
        Self { strategy, tenant: Some(tenant) }
    }

    /// The application's secrets.
    pub fn application(strategy: StrategyName) -> Self {
        Self { strategy, tenant: None }
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

impl fmt::Display for SecretError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotFound => "no such secret",
            Self::Malformed(what) => what,
            Self::Denied => "the secret store refuses access",
            Self::Unavailable(_) => "the secret store does not answer",
        })
    }
}

impl std::error::Error for SecretError {}

impl From<SecretError> for Error {
    fn from(error: SecretError) -> Self {
        match error {
            SecretError::NotFound => Self::new(ErrorKind::ConfigInvalid, "a secret does not exist"),
            SecretError::Malformed(what) => Self::new(ErrorKind::ConfigInvalid, what),
            SecretError::Denied => Self::new(ErrorKind::Secret, "the secret store refuses access"),
            SecretError::Unavailable(source) => {
                let error = Self::new(ErrorKind::Secret, "the secret store does not answer");
                match source {
                    Some(source) => error.with_source(source),
                    None => error,
                }
            }
        }
    }
}

/// A store of secrets.
///
/// A call that takes longer than 10 seconds is dropped and counts as [`Unavailable`](SecretError::Unavailable).
///
/// ```
/// # use zengine_connector::{SecretRef, StrategyName, TenantId};
/// use zengine_connector::store::{MemorySecrets, SecretScope, SecretStore};
/// # smol::block_on(async {
/// let secrets = MemorySecrets::new();
/// let acme = SecretScope::tenant(StrategyName::new("sns-sms")?, TenantId::new("acme")?);
/// secrets.put(&acme, "aws", "an access key");
/// assert_eq!(secrets.get(&acme, &SecretRef::named("aws")).await?[0].expose().as_slice(), b"an access key");
/// # Ok::<(), zengine_connector::Error>(())
/// # }).unwrap();
/// ```
#[async_trait]
pub trait SecretStore: Send + Sync + fmt::Debug + 'static {
    /// The values of a secret, newest first. Two while the secret is being rotated.
    async fn get(&self, scope: &SecretScope, reference: &SecretRef) -> Result<Vec<Secret<Vec<u8>>>, SecretError>;
}

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
