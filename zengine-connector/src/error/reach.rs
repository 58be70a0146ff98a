//! How far a request got.

use serde::{Deserialize, Serialize};

words! {
    /// How far a request got (rule 1). Exhaustive by design: every decision about repeating matches on it.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
    pub enum Reach {
        /// The request was not sent, or the provider refused it before processing.
        NotSent = "not_sent",
        /// Unknown: the provider may have acted on it.
        Maybe = "maybe",
        /// The provider processed it and refused.
        Processed = "processed",
    }
}
