//! Checks of a message against a channel's capabilities; all violations are reported at once.

mod conversation;
mod email;
mod interactive;
mod media;

use super::{
    Capabilities, Content, Length, OutboundMessage, SessionNotice, SmsParts,
    checker::{Checker, Under},
};

use conversation::{opening, participant, session};
use interactive::interactive;
use media::media;

/// Checks a canonical message.
pub(super) fn message(message: &OutboundMessage, capabilities: &Capabilities, check: &mut Checker) {
    check.rule("recipient.missing").require(!message.to.ids.is_empty(), "/to", "a recipient needs at least one identity");
    check.rule("quote.unsupported").require(
        message.reply_to.is_none() || capabilities.quote,
        "/reply_to",
        "the channel cannot quote a message",
    );
    content("/content", &message.content, capabilities, check);
    if let (Content::Email(it), Some(rules)) = (&message.content, &capabilities.email) {
        email::email("/content", it, &message.to, rules, capabilities, check);
    }
    if let Some(author) = &message.author {
        participant("/author", author, check);
    }
    if let Some(it) = &message.opening {
        opening(it, check);
    }
}

/// Maximum length of id, label and description of a choice.
const CHOICE: Length = Length::chars(1_024);

fn content(at: &str, content: &Content, can: &Capabilities, check: &mut Checker) {
    match content {
        Content::Text(text) => match can.text {
            None => check.rule("text.unsupported").add(at, "the channel carries no text"),
            Some(max) => {
                check.rule("text.length").text(Under(at, "/body"), &text.body, 1, max);
                if let Some(max) = can.text_also {
                    check.rule("text.length").text(Under(at, "/body"), &text.body, 0, max);
                }
                if let Some(max) = can.sms_parts {
                    check.rule("text.parts").range(Under(at, "/body"), SmsParts::of(&text.body).parts, 0..=max.into(), "", || {
                        "too many parts of a text message".into()
                    });
                }
                check.rule("text.format").require(
                    can.shows(text.format),
                    Under(at, "/format"),
                    "the channel does not show this text format",
                );
            }
        },
        Content::Media(item) => media(at, item, can, check),
        Content::Location(place) => {
            check.rule("location.unsupported").require(can.location, at, "the channel carries no locations");
            check.rule("location.range").require(
                (-90.0..=90.0).contains(&place.latitude),
                Under(at, "/latitude"),
                "must be -90 to 90 degrees",
            );
            check.rule("location.range").require(
                (-180.0..=180.0).contains(&place.longitude),
                Under(at, "/longitude"),
                "must be -180 to 180 degrees",
            );
        }
        Content::Contacts(cards) => match can.contacts {
            None => check.rule("contacts.unsupported").add(at, "the channel carries no contact cards"),
            Some(max) => {
                check.rule("contacts.count").count(Under(at, "/contacts"), cards.contacts.len(), 1, max.into());
                for (i, card) in cards.contacts.iter().enumerate() {
                    check.rule("contacts.name").require(
                        card.display_name().is_some(),
                        format!("{at}/contacts/{i}/name/formatted_name"),
                        "must not be empty",
                    );
                }
            }
        },
        Content::Interactive(item) => interactive(at, item, can, check),
        Content::Template(template) => {
            check.rule("template.unsupported").require(can.template, at, "the channel has no templates");
            check.rule("template.name").require(!template.name.is_empty(), Under(at, "/name"), "must not be empty");
            check.rule("template.language").require(!template.language.is_empty(), Under(at, "/language"), "must not be empty");
        }
        Content::Reaction(reaction) => {
            check.rule("reaction.unsupported").require(can.reaction, at, "the channel carries no reactions");
            check.rule("reaction.target").require(!reaction.target.is_empty(), Under(at, "/target"), "must not be empty");
        }
        Content::Email(_) => check.rule("email.unsupported").require(can.email.is_some(), at, "the channel carries no e-mail"),
        Content::Typing { .. } => check.rule("typing.unsupported").require(can.typing, at, "the channel shows no typing notices"),
        Content::ReadMark { target } => {
            check.rule("read_mark.unsupported").require(can.read_mark, at, "the channel has no read marks");
            check.rule("read_mark.target").require(!target.is_empty(), Under(at, "/target"), "must not be empty");
        }
        Content::Session(notice) => {
            check.rule("session.unsupported").require(can.session, at, "the channel takes no notices of the conversation");
            if let SessionNotice::Change(change) = notice {
                session(at, change, check);
            }
        }
        Content::Native { .. } => check.rule("native.unsupported").require(can.native, at, "the channel takes no native JSON"),
        Content::Compound { .. } => {
            check.rule("content.compound").hint("send the parts one by one").add(at, "a message holds one content");
        }
        Content::InteractiveReply(choice) => {
            check.rule("choice.unsupported").require(can.choice, at, "the channel takes no answers to choices");
            check.rule("choice.length").text(Under(at, "/id"), &choice.id, 1, CHOICE);
            check.rule("choice.length").optional(Under(at, "/title"), choice.title.as_deref(), CHOICE);
            check.rule("choice.length").optional(Under(at, "/description"), choice.description.as_deref(), CHOICE);
        }
        Content::Order(_) | Content::FlowReply(_) | Content::System(_) | Content::Unsupported(_) | Content::Unknown { .. } => {
            check.rule("content.inbound_only").add(at, "this content only arrives, it cannot be sent");
        }
    }
}
