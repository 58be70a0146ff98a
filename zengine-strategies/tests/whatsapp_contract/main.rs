//! `whatsapp-meta-cloud` keeps the contract of strategies.

#![allow(clippy::unwrap_used, reason = "these are tests, helpers included")]

mod fixture;

zengine_connector::contract_tests!(contract, fixture::MetaFixture);
