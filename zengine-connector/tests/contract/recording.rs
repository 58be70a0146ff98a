//! The recording strategies of the kit. They have no provider behind the wire and keep the rest of the contract.

use serde_json::json;
use zengine_connector::{
    Identity, OutboundMessage,
    testing::{
        NativeProvider, PlainProvider, ProviderKind, QueryableProvider, Recording,
        contract::{Fixture, Outbound, SampleTenant, Wire},
    },
};

struct Of<P>(std::marker::PhantomData<P>);

impl<P: ProviderKind> Fixture for Of<P> {
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

zengine_connector::contract_tests!(plain, Of<PlainProvider>);
zengine_connector::contract_tests!(native, Of<NativeProvider>);
zengine_connector::contract_tests!(queryable, Of<QueryableProvider>);
