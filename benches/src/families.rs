//! The rows, in the order of the table.

use zengine_connector::BoxError;

use crate::{
    harness::{Counted, Row, Run},
    inbound,
};

/// Rows that are measured together.
pub(crate) struct Family {
    /// How the names of its rows begin.
    pub(crate) name: &'static str,
    /// Measures times, rates and sizes.
    pub(crate) timed: fn(&Run) -> Result<Vec<Row>, BoxError>,
    /// Operations whose allocations and instructions are counted.
    pub(crate) counted: &'static [Counted],
}

pub(crate) const FAMILIES: &[Family] = &[Family { name: "inbound/", timed: inbound::rows, counted: inbound::COUNTED }];
