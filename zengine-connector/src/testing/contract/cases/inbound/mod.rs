//! Cases of the inbound half. Each module is a family of the list.

pub(crate) mod arrival;
pub(crate) mod batches;
pub(crate) mod bounds;
pub(crate) mod cross_talk;
pub(crate) mod dedup;
pub(crate) mod garbage;
pub(crate) mod handshake;
pub(crate) mod kept;
pub(crate) mod kinds;
pub(crate) mod media;
pub(crate) mod purity;
pub(crate) mod records;
pub(crate) mod refusal;
pub(crate) mod replies;
pub(crate) mod signature;
pub(crate) mod statuses;
pub(crate) mod unknown;

mod prelude {
    pub(crate) use super::super::prelude::*;
    pub(crate) use crate::testing::contract::{
        expected::Expected,
        inbound::Form,
        inbox::{Inbox, assert_accepted, content, words},
        shown, vary,
    };
}
