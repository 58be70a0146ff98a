//! Participants of a conversation and their roles.

use serde::{Deserialize, Serialize};

/// The role of a participant. In JSON a word; one that is none of these is kept as it is.
///
/// ```
/// use zengine_connector::message::Role;
///
/// assert_eq!(Role::from("agent"), Role::Agent);
/// assert_eq!(Role::from("custom_bot").as_str(), "custom_bot");
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Deserialize, schemars::JsonSchema)]
#[serde(from = "String")]
#[schemars(with = "String", inline, description = "`customer`, `agent`, `bot`, `system`, `supervisor`, or another word.")]
#[non_exhaustive]
pub enum Role {
    /// `customer`: the person that the business talks with.
    Customer,
    /// `agent`: a person of the business.
    Agent,
    /// `bot`: a program that talks for the business.
    Bot,
    /// `system`: the provider's own software, such as a contact flow.
    System,
    /// `supervisor`: a person who watches the conversation or joins it.
    Supervisor,
    /// Any other, in the provider's word: at most 64 characters in a message.
    Other(String),
}

impl Role {
    /// The word, as in JSON.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Customer => "customer",
            Self::Agent => "agent",
            Self::Bot => "bot",
            Self::System => "system",
            Self::Supervisor => "supervisor",
            Self::Other(word) => word,
        }
    }
}

impl From<String> for Role {
    fn from(word: String) -> Self {
        match word.as_str() {
            "customer" => Self::Customer,
            "agent" => Self::Agent,
            "bot" => Self::Bot,
            "system" => Self::System,
            "supervisor" => Self::Supervisor,
            _ => Self::Other(word),
        }
    }
}

impl From<&str> for Role {
    fn from(word: &str) -> Self {
        word.to_owned().into()
    }
}

impl Serialize for Role {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

// A word of others may be anything, even a name.
debug_value!(Role, |it| if matches!(it, Self::Other(_)) { "***" } else { it.as_str() });

/// A participant of a conversation: the customer, an agent, a bot. In JSON an object or, if only the role is known, its word.
///
/// ```
/// use zengine_connector::message::{Participant, Role};
///
/// let ana = Participant::new(Role::Agent).with_name("Ana");
/// assert_eq!(serde_json::to_string(&ana)?, r#"{"name":"Ana","role":"agent"}"#);
/// assert_eq!(serde_json::from_str::<Participant>(r#""bot""#)?, Role::Bot.into());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(from = "AnyParticipant")]
#[schemars(description = "")]
#[non_exhaustive]
pub struct Participant {
    /// The provider's id of the participant: at most 256 characters in a message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The name that the others see: at most 256 characters in a message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The role.
    pub role: Role,
}

debug_fields!(Participant { role });

impl Participant {
    /// A participant of a role.
    pub fn new(role: Role) -> Self {
        Self { id: None, name: None, role }
    }

    setters! {
        /// Adds the provider's id.
        with_id(id: impl Into<String>) => id = Some(id.into());
        /// Adds the name that the others see.
        with_name(name: impl Into<String>) => name = Some(name.into());
    }
}

impl From<Role> for Participant {
    fn from(role: Role) -> Self {
        Self::new(role)
    }
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
enum AnyParticipant {
    /// The role alone.
    Role(Role),
    /// All details.
    Full {
        #[serde(default)]
        id: Option<String>,
        #[serde(default)]
        name: Option<String>,
        role: Role,
    },
}

impl From<AnyParticipant> for Participant {
    fn from(from: AnyParticipant) -> Self {
        match from {
            AnyParticipant::Role(role) => role.into(),
            AnyParticipant::Full { id, name, role } => Self { id, name, role },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_a_word_and_an_unknown_one_survives() {
        for word in ["customer", "agent", "bot", "system", "supervisor", "manager", ""] {
            let role: Role = serde_json::from_value(word.into()).unwrap();
            assert_eq!(matches!(role, Role::Other(_)), matches!(word, "manager" | ""), "{word}");
            assert_eq!(serde_json::to_value(&role).unwrap(), word);
        }
    }

    #[test]
    fn debug_shows_neither_ids_nor_names_nor_words_of_others() {
        let ana = Participant::new(Role::from("canary-role")).with_id("canary-id").with_name("canary-name");
        let printed = format!("{ana:?} {:?}", Role::Agent);
        assert!(!printed.contains("canary") && printed.contains("Role(agent)"), "{printed}");
    }
}
