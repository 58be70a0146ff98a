//! The contract of secret stores.

// Cases are tests: a broken promise panics.
#![allow(clippy::unwrap_used, clippy::panic)]

use async_trait::async_trait;

use crate::{
    ids::{StrategyName, TenantId},
    secret::SecretRef,
    store::{MemorySecrets, SecretError, SecretScope, SecretStore},
};

/// Write access to a secret store. The port itself only reads.
#[async_trait]
pub trait SecretWriter: Send + Sync {
    /// Sets the values of a secret, the newest first. In an application scope the secret is shared.
    async fn put(&self, scope: &SecretScope, name: &str, values: &[&str]);
}

#[async_trait]
impl SecretWriter for MemorySecrets {
    async fn put(&self, scope: &SecretScope, name: &str, values: &[&str]) {
        self.remove(scope, name);
        for value in values.iter().rev() {
            self.rotate(scope, name, *value);
        }
    }
}

/// Runs every case of the contract against an empty store.
///
/// # Panics
/// Panics if the store breaks the contract.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let secrets = zengine_connector::store::MemorySecrets::new();
/// zengine_connector::testing::secret_store_contract(&secrets, &secrets).await;
/// # });
/// ```
pub async fn secret_store_contract(store: &dyn SecretStore, writer: &dyn SecretWriter) {
    let strategy = StrategyName::new("contract").unwrap();
    let tenant = |id| SecretScope::tenant(strategy.clone(), TenantId::new(id).unwrap());
    let (acme, other, shared) = (tenant("acme"), tenant("other"), SecretScope::application(strategy.clone()));
    let elsewhere = SecretScope::application(StrategyName::new("elsewhere").unwrap());
    let token = SecretRef::named("token");

    for scope in [&acme, &shared] {
        missing(store, scope, &token).await;
    }
    writer.put(&shared, "token", &["canary-shared"]).await;
    for scope in [&acme, &other, &shared] {
        expect(store, scope, &token, &["canary-shared"]).await;
    }
    writer.put(&acme, "token", &["canary-own"]).await;
    expect(store, &acme, &token, &["canary-own"]).await;
    for scope in [&other, &shared] {
        expect(store, scope, &token, &["canary-shared"]).await;
    }
    missing(store, &elsewhere, &token).await;
    // No other tenant sees a tenant's own secret.
    writer.put(&acme, "private", &["canary-own"]).await;
    for scope in [&other, &shared] {
        missing(store, scope, &SecretRef::named("private")).await;
    }

    writer.put(&acme, "token", &["canary-new", "canary-own"]).await;
    expect(store, &acme, &token, &["canary-new", "canary-own"]).await;

    writer.put(&acme, "json", &[r#"{"id":"canary-new"}"#, r#"{"id":"canary-old"}"#]).await;
    expect(store, &acme, &SecretRef::member("json", "id"), &["canary-new", "canary-old"]).await;

    // Only "not found" falls back to the shared secret: a tenant's own malformed secret must be an error.
    writer.put(&shared, "broken", &[r#"{"id":"canary-shared"}"#]).await;
    writer.put(&acme, "broken", &["canary, no JSON"]).await;
    malformed(store, &acme, &SecretRef::member("broken", "id")).await;
    malformed(store, &acme, &SecretRef::member("json", "absent")).await;
}

async fn expect(store: &dyn SecretStore, scope: &SecretScope, reference: &SecretRef, values: &[&str]) {
    let found = store.get(scope, reference).await.unwrap();
    assert!(!format!("{found:?}").contains("canary"), "secrets print themselves");
    let found: Vec<_> = found.iter().map(|value| value.expose_str().unwrap()).collect();
    assert_eq!(found, values, "{scope:?} {reference:?}");
}

async fn missing(store: &dyn SecretStore, scope: &SecretScope, reference: &SecretRef) {
    match store.get(scope, reference).await {
        Err(SecretError::NotFound) => {}
        Err(error) => panic!("{scope:?} {reference:?} is missing, but the store says: {error}"),
        Ok(_) => panic!("{scope:?} {reference:?} is missing, but the store gives it"),
    }
}

async fn malformed(store: &dyn SecretStore, scope: &SecretScope, reference: &SecretRef) {
    match store.get(scope, reference).await {
        Err(error @ SecretError::Malformed(_)) => assert!(!format!("{error} {error:?}").contains("canary"), "an error prints the secret"),
        Err(error) => panic!("{scope:?} {reference:?} is malformed, but the store says: {error}"),
        Ok(_) => panic!("{scope:?} {reference:?} is malformed, but the store gives a value"),
    }
}
