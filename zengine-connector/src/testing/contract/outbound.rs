//! What a strategy sends, and what its provider answers.

use std::{fmt, path::PathBuf};

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;

use super::{Answer, Call, Sample};

type Messages = Box<dyn Fn(&Sample) -> Value + Send + Sync>;
type Provider = Box<dyn Fn(&Call<'_>) -> http::Response<Bytes> + Send + Sync>;
type Picks = Box<dyn Fn(&http::Request<Bytes>) -> bool + Send + Sync>;

/// The outbound half of a fixture.
///
/// ```
/// use serde_json::json;
/// use zengine_connector::{ErrorKind, Identity, OutboundMessage, Reach, testing::contract::{Answer, Outbound, json}};
///
/// let outbound = Outbound::new(|sample| OutboundMessage::text(Identity::phone(&sample.phone()).unwrap(), sample.text()))
///     .provider(|call| json(200, &json!({ "id": format!("m-{}", call.n()) })))
///     .answers([Answer::new(json(400, &json!({ "error": "no such number" })), ErrorKind::InvalidContent, Reach::Processed)]);
/// ```
#[must_use = "return it from Fixture::outbound"]
pub struct Outbound {
    pub(crate) message: Messages,
    pub(crate) provider: Option<Provider>,
    pub(crate) sends: Option<Picks>,
    pub(crate) answers: Vec<Answer>,
    pub(crate) more: Vec<Value>,
    pub(crate) pairs: Option<PathBuf>,
}

impl Outbound {
    /// The sample messages: one for each sample, of the kind that is sent most.
    ///
    /// # Panics
    /// Later, where a message has no JSON form.
    pub fn new<M: Serialize>(message: impl Fn(&Sample) -> M + Send + Sync + 'static) -> Self {
        let message: Messages = Box::new(move |sample| serde_json::to_value(message(sample)).expect("a message has a JSON form"));
        Self { message, provider: None, sends: None, answers: vec![], more: vec![], pairs: None }
    }

    /// The provider where all is well: the answer to each call, a function of the request. Give every message an id of its
    /// own, for example with [`Call::n`].
    pub fn provider(mut self, answer: impl Fn(&Call<'_>) -> http::Response<Bytes> + Send + Sync + 'static) -> Self {
        self.provider = Some(Box::new(answer));
        self
    }

    /// Which of the calls makes the message happen. Where nothing is said, it is the last call of an attempt that
    /// succeeds, and every call with its method and path.
    pub fn sends_with(mut self, picks: impl Fn(&http::Request<Bytes>) -> bool + Send + Sync + 'static) -> Self {
        self.sends = Some(Box::new(picks));
        self
    }

    /// The provider's error table.
    pub fn answers(mut self, rows: impl IntoIterator<Item = Answer>) -> Self {
        self.answers.extend(rows);
        self
    }

    /// Adds a message of another kind that the strategy can send.
    ///
    /// # Panics
    /// Where it has no JSON form.
    pub fn also<M: Serialize>(mut self, message: &M) -> Self {
        self.more.push(serde_json::to_value(message).expect("a message has a JSON form"));
        self
    }

    /// A folder of pairs: a message `name.in.json` and the requests it leads to, `name.expect.json`.
    pub fn pairs(mut self, folder: impl Into<PathBuf>) -> Self {
        self.pairs = Some(folder.into());
        self
    }
}

impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbound")
            .field("provider", &self.provider.is_some())
            .field("answers", &self.answers)
            .field("also", &self.more.len())
            .field("pairs", &self.pairs)
            .finish_non_exhaustive()
    }
}
