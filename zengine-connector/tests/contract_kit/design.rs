//! Faults that no strategy can have, because the core does not let it.

use zengine_connector::{
    ErrorKind, StrategyRegistry,
    testing::contract::{Verdict, verdict},
};

use crate::{
    fixture::Both,
    flaw::Flaw,
    pigeon::{Pigeon, PigeonHub},
};

/// A client that nobody calls.
#[derive(Debug)]
struct Nobody;

#[zengine_connector::async_trait]
impl zengine_connector::HttpClient for Nobody {
    async fn call(
        &self,
        _: http::Request<bytes::Bytes>,
        _: zengine_connector::CallOptions,
    ) -> Result<http::Response<bytes::Bytes>, zengine_connector::HttpError> {
        panic!("nobody is called here")
    }
}

#[test]
fn a_registry_is_never_silently_empty() {
    let http = || std::sync::Arc::new(Nobody);
    // Registering one name twice loses neither without a word.
    let twice = StrategyRegistry::builder().register(Pigeon::new(http(), Flaw::None)).register(Pigeon::new(http(), Flaw::None)).build();
    assert_eq!(twice.unwrap_err().kind(), ErrorKind::Settings);
    // A host that needs a strategy says so, and hears of one that nobody registered.
    let builder = StrategyRegistry::builder().register(PigeonHub::new(http(), Flaw::None));
    let error = builder.expect(["pigeon-hub", "pigeon"]).build().unwrap_err();
    assert!(error.kind() == ErrorKind::Settings && error.to_string().contains("missing=pigeon"), "{error}");
}

#[test]
fn success_before_everything_is_stored_is_not_said() {
    let case = "what_was_not_stored_comes_again";
    assert_eq!(verdict::<Both<{ Flaw::AlwaysSaysSuccess as usize }>>(case), Verdict::Passed);
}
