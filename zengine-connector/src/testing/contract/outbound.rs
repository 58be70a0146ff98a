//! The outbound half of a fixture.

use std::{fmt, path::PathBuf};

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;

use super::{Call, ConversationScript, ErrorRow, Sample};

type Messages = Box<dyn Fn(&Sample) -> Value + Send + Sync>;
type Provider = Box<dyn Fn(&Call<'_>) -> http::Response<Bytes> + Send + Sync>;
type SendPredicate = Box<dyn Fn(&http::Request<Bytes>) -> bool + Send + Sync>;

/// The outbound half of a fixture.
///
/// ```
/// use serde_json::json;
/// use zengine_connector::{
///     ErrorKind, Identity, OutboundMessage, Reach, testing::contract::{ErrorRow, Outbound, json},
/// };
///
/// let outbound = Outbound::new(|sample| OutboundMessage::text(Identity::phone(&sample.phone()).unwrap(), sample.text()))
///     .provider(|call| json(200, &json!({ "id": format!("m-{}", call.n()) })))
///     .error_table([ErrorRow::new(json(400, &json!({ "error": "no such number" })), ErrorKind::InvalidContent, Reach::Processed)]);
/// ```
#[must_use = "return it from Fixture::outbound"]
pub struct Outbound {
    pub(crate) message: Messages,
    pub(crate) provider: Option<Provider>,
    pub(crate) sends: Option<SendPredicate>,
    pub(crate) error_table: Vec<ErrorRow>,
    pub(crate) more: Vec<Value>,
    pub(crate) warned: Option<Value>,
    pub(crate) refused: Option<Value>,
    pub(crate) pairs: Option<PathBuf>,
    pub(crate) conversations: Option<ConversationScript>,
}

impl Outbound {
    /// Creates the half from the message of each sample, of the kind that is sent most.
    ///
    /// # Panics
    /// The kit panics later if a message has no JSON form.
    pub fn new<M: Serialize>(message: impl Fn(&Sample) -> M + Send + Sync + 'static) -> Self {
        let message: Messages = Box::new(move |sample| serde_json::to_value(message(sample)).expect("a message has a JSON form"));
        Self {
            message,
            provider: None,
            sends: None,
            error_table: vec![],
            more: vec![],
            warned: None,
            refused: None,
            pairs: None,
            conversations: None,
        }
    }

    /// Sets the provider without faults: the response to each call, a function of the request. You must give every message
    /// an id of its own, for example with [`Call::n`].
    pub fn provider(mut self, answer: impl Fn(&Call<'_>) -> http::Response<Bytes> + Send + Sync + 'static) -> Self {
        self.provider = Some(Box::new(answer));
        self
    }

    /// Sets the predicate that picks the call that sends. Defaults to the last call of a successful attempt, and every call
    /// with its method and path.
    pub fn sends_with(mut self, picks: impl Fn(&http::Request<Bytes>) -> bool + Send + Sync + 'static) -> Self {
        self.sends = Some(Box::new(picks));
        self
    }

    /// Adds rows of the provider's error table.
    pub fn error_table(mut self, rows: impl IntoIterator<Item = ErrorRow>) -> Self {
        self.error_table.extend(rows);
        self
    }

    /// Adds a message of another kind that the strategy can send.
    ///
    /// # Panics
    /// Panics if it has no JSON form.
    pub fn also<M: Serialize>(mut self, message: &M) -> Self {
        self.more.push(serde_json::to_value(message).expect("a message has a JSON form"));
        self
    }

    /// Describes the conversations that messages go through.
    pub fn conversations(mut self, script: ConversationScript) -> Self {
        self.conversations = Some(script);
        self
    }

    /// Sets a message of which the strategy's `check` only warns.
    ///
    /// # Panics
    /// Panics if it has no JSON form.
    pub fn warned<M: Serialize>(mut self, message: &M) -> Self {
        self.warned = Some(serde_json::to_value(message).expect("a message has a JSON form"));
        self
    }

    /// Sets a message that the strategy's `check` refuses, and the capabilities do not.
    ///
    /// # Panics
    /// Panics if it has no JSON form.
    pub fn refused<M: Serialize>(mut self, message: &M) -> Self {
        self.refused = Some(serde_json::to_value(message).expect("a message has a JSON form"));
        self
    }

    /// Sets a folder of pairs: a message `name.in.json` and the resulting requests, `name.expect.json`.
    pub fn pairs(mut self, folder: impl Into<PathBuf>) -> Self {
        self.pairs = Some(folder.into());
        self
    }
}

impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbound")
            .field("provider", &self.provider.is_some())
            .field("error_table", &self.error_table)
            .field("also", &self.more.len())
            .field("pairs", &self.pairs)
            .finish_non_exhaustive()
    }
}
