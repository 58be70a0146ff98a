//! The id of a key, as records hold it.

use std::{fmt, ops::Deref, sync::Arc};

use serde::{Deserialize, Serialize};

/// The id of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyId(Arc<str>);

impl KeyId {
    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for KeyId {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for KeyId {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl Deref for KeyId {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}
