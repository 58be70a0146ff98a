//! Support for the derive and for the strategies of this repository. Not covered by semantic versioning.

pub use crate::{
    message::{Capabilities, Channel, Idempotency, Never},
    schema::schema_of,
    strategy::{Descriptor, Direction, Halves, Reply, Strategy},
};

/// Escapes control and invisible characters, so that the text stays on one line.
pub fn on_one_line(text: &str) -> String {
    crate::error::on_one_line(text)
}

/// The known name closest to a text, if it is close enough to be a misspelling.
pub fn closest<'n>(text: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    crate::error::closest(text, known)
}

/// Whether a character changes how the text around it is read.
pub fn is_invisible(c: char) -> bool {
    crate::error::is_invisible(c)
}

/// Whether a panic of this thread is one of the embedded store's engine over a damaged file, which becomes an error.
#[cfg(feature = "embedded")]
pub fn is_damage_of_a_store() -> bool {
    crate::store::catches_panics()
}

/// Values that the JSON readers of this thread have passed so far; counted in debug builds with the feature `testing`.
pub use crate::json::steps::taken as json_steps_taken;
