//! Support for the derive and for the strategies of this repository. Not covered by semantic versioning.

pub use crate::{
    message::{Capabilities, Channel, Idempotency, Never},
    schema::schema_of,
    strategy::{Descriptor, Direction, Halves, Reply, Strategy},
};

/// The reader of JSON in place.
pub mod json {
    pub use crate::json::reader::{Document, Items, Obj, Raw, items, milliseconds, string, text};
}
