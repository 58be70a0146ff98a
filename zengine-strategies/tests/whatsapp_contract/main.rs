//! Both WhatsApp strategies keep the contract of strategies, over one table of messages and webhooks.

#![allow(clippy::unwrap_used, reason = "these are tests, helpers included")]

mod dialog360;
mod fixture;

zengine_connector::contract_tests!(contract, fixture::MetaFixture);
zengine_connector::contract_tests!(dialog360_contract, dialog360::Dialog360Fixture);
