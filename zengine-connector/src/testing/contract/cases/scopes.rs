//! The scopes of calls, by which the host limits rates and pauses.

use serde_json::Value;

use super::{super::host::raw, prelude::*};
use crate::{error::Scope, message::MessageRef, strategy::Scopes};

/// The scopes of a tenant's message, asked of a fresh instance of the strategy.
async fn of(kit: &SharedKit, tenant: usize, message: &Value) -> Vec<(Scope, u64, u64)> {
    let host = TestHost::new(kit);
    let bound = host.bind(tenant).await.expect("a sample tenant binds");
    let half = host.orchestrator.engine.registry.entry(kit.name.as_str()).expect("the strategy is registered").sends().expect("it sends");
    let message = raw(message);
    let prepared = half.prepare(MessageRef::from(&*message)).expect("a sample message parses");
    let mut known = None;
    for _ in 0..3 {
        let mut scopes = Scopes::default();
        half.scopes(&bound.state, &prepared, &mut scopes).unwrap_or_else(|error| panic!("scopes panicked: {error}"));
        assert!(!scopes.overflows(), "a call has more than {} scopes, and is refused for it", Scopes::MAX);
        let declared = scopes.declared();
        let known = known.get_or_insert_with(|| declared.clone());
        assert!(*known == declared, "the same message has other scopes the second time: take them from tenant and message alone");
    }
    assert_eq!(host.wire.calls(), 0, "scopes called the provider");
    known.unwrap_or_default()
}

/// The scopes of a message are few, and the same in every process and each time.
pub(crate) async fn scopes_are_the_same_for_the_same_message(kit: &SharedKit) -> CaseResult {
    for tenant in 0..TENANTS {
        for message in kit.outbound().more.iter().chain([&kit.message(0)]) {
            let (one, another) = (of(kit, tenant, message).await, of(kit, tenant, message).await);
            assert!(one == another, "the same message has other scopes in another process: its rate would count twice");
        }
    }
    Ok(())
}

/// Only the scope `recipient` follows the person that a message goes to: a shared one would name people to other tenants, and one
/// recipient for all would stop everybody when one person gets too much.
pub(crate) async fn only_the_recipients_scope_follows_the_recipient(kit: &SharedKit) -> CaseResult {
    let split = |declared: Vec<(Scope, u64, u64)>| declared.into_iter().partition::<Vec<_>, _>(|(scope, ..)| *scope == Scope::Recipient);
    let (own, common) = split(of(kit, 0, &kit.message(0)).await);
    let (others, others_common) = split(of(kit, 0, &kit.message(1)).await);
    assert!(
        common == others_common,
        "messages of one kind to two people have other scopes than `recipient`: which of them names a person?"
    );
    assert!(own.iter().all(|one| !others.contains(one)), "two people are one recipient: a pause of one stops the other");
    Ok(())
}
