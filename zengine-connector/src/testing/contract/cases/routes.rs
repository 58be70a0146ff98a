//! The routes that follow from a configuration.

use super::{prelude::*, schema::filled};
use crate::ids::RouteKey;

/// The routes of a sample tenant's configuration with the secrets of one, by a fresh instance of the strategy.
fn routes(kit: &SharedKit, tenant: usize, secrets_of: usize) -> Vec<RouteKey> {
    let host = TestHost::new(kit);
    let entry = host.orchestrator.engine.registry.entry(kit.name.as_str()).expect("the strategy is registered");
    let inbound = entry.inbound.as_ref().expect("the case needs an inbound half");
    let config = filled(kit, &kit.tenant(tenant).config, secrets_of);
    let routes = inbound.routes(config.value()).unwrap_or_else(|error| panic!("the routes of tenant {tenant}: {error}"));
    assert_eq!(inbound.routes(config.value()).ok().as_ref(), Some(&routes), "the routes change from call to call");
    assert_eq!(host.wire.calls(), 0, "routes called the provider");
    routes
}

/// The routes are the same every time, the sample tenant has them, and no other tenant has one that is not shared.
pub(crate) async fn routes_follow_from_the_configuration(kit: &SharedKit) -> CaseResult {
    let first = routes(kit, 0, 0);
    for n in 0..TENANTS {
        let (derived, sample) = (routes(kit, n, n), kit.tenant(n).routes);
        let taken = first.iter().find(|route| n > 0 && !route.is_shared() && derived.contains(route)).map(RouteKey::kind);
        assert_eq!(taken, None, "tenants 0 and {n} have one route of this kind: a key of several tenants is `RouteKey::shared`");
        assert!(derived == routes(kit, n, n), "a fresh instance of the strategy makes other routes of one configuration");
        for route in derived {
            let kind = route.kind();
            assert!(sample.contains(&route), "a route of the kind {kind} follows from the configuration of tenant {n}, which lacks it");
            assert!(!route.value().is_empty(), "a route of the kind {kind} is empty");
        }
    }
    Ok(())
}

/// No route holds a secret, of the sample tenant neither, nor changes with one: routes stand in tables and logs.
pub(crate) async fn routes_hold_no_secret(kit: &SharedKit) -> CaseResult {
    for n in 0..TENANTS {
        let own = routes(kit, n, n);
        for route in own.iter().chain(&kit.tenant(n).routes) {
            let held = kit.secret_in(route.value()).is_some();
            assert!(!held, "a route of the kind {} holds a secret", route.kind());
        }
        assert!(own == routes(kit, n, (n + 1) % TENANTS), "a route of tenant {n} changes with a secret: it is made of one");
    }
    Ok(())
}
