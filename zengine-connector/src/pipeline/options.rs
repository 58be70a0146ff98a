//! What a caller says about one send.

use std::time::{Duration, SystemTime};

use crate::{
    ids::{ClientMessageId, CorrelationId},
    message::Degrade,
};

/// What a caller says about one send.
///
/// ```
/// use std::time::Duration;
/// use zengine_connector::{ClientMessageId, message::Degrade, SendOptions};
///
/// let options = SendOptions::new(ClientMessageId::new("order-17")?).within(Duration::from_secs(20)).degrade(Degrade::Text);
/// # Ok::<(), zengine_connector::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SendOptions {
    /// The caller's id of the message.
    pub client_message_id: ClientMessageId,
    /// How long the send may take; 60 seconds where nothing is said.
    pub time: Option<Duration>,
    /// When the message was first to be sent; with the strategy's `max_age` it ends what is put off for ever (rule 8).
    pub created_at: Option<SystemTime>,
    /// What ties log lines together.
    pub correlation_id: Option<CorrelationId>,
    /// The W3C trace parent to carry on.
    pub traceparent: Option<String>,
    /// What to do with content that the channel cannot show.
    pub degrade: Degrade,
}

impl SendOptions {
    /// A send under an id.
    pub fn new(client_message_id: ClientMessageId) -> Self {
        Self { client_message_id, time: None, created_at: None, correlation_id: None, traceparent: None, degrade: Degrade::Refuse }
    }

    /// Limits how long the send may take.
    #[must_use = "returns the options with the limit"]
    pub fn within(mut self, time: Duration) -> Self {
        self.time = Some(time);
        self
    }

    /// Says when the message was first to be sent.
    #[must_use = "returns the options with the time"]
    pub fn created_at(mut self, time: SystemTime) -> Self {
        self.created_at = Some(time);
        self
    }

    /// Says what ties log lines together.
    #[must_use = "returns the options with the id"]
    pub fn correlation_id(mut self, id: CorrelationId) -> Self {
        self.correlation_id = Some(id);
        self
    }

    /// Carries a W3C trace parent on.
    #[must_use = "returns the options with the trace parent"]
    pub fn traceparent(mut self, text: impl Into<String>) -> Self {
        self.traceparent = Some(text.into());
        self
    }

    /// Says what to do with content that the channel cannot show.
    #[must_use = "returns the options with the choice"]
    pub fn degrade(mut self, how: Degrade) -> Self {
        self.degrade = how;
        self
    }
}

/// What somebody says about one redrive.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct RedriveOptions {
    /// Send it though it may have arrived already, and the provider cannot tell (rule 71). Goes on record.
    pub force: bool,
    /// Why, for the record.
    pub reason: Option<String>,
    /// How long it may take; 60 seconds where nothing is said.
    pub time: Option<Duration>,
    /// What to do with content that the channel cannot show.
    pub degrade: Degrade,
}

impl RedriveOptions {
    /// A careful redrive.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sends it though it may have arrived already. Says why, for the record.
    #[must_use = "returns the options with the choice"]
    pub fn force(mut self, reason: impl Into<String>) -> Self {
        (self.force, self.reason) = (true, Some(reason.into()));
        self
    }
}
