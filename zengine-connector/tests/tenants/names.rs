//! Names: expected, unknown, taken twice.

use zengine_connector::{ErrorKind, StrategyRegistry};

use crate::host::Acme;

#[test]
fn two_registries_stand_side_by_side() {
    let (first, second) = (Acme::default(), Acme::default());
    let one = StrategyRegistry::builder().register(first).build().unwrap();
    let two = StrategyRegistry::builder().register(second.clone()).register_as("acme-2", second).build().unwrap();
    let names = |registry: &StrategyRegistry| registry.descriptors().map(|(name, _)| name.to_string()).collect::<Vec<_>>();
    assert_eq!((names(&one), names(&two)), (vec!["acme".to_owned()], vec!["acme".to_owned(), "acme-2".to_owned()]));
    assert!(one.descriptors().all(|(_, descriptor)| descriptor.name == "acme"));
}

#[test]
fn a_name_taken_twice_names_both_types() {
    let error = StrategyRegistry::builder().register(Acme::default()).register(Acme::default()).build().unwrap_err();
    assert_eq!((error.kind(), error.context("strategy")), (ErrorKind::Settings, Some("acme")));
    assert!(error.context("first").unwrap().ends_with("host::Acme") && error.context("second").unwrap().ends_with("host::Acme"));
}

#[test]
fn all_expected_names_that_are_missing_are_named() {
    let builder = || StrategyRegistry::builder().expect(["acme", "ses-email"]).register(Acme::default()).expect(vec!["akme".to_owned()]);
    let error = builder().build().unwrap_err();
    assert_eq!((error.kind(), error.context("missing")), (ErrorKind::Settings, Some("akme, ses-email")));
    assert_eq!((error.context("known"), error.context("did_you_mean")), (Some("acme"), Some("acme")));
    assert!(builder().register_as("akme", Acme::default()).register_as("ses-email", Acme::default()).build().is_ok());
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let error = StrategyRegistry::builder()
        .register(Acme::default())
        .register(Acme::default())
        .register_as("Not Kebab", Acme::default())
        .expect(["sns-sms"])
        .build()
        .unwrap_err();
    let said = error.to_string();
    assert_eq!((error.kind(), error.violations().len()), (ErrorKind::Settings, 3));
    for part in ["under one name", "host::Acme", "Not Kebab", "sns-sms"] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn an_unknown_name_lists_the_known_ones_and_the_closest() {
    let registry = StrategyRegistry::builder().register(Acme::default()).register_as("sns-sms", Acme::default()).build().unwrap();
    let error = registry.check("sns-smss", &serde_json::json!({})).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnknownStrategy);
    assert_eq!((error.context("known"), error.context("did_you_mean")), (Some("acme, sns-sms"), Some("sns-sms")));
    assert_eq!(registry.check("pigeon", &serde_json::json!({})).unwrap_err().context("did_you_mean"), None);
}
