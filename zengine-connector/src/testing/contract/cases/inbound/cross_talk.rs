//! No tenant receives events of another.

use super::prelude::*;
use crate::message::InboundEvent;

fn of(seen: &[InboundEvent], tenant: usize) -> Vec<usize> {
    let id = Kit::tenant_id(tenant);
    let own = seen.iter().filter(|event| event.tenant == id);
    own.flat_map(|event| {
        let json = serde_json::to_string(event).unwrap();
        (0..20).filter(move |n| Sample::new(*n).is_in(&json))
    })
    .collect()
}

/// Requests of all tenants in turn give each tenant its own events.
pub(crate) async fn each_tenant_gets_its_own_events(kit: &SharedKit) -> CaseResult {
    let inbox = Inbox::new(kit);
    for n in 0..9 {
        let status = inbox.sample(n % TENANTS, n).await.response.status();
        assert!(status.is_success(), "a signed request to tenant {} was answered with {status}, after one to another tenant", n % TENANTS);
    }
    let seen = inbox.seen();
    for tenant in 0..TENANTS {
        let own: Vec<_> = (0..9).filter(|n| n % TENANTS == tenant).collect();
        assert_eq!(of(&seen, tenant), own, "tenant {tenant} did not get its own events, and only those");
    }
    Ok(())
}

/// The same message id at two tenants gives two events.
pub(crate) async fn equal_ids_of_two_tenants_are_two_events(kit: &SharedKit) -> CaseResult {
    let inbox = Inbox::new(kit);
    for tenant in 0..2 {
        assert_accepted(&inbox.sample(tenant, 1).await, "a signed message");
    }
    let seen = inbox.seen();
    assert_eq!((of(&seen, 0), of(&seen, 1)), (vec![1], vec![1]), "the same message id at two tenants is two events, one for each");
    assert_ne!(seen[0].id, seen[1].id, "events of two tenants have the same id");
    Ok(())
}

/// A request to one tenant with another tenant's signature is refused.
pub(crate) async fn another_tenants_signature_is_refused(kit: &SharedKit) -> CaseResult {
    let inbox = Inbox::new(kit);
    let mut forged = inbox.host.sample(1, 1);
    let own = inbox.host.request(0, vary::content(&forged)).expect("the content of a request");
    let mut differ = false;
    for header in &kit.inbound().signatures {
        if let Some(value) = own.headers().get(*header) {
            differ |= forged.headers_mut().insert(*header, value.clone()).as_ref() != Some(value);
        }
    }
    if !differ || own.uri() == forged.uri() {
        return Err(Skipped::needs("an address and a secret of its own for each tenant"));
    }
    // Both tenants are known and cached, which must not help.
    assert_accepted(&inbox.sample(0, 8).await, "a signed message");
    inbox.assert_refused(forged, "a request to tenant 1 with the signature of tenant 0").await;
    assert!(of(&inbox.seen(), 1).is_empty(), "an event of tenant 1 came from a request that tenant 0 signed");
    Ok(())
}

/// A request with one tenant's valid signature never becomes an event of another tenant that its body names.
pub(crate) async fn a_body_does_not_choose_the_tenant(kit: &SharedKit) -> CaseResult {
    let inbox = Inbox::new(kit);
    let address = |tenant| inbox.host.request(tenant, "{}").map(|request| request.uri().clone());
    let json = matches!(kit.inbound().form, Form::Json { .. });
    if kit.inbound().mixed.is_some() || json && address(0) == address(1) {
        return Err(Skipped::needs("an address of its own for each tenant"));
    }
    assert_accepted(&inbox.sample(1, 8).await, "a signed message");
    // Tenant 0's address and signature with a body for tenant 1.
    let body = vary::content(&inbox.host.sample(1, 1));
    if let Some(request) = inbox.host.request(0, body) {
        let _ = inbox.request(request).await;
    }
    let stolen = of(&inbox.seen(), 1);
    assert_eq!(
        stolen,
        [8],
        "tenant 0 made an event of tenant 1 by naming it in the body: the credentials of a request must choose its tenant"
    );
    Ok(())
}

/// A request to an unknown address reaches no handler.
pub(crate) async fn an_unknown_address_reaches_no_handler(kit: &SharedKit) -> CaseResult {
    let inbox = Inbox::new(kit);
    assert_accepted(&inbox.sample(0, 8).await, "a signed message");
    for n in 0..20 {
        let status = inbox.sample(TENANTS + 1 + n % 2, n % 5).await.response.status();
        assert!(!status.is_server_error(), "a request to an unknown address or account was answered with {status}: it comes back for days");
    }
    let seen = inbox.seen();
    assert_eq!(
        seen.len(),
        1,
        "a request to an unknown address or account reached the handler of {:?}",
        seen.last().map(|event| &event.tenant)
    );
    Ok(())
}

/// In a body with elements of several tenants each element goes to its own tenant; one of an unknown tenant affects no other.
pub(crate) async fn a_mixed_body_is_split_by_tenant(kit: &SharedKit) -> CaseResult {
    let inbox = Inbox::new(kit);
    let mix = kit.inbound().mixed.as_ref().expect("the case needs mixed bodies");
    let elements = [0, 1, 2, TENANTS + 1, 1, 0].iter().enumerate().map(|(n, tenant)| (*tenant, kit.element(n))).collect();
    let received = inbox.bytes(0, mix(elements).to_string()).await;
    assert_accepted(&received, "a body of several tenants");
    let seen = inbox.seen();
    let got: Vec<_> = (0..TENANTS).map(|tenant| of(&seen, tenant)).collect();
    let sorted: Vec<_> = got
        .into_iter()
        .map(|mut own| {
            own.sort_unstable();
            own
        })
        .collect();
    assert_eq!(sorted, [vec![0, 5], vec![1, 4], vec![2]], "of a body of several tenants each must get its own elements, and only those");
    assert_eq!(inbox.letters().await.len(), 1, "the element of an unknown tenant must be kept as a dead letter");
    Ok(())
}
