//! What people do besides writing.

use serde_json::Value;

use super::prelude::*;
use crate::message::{Content, IdentityKind, InboundEvent};

/// Delivers one element of a kind and gives its event.
async fn told(kit: &Shared, told: Told<'_>, what: &str) -> Result<InboundEvent, Skipped> {
    let element = element(kit, 1, told).ok_or_else(|| Skipped::needs(&format!("{what}: Inbound::tells")))?;
    let inbox = Inbox::new(kit);
    assert_taken(&inbox.elements(0, vec![element]).await, what);
    let mut seen = inbox.seen();
    assert_eq!(seen.len(), 1, "{what} gave {} events: it was left out or is an error", seen.len());
    Ok(seen.remove(0))
}

/// The element of something told, in the provider's words.
pub(super) fn element(kit: &Shared, sample: usize, told: Told<'_>) -> Option<Value> {
    kit.inbound().tells.as_ref().and_then(|tells| tells(&Sample::new(sample), &told))
}

fn kind(event: &InboundEvent) -> &'static str {
    content(&event.event).map_or(event.event.kind(), Content::kind)
}

/// A tapped button arrives with the id that its sender gave it, not only with its label.
pub(crate) async fn a_choice_keeps_its_id(kit: &Shared) -> Done {
    let event = told(kit, Told::Choice { id: "kit-choice-7", title: "Yes, please" }, "a tapped button").await?;
    let Some(Content::InteractiveReply(reply)) = content(&event.event) else {
        panic!("a tapped button became {}: an interactive reply is its id, not its label", kind(&event));
    };
    assert_eq!(reply.id, "kit-choice-7", "the id of a tapped button is lost");
    assert!(reply.title.as_deref().is_none_or(|title| title == "Yes, please"), "the label of a tapped button arrived changed");
    Ok(())
}

/// A reaction arrives with its emoji and the message it is for, and its removal as one without emoji.
pub(crate) async fn a_reaction_arrives(kit: &Shared) -> Done {
    for emoji in [Some("👍🏽"), None] {
        let event = match told(kit, Told::Reaction { target: "kit-target-1", emoji }, "a reaction").await {
            // Not every provider tells that one was taken back.
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
pub(crate) async fn a_contact_arrives(kit: &Shared) -> Done {
    let event = told(kit, Told::Contact { name: "Zoë Kit" }, "a contact card").await?;
    let Some(Content::Contacts(cards)) = content(&event.event) else { panic!("a contact card became {}", kind(&event)) };
    let named = cards.contacts.iter().any(|card| card.name.formatted_name == "Zoë Kit");
    assert!(named, "the name on a contact card is lost: formatted_name does not hold it");
    Ok(())
}

/// An order arrives with its articles.
pub(crate) async fn an_order_arrives(kit: &Shared) -> Done {
    let event = told(kit, Told::Order { sku: "kit-sku-1", quantity: 3 }, "an order").await?;
    let Some(Content::Order(order)) = content(&event.event) else { panic!("an order became {}", kind(&event)) };
    let items: Vec<_> = order.items.iter().map(|item| (item.sku.as_str(), item.quantity)).collect();
    assert_eq!(items, [("kit-sku-1", 3)], "the articles of an order arrived changed");
    Ok(())
}

/// A filled-in form arrives with its answers.
pub(crate) async fn a_form_arrives(kit: &Shared) -> Done {
    let event = told(kit, Told::Form { answers: r#"{"size":"XL","kit_big":12345678901234567890}"# }, "a form").await?;
    let Some(Content::FlowReply(form)) = content(&event.event) else { panic!("a filled-in form became {}", kind(&event)) };
    assert!(form.text.contains("kit_big") && form.text.contains("12345678901234567890"), "the answers of a form are lost or changed");
    Ok(())
}

/// Somebody of whom the provider knows no phone number is somebody all the same.
pub(crate) async fn a_person_without_a_phone_number_arrives(kit: &Shared) -> Done {
    let event = told(kit, Told::WithoutPhone, "a message of somebody without a phone number").await?;
    assert!(event.from.preferred().is_some(), "somebody without a phone number has no identity at all: take what the provider calls them");
    assert!(event.from.id(IdentityKind::Phone).is_none(), "somebody without a phone number was given one");
    let json = serde_json::to_string(&event.event).unwrap();
    assert!(Sample::new(1).is_in(&json), "what somebody without a phone number wrote is lost");
    Ok(())
}
