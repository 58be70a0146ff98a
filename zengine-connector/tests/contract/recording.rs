//! The recording strategies of the kit: they have no provider behind the wire, and keep what is left of the contract.

use serde_json::json;
use zengine_connector::{
    Identity, OutboundMessage,
    testing::{
        Askable, Keyed, Protection, Recording, Unprotected,
        contract::{Fixture, Outbound, SampleTenant, Wire},
    },
};

struct Of<P>(std::marker::PhantomData<P>);

impl<P: Protection> Fixture for Of<P> {
    type Strategy = Recording<P>;

    fn strategy(_: &Wire) -> Recording<P> {
        Recording::default()
    }

    fn tenant(n: usize) -> SampleTenant {
        SampleTenant::new(json!({})).route("site", format!("site-{n}"))
    }

    fn outbound() -> Option<Outbound> {
        Some(Outbound::new(|sample| OutboundMessage::text(Identity::phone(&sample.phone()).unwrap(), sample.text())))
    }

    fn exceptions() -> &'static [(&'static str, &'static str)] {
        &[("sample_tenants_differ", "there is nothing to configure")]
    }
}

zengine_connector::contract_tests!(unprotected, Of<Unprotected>);
zengine_connector::contract_tests!(keyed, Of<Keyed>);
zengine_connector::contract_tests!(askable, Of<Askable>);
