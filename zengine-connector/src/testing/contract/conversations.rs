//! The conversations of a provider, as a fixture describes them.

use std::fmt;

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;

use super::Sample;

type Messages = Box<dyn Fn(&Sample, &Sample) -> Value + Send + Sync>;
type Ends = Box<dyn Fn(&Sample) -> Value + Send + Sync>;
type Predicate = Box<dyn Fn(&http::Request<Bytes>) -> bool + Send + Sync>;
type Ids = Box<dyn Fn(&http::Request<Bytes>) -> Option<String> + Send + Sync>;
type Events = Box<dyn Fn(usize, &str, &Sample) -> http::Request<Bytes> + Send + Sync>;

/// A provider whose messages go through conversations that a call opens. The provider that you script must know its client
/// tokens, and open a new conversation for every other opening, as the real one does.
///
/// ```
/// # use serde_json::json;
/// use zengine_connector::{Identity, OutboundMessage, testing::contract::{ConversationScript, json}};
///
/// let script = ConversationScript::new(
///     |customer, text| OutboundMessage::text(Identity::phone(&customer.phone()).unwrap(), text.text()),
///     |request| request.uri().path() == "/conversations",
///     |request| request.uri().path().strip_prefix("/conversations/")?.strip_suffix("/messages").map(str::to_owned),
/// )
/// .gone(json(404, &json!({ "error": "no such conversation" })))
/// .tokens(["canary-conversation-token"]);
/// ```
#[must_use = "give it to Outbound::conversations"]
pub struct ConversationScript {
    pub(crate) message: Messages,
    pub(crate) opens: Predicate,
    pub(crate) id_of: Ids,
    pub(crate) gone: Option<http::Response<Bytes>>,
    pub(crate) end: Option<Ends>,
    pub(crate) event: Option<Events>,
    pub(crate) tokens: Vec<String>,
    pub(crate) for_inbound: bool,
}

impl ConversationScript {
    /// Creates the script: the message to a customer, with the text of another sample; whether a call opens a conversation; and the
    /// provider's id that a call which sends goes to.
    ///
    /// # Panics
    /// The kit panics later if a message has no JSON form.
    pub fn new<M: Serialize>(
        message: impl Fn(&Sample, &Sample) -> M + Send + Sync + 'static,
        opens: impl Fn(&http::Request<Bytes>) -> bool + Send + Sync + 'static,
        id_of: impl Fn(&http::Request<Bytes>) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        let message: Messages =
            Box::new(move |customer, text| serde_json::to_value(message(customer, text)).expect("a message has a JSON form"));
        Self {
            message,
            opens: Box::new(opens),
            id_of: Box::new(id_of),
            gone: None,
            end: None,
            event: None,
            tokens: vec![],
            for_inbound: false,
        }
    }

    /// Sets the response to a message in a conversation that the provider does not know any more.
    pub fn gone(mut self, response: http::Response<Bytes>) -> Self {
        self.gone = Some(response);
        self
    }

    /// Sets the message that ends a customer's conversation.
    ///
    /// # Panics
    /// The kit panics later if it has no JSON form.
    pub fn ended_by<M: Serialize>(mut self, message: impl Fn(&Sample) -> M + Send + Sync + 'static) -> Self {
        self.end = Some(Box::new(move |customer| serde_json::to_value(message(customer)).expect("a message has a JSON form")));
        self
    }

    /// Sets the signed request of a message in a conversation of the n-th tenant, by the provider's id, with a sample's text.
    pub fn event(mut self, request: impl Fn(usize, &str, &Sample) -> http::Request<Bytes> + Send + Sync + 'static) -> Self {
        self.event = Some(Box::new(request));
        self
    }

    /// Opens the conversation of the n-th customer before the n-th sample event arrives, for a strategy that takes events of open
    /// conversations only. The provider that you script must give a customer's first conversation an id that the element of the same
    /// [`Sample`] can name, such as `sample.word("chat")`.
    pub fn opens_for_inbound(mut self) -> Self {
        self.for_inbound = true;
        self
    }

    /// Adds the tokens that the provider's responses hold. The kit looks for them in everything printed.
    pub fn tokens(mut self, tokens: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.tokens.extend(tokens.into_iter().map(Into::into));
        self
    }
}

impl fmt::Debug for ConversationScript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConversationScript").field("tokens", &self.tokens.len()).finish_non_exhaustive()
    }
}
