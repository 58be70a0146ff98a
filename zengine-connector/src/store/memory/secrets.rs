//! Secrets in memory.

use std::collections::HashMap;

use async_trait::async_trait;

use super::Tables;
use crate::{
    secret::Secret,
    store::{SecretAnswer, SecretError, SecretScope, SecretStore},
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
    async fn get(&self, scope: &SecretScope, name: &str) -> SecretAnswer {
        self.secrets.read().get(&(scope.clone(), name.to_owned())).cloned().ok_or(SecretError::NotFound)
    }

    fn place(&self, scope: &SecretScope, _: &str) -> String {
        format!("{scope} in memory")
    }
}
