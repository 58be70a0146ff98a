//! Cases of the tenant directory and its writer.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use serde_json::json;

use super::{ALIKE, BYTE_BY_BYTE, Subject, Works as _, strategy, tenant};
use crate::{
    ids::{RouteKey, StrategyName},
    store::{TenantDirectory, TenantRow, TenantWriter},
    testing::block_on,
};

const NO_ROW: &str = "`config` finds no row that `put` wrote";
const CHANGED: &str = "the configuration is not the one that `put` wrote";

/// The writer and the directory.
fn both(subject: &Subject) -> (Arc<dyn TenantWriter>, Arc<dyn TenantDirectory>) {
    let Some(directory) = subject.stores.directory.clone() else {
        panic!("the cases of `directory` need `.directory(..)`; to test other ports only, name them with `ports = [..]`")
    };
    let Some(writer) = subject.stores.tenant_writer.clone() else {
        panic!("the cases of `directory` need `.tenant_writer(..)`, which writes what your directory reads")
    };
    (writer, directory)
}

/// The directory returns configurations, and every change has its own version.
pub async fn the_directory_knows_configurations_and_their_versions(subject: &Subject) {
    let (writer, directory) = both(subject);
    let (acme, sms, mail) = (tenant("acme"), strategy("sns-sms"), strategy("ses-email"));
    assert_eq!(directory.config(&acme, &sms).await.works("`config`"), None, "`config` finds a row (left) in an empty store");
    assert!(!writer.set_enabled(&acme, &sms, true).await.works("`set_enabled`"), "`set_enabled` must return false where there is no row");
    let first = writer.put(&acme, &sms, json!({ "sender": "ACME" }).into()).await.works("`put`");
    let stored = directory.config(&acme, &sms).await.works("`config`").expect(NO_ROW);
    let row = (&stored.version, stored.config, stored.enabled);
    assert_eq!(
        row,
        (&first, json!({ "sender": "ACME" }), true),
        "`config` must return what `put` wrote, under the version that it returned"
    );
    assert_eq!(directory.config(&acme, &mail).await.works("`config`"), None, "`config` returned (left) the row of another strategy");
    assert_eq!(
        directory.config(&tenant("other"), &sms).await.works("`config`"),
        None,
        "`config` returned (left) the row of another tenant"
    );

    let second = writer.put(&acme, &sms, json!({ "sender": "ACME2" }).into()).await.works("`put`");
    assert!(writer.set_enabled(&acme, &sms, false).await.works("`set_enabled`"), "`set_enabled` did not find the row");
    let stored = directory.config(&acme, &sms).await.works("`config`").expect(NO_ROW);
    let row = (&stored.version, stored.config, stored.enabled);
    assert_eq!(
        row,
        (&second, json!({ "sender": "ACME2" }), false),
        "`set_enabled` must disable the row and keep its version and configuration"
    );
    assert!(writer.remove(&acme, &sms).await.works("`remove`"), "`remove` must return true where it removes a row");
    assert!(!writer.remove(&acme, &sms).await.works("`remove`"), "`remove` must return false where there is no row");
    assert_eq!(directory.config(&acme, &sms).await.works("`config`"), None, "`config` returned (left) a removed row");
    let third = writer.put(&acme, &sms, TenantRow::new(json!({})).disabled()).await.works("`put`");
    assert!(
        !directory.config(&acme, &sms).await.works("`config`").expect(NO_ROW).enabled,
        "`put` enabled a row that is written as disabled"
    );
    let versions = [&first, &second, &third];
    assert!(
        first != second && second != third && first != third,
        "one version names two configurations, also after a `remove`: {versions:?}"
    );
}

/// A row that is written again stays disabled or enabled: its writer may have read it before `set_enabled`.
pub async fn a_row_that_is_written_again_stays_disabled(subject: &Subject) {
    let (writer, directory) = both(subject);
    let (acme, sms) = (tenant("acme"), strategy("sns-sms"));
    let enabled = async || directory.config(&acme, &sms).await.works("`config`").expect(NO_ROW).enabled;
    let (row, disabled) = (TenantRow::new(json!({})), TenantRow::new(json!({})).disabled());
    writer.put(&acme, &sms, row.clone()).await.works("`put`");
    writer.set_enabled(&acme, &sms, false).await.works("`set_enabled`");
    writer.put(&acme, &sms, row).await.works("`put`");
    assert!(!enabled().await, "`put` enabled (left) a row that was disabled: only `set_enabled` may");
    writer.set_enabled(&acme, &sms, true).await.works("`set_enabled`");
    writer.put(&acme, &sms, disabled).await.works("`put`");
    assert!(enabled().await, "`put` disabled (left) a row that was enabled: only `set_enabled` may");
}

/// A route key may find several tenants, but none of another strategy.
pub async fn the_directory_finds_tenants_by_route(subject: &Subject) {
    let (writer, directory) = both(subject);
    let (acme, other, wa) = (tenant("acme"), tenant("other"), strategy("whatsapp-meta-cloud"));
    let (number, waba) = (RouteKey::new("phone_number_id", "1"), RouteKey::new("waba_id", "1"));
    let row = |routes: &[&RouteKey]| TenantRow::new(json!({})).with_routes(routes.iter().copied().cloned());
    writer.put(&other, &wa, row(&[&waba])).await.works("`put`");
    writer.put(&acme, &wa, row(&[&number, &waba])).await.works("`put`");
    let route = async |strategy: &StrategyName, key: &RouteKey| directory.route(strategy, key).await.works("`route`");
    assert_eq!(route(&wa, &number).await, std::slice::from_ref(&acme), "`route` must find the one tenant of a key");
    assert_eq!(route(&wa, &waba).await, [acme.clone(), other.clone()], "`route` must find each tenant of a key, in order");
    assert_eq!(route(&strategy("sns-sms"), &number).await, [], "`route` found (left) a tenant by a key of another strategy");
    assert_eq!(route(&wa, &RouteKey::new("phone_number_id", "10")).await, [], "`route` found (left) a tenant by a part of the key");
    writer.put(&acme, &wa, row(&[&waba])).await.works("`put`");
    assert_eq!(route(&wa, &number).await, [], "`put` kept (left) a route that the new row does not have");
    writer.remove(&acme, &wa).await.works("`remove`");
    assert_eq!(route(&wa, &waba).await, [other], "`remove` must remove the routes of its row and no others");
}

/// Tenants are listed in order, page by page.
pub async fn the_directory_lists_tenants_in_pages(subject: &Subject) {
    let (writer, directory) = both(subject);
    let sms = strategy("sns-sms");
    for n in [3, 1, 4, 0, 2] {
        writer.put(&tenant(&format!("t{n}")), &sms, json!({}).into()).await.works("`put`");
    }
    writer.put(&tenant("t9"), &strategy("ses-email"), json!({}).into()).await.works("`put`");
    writer.put(&tenant("t9"), &strategy("webchat-http"), json!({}).into()).await.works("`put`");
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = directory.tenants(&sms, after.as_ref(), 2).await.works("`tenants`");
        let Some(last) = page.last() else { break };
        assert!(page.len() <= 2, "`tenants` returned {} tenants for a limit of 2", page.len());
        assert!(after.as_ref() != Some(last), "`tenants` returned the tenant again after which it was asked to go on: {last}");
        after = Some(last.clone());
        seen.extend(page.iter().map(ToString::to_string));
    }
    assert_eq!(seen, ["t0", "t1", "t2", "t3", "t4"], "`tenants` must return each tenant of the strategy once, in order");
}

/// Tenants and the provider's keys are compared byte by byte, and tenants are ordered so.
pub async fn the_directory_separates_tenants_and_routes_that_look_alike(subject: &Subject) {
    let (writer, directory) = both(subject);
    let sms = strategy("sns-sms");
    for text in ALIKE {
        let row = TenantRow::new(json!(text)).with_routes([RouteKey::new("number", text)]);
        writer.put(&tenant(text), &sms, row).await.works("`put`");
    }
    for text in ALIKE {
        let found = directory.config(&tenant(text), &sms).await.works("`config`").map(|row| row.config);
        assert_eq!(found, Some(json!(text)), "`config` of {text:?} returned (left) a tenant that looks alike: {BYTE_BY_BYTE}");
        let found = directory.route(&sms, &RouteKey::new("number", text)).await.works("`route`");
        assert_eq!(found, [tenant(text)], "`route` of {text:?} found (left) the tenants of keys that look alike: {BYTE_BY_BYTE}");
    }
    let mut sorted = ALIKE.map(tenant);
    sorted.sort_unstable();
    let listed = directory.tenants(&sms, None, 100).await.works("`tenants`");
    assert_eq!(listed, sorted, "`tenants` must return the tenants in order of the bytes of their ids");
}

/// The writer returns the row that it wrote, so that a host can change a part of it: each route once, sorted by kind and value.
pub async fn a_row_keeps_its_routes_once_and_sorted(subject: &Subject) {
    let (writer, _) = both(subject);
    let (acme, wa) = (tenant("acme"), strategy("whatsapp-meta-cloud"));
    let (one, two) = (RouteKey::new("phone_number_id", "1"), RouteKey::new("waba_id", "2"));
    assert_eq!(writer.row(&acme, &wa).await.works("`row`"), None, "`row` finds a row (left) in an empty store");
    let row = TenantRow::new(json!({ "n": 1 })).with_routes([two.clone(), one.clone(), two.clone()]).disabled();
    writer.put(&acme, &wa, row).await.works("`put`");
    writer.put(&tenant("other"), &wa, TenantRow::new(json!({})).with_routes([RouteKey::new("waba_id", "3")])).await.works("`put`");
    let stored = writer.row(&acme, &wa).await.works("`row`").expect("`row` finds no row that `put` wrote");
    assert_eq!(stored.routes, [one, two], "`row` must return each route (left) once, sorted by kind and value, byte by byte");
    let rest = (stored.config, stored.enabled);
    assert_eq!(rest, (json!({ "n": 1 }), false), "`row` must return the configuration that `put` wrote, and whether it is enabled");
    assert_eq!(writer.row(&acme, &strategy("sns-sms")).await.works("`row`"), None, "`row` returned (left) the row of another strategy");
    writer.remove(&acme, &wa).await.works("`remove`");
    assert_eq!(writer.row(&acme, &wa).await.works("`row`"), None, "`row` returned (left) a removed row");
}

/// Concurrent readers never see a new configuration with old routes, nor an old one with new routes.
pub async fn a_tenants_configuration_and_routes_change_together(subject: &Subject) {
    const WRITES: u64 = 50;
    let (writer, directory) = both(subject);
    let (acme, wa) = (tenant("acme"), strategy("whatsapp-meta-cloud"));
    let key = |n: u64| RouteKey::new("phone_number_id", n.to_string());
    // The configuration's number is that of its only route, and only grows.
    let row = |n: u64| TenantRow::new(json!(n)).with_routes([key(n)]);
    let number = || async { directory.config(&acme, &wa).await.works("`config`").expect(NO_ROW).config.as_u64().expect(CHANGED) };
    writer.put(&acme, &wa, row(0)).await.works("`put`");
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for n in 1..=WRITES {
                block_on(writer.put(&acme, &wa, row(n))).works("`put`");
            }
            done.store(true, Ordering::SeqCst);
        });
        let readers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    block_on(async {
                        while !done.load(Ordering::SeqCst) {
                            let stored = writer.row(&acme, &wa).await.works("`row`").expect("`row` finds no row that `put` wrote");
                            let route = key(stored.config.as_u64().expect(CHANGED));
                            assert_eq!(stored.routes, [route], "`row` returned a configuration with the routes (left) of another `put`");
                            let n = number().await;
                            if n > 0 {
                                assert!(
                                    directory.route(&wa, &key(n - 1)).await.works("`route`").is_empty(),
                                    "a reader found a new configuration with an old route: `put` must be one step"
                                );
                            }
                            let found = directory.route(&wa, &key(n)).await.works("`route`");
                            assert!(
                                found == [acme.clone()] || number().await > n,
                                "a reader found a new configuration without its route: `put` must be one step"
                            );
                            let next = directory.route(&wa, &key(n + 1)).await.works("`route`");
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
