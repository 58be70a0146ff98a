//! Tenants know nothing of one another.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{super::wire::Made, prelude::*};
use crate::pipeline::Outcome;

/// What names or authenticates a tenant and no other: values of secrets, and texts of the configuration.
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

/// A request holds nothing of another tenant, and something of its own where requests show that at all.
fn belongs(kit: &Kit, made: &Made, tenant: usize) {
    let printed = made.printed();
    for other in (0..TENANTS).filter(|other| *other != tenant) {
        let foreign = marks(kit, other).iter().any(|mark| printed.contains(mark.as_str()));
        assert!(!foreign, "a request of tenant {tenant} carries something of tenant {other}");
    }
    if kit.shows_secret() {
        let own = kit.secrets_of(tenant).iter().any(|value| printed.contains(value.as_str()));
        assert!(own, "a request of tenant {tenant} carries no secret of its own");
    }
}

/// Sends of each tenant, one after the other and again: what is cached for one is not used for another.
pub(crate) async fn requests_carry_their_own_tenants_credentials(kit: &Shared) -> Done {
    let world = World::new(kit);
    for (round, tenant) in [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (2, 1), (2, 0)] {
        let before = world.wire.made().len();
        let outcome = world.send(tenant, tenant, &format!("own-{round}")).await.expect("a send");
        assert!(matches!(outcome, Outcome::Delivered(_)), "{outcome:?}");
        world.wire.made()[before..].iter().for_each(|made| belongs(kit, made, tenant));
    }
    Ok(())
}

/// Sends of all tenants at once, interleaved at the provider.
pub(crate) async fn interleaved_sends_carry_their_own_credentials(kit: &Shared) -> Done {
    let world = World::new(kit);
    let sends = (0..30).map(|n| {
        let world = &world;
        async move { world.send(n % TENANTS, n, &format!("mixed-{n}")).await.expect("a send") }
    });
    for outcome in join_all(sends).await {
        assert!(matches!(outcome, Outcome::Delivered(_)), "{outcome:?}");
    }
    let sends = world.wire.effects();
    assert_eq!(sends.len(), 30);
    for n in 0..30 {
        let message = kit.message(n).to_string();
        let words: Vec<_> = Sample::new(n).canaries().into_iter().filter(|word| message.contains(word.as_str())).collect();
        let of_it = |made: &&Made| words.iter().any(|word| made.printed().contains(word.as_str()));
        sends.iter().filter(of_it).for_each(|made| belongs(kit, made, n % TENANTS));
    }
    Ok(())
}

/// Credentials that are refused for one tenant are nobody else's problem.
pub(crate) async fn a_refused_tenant_does_not_stop_the_others(kit: &Shared) -> Done {
    let world = World::new(kit);
    world.wire.always(WireFault::Answer(super::super::answer::json(401, &json!({}))));
    for n in 0..8 {
        let outcome = world.send(0, n, &format!("locked-{n}")).await.expect("a send");
        assert!(matches!(outcome, Outcome::Failed(_)), "{outcome:?}");
    }
    world.wire.heal();
    let outcome = world.send(1, 0, "open-1").await.expect("a send");
    assert!(matches!(outcome, Outcome::Delivered(_)), "{outcome:?}");
    Ok(())
}

/// A tenant whose configuration is broken is refused, and its neighbours go on.
pub(crate) async fn a_broken_tenant_does_not_stop_the_others(kit: &Shared) -> Done {
    let world = World::new(kit);
    world.put_config(0, json!(17)).await;
    let broken = world.send(0, 0, "broken-1").await;
    assert!(!matches!(broken, Ok(Outcome::Delivered(_))), "a configuration that is a number was used");
    assert_eq!(world.wire.calls(), 0, "a tenant without a configuration called the provider");
    let outcome = world.send(1, 0, "fine-1").await.expect("a send");
    assert!(matches!(outcome, Outcome::Delivered(_)), "{outcome:?}");
    world.put_config(0, kit.tenant(0).config).await;
    let outcome = world.send(0, 0, "broken-1").await.expect("a send");
    assert!(matches!(outcome, Outcome::Delivered(_)), "a repaired tenant stays broken: {outcome:?}");
    Ok(())
}

/// A new configuration of one tenant leaves the others' alone.
pub(crate) async fn a_change_of_one_tenant_leaves_the_others(kit: &Shared) -> Done {
    let world = World::new(kit);
    for tenant in [0, 1] {
        drop(world.send(tenant, 0, "before").await.expect("a send"));
    }
    // Tenant 0 becomes what tenant 2 is.
    world.put_tenant(0, &kit.tenant(2));
    world.orchestrator.invalidate(&World::id(0)).await;
    let before = world.wire.made().len();
    drop(world.send(0, 1, "after").await.expect("a send"));
    world.wire.made()[before..].iter().for_each(|made| belongs(kit, made, 2));
    let before = world.wire.made().len();
    drop(world.send(1, 1, "after").await.expect("a send"));
    world.wire.made()[before..].iter().for_each(|made| belongs(kit, made, 1));
    Ok(())
}

/// Log lines about one tenant name no other.
pub(crate) async fn logs_of_one_tenant_name_no_other(kit: &Shared) -> Done {
    let world = World::new(kit);
    for tenant in 0..TENANTS {
        drop(world.send(tenant, tenant, "first").await.expect("a send"));
    }
    let before = kit.logs.lines().len();
    drop(world.send(0, 0, "second").await.expect("a send"));
    let lines = kit.logs.lines().split_off(before);
    assert!(!lines.is_empty(), "a send logs nothing");
    for line in &lines {
        for other in 1..TENANTS {
            let named = line.contains(World::id(other).as_str()) || marks(kit, other).iter().any(|mark| line.contains(mark.as_str()));
            assert!(!named, "a log line about tenant 0 names tenant {other}: {line}");
        }
    }
    Ok(())
}

/// Nobody is a tenant.
pub(crate) async fn an_unknown_tenant_is_refused(kit: &Shared) -> Done {
    let world = World::new(kit);
    let sent = world.send(77, 0, "nobody-1").await;
    match sent {
        Err(error) => assert_eq!(error.kind(), crate::ErrorKind::UnknownTenant, "{error}"),
        Ok(outcome) => panic!("a tenant that does not exist sent something: {outcome:?}"),
    }
    assert_eq!(world.wire.calls(), 0);
    Ok(())
}
