//! Expected events other than text messages.

use crate::message::State;

/// An expected event. [`Inbound::expected`](super::Inbound::expected) makes the element of one other than a text message, and
/// [`Inbound::requests`](super::Inbound::requests) the request of any.
///
/// You must give each an id made of its [`Sample`](super::Sample), and the sample's time.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Expected<'a> {
    /// The sample's text, as the kind of message that arrives most.
    Text,
    /// A tapped button or a choice from a list, which must become an interactive reply.
    Choice {
        /// The id that the sender of the choice gave it.
        id: &'a str,
        /// The label.
        title: &'a str,
    },
    /// A reaction to a message.
    Reaction {
        /// The id of the message.
        target: &'a str,
        /// The emoji; `None` if the reaction was removed.
        emoji: Option<&'a str>,
    },
    /// A contact card.
    Contact {
        /// The name on the card.
        name: &'a str,
    },
    /// An order of one article.
    Order {
        /// The seller's article number.
        sku: &'a str,
        /// The quantity.
        quantity: u32,
    },
    /// A filled-in form.
    Form {
        /// The answers, a JSON object.
        answers: &'a str,
    },
    /// The sample's text from a sender without a phone number, known only by the provider's own ids.
    WithoutPhone,
    /// A status of a sent message.
    Status {
        /// The provider's id of the message.
        target: &'a str,
        /// The state. Return `None` for one that the provider does not report.
        state: State,
        /// The time of the send, in milliseconds UTC: an hour before the status, which has the sample's time.
        sent_at_ms: i64,
        /// The recipients, by the provider's ids. Return `None` for more than one if the provider reports each
        /// separately.
        recipients: &'a [String],
    },
    /// A status of a message that did not arrive.
    Failure {
        /// The provider's id of the message.
        target: &'a str,
        /// Whether it is final. Return `None` for what the provider does not tell.
        permanent: bool,
        /// Whether the provider did not try, because the recipient is on its suppression list.
        suppressed: bool,
        /// The recipient, by the provider's id.
        recipient: &'a str,
    },
    /// A status `delivered` of a sent message that echoes the strategy's provider key.
    Echo {
        /// The provider's id of the message.
        target: &'a str,
        /// The provider key of the send.
        key: &'a str,
    },
}
