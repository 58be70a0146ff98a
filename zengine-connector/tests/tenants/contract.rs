//! The contract of secret stores, on those of the core.

use zengine_connector::{store::Memory, testing::secret_store_contract};

#[tokio::test]
async fn secrets_in_memory_keep_the_contract() {
    let memory = Memory::new();
    secret_store_contract(&*memory.secrets(), &memory.tenant_writer()).await;
}
