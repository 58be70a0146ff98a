//! Events other than text messages.

use super::prelude::*;
use crate::message::{Content, IdentityKind, InboundEvent};

/// Delivers one expected element and returns its event.
async fn deliver(kit: &SharedKit, expected: Expected<'_>, what: &str) -> Result<InboundEvent, Skipped> {
    let inbox = Inbox::new(kit);
    let received = inbox.event(&Sample::new(1), &expected).await;
    assert_accepted(&received.ok_or_else(|| Skipped::needs(&format!("{what}: Inbound::expected")))?, what);
    let mut seen = inbox.seen();
    assert_eq!(seen.len(), 1, "{what} gave {} events: it was left out or is an error", seen.len());
    Ok(seen.remove(0))
}

fn kind(event: &InboundEvent) -> &'static str {
    content(&event.event).map_or(event.event.kind(), Content::kind)
}

/// A tapped button arrives with its id, not only with its label.
pub(crate) async fn a_choice_keeps_its_id(kit: &SharedKit) -> CaseResult {
    let event = deliver(kit, Expected::Choice { id: "kit-choice-7", title: "Yes, please" }, "a tapped button").await?;
    let Some(Content::InteractiveReply(reply)) = content(&event.event) else {
        panic!("a tapped button became {}: an interactive reply is its id, not its label", kind(&event));
    };
    assert_eq!(reply.id, "kit-choice-7", "the id of a tapped button is lost");
    assert!(reply.title.as_deref().is_none_or(|title| title == "Yes, please"), "the label of a tapped button arrived changed");
    Ok(())
}

/// A reaction arrives with its emoji and its target message, and its removal without an emoji.
pub(crate) async fn a_reaction_arrives(kit: &SharedKit) -> CaseResult {
    for emoji in [Some("👍🏽"), None] {
        let event = match deliver(kit, Expected::Reaction { target: "kit-target-1", emoji }, "a reaction").await {
            // Not every provider reports removed reactions.
            Err(_) if emoji.is_none() => return Ok(()),
            event => event?,
        };
        let Some(Content::Reaction(reaction)) = content(&event.event) else { panic!("a reaction became {}", kind(&event)) };
        assert_eq!(reaction.target, "kit-target-1", "the message that a reaction is for is lost");
        assert_eq!(reaction.emoji.as_deref(), emoji, "the emoji of a reaction arrived changed");
    }
    Ok(())
}

/// A contact card arrives.
pub(crate) async fn a_contact_arrives(kit: &SharedKit) -> CaseResult {
    let event = deliver(kit, Expected::Contact { name: "Zoë Kit" }, "a contact card").await?;
    let Some(Content::Contacts(cards)) = content(&event.event) else { panic!("a contact card became {}", kind(&event)) };
    let named = cards.contacts.iter().any(|card| card.name.formatted_name == "Zoë Kit");
    assert!(named, "the name on a contact card is lost: formatted_name does not hold it");
    Ok(())
}

/// An order arrives with its articles.
pub(crate) async fn an_order_arrives(kit: &SharedKit) -> CaseResult {
    let event = deliver(kit, Expected::Order { sku: "kit-sku-1", quantity: 3 }, "an order").await?;
    let Some(Content::Order(order)) = content(&event.event) else { panic!("an order became {}", kind(&event)) };
    let items: Vec<_> = order.items.iter().map(|item| (item.sku.as_str(), item.quantity)).collect();
    assert_eq!(items, [("kit-sku-1", 3)], "the articles of an order arrived changed");
    Ok(())
}

/// A filled-in form arrives with its answers.
pub(crate) async fn a_form_arrives(kit: &SharedKit) -> CaseResult {
    let event = deliver(kit, Expected::Form { answers: r#"{"size":"XL","kit_big":12345678901234567890}"# }, "a form").await?;
    let Some(Content::FlowReply(form)) = content(&event.event) else { panic!("a filled-in form became {}", kind(&event)) };
    assert!(form.text.contains("kit_big") && form.text.contains("12345678901234567890"), "the answers of a form are lost or changed");
    Ok(())
}

/// A message from a sender without a phone number arrives with another identity.
pub(crate) async fn a_person_without_a_phone_number_arrives(kit: &SharedKit) -> CaseResult {
    let event = deliver(kit, Expected::WithoutPhone, "a message from a sender without a phone number").await?;
    assert!(event.from.preferred().is_some(), "a sender without a phone number has no identity: use the provider's own id");
    assert!(event.from.id(IdentityKind::Phone).is_none(), "a sender without a phone number was given one");
    let json = serde_json::to_string(&event.event).unwrap();
    assert!(Sample::new(1).is_in(&json), "the text of a sender without a phone number is lost");
    Ok(())
}
