//! The stored form of an attempt's error.

use crate::{
    error::{Error, ErrorKind, Fault, Reach, SendError},
    store::cbor::{Unread, record},
};

record! {
    /// An error in its stored form. Its text is one of our literals, its code the provider's.
    #[derive(Debug)]
    pub struct StoredError {
        /// Kind of the error.
        1 required pub kind: ErrorKind,
        /// The party at fault.
        2 required pub fault: Fault,
        /// Reach of the attempt.
        3 required pub reach: Reach,
        /// The provider's code, up to 128 characters of it.
        4 optional pub code: Option<String>,
        /// The message, one of our literals.
        5 default pub message: String,
        /// Number of attempts made.
        6 default pub attempts: u32,
        /// Whether it is an error of the tenant's set-up that a message of management met.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        7 default pub management: bool,
        /// Whether nothing was sent and the provider says when the message may be sent, whatever the kind: its letter is redrivable.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        8 default pub redrivable: bool,
    }
}

impl StoredError {
    const MAX_CODE: usize = 128;

    /// An error of a kind.
    pub fn new(kind: ErrorKind, reach: Reach, message: impl Into<String>) -> Self {
        Self {
            kind,
            fault: kind.fault(),
            reach,
            code: None,
            message: message.into(),
            attempts: 0,
            management: false,
            redrivable: false,
            unread: Unread::default(),
        }
    }

    /// The stored form of an attempt's error.
    pub fn of(error: &SendError, attempts: u32) -> Self {
        Self {
            fault: error.fault(),
            code: error.provider_code().map(|code| code.chars().take(Self::MAX_CODE).collect()),
            attempts,
            management: error.error().is_of_management(),
            redrivable: error.reach() == Reach::NotSent && error.retry_after().is_some(),
            ..Self::new(error.kind(), error.reach(), error.error().message())
        }
    }

    /// Restores the error, without the parts that are not stored.
    pub fn to_error(&self) -> Error {
        let error = Error::restored(self.kind, self.message.clone());
        let error = match &self.code {
            Some(code) => error.with_code(code),
            None => error,
        };
        let error = if self.management { error.met_by_management() } else { error };
        if self.attempts > 0 { error.with_context("attempts", self.attempts) } else { error }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::to_value;

    use super::*;

    #[test]
    fn what_a_stored_error_has_in_common_with_an_error_has_the_same_form() {
        let refused = SendError::domain("the message was refused").code("131026").processed();
        let (stored, error) = (to_value(StoredError::of(&refused, 2)).unwrap(), to_value(refused.error()).unwrap());
        let common = ["kind", "fault", "code", "message"];
        assert_eq!(common.map(|member| &stored[member]), common.map(|member| &error[member]));
        let own: Vec<_> = stored.as_object().unwrap().keys().filter(|member| !common.contains(&member.as_str())).collect();
        assert_eq!(own, ["attempts", "reach"]);
    }
}
