//! What every inbound half must do. A module of this folder is a family of the list.

pub(crate) mod arrival;
pub(crate) mod batches;
pub(crate) mod bounds;
pub(crate) mod cross_talk;
pub(crate) mod garbage;
pub(crate) mod greeting;
pub(crate) mod kinds;
pub(crate) mod news;
pub(crate) mod once;
pub(crate) mod purity;
pub(crate) mod refusal;
pub(crate) mod signature;
pub(crate) mod unknown;

mod prelude {
    pub(crate) use super::super::prelude::*;
    pub(crate) use crate::testing::contract::{
        inbox::{Inbox, assert_taken, content, words},
        told::Told,
        vary,
    };
}
