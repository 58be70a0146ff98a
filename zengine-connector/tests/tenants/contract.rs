//! The contract of secret stores, on those of the core.

use std::sync::Arc;

use zengine_connector::{
    store::{LocalSecrets, MemorySecrets},
    testing::secret_store_contract,
};

#[tokio::test]
async fn secrets_in_memory_keep_the_contract() {
    let secrets = MemorySecrets::new();
    secret_store_contract(&secrets, &secrets).await;
}

#[tokio::test]
async fn local_secrets_keep_the_contract_of_the_store_they_wrap() {
    let secrets = Arc::new(MemorySecrets::new());
    secret_store_contract(&LocalSecrets::new(Arc::clone(&secrets) as _), &*secrets).await;
}
