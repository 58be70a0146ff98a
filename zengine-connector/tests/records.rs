//! The size of stored records.

#![allow(clippy::unwrap_used, reason = "a test that meets the unexpected fails")]

use std::sync::Arc;

use zengine_connector::{
    ClientMessageId, ConversationId, Identity, Orchestrator, OutboundMessage, Outcome, ProviderMessageId, Receipt, StrategyName, TenantId,
    store::{ClaimKey, Memory},
    testing::{ProviderAnswer, Recording},
};

/// Receipts as the field's providers give them: one id of 20 to 120 characters, sometimes a conversation or a remark.
fn receipts() -> Vec<Receipt> {
    let id = |text: String| Receipt::accepted(ProviderMessageId::new(text).unwrap());
    let mut receipts = Vec::new();
    for n in 0..20 {
        // WhatsApp: base64 of the recipient and 16 or 20 random bytes.
        receipts.push(id(format!("wamid.HBgNNDkxNTExMjM0NTY3OBUCABEYEjVGMzVDMUQ5QjdBQTYzRjBENg{n:02}==")));
        receipts.push(id(format!("wamid.{}", "HBgNNDkxNTExMjM0NTY3OBUCABEY".repeat(4))).with_note("held_for_quality_assessment"));
        // SES, SNS, Connect.
        receipts.push(id(format!("0100018f3c2a9b7e-1b2c3d4e-5f60-7182-93a4-b5c6d7e8f9{n:02}-000000")));
        receipts.push(id(format!("94e8d1c2-7a3b-5f60-8182-93a4b5c6d7{n:02}")));
        let contact = ConversationId::new("6d1f0a52-93b4-4c1e-8d7a-2f0b5c6e7a88").unwrap();
        receipts.push(id(format!("a1b2c3d4-e5f6-7081-92a3-b4c5d6e7f8{n:02}")).with_conversation(contact));
        // Five9: ids of a conversation and of a message in it.
        let conversation = ConversationId::new("0f3c9e7d5b1a4286c8e0f2a4b6d8e0f2").unwrap();
        receipts.push(id(format!("{n:032}")).with_conversation(conversation));
    }
    receipts
}

#[tokio::test]
async fn a_delivered_sends_record_has_at_most_1_024_bytes_at_p99_of_the_fields_receipts() {
    let (memory, provider) = (Memory::new(), Recording::new());
    let tenant = TenantId::new("a-tenant-with-a-name-of-48-characters-in-the-key").unwrap();
    let strategy = StrategyName::new("recording").unwrap();
    memory.put_tenant(&tenant, &strategy, serde_json::json!({}));
    let process = Orchestrator::builder().strategy(provider.clone()).stores(memory.clone()).build().unwrap();
    let message = OutboundMessage::text(Identity::phone("+15551230001").unwrap(), "hello");
    let mut sizes = Vec::new();
    for (n, receipt) in receipts().into_iter().enumerate() {
        let id = ClientMessageId::new(format!("flow-{n}")).unwrap();
        provider.answer(ProviderAnswer::AcceptWith(Arc::new(move |_| receipt.clone())));
        let outcome = process.send(&tenant, "recording", id.clone(), &message).await.unwrap();
        assert!(matches!(outcome, Outcome::Delivered(_)));
        let record = memory.claims().get(&ClaimKey::outbound(&tenant, &strategy, &id)).await.unwrap().unwrap();
        assert!(!record.result.as_ref().unwrap().as_sealed().is_empty());
        sizes.push(record.to_cbor().len());
    }
    sizes.sort_unstable();
    let p99 = sizes[sizes.len() * 99 / 100];
    println!("median {}, p99 {p99}, largest {}", sizes[sizes.len() / 2], sizes[sizes.len() - 1]);
    assert!(p99 <= 1024, "{p99}");
    assert!(p99 <= 448, "{p99}: more than a member's growth above what version 1 began with");
}
