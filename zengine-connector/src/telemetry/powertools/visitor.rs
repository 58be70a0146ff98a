//! An event's fields as JSON.

use std::fmt::{Debug, Write as _};

use tracing::field::{Field, Visit};

use super::{
    context::{Context, own_name},
    json,
};

/// Writes `,"name":value` for every field except the message, and records the context keys that the event overrides.
pub(super) struct FieldWriter<'a> {
    pub(super) text: &'a mut String,
    /// The message as a JSON string. Empty if the event has none.
    pub(super) message: &'a mut String,
    pub(super) context: &'a Context,
    /// The overridden keys of the context, a bit for each.
    pub(super) overridden: u64,
}

impl FieldWriter<'_> {
    /// Returns `true` if the event overrides the n-th context key.
    pub(super) fn overrides(&self, n: usize) -> bool {
        self.overridden >> n & 1 == 1
    }

    /// Writes the field's name and returns the buffer for its value.
    fn value(&mut self, field: &Field) -> &mut String {
        if field.name() == "message" {
            self.message.clear();
            return self.message;
        }
        let name = own_name(field.name());
        if let Some(n) = self.context.keys.iter().position(|(key, _)| *key == name) {
            // The context has at most 64 keys.
            self.overridden |= 1 << n;
        }
        self.text.push(',');
        json::string(self.text, &name);
        self.text.push(':');
        self.text
    }
}

/// Numbers and truth values, whose text is JSON as it is.
macro_rules! plain {
    ($($record:ident: $type:ty;)*) => {$(
        fn $record(&mut self, field: &Field, value: $type) {
            let _ = write!(self.value(field), "{value}");
        }
    )*};
}

impl Visit for FieldWriter<'_> {
    plain! {
        record_bool: bool;
        record_i64: i64;
        record_u64: u64;
        record_i128: i128;
        record_u128: u128;
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        json::string(self.value(field), value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        json::float(self.value(field), value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        json::display(self.value(field), format_args!("{value:?}"));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        json::display(self.value(field), value);
    }
}
