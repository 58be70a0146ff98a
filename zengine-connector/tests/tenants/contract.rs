//! The contract of secret stores, on those of the core.

use zengine_connector::{
    store::{LocalSecrets, Memory},
    testing::secret_store_contract,
};

#[tokio::test]
async fn secrets_in_memory_keep_the_contract() {
    let memory = Memory::new();
    secret_store_contract(&*memory.secrets(), &memory.tenant_writer()).await;
}

#[tokio::test]
async fn local_secrets_keep_the_contract_of_the_store_they_wrap() {
    let memory = Memory::new();
    secret_store_contract(&LocalSecrets::new(memory.secrets()), &memory).await;
}
