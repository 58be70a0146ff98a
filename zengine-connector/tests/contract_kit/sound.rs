//! Sound strategies pass the whole contract.

use crate::fixture::{Both, Cards, Desk, Hub, Ledger, Out};

zengine_connector::contract_tests!(sends_and_receives, Both<0>);
zengine_connector::contract_tests!(only_receives, Hub<0>);
zengine_connector::contract_tests!(receives_forms_and_queries, Cards<0>);
zengine_connector::contract_tests!(only_sends, Out<0>);
zengine_connector::contract_tests!(sends_and_can_be_asked, Ledger<0>);
zengine_connector::contract_tests!(keeps_conversations, Desk<0>);
