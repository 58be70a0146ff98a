//! Cases of the tenant directory and its writer. They pass if the subject lacks either.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use serde_json::json;

use super::{Subject, strategy, tenant};
use crate::{
    ids::{RouteKey, StrategyName},
    store::{TenantDirectory, TenantRow, TenantWriter},
    testing::block_on,
};

fn both(subject: &Subject) -> Option<(Arc<dyn TenantWriter>, Arc<dyn TenantDirectory>)> {
    subject.stores.tenant_writer.clone().zip(subject.stores.directory.clone())
}

/// The directory returns configurations, and every change has its own version.
pub async fn the_directory_knows_configurations_and_their_versions(subject: &Subject) {
    let Some((writer, directory)) = both(subject) else { return };
    let (acme, sms, mail) = (tenant("acme"), strategy("sns-sms"), strategy("ses-email"));
    assert_eq!(directory.config(&acme, &sms).await.unwrap(), None, "`config` finds a row (left) in an empty store");
    assert!(!writer.set_enabled(&acme, &sms, true).await.unwrap(), "`set_enabled` must return false where there is no row");
    let first = writer.put(&acme, &sms, json!({ "sender": "ACME" }).into()).await.unwrap();
    let stored = directory.config(&acme, &sms).await.unwrap().unwrap();
    let row = (&stored.version, stored.config, stored.enabled);
    assert_eq!(
        row,
        (&first, json!({ "sender": "ACME" }), true),
        "`config` must return what `put` wrote, under the version that it returned"
    );
    assert_eq!(directory.config(&acme, &mail).await.unwrap(), None, "`config` returned (left) the row of another strategy");
    assert_eq!(directory.config(&tenant("other"), &sms).await.unwrap(), None, "`config` returned (left) the row of another tenant");

    let second = writer.put(&acme, &sms, json!({ "sender": "ACME2" }).into()).await.unwrap();
    assert!(writer.set_enabled(&acme, &sms, false).await.unwrap(), "`set_enabled` did not find the row");
    let stored = directory.config(&acme, &sms).await.unwrap().unwrap();
    let row = (&stored.version, stored.config, stored.enabled);
    assert_eq!(
        row,
        (&second, json!({ "sender": "ACME2" }), false),
        "`set_enabled` must disable the row and keep its version and configuration"
    );
    assert!(writer.remove(&acme, &sms).await.unwrap(), "`remove` must return true where it removes a row");
    assert!(!writer.remove(&acme, &sms).await.unwrap(), "`remove` must return false where there is no row");
    assert_eq!(directory.config(&acme, &sms).await.unwrap(), None, "`config` returned (left) a removed row");
    let third = writer.put(&acme, &sms, TenantRow::new(json!({})).disabled()).await.unwrap();
    assert!(!directory.config(&acme, &sms).await.unwrap().unwrap().enabled, "`put` enabled a row that is written as disabled");
    let versions = [&first, &second, &third];
    assert!(
        first != second && second != third && first != third,
        "one version names two configurations, also after a `remove`: {versions:?}"
    );
}

/// A route key may find several tenants, but none of another strategy.
pub async fn the_directory_finds_tenants_by_route(subject: &Subject) {
    let Some((writer, directory)) = both(subject) else { return };
    let (acme, other, wa) = (tenant("acme"), tenant("other"), strategy("whatsapp-meta-cloud"));
    let (number, waba) = (RouteKey::new("phone_number_id", "1"), RouteKey::new("waba_id", "1"));
    let row = |routes: &[&RouteKey]| TenantRow::new(json!({})).with_routes(routes.iter().copied().cloned());
    writer.put(&other, &wa, row(&[&waba])).await.unwrap();
    writer.put(&acme, &wa, row(&[&number, &waba])).await.unwrap();
    let route = async |strategy: &StrategyName, key: &RouteKey| directory.route(strategy, key).await.unwrap();
    assert_eq!(route(&wa, &number).await, std::slice::from_ref(&acme), "`route` must find the one tenant of a key");
    assert_eq!(route(&wa, &waba).await, [acme.clone(), other.clone()], "`route` must find each tenant of a key, in order");
    assert_eq!(route(&strategy("sns-sms"), &number).await, [], "`route` found (left) a tenant by a key of another strategy");
    assert_eq!(route(&wa, &RouteKey::new("phone_number_id", "10")).await, [], "`route` found (left) a tenant by a part of the key");
    writer.put(&acme, &wa, row(&[&waba])).await.unwrap();
    assert_eq!(route(&wa, &number).await, [], "`put` kept (left) a route that the new row does not have");
    writer.remove(&acme, &wa).await.unwrap();
    assert_eq!(route(&wa, &waba).await, [other], "`remove` must remove the routes of its row and no others");
}

/// Tenants are listed in order, page by page.
pub async fn the_directory_lists_tenants_in_pages(subject: &Subject) {
    let Some((writer, directory)) = both(subject) else { return };
    let sms = strategy("sns-sms");
    for n in [3, 1, 4, 0, 2] {
        writer.put(&tenant(&format!("t{n}")), &sms, json!({}).into()).await.unwrap();
    }
    writer.put(&tenant("t9"), &strategy("ses-email"), json!({}).into()).await.unwrap();
    writer.put(&tenant("t9"), &strategy("webchat-http"), json!({}).into()).await.unwrap();
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = directory.tenants(&sms, after.as_ref(), 2).await.unwrap();
        let Some(last) = page.last() else { break };
        assert!(page.len() <= 2, "`tenants` returned {} tenants for a limit of 2", page.len());
        assert!(after.as_ref() != Some(last), "`tenants` returned the tenant again after which it was asked to go on: {last}");
        after = Some(last.clone());
        seen.extend(page.iter().map(ToString::to_string));
    }
    assert_eq!(seen, ["t0", "t1", "t2", "t3", "t4"], "`tenants` must return each tenant of the strategy once, in order");
}

/// The writer returns the row that it wrote, so that a host can change a part of it.
pub async fn a_row_is_read_as_it_was_written(subject: &Subject) {
    let Some((writer, _)) = both(subject) else { return };
    let (acme, wa) = (tenant("acme"), strategy("whatsapp-meta-cloud"));
    let (one, two) = (RouteKey::new("phone_number_id", "1"), RouteKey::new("waba_id", "2"));
    assert_eq!(writer.row(&acme, &wa).await.unwrap(), None, "`row` finds a row (left) in an empty store");
    let row = TenantRow::new(json!({ "n": 1 })).with_routes([two.clone(), one.clone(), two.clone()]).disabled();
    writer.put(&acme, &wa, row).await.unwrap();
    writer.put(&tenant("other"), &wa, TenantRow::new(json!({})).with_routes([RouteKey::new("waba_id", "3")])).await.unwrap();
    let stored = writer.row(&acme, &wa).await.unwrap();
    let written = TenantRow::new(json!({ "n": 1 })).with_routes([one, two]).disabled();
    assert!(stored == Some(written), "`row` must return the row that `put` wrote, with each route once and in order");
    assert_eq!(writer.row(&acme, &strategy("sns-sms")).await.unwrap(), None, "`row` returned (left) the row of another strategy");
    writer.remove(&acme, &wa).await.unwrap();
    assert_eq!(writer.row(&acme, &wa).await.unwrap(), None, "`row` returned (left) a removed row");
}

/// Concurrent readers never see a new configuration with old routes, nor an old one with new routes.
pub async fn a_tenants_configuration_and_routes_change_together(subject: &Subject) {
    const WRITES: u64 = 50;
    let Some((writer, directory)) = both(subject) else { return };
    let (acme, wa) = (tenant("acme"), strategy("whatsapp-meta-cloud"));
    let key = |n: u64| RouteKey::new("phone_number_id", n.to_string());
    // The configuration's number is that of its only route, and only grows.
    let row = |n: u64| TenantRow::new(json!(n)).with_routes([key(n)]);
    let number = || async { directory.config(&acme, &wa).await.unwrap().unwrap().config.as_u64().unwrap() };
    writer.put(&acme, &wa, row(0)).await.unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for n in 1..=WRITES {
                block_on(writer.put(&acme, &wa, row(n))).unwrap();
            }
            done.store(true, Ordering::SeqCst);
        });
        let readers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    block_on(async {
                        while !done.load(Ordering::SeqCst) {
                            let stored = writer.row(&acme, &wa).await.unwrap().unwrap();
                            let route = key(stored.config.as_u64().unwrap());
                            assert_eq!(stored.routes, [route], "`row` returned a configuration with the routes (left) of another `put`");
                            let n = number().await;
                            if n > 0 {
                                assert!(
                                    directory.route(&wa, &key(n - 1)).await.unwrap().is_empty(),
                                    "a reader found a new configuration with an old route: `put` must be one step"
                                );
                            }
                            let found = directory.route(&wa, &key(n)).await.unwrap();
                            assert!(
                                found == [acme.clone()] || number().await > n,
                                "a reader found a new configuration without its route: `put` must be one step"
                            );
                            let next = directory.route(&wa, &key(n + 1)).await.unwrap();
                            assert!(
                                next.is_empty() || number().await > n,
                                "a reader found a new route with an old configuration: `put` must be one step"
                            );
                        }
                    });
                })
            })
            .collect();
        for reader in readers {
            reader.join().unwrap();
        }
    });
    assert_eq!(number().await, WRITES, "the directory does not hold the last row that was written");
}
