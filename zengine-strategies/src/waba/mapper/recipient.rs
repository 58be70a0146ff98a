//! The recipient of a message, in Meta's envelope.

use zengine_connector::Identity;
use zengine_connector::message::{IdentityKind, Party};

use super::cx::Object;
use crate::waba::identity::is_formatted;

/// The identity that the message is sent to.
pub(super) enum Recipient {
    /// A phone number, with `+`: without it Meta may put the business's own country code before it.
    Phone(String),
    /// A business-scoped user id, of this portfolio or its parent.
    User(String),
    /// A group.
    Group(String),
}

impl Recipient {
    /// The first identity, in the party's order, that WhatsApp can send to.
    pub(super) fn of(party: &Party) -> Option<Self> {
        party.ids.iter().find_map(|id| match id.kind() {
            IdentityKind::Phone => Some(Self::Phone(id.value().to_owned())),
            IdentityKind::WaId => Some(Self::Phone(format!("+{}", id.value()))),
            IdentityKind::Bsuid | IdentityKind::ParentBsuid => Some(Self::User(id.value().to_owned())),
            IdentityKind::Group => Some(Self::Group(id.value().to_owned())),
            _ => None,
        })
    }

    /// The same, but a number before all others: a one-time code can go nowhere else.
    pub(super) fn number_first(party: &Party) -> Option<Self> {
        let number = party.ids.iter().find(|id| matches!(id.kind(), IdentityKind::Phone | IdentityKind::WaId));
        number.and_then(|id| Self::of(&Party::of(id.clone()))).or_else(|| Self::of(party))
    }

    pub(super) fn write(self, body: &mut Object) {
        let (kind, key, value) = match self {
            Self::Phone(number) => ("individual", "to", number),
            Self::User(id) => ("individual", "recipient", id),
            Self::Group(id) => ("group", "to", id),
        };
        body.put("recipient_type", kind);
        body.put(key, value);
    }
}

/// Whether the party names a number that does not begin with `+`: it is taken for an id of an unknown kind.
pub(super) fn lacks_plus(party: &Party) -> bool {
    let is_number = |text: &str| is_formatted(text.strip_prefix("whatsapp:").unwrap_or(text));
    party.ids.iter().any(|id| id.kind() == IdentityKind::Opaque && id.ns().is_none() && is_number(id.value()))
}

/// The digest of the identity key that the person must still have, if the party names one.
pub(super) fn identity_key(party: &Party) -> Option<&str> {
    party.ids.iter().find(|id| id.kind() == IdentityKind::Opaque && id.ns() == Some("identity_key_hash")).map(Identity::value)
}
