//! Support for the derive and for the strategies of this repository. Not covered by semantic versioning.

pub use crate::{
    message::{Capabilities, Channel, Idempotency, Never},
    schema::schema_of,
    strategy::{Descriptor, Direction, Halves, Reply, Strategy},
};

/// A text on one line and in its own direction: control characters and invisible ones are escaped.
pub fn on_one_line(text: &str) -> String {
    crate::error::on_one_line(text)
}

/// Whether a character changes how the text around it is read.
pub fn is_invisible(c: char) -> bool {
    crate::error::is_invisible(c)
}

/// The reader of JSON in place.
pub mod json {
    pub use crate::json::reader::{Document, Items, Obj, Raw, items, milliseconds, steps::taken as steps_taken, string, text};
}
