//! Where secrets come from.

use std::{collections::BTreeMap, fmt};

use async_trait::async_trait;
use serde_json::value::RawValue;

use crate::{
    error::{BoxError, Error, ErrorKind},
    ids::{StrategyName, TenantId},
    secret::{Secret, SecretRef},
};

/// Whose secret is asked for. A store looks under the tenant first and under the shared name only where the tenant has none.
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

/// Why a secret did not resolve. Names nothing of the secret.
#[derive(Debug)]
#[non_exhaustive]
pub enum SecretError {
    /// There is none of that name.
    NotFound,
    /// It is not of the expected form, for example without the named member.
    Malformed(&'static str),
    /// The store refuses to give it.
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

/// Gives out secrets by reference.
#[async_trait]
pub trait SecretStore: Send + Sync + fmt::Debug + 'static {
    /// The values of a secret, the newest first; two while it is being rotated.
    async fn get(&self, scope: &SecretScope, reference: &SecretRef) -> Result<Vec<Secret<Vec<u8>>>, SecretError>;
}

/// The member of a secret that is a JSON object: a string's text, any other value's JSON.
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
