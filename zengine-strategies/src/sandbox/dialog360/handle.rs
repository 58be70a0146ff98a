//! The 360dialog emulator's own part of the handle.

use serde_json::Value;

use super::route::Dialog;
use crate::sandbox::emulator::Emulator;
use crate::sandbox::waba::Number;

/// A running emulator of 360dialog's Messaging API. Dropping it stops the emulator.
pub type Dialog360Api = Emulator<Dialog>;

impl Emulator<Dialog> {
    /// Adds a phone number, or replaces the one with the same id.
    pub fn add_number(&self, number: Number) {
        self.handler.provider.state.add_number(number);
    }

    /// Replaces the key of a number, as the hub does: the old one fails with 401 at once, and the number's webhook is cleared. Returns
    /// whether the number exists.
    pub fn set_key(&self, phone_number_id: &str, key: impl Into<String>) -> bool {
        self.handler.provider.state.set_key(phone_number_id, key.into())
    }

    /// Sets a field that health look-ups name: `health_status`, `quality_rating`, ….
    pub fn set_node_field(&self, phone_number_id: &str, field: &str, value: impl Into<Value>) {
        self.handler.provider.state.change(phone_number_id, |record| record.node.insert(field.to_owned(), value.into()));
    }
}
