//! A person or a group, with several identities.

use serde::{Deserialize, Serialize};

use super::identity::{Identity, IdentityKind, Unchecked};
use crate::error::Error;

/// A person or a group: identities in order of preference, and further details.
///
/// In JSON a party may also be written short, as one identity, a list of them, or one string whose kind is guessed
/// (`"+15551230001"`).
///
/// ```
/// use zengine_connector::message::{IdentityKind, Party};
///
/// let party: Party = serde_json::from_str(r#""+1 (555) 123-0001""#)?;
/// assert_eq!(party.id(IdentityKind::Phone).map(|id| id.value()), Some("+15551230001"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "AnyParty")]
#[schemars(description = "")]
#[non_exhaustive]
pub struct Party {
    /// Identities, the preferred one first.
    pub ids: Vec<Identity>,
    /// The name the person gives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Language and region, BCP 47.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// Whether the provider vouches for the identity.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub verified: bool,
}

impl Party {
    /// A party of one identity.
    pub fn of(id: Identity) -> Self {
        Self { ids: vec![id], ..Self::default() }
    }

    /// A party of several identities, the preferred one first.
    pub fn of_all(ids: impl IntoIterator<Item = Identity>) -> Self {
        Self { ids: ids.into_iter().collect(), ..Self::default() }
    }

    setters! {
        /// Adds the name the person gives.
        with_name(name: impl Into<String>) => name = Some(name.into());
    }

    /// The identity of a kind.
    pub fn id(&self, kind: IdentityKind) -> Option<&Identity> {
        self.ids.iter().find(|id| id.kind() == kind)
    }

    /// The preferred identity.
    pub fn preferred(&self) -> Option<&Identity> {
        self.ids.first()
    }
}

impl From<Identity> for Party {
    fn from(id: Identity) -> Self {
        Self::of(id)
    }
}

debug_fields!(Party { ids, name: |it| it.name.as_ref().map(|_| "***") });

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
enum AnyParty {
    /// One string whose kind is guessed.
    Text(#[schemars(extend("x-identity" = true))] String),
    /// Identities in order of preference.
    Identities(#[schemars(with = "Vec<Identity>")] Vec<Unchecked>),
    /// One identity.
    Identity(#[schemars(with = "Identity")] Unchecked),
    /// All details.
    Full {
        #[schemars(with = "Vec<Identity>")]
        ids: Vec<Unchecked>,
        #[serde(default)]
        name: Option<String>,
        #[serde(default)]
        locale: Option<String>,
        #[serde(default)]
        verified: bool,
    },
}

impl TryFrom<AnyParty> for Party {
    type Error = Error;

    fn try_from(from: AnyParty) -> Result<Self, Error> {
        // Names are checked after the form is known, so that the error says which rule a name breaks.
        let checked = |ids: Vec<Unchecked>| ids.into_iter().map(Identity::try_from).collect::<Result<Vec<_>, _>>();
        Ok(match from {
            AnyParty::Text(text) => Self::of(Identity::guess(&text)?),
            AnyParty::Identity(id) => Self::of(id.try_into()?),
            AnyParty::Identities(ids) => Self::of_all(checked(ids)?),
            AnyParty::Full { ids, name, locale, verified } => Self { ids: checked(ids)?, name, locale, verified },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_masks_what_display_shows() {
        let party = Party::of(Identity::phone("+15551230001").unwrap()).with_name("Ana");
        let printed = format!("{party:?}");
        assert!(!printed.contains("555") && !printed.contains("Ana"), "{printed}");
        assert_eq!(party.ids[0].to_string(), "phone:+15551230001");
    }

    #[test]
    fn a_party_has_a_short_and_a_full_json_form() {
        let short: Party = serde_json::from_str(r#"{"kind":"phone","value":"+15551230001"}"#).unwrap();
        let full: Party = serde_json::from_str(r#"{"ids":[{"kind":"phone","value":"+15551230001"}]}"#).unwrap();
        assert_eq!(short, full);
        assert_eq!(serde_json::to_string(&full).unwrap(), r#"{"ids":[{"kind":"phone","value":"+15551230001"}]}"#);
        assert!(serde_json::from_str::<Party>(r#"{"kind":"phone","value":"12"}"#).is_err());
    }
}
