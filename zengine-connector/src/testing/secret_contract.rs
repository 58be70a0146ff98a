//! The contract of secret stores.

// Cases are tests: a broken promise panics.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::Arc;

use async_trait::async_trait;

use crate::{
    ids::{StrategyName, TenantId},
    secret::Secret,
    store::{Memory, SecretError, SecretScope, SecretStore, TenantWriter},
};

/// Write access to a secret store, whose port only reads. A [`TenantWriter`] that keeps secrets is one.
#[async_trait]
pub trait SecretWriter: Send + Sync {
    /// Sets the values of a secret in a scope, the newest first.
    async fn put(&self, scope: &SecretScope, name: &str, values: &[&str]);
}

#[async_trait]
impl SecretWriter for Arc<dyn TenantWriter> {
    async fn put(&self, scope: &SecretScope, name: &str, values: &[&str]) {
        let values = values.iter().map(|value| Secret::new(value.as_bytes().to_vec())).collect();
        self.put_secret(scope, name, values).await.unwrap_or_else(|error| panic!("`put_secret` returned {error:?}"));
    }
}

#[async_trait]
impl SecretWriter for Memory {
    async fn put(&self, scope: &SecretScope, name: &str, values: &[&str]) {
        self.tenant_writer().put(scope, name, values).await;
    }
}

/// Runs every case of the contract against an empty store.
///
/// # Panics
/// Panics if the store breaks the contract.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let memory = zengine_connector::store::Memory::new();
/// zengine_connector::testing::secret_store_contract(&*memory.secrets(), &memory).await;
/// # });
/// ```
pub async fn secret_store_contract(store: &dyn SecretStore, writer: &dyn SecretWriter) {
    let strategy = StrategyName::new("contract").unwrap();
    let tenant = |id| SecretScope::tenant(strategy.clone(), TenantId::new(id).unwrap());
    let (acme, other) = (tenant("acme"), tenant("other"));
    let (shared, application) = (SecretScope::shared(strategy.clone()), SecretScope::application(strategy.clone()));
    let elsewhere = StrategyName::new("elsewhere").unwrap();

    // A scope is a namespace of its own: the core asks for the shared secret, the store never gives it for another.
    let scopes = [acme.clone(), other, shared, application];
    for (n, scope) in scopes.iter().enumerate() {
        missing(store, scope, "token").await;
        writer.put(scope, "token", &[&format!("canary-{n}")]).await;
        writer.put(scope, &format!("only-{n}"), &["canary-only"]).await;
    }
    for (n, scope) in scopes.iter().enumerate() {
        expect(store, scope, "token", &[&format!("canary-{n}")]).await;
        for m in 0..scopes.len() {
            let only = format!("only-{m}");
            if n == m {
                expect(store, scope, &only, &["canary-only"]).await;
            } else {
                missing(store, scope, &only).await;
            }
        }
    }
    for scope in [SecretScope::shared(elsewhere.clone()), SecretScope::application(elsewhere)] {
        missing(store, &scope, "token").await;
    }

    writer.put(&acme, "token", &["canary-new", "canary-own"]).await;
    expect(store, &acme, "token", &["canary-new", "canary-own"]).await;

    several(store, &acme).await;
}

/// Several secrets at once are answered as each alone, in order, and one that fails spoils no other.
async fn several(store: &dyn SecretStore, scope: &SecretScope) {
    let names = ["only-0", "absent", "token", "only-0"];
    let answers = store.get_all(scope, &names).await;
    assert_eq!(answers.len(), names.len(), "one answer per name");
    assert!(!format!("{answers:?}").contains("canary"), "secrets print themselves");
    for (name, answer) in names.iter().zip(answers) {
        match (answer, store.get(scope, name).await) {
            (Ok(values), Ok(alone)) => {
                assert!(values.iter().map(Secret::expose).eq(alone.iter().map(Secret::expose)), "{name}");
            }
            (Err(error), Err(alone)) => assert_eq!(error.to_string(), alone.to_string(), "{name}"),
            _ => panic!("{name}: get_all and get disagree"),
        }
    }
    assert!(store.get_all(scope, &[]).await.is_empty());
}

async fn expect(store: &dyn SecretStore, scope: &SecretScope, name: &str, values: &[&str]) {
    let found = store.get(scope, name).await.unwrap();
    assert!(!format!("{found:?}").contains("canary"), "secrets print themselves");
    let found: Vec<_> = found.iter().map(|value| value.expose_str().unwrap()).collect();
    assert_eq!(found, values, "{scope:?} {name:?}");
}

async fn missing(store: &dyn SecretStore, scope: &SecretScope, name: &str) {
    match store.get(scope, name).await {
        Err(SecretError::NotFound) => {}
        Err(error) => panic!("{scope:?} {name:?} is missing, but the store says: {error}"),
        Ok(_) => panic!("{scope:?} {name:?} is missing, but the store gives it"),
    }
}
