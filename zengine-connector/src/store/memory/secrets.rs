//! Secrets in memory.

use std::{collections::HashMap, fmt};

use async_trait::async_trait;

use crate::{
    secret::{Secret, SecretRef},
    store::{SecretError, SecretScope, SecretStore, secrets::member},
    sync::RwLock,
};

/// Secrets in memory, by scope.
///
/// References to environment variables and files are not resolved here; the host resolves them.
///
/// ```
/// use zengine_connector::{StrategyName, TenantId, store::{MemorySecrets, SecretScope}};
///
/// let secrets = MemorySecrets::new();
/// let acme = SecretScope::tenant(StrategyName::new("sns-sms")?, TenantId::new("acme")?);
/// secrets.put(&acme, "aws", "an access key");
/// # Ok::<(), zengine_connector::Error>(())
/// ```
#[derive(Default)]
pub struct MemorySecrets(RwLock<HashMap<SecretScope, HashMap<String, Values>>>);

/// The values of a secret, newest first.
type Values = Vec<Secret<Vec<u8>>>;

impl MemorySecrets {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a secret's only value.
    pub fn put(&self, scope: &SecretScope, name: impl Into<String>, value: impl Into<Vec<u8>>) {
        self.0.write().entry(scope.clone()).or_default().insert(name.into(), vec![Secret::new(value.into())]);
    }

    /// Adds a new value to a secret. The previous value stays valid; older ones are removed.
    pub fn rotate(&self, scope: &SecretScope, name: impl Into<String>, value: impl Into<Vec<u8>>) {
        let mut secrets = self.0.write();
        let values = secrets.entry(scope.clone()).or_default().entry(name.into()).or_default();
        values.insert(0, Secret::new(value.into()));
        values.truncate(2);
    }

    /// Removes a secret. Returns `true` if it existed.
    pub fn remove(&self, scope: &SecretScope, name: &str) -> bool {
        self.0.write().get_mut(scope).is_some_and(|secrets| secrets.remove(name).is_some())
    }
}

impl fmt::Debug for MemorySecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemorySecrets").finish_non_exhaustive()
    }
}

#[async_trait]
impl SecretStore for MemorySecrets {
    async fn get(&self, scope: &SecretScope, reference: &SecretRef) -> Result<Vec<Secret<Vec<u8>>>, SecretError> {
        let SecretRef::Named { secret, key } = reference else { return Err(SecretError::NotFound) };
        let secrets = self.0.read();
        let values = secrets.get(scope).and_then(|secrets| secrets.get(secret)).ok_or(SecretError::NotFound)?;
        match key {
            None => Ok(values.clone()),
            Some(key) => values.iter().map(|value| member(value, key)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{StrategyName, TenantId};

    fn scope(tenant: Option<&str>) -> SecretScope {
        let strategy = StrategyName::new("sns-sms").unwrap();
        match tenant {
            Some(tenant) => SecretScope::tenant(strategy, TenantId::new(tenant).unwrap()),
            None => SecretScope::application(strategy),
        }
    }

    fn get(secrets: &MemorySecrets, tenant: Option<&str>, reference: &SecretRef) -> Result<Vec<String>, SecretError> {
        let values = futures_util::FutureExt::now_or_never(secrets.get(&scope(tenant), reference)).unwrap()?;
        Ok(values.iter().map(|value| value.expose_str().unwrap().to_owned()).collect())
    }

    #[test]
    fn a_member_is_picked_from_every_value_the_newest_first() {
        let secrets = MemorySecrets::new();
        for n in 1..=3 {
            secrets.rotate(&scope(Some("acme")), "aws", format!(r#"{{"id":"canary-{n}","n":{n},"none":null}}"#));
        }
        assert_eq!(get(&secrets, Some("acme"), &SecretRef::member("aws", "id")).unwrap(), ["canary-3", "canary-2"]);
        assert_eq!(get(&secrets, Some("acme"), &SecretRef::member("aws", "n")).unwrap(), ["3", "2"]);
        for missing in ["absent", "none"] {
            let error = get(&secrets, Some("acme"), &SecretRef::member("aws", missing)).unwrap_err();
            assert!(matches!(error, SecretError::Malformed(_)) && !format!("{error} {error:?}").contains("canary"));
        }
        assert!(!format!("{secrets:?}").contains("canary"));
    }

    #[test]
    fn local_references_are_not_found_here() {
        let secrets = MemorySecrets::new();
        secrets.put(&scope(None), "HOME", "value");
        assert!(matches!(get(&secrets, None, &SecretRef::env("HOME")), Err(SecretError::NotFound)));
        assert!(matches!(get(&secrets, None, &SecretRef::file("HOME")), Err(SecretError::NotFound)));
    }
}
