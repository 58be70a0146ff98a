//! What people and providers tell besides messages of text.

use crate::message::State;

/// Something that a provider tells besides a message of text. [`Inbound::tells`](super::Inbound::tells) writes it as an
/// element.
///
/// Give each element an id made of its [`Sample`](super::Sample), and the sample's time.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Told<'a> {
    /// Somebody tapped a button or chose from a list: it must arrive as an interactive reply.
    Choice {
        /// The id that the sender of the choice gave it.
        id: &'a str,
        /// The label.
        title: &'a str,
    },
    /// Somebody reacted to a message.
    Reaction {
        /// The message.
        target: &'a str,
        /// With this; `None`: the reaction was taken back.
        emoji: Option<&'a str>,
    },
    /// Somebody sent the contact card of somebody of this name.
    Contact {
        /// The name.
        name: &'a str,
    },
    /// Somebody ordered some of an article.
    Order {
        /// The seller's article number.
        sku: &'a str,
        /// How many.
        quantity: u32,
    },
    /// Somebody filled in a form.
    Form {
        /// The answers, a JSON object.
        answers: &'a str,
    },
    /// Somebody wrote the sample's text of whom the provider knows no phone number, only names of its own.
    WithoutPhone,
    /// News of a message that was sent.
    Status {
        /// The provider's id of the message.
        target: &'a str,
        /// What became of it. Return `None` for a state that the provider does not tell.
        state: State,
        /// When the message was sent, in milliseconds UTC: an hour before the news, which has the sample's time.
        sent_at_ms: i64,
        /// Whom the news is about, in the provider's names. Return `None` for more than one where the provider tells
        /// each apart.
        people: &'a [String],
    },
    /// News, `delivered`, of a message that was sent, in which the provider echoes the key that the strategy sent with it.
    Echo {
        /// The provider's id of the message.
        target: &'a str,
        /// The provider key of the send.
        key: &'a str,
    },
}
