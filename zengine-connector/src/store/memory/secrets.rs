//! Secrets in memory.

use std::collections::HashMap;

use async_trait::async_trait;

use super::Tables;
use crate::{
    secret::{Secret, SecretRef},
    store::{SecretError, SecretScope, SecretStore, secrets::member},
    sync::RwLock,
};

/// The values of secrets, newest first, by scope and name.
pub(super) type Secrets = RwLock<HashMap<(SecretScope, String), Vec<Secret<Vec<u8>>>>>;

impl Tables {
    /// Sets the values of a secret; without values, removes it.
    pub(super) fn set_secret(&self, scope: &SecretScope, name: &str, values: Vec<Secret<Vec<u8>>>) -> bool {
        let (mut secrets, place) = (self.secrets.write(), (scope.clone(), name.to_owned()));
        if values.is_empty() { secrets.remove(&place).is_some() } else { secrets.insert(place, values).is_some() }
    }
}

#[async_trait]
impl SecretStore for Tables {
    async fn get(&self, scope: &SecretScope, reference: &SecretRef) -> Result<Vec<Secret<Vec<u8>>>, SecretError> {
        let SecretRef::Named { secret, key } = reference else { return Err(SecretError::NotFound) };
        let secrets = self.secrets.read();
        let values = secrets.get(&(scope.clone(), secret.clone())).ok_or(SecretError::NotFound)?;
        match key {
            None => Ok(values.clone()),
            Some(key) => values.iter().map(|value| member(value, key)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ids::{StrategyName, TenantId},
        store::Memory,
    };

    fn scope() -> SecretScope {
        SecretScope::tenant(StrategyName::new("sns-sms").unwrap(), TenantId::new("acme").unwrap())
    }

    fn get(memory: &Memory, reference: &SecretRef) -> Result<Vec<String>, SecretError> {
        let values = futures_util::FutureExt::now_or_never(memory.secrets().get(&scope(), reference)).unwrap()?;
        Ok(values.iter().map(|value| value.expose_str().unwrap().to_owned()).collect())
    }

    #[test]
    fn a_member_is_picked_from_every_value_the_newest_first() {
        let memory = Memory::new();
        for n in 1..=3 {
            memory.rotate_secret(&scope(), "aws", format!(r#"{{"id":"canary-{n}","n":{n},"none":null}}"#));
        }
        assert_eq!(get(&memory, &SecretRef::member("aws", "id")).unwrap(), ["canary-3", "canary-2"]);
        assert_eq!(get(&memory, &SecretRef::member("aws", "n")).unwrap(), ["3", "2"]);
        for missing in ["absent", "none"] {
            let error = get(&memory, &SecretRef::member("aws", missing)).unwrap_err();
            assert!(matches!(error, SecretError::Malformed(_)) && !format!("{error} {error:?}").contains("canary"));
        }
        assert!(!format!("{memory:?} {:?} {:?}", memory.secrets(), memory.stores()).contains("canary"));
        assert!(memory.remove_secret(&scope(), "aws") && !memory.remove_secret(&scope(), "aws"));
        assert!(matches!(get(&memory, &SecretRef::named("aws")), Err(SecretError::NotFound)));
    }

    #[test]
    fn local_references_are_not_found_here() {
        let memory = Memory::new();
        memory.put_secret(&scope(), "HOME", "value");
        assert!(matches!(get(&memory, &SecretRef::env("HOME")), Err(SecretError::NotFound)));
        assert!(matches!(get(&memory, &SecretRef::file("HOME")), Err(SecretError::NotFound)));
    }
}
