//! Conversations that change hands between applications of one business.

use zengine_connector::Event;
use zengine_connector::message::{Participant, Role, SessionChange, SessionEvent};
use zengine_connector::strategy::RoutedEvent;

use super::scope::Scope;
use crate::waba::json::{Object, ValueRef};

/// A change of `messaging_handovers`.
pub(super) fn handover<'a>(scope: &Scope<'a>, value: &Object<'a>, raw_value: Option<ValueRef<'a>>, raw: ValueRef<'a>) -> RoutedEvent {
    let word = value.text("type");
    let event = match word.as_deref() {
        Some(word @ ("control_passed" | "control_taken")) => {
            let part = value.object(word).unwrap_or_default();
            let mut session = SessionEvent::new(SessionChange::Transferred);
            let owner = |member| part.owned_text(member).map(|word| Participant::new(Role::from(word)));
            (session.participant, session.previous) = (owner("new_owner_role"), owner("previous_owner_role"));
            session.data = raw_value.map(Into::into);
            Event::Session(session)
        }
        word => Event::Unknown { provider_type: word.unwrap_or("messaging_handovers").to_owned() },
    };
    let sender = value.object("sender").unwrap_or_default();
    scope.person_event(event, raw, value, &sender, false)
}
