//! What every inbound half must do. A module of this folder is a family of the list.

pub(crate) mod arrival;

use super::prelude;
