//! The rows, in the order of the table.

use zengine_connector::BoxError;

use crate::{
    disk, embedded,
    harness::{Counted, Row, Run},
    inbound, log, loopback, sends, start, tenants,
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

const fn family(name: &'static str, timed: fn(&Run) -> Result<Vec<Row>, BoxError>, counted: &'static [Counted]) -> Family {
    Family { name, timed, counted }
}

pub(crate) const FAMILIES: &[Family] = &[
    family("pipeline/", sends::rows, sends::COUNTED),
    family("inbound/", inbound::rows, inbound::COUNTED),
    family("loopback/", loopback::rows, &[]),
    family("log/", log::rows, log::COUNTED),
    family("tenants/", tenants::rows, tenants::COUNTED),
    family("embedded/", embedded::rows, &[]),
    family("disk/", disk::rows, &[]),
    family("start/", start::rows, &[]),
];
