//! Tenants are isolated from one another.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{super::wire::RecordedCall, prelude::*};
use crate::pipeline::Outcome;

/// The values that name or authenticate one tenant only: secrets, texts of the configuration, routes.
fn marks(kit: &Kit, tenant: usize) -> Vec<String> {
    let of = |n: usize| {
        let sample = kit.tenant(n);
        let mut marks = kit.secrets_of(n);
        texts(&sample.config, &mut marks);
        marks.extend(sample.routes.iter().map(|route| route.value().to_owned()));
        marks
    };
    let others: Vec<_> = (0..TENANTS).filter(|n| *n != tenant).flat_map(of).collect();
    of(tenant).into_iter().filter(|mark| mark.len() >= 4 && !others.contains(mark)).collect()
}

fn texts(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::String(text) => into.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| texts(item, into)),
        Value::Object(members) => members.values().for_each(|member| texts(member, into)),
        _ => {}
    }
}

/// Checks that a request holds nothing of another tenant, and a secret of its own if requests show secrets.
pub(super) fn belongs(kit: &Kit, call: &RecordedCall, tenant: usize) {
    let printed = call.printed();
    for other in (0..TENANTS).filter(|other| *other != tenant) {
        let foreign = marks(kit, other).iter().any(|mark| printed.contains(mark.as_str()));
        assert!(!foreign, "a request of tenant {tenant} carries something of tenant {other}");
    }
    if kit.shows_secret() {
        let own = kit.secrets_of(tenant).iter().any(|value| printed.contains(value.as_str()));
        assert!(own, "a request of tenant {tenant} carries no secret of its own");
    }
}

/// Sequential sends of all tenants carry their own credentials: nothing cached for one is used for another.
pub(crate) async fn requests_carry_their_own_tenants_credentials(kit: &SharedKit) -> CaseResult {
    let host = TestHost::new(kit);
    for (round, tenant) in [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (2, 1), (2, 0)] {
        let before = host.wire.recorded().len();
        let outcome = host.send(tenant, tenant, &format!("own-{round}")).await.expect("a send");
        assert!(matches!(outcome, Outcome::Delivered(_)), "{outcome:?}");
        host.wire.recorded()[before..].iter().for_each(|call| belongs(kit, call, tenant));
    }
    Ok(())
}

/// Concurrent sends of all tenants, interleaved at the provider, carry their own credentials.
pub(crate) async fn interleaved_sends_carry_their_own_credentials(kit: &SharedKit) -> CaseResult {
    let host = TestHost::new(kit);
    let sends = (0..30).map(|n| {
        let host = &host;
        async move { host.send(n % TENANTS, n, &format!("mixed-{n}")).await.expect("a send") }
    });
    for outcome in join_all(sends).await {
        assert!(matches!(outcome, Outcome::Delivered(_)), "{outcome:?}");
    }
    let sends = host.wire.effects();
    assert_eq!(sends.len(), 30);
    for n in 0..30 {
        let message = kit.message(n).to_string();
        let words: Vec<_> = Sample::new(n).canaries().into_iter().filter(|word| message.contains(word.as_str())).collect();
        let of_it = |call: &&RecordedCall| words.iter().any(|word| call.printed().contains(word.as_str()));
        sends.iter().filter(of_it).for_each(|call| belongs(kit, call, n % TENANTS));
    }
    Ok(())
}

/// Refused credentials of one tenant do not stop the others.
pub(crate) async fn a_refused_tenant_does_not_stop_the_others(kit: &SharedKit) -> CaseResult {
    let host = TestHost::new(kit);
    host.wire.always(WireFault::Response(super::super::response::json(401, &json!({}))));
    for n in 0..8 {
        let outcome = host.send(0, n, &format!("locked-{n}")).await.expect("a send");
        assert!(matches!(outcome, Outcome::Failed(_)), "{outcome:?}");
    }
    host.wire.heal();
    let outcome = host.send(1, 0, "open-1").await.expect("a send");
    assert!(matches!(outcome, Outcome::Delivered(_)), "{outcome:?}");
    Ok(())
}

/// A tenant with a broken configuration is refused; the others still send.
pub(crate) async fn a_broken_tenant_does_not_stop_the_others(kit: &SharedKit) -> CaseResult {
    let host = TestHost::new(kit);
    host.put_config(0, json!(17)).await;
    let broken = host.send(0, 0, "broken-1").await;
    assert!(!matches!(broken, Ok(Outcome::Delivered(_))), "a configuration that is a number was used");
    assert_eq!(host.wire.calls(), 0, "a tenant without a configuration called the provider");
    let outcome = host.send(1, 0, "fine-1").await.expect("a send");
    assert!(matches!(outcome, Outcome::Delivered(_)), "{outcome:?}");
    host.put_config(0, kit.tenant(0).config).await;
    let outcome = host.send(0, 0, "broken-1").await.expect("a send");
    assert!(matches!(outcome, Outcome::Delivered(_)), "a repaired tenant stays broken: {outcome:?}");
    Ok(())
}

/// A new configuration of one tenant leaves the others unchanged.
pub(crate) async fn a_change_of_one_tenant_leaves_the_others(kit: &SharedKit) -> CaseResult {
    let host = TestHost::new(kit);
    for tenant in [0, 1] {
        drop(host.send(tenant, 0, "before").await.expect("a send"));
    }
    // Tenant 0 becomes what tenant 2 is.
    host.put_tenant(0, &kit.tenant(2));
    host.orchestrator.invalidate(TestHost::id(0)).await.expect("a valid id");
    let before = host.wire.recorded().len();
    drop(host.send(0, 1, "after").await.expect("a send"));
    host.wire.recorded()[before..].iter().for_each(|call| belongs(kit, call, 2));
    let before = host.wire.recorded().len();
    drop(host.send(1, 1, "after").await.expect("a send"));
    host.wire.recorded()[before..].iter().for_each(|call| belongs(kit, call, 1));
    Ok(())
}

/// Log lines about one tenant name no other.
pub(crate) async fn logs_of_one_tenant_name_no_other(kit: &SharedKit) -> CaseResult {
    let host = TestHost::new(kit);
    for tenant in 0..TENANTS {
        drop(host.send(tenant, tenant, "first").await.expect("a send"));
    }
    let before = kit.logs.lines().len();
    drop(host.send(0, 0, "second").await.expect("a send"));
    let lines = kit.logs.lines().split_off(before);
    assert!(!lines.is_empty(), "a send logs nothing");
    for line in &lines {
        for other in 1..TENANTS {
            let named = line.contains(TestHost::id(other).as_str()) || marks(kit, other).iter().any(|mark| line.contains(mark.as_str()));
            assert!(!named, "a log line about tenant 0 names tenant {other}: {line}");
        }
    }
    Ok(())
}

/// An unknown tenant is refused without a call.
pub(crate) async fn an_unknown_tenant_is_refused(kit: &SharedKit) -> CaseResult {
    let host = TestHost::new(kit);
    let sent = host.send(77, 0, "unknown-1").await;
    match sent {
        Err(error) => assert_eq!(error.kind(), crate::ErrorKind::UnknownTenant, "{error}"),
        Ok(outcome) => panic!("a tenant that does not exist sent something: {outcome:?}"),
    }
    assert_eq!(host.wire.calls(), 0, "a tenant that does not exist: a request left");
    Ok(())
}
