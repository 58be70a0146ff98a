//! Records of a queue that the platform vouches for.

use super::prelude::*;
use crate::{
    orchestrator::Ack,
    strategy::{InboundRequest, Origin},
    testing::contract::inbound::Delivery,
};

/// The record of a tenant's sample event.
fn record(inbox: &Inbox, tenant: usize, sample: usize) -> InboundRequest {
    let records = inbox.kit().inbound().records.as_ref().expect("the case needs records");
    let body = vary::content(&inbox.host.sample(tenant, sample));
    records(&Delivery::new(tenant, body, inbox.host.now_ms()))
}

/// A record reaches the handler of its tenant, and once, however often it is delivered.
pub(crate) async fn a_record_reaches_the_handler_once(kit: &SharedKit) -> CaseResult {
    let inbox = Inbox::new(kit);
    for (n, tenant) in (0..TENANTS).enumerate() {
        for _ in 0..2 {
            assert_accepted(&inbox.receive(record(&inbox, tenant, 1)).await, "a record");
            let seen = inbox.seen();
            assert_eq!(seen.len(), n + 1, "records of {} tenants, each delivered twice, ran the handler {} times", n + 1, seen.len());
            assert_eq!(seen[n].tenant, Kit::tenant_id(tenant), "a record reached the handler of another tenant");
        }
    }
    Ok(())
}

/// A record of a source that no tenant named is refused, whatever it resembles.
pub(crate) async fn a_record_of_another_source_is_refused(kit: &SharedKit) -> CaseResult {
    let inbox = Inbox::new(kit);
    let good = record(&inbox, 0, 1);
    let Origin::Trusted { source, .. } = good.origin() else { panic!("Inbound::records makes a record: InboundRequest::trusted") };
    let half = source[..source.len() / 2].to_owned();
    for other in [String::new(), half, format!("{source}x"), format!("x{source}"), source.to_uppercase(), format!("x/{source}")] {
        let received = inbox.receive(InboundRequest::trusted(&other, "1", good.body().clone())).await;
        assert!(inbox.seen().is_empty(), "a record of the source {other:?} reached the handler; only {source:?} is trusted");
        assert_eq!(received.ack, Ack::Refused, "a record of the source {other:?} is not refused; only {source:?} is trusted");
    }
    Ok(())
}
