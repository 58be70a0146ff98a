//! Faults that the core makes impossible for any strategy.

use zengine_connector::{
    ErrorKind, StrategyRegistry,
    testing::contract::{Verdict, verdict},
};

use crate::{
    fixture::Both,
    flaw::Flaw,
    pigeon::{Pigeon, PigeonHub},
};

/// A client that is never called.
#[derive(Debug)]
struct UnusedClient;

#[zengine_connector::async_trait]
impl zengine_connector::HttpClient for UnusedClient {
    async fn call(
        &self,
        _: http::Request<bytes::Bytes>,
        _: zengine_connector::http::CallOptions,
    ) -> Result<http::Response<bytes::Bytes>, zengine_connector::http::HttpError> {
        panic!("the client must not be called")
    }
}

#[test]
fn a_registry_is_never_silently_empty() {
    let http = || std::sync::Arc::new(UnusedClient);
    // Registering one name twice is an error.
    let twice = StrategyRegistry::builder().register(Pigeon::new(http(), Flaw::None)).register(Pigeon::new(http(), Flaw::None)).build();
    assert_eq!(twice.unwrap_err().kind(), ErrorKind::Settings);
    // A host declares the strategies it needs, and a missing one is an error.
    let builder = StrategyRegistry::builder().register(PigeonHub::new(http(), Flaw::None));
    let error = builder.expect(["pigeon-hub", "pigeon"]).build().unwrap_err();
    assert!(error.kind() == ErrorKind::Settings && error.to_string().contains("missing=pigeon"), "{error}");
}

#[test]
fn success_before_everything_is_stored_is_not_said() {
    let case = "an_event_that_was_not_stored_is_redelivered";
    assert_eq!(verdict::<Both<{ Flaw::AlwaysSaysSuccess as usize }>>(case), Verdict::Passed);
}
