//! A message adapted to a channel with fewer features, and a report of the losses.

use serde::{Deserialize, Serialize};

use super::{Capabilities, Content, Email, Header, Interactive, Location, Media, MediaSource, OutboundMessage, Text, TextFormat};

/// The treatment of content that the channel cannot show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Degrade {
    /// Refuse the message.
    #[default]
    Refuse,
    /// Write it out as text; the outcome says what was lost.
    Text,
}

/// One thing lost by degrading.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Loss {
    /// JSON pointer into the caller's message.
    pub pointer: String,
    /// The part that was lost.
    pub what: String,
}

/// Everything lost by degrading.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LossReport {
    /// The losses, in the order of the message.
    pub losses: Vec<Loss>,
}

impl LossReport {
    /// Adds a loss at a place of the message (a JSON pointer). For message types that degrade themselves.
    ///
    /// ```
    /// use zengine_connector::message::LossReport;
    ///
    /// let mut report = LossReport::default();
    /// report.note("/content/footer", "the footer");
    /// assert_eq!(report.losses[0].pointer, "/content/footer");
    /// ```
    pub fn note(&mut self, pointer: impl Into<String>, what: impl Into<String>) {
        self.losses.push(Loss { pointer: pointer.into(), what: what.into() });
    }
}

pub(super) fn message(message: &OutboundMessage, can: &Capabilities, how: Degrade) -> Option<(OutboundMessage, LossReport)> {
    if how == Degrade::Refuse {
        return None;
    }
    let mut report = LossReport::default();
    let content = content(&message.content, can, &mut report);
    let quote_lost = message.reply_to.is_some() && !can.quote;
    if quote_lost {
        report.note("/reply_to", "the quote");
    }
    if content.is_none() && !quote_lost {
        return None;
    }
    let mut degraded = message.clone();
    if let Some(content) = content {
        degraded.content = content;
    }
    if quote_lost {
        degraded.reply_to = None;
    }
    Some((degraded, report))
}

/// The content as text, if the channel has text but not the content's own kind.
fn content(content: &Content, can: &Capabilities, report: &mut LossReport) -> Option<Content> {
    can.text?;
    let text = match content {
        Content::Text(text) => return plain(text, can, report),
        Content::Media(item) if can.media_rule(item.kind).is_none() => media(item, report)?,
        Content::Location(place) if !can.location => location(place, report),
        Content::Contacts(cards) if can.contacts.is_none() => {
            report.note("/content", "the contact cards; written out as text");
            cards.contacts.iter().map(card).collect::<Vec<_>>().join("\n\n")
        }
        Content::Interactive(item) => interactive(item, can, report)?,
        Content::InteractiveReply(choice) if !can.choice => {
            report.note("/content/id", "the id of the choice; its label is written out");
            choice.title.clone().unwrap_or_else(|| choice.id.clone())
        }
        Content::Reaction(reaction) if !can.reaction => {
            let emoji = reaction.emoji.clone()?;
            report.note("/content/target", "what the reaction is about");
            emoji
        }
        Content::Email(mail) if can.email.is_none() => email(mail, report)?,
        _ => return None,
    };
    Some(Content::text(text))
}

fn plain(text: &Text, can: &Capabilities, report: &mut LossReport) -> Option<Content> {
    if can.shows(text.format) || text.format == TextFormat::Html {
        // HTML cannot be shown as plain text without reading it; it stays and validation refuses it.
        return None;
    }
    report.note("/content/format", "the markup is shown as it is written");
    let mut plain = text.clone();
    plain.format = TextFormat::Plain;
    Some(Content::Text(plain))
}

fn media(media: &Media, report: &mut LossReport) -> Option<String> {
    let MediaSource::Url { url, .. } = &media.source else { return None };
    report.note("/content", format!("the {}; its address is written out", media.kind.as_str()));
    let lines = [media.caption.as_deref(), media.filename.as_deref(), Some(url)];
    Some(lines.into_iter().flatten().collect::<Vec<_>>().join("\n"))
}

/// Subject and text. HTML and templates cannot be written out without reading them.
fn email(mail: &Email, report: &mut LossReport) -> Option<String> {
    let text = mail.text.as_deref()?;
    report.note("/content", "the e-mail; subject and text are written out");
    let lost = [
        ("/content/from", mail.from.is_some(), "the sender"),
        ("/content/html", mail.html.is_some(), "the layout"),
        ("/content/cc", !mail.cc.is_empty(), "the recipients in copy; they get nothing"),
        ("/content/bcc", !mail.bcc.is_empty(), "the hidden recipients; they get nothing"),
        ("/content/reply_to", !mail.reply_to.is_empty(), "the mailboxes for answers"),
        ("/content/attachments", !mail.attachments.is_empty(), "the files"),
        ("/content/calendar", mail.calendar.is_some(), "the invitation"),
        ("/content/headers", !mail.headers.is_empty(), "the header fields"),
        ("/content/unsubscribe", mail.unsubscribe.is_some(), "the ways to unsubscribe"),
        ("/content/thread", mail.thread.is_some(), "the place in a thread"),
        ("/content/tags", !mail.tags.is_empty(), "the tags"),
        ("/content/configuration_set", mail.configuration_set.is_some(), "the configuration set"),
        ("/content/track", mail.track.is_some(), "the choice of tracking"),
    ];
    for (pointer, _, what) in lost.into_iter().filter(|(_, is_lost, _)| *is_lost) {
        report.note(pointer, what);
    }
    let parts = [mail.subject.as_deref(), Some(text)];
    Some(parts.into_iter().flatten().collect::<Vec<_>>().join("\n\n"))
}

fn location(place: &Location, report: &mut LossReport) -> String {
    report.note("/content", "the map; the place is written out");
    let coordinates = format!("{}, {}", place.latitude, place.longitude);
    let lines = [place.name.as_deref(), place.address.as_deref(), Some(&coordinates), place.url.as_deref()];
    lines.into_iter().flatten().collect::<Vec<_>>().join("\n")
}

fn card(card: &super::ContactCard) -> String {
    let mut lines: Vec<_> = card.display_name().into_iter().collect();
    lines.extend(card.phones.iter().chain(&card.emails).chain(&card.urls).map(|entry| entry.value.clone()));
    lines.dedup();
    lines.join("\n")
}

fn interactive(item: &Interactive, can: &Capabilities, report: &mut LossReport) -> Option<String> {
    match item {
        Interactive::Buttons { header, body, footer, buttons } if can.buttons.is_none() => {
            report.note("/content/buttons", "the buttons and their ids; the labels are numbered");
            let choices = buttons.iter().map(|button| (button.title.as_str(), None));
            Some(numbered(header.as_ref(), body, choices, footer.as_deref(), report))
        }
        Interactive::List { header, body, footer, sections, .. } if can.list.is_none() => {
            report.note("/content/sections", "the list and its row ids; the rows are numbered");
            let rows = sections.iter().flat_map(|section| &section.rows);
            let choices = rows.map(|row| (row.title.as_str(), row.description.as_deref()));
            Some(numbered(header.as_ref(), body, choices, footer.as_deref(), report))
        }
        Interactive::CtaUrl(link) if !can.cta_url => {
            report.note("/content", "the button; its address is written out");
            let text = format!("{}\n\n{}: {}", link.body, link.label, link.url);
            Some(framed(link.header.as_ref(), text, link.footer.as_deref(), report))
        }
        Interactive::LocationRequest { body } | Interactive::ContactInfoRequest { body } if !can.rich_interactive => {
            report.note("/content", "the button to answer with");
            Some(body.clone())
        }
        _ => None,
    }
}

fn numbered<'a>(
    header: Option<&Header>,
    body: &str,
    choices: impl Iterator<Item = (&'a str, Option<&'a str>)>,
    footer: Option<&str>,
    report: &mut LossReport,
) -> String {
    let lines = choices.zip(1..).map(|((title, description), number)| match description {
        Some(description) => format!("\n{number}. {title} - {description}"),
        None => format!("\n{number}. {title}"),
    });
    let text = format!("{body}\n{}", lines.collect::<String>());
    framed(header, text, footer, report)
}

fn framed(header: Option<&Header>, text: String, footer: Option<&str>, report: &mut LossReport) -> String {
    let head = match header {
        Some(Header::Text { text }) => Some(text.clone()),
        Some(Header::Media { media: item }) => {
            report.note("/content/header", format!("the {} above the text", item.kind.as_str()));
            None
        }
        None => None,
    };
    let parts = [head, Some(text), footer.map(str::to_owned)];
    parts.into_iter().flatten().collect::<Vec<_>>().join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Identity,
        message::{Button, EmailAttachment, InteractiveReply, Length, Mailbox, Message, RawJson, ReplySource},
    };

    fn buttons() -> OutboundMessage {
        let interactive = Interactive::Buttons {
            header: None,
            body: "Tea or coffee?".into(),
            footer: Some("Thanks".into()),
            buttons: vec![Button::new("t", "Tea"), Button::new("c", "Coffee")],
        };
        OutboundMessage::new(Identity::phone("+15551230001").unwrap(), Content::Interactive(interactive))
    }

    const TEXT_ONLY: Capabilities = Capabilities::NONE.with_text(Length::chars(1000));

    #[test]
    fn buttons_become_numbered_text_and_the_loss_is_reported() {
        let (degraded, report) = buttons().degrade(&TEXT_ONLY, Degrade::Text).unwrap();
        let Content::Text(text) = &degraded.content else { panic!("{degraded:?}") };
        assert_eq!(text.body, "Tea or coffee?\n\n1. Tea\n2. Coffee\n\nThanks");
        assert_eq!(report.losses[0].pointer, "/content/buttons");
        assert!(degraded.validate(&TEXT_ONLY).is_ok());
    }

    #[test]
    fn without_leave_nothing_is_degraded_and_validation_refuses() {
        assert!(buttons().degrade(&TEXT_ONLY, Degrade::Refuse).is_none());
        assert!(buttons().validate(&TEXT_ONLY).is_err());
    }

    #[test]
    fn the_author_stays() {
        let (degraded, _) = buttons().with_author(crate::message::Role::Bot).degrade(&TEXT_ONLY, Degrade::Text).unwrap();
        assert_eq!(degraded.author, Some(crate::message::Role::Bot.into()));
    }

    #[test]
    fn an_answer_to_a_choice_becomes_its_label() {
        let answer = |choice: InteractiveReply| {
            let message = OutboundMessage::new(Identity::phone("+15551230001").unwrap(), Content::InteractiveReply(choice));
            assert_eq!(message.validate(&TEXT_ONLY).unwrap_err()[0].to_string(), "/content: the channel takes no answers to choices");
            assert!(message.validate(&TEXT_ONLY.with_choice()).is_ok());
            assert!(message.degrade(&TEXT_ONLY.with_choice(), Degrade::Text).is_none());
            let (degraded, report) = message.degrade(&TEXT_ONLY, Degrade::Text).unwrap();
            let Content::Text(text) = degraded.content else { panic!() };
            (text.body, report.losses[0].pointer.clone())
        };
        let plain = InteractiveReply::new("t", ReplySource::Button);
        assert_eq!(answer(plain.clone()), ("t".into(), "/content/id".into()));
        assert_eq!(answer(plain.with_title("Tea")), ("Tea".into(), "/content/id".into()));
    }

    #[test]
    fn an_e_mail_becomes_its_subject_and_text_and_each_loss_has_its_place() {
        let mail = |email: Email| OutboundMessage::new(Identity::email("ana@customer.example").unwrap(), Content::Email(email.into()));
        let (degraded, report) = mail(Email::new("Hi").with_text("It is on its way")).degrade(&TEXT_ONLY, Degrade::Text).unwrap();
        let Content::Text(text) = &degraded.content else { panic!("{degraded:?}") };
        assert_eq!((text.body.as_str(), report.losses.len()), ("Hi\n\nIt is on its way", 1));

        let box_of = || Mailbox::new("bo@shop.example");
        let full = Email::new("Hi")
            .with_text("t")
            .with_from(box_of())
            .with_cc([box_of()])
            .with_bcc([box_of()])
            .with_attachments([EmailAttachment::new(Media::stored(crate::message::MediaKind::Document, "1"))]);
        let (_, report) = mail(full).degrade(&TEXT_ONLY, Degrade::Text).unwrap();
        let places: Vec<_> = report.losses.iter().map(|loss| loss.pointer.as_str()).collect();
        assert_eq!(places, ["/content", "/content/from", "/content/cc", "/content/bcc", "/content/attachments"]);
    }

    #[test]
    fn an_e_mail_without_plain_text_is_not_written_out() {
        let mail = |email: Email| OutboundMessage::new(Identity::email("ana@customer.example").unwrap(), Content::Email(email.into()));
        for email in [Email::new("Hi").with_html("<p>t</p>"), Email::of_template("t", RawJson::from_text("{}").unwrap())] {
            assert!(mail(email.clone()).degrade(&TEXT_ONLY, Degrade::Text).is_none());
            let (degraded, report) = mail(email).with_reply_to("1").degrade(&TEXT_ONLY, Degrade::Text).unwrap();
            assert!(matches!(degraded.content, Content::Email(_)));
            assert_eq!((report.losses.len(), report.losses[0].pointer.as_str()), (1, "/reply_to"));
        }
    }

    #[test]
    fn a_quote_is_not_lost_silently() {
        let message = OutboundMessage::text(Identity::phone("+15551230001").unwrap(), "yes").with_reply_to("wamid.1");
        let (degraded, report) = message.degrade(&TEXT_ONLY, Degrade::Text).unwrap();
        assert_eq!((degraded.reply_to, report.losses.len()), (None, 1));
    }
}
