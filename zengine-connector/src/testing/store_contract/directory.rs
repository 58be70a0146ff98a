//! Cases of the tenant directory. They pass if the store has none.

use std::sync::Arc;

use serde_json::json;

use super::{DirectoryWriter, Subject, strategy, tenant};
use crate::{ids::RouteKey, store::TenantDirectory};

fn both(subject: &Subject) -> Option<(Arc<dyn DirectoryWriter>, Arc<dyn TenantDirectory>)> {
    subject.directory.clone().zip(subject.stores.directory.clone())
}

/// The directory returns configurations, and every change has its own version.
pub async fn the_directory_knows_configurations_and_their_versions(subject: &Subject) {
    let Some((writer, directory)) = both(subject) else { return };
    let (acme, sms, mail) = (tenant("acme"), strategy("sns-sms"), strategy("ses-email"));
    assert_eq!(directory.config(&acme, &sms).await.unwrap(), None);
    let first = writer.put(&acme, &sms, json!({ "sender": "ACME" })).await;
    let stored = directory.config(&acme, &sms).await.unwrap().unwrap();
    assert_eq!((&stored.version, stored.config, stored.enabled), (&first, json!({ "sender": "ACME" }), true));
    assert_eq!(directory.config(&acme, &mail).await.unwrap(), None);
    assert_eq!(directory.config(&tenant("other"), &sms).await.unwrap(), None);

    let second = writer.put(&acme, &sms, json!({ "sender": "ACME2" })).await;
    writer.set_enabled(&acme, &sms, false).await;
    let stored = directory.config(&acme, &sms).await.unwrap().unwrap();
    assert_eq!((&stored.version, stored.config, stored.enabled), (&second, json!({ "sender": "ACME2" }), false));
    assert!(writer.remove(&acme, &sms).await);
    assert!(!writer.remove(&acme, &sms).await);
    assert_eq!(directory.config(&acme, &sms).await.unwrap(), None);
    let third = writer.put(&acme, &sms, json!({})).await;
    assert!(first != second && second != third && first != third, "no version names two configurations");
}

/// A route key may find several tenants, but none of another strategy.
pub async fn the_directory_finds_tenants_by_route(subject: &Subject) {
    let Some((writer, directory)) = both(subject) else { return };
    let (acme, other, wa) = (tenant("acme"), tenant("other"), strategy("whatsapp-meta-cloud"));
    let (number, waba) = (RouteKey::new("phone_number_id", "1"), RouteKey::new("waba_id", "1"));
    writer.put(&acme, &wa, json!({})).await;
    writer.put(&other, &wa, json!({})).await;
    writer.set_routes(&other, &wa, vec![waba.clone()]).await;
    writer.set_routes(&acme, &wa, vec![number.clone(), waba.clone()]).await;
    assert_eq!(directory.route(&wa, &number).await.unwrap(), std::slice::from_ref(&acme));
    assert_eq!(directory.route(&wa, &waba).await.unwrap(), [acme.clone(), other.clone()]);
    assert!(directory.route(&strategy("sns-sms"), &number).await.unwrap().is_empty());
    assert!(directory.route(&wa, &RouteKey::new("phone_number_id", "10")).await.unwrap().is_empty());
    writer.set_routes(&acme, &wa, vec![waba.clone()]).await;
    assert!(directory.route(&wa, &number).await.unwrap().is_empty());
    writer.remove(&acme, &wa).await;
    assert_eq!(directory.route(&wa, &waba).await.unwrap(), [other]);
}

/// Tenants are listed in order, page by page.
pub async fn the_directory_lists_tenants_in_pages(subject: &Subject) {
    let Some((writer, directory)) = both(subject) else { return };
    let sms = strategy("sns-sms");
    for n in [3, 1, 4, 0, 2] {
        writer.put(&tenant(&format!("t{n}")), &sms, json!({})).await;
    }
    writer.put(&tenant("t9"), &strategy("ses-email"), json!({})).await;
    writer.put(&tenant("t9"), &strategy("webchat-http"), json!({})).await;
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = directory.tenants(&sms, after.as_ref(), 2).await.unwrap();
        let Some(last) = page.last() else { break };
        assert!(page.len() <= 2);
        after = Some(last.clone());
        seen.extend(page.iter().map(ToString::to_string));
    }
    assert_eq!(seen, ["t0", "t1", "t2", "t3", "t4"]);
}
