//! The status of a template.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zengine_connector::schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

open_words! {
    /// The status of a template at the provider.
    ///
    /// ```
    /// use zengine_strategies::whatsapp_meta_cloud::templates::TemplateStatus;
    ///
    /// let status = TemplateStatus::from("Submitted");
    /// assert_eq!((&status, status.is_sendable()), (&TemplateStatus::Pending, false));
    /// assert_eq!(TemplateStatus::from("FROZEN"), TemplateStatus::Unknown("FROZEN".into()));
    /// ```
    pub enum TemplateStatus {
        /// In review.
        Pending = "pending" | "created" | "submitted" | "received",
        /// Approved, also after a pause or an appeal.
        Approved = "approved" | "reinstated",
        /// Rejected. It may be edited as often as you like.
        Rejected = "rejected",
        /// Paused for its quality, for some hours.
        Paused = "paused",
        /// Disabled for good. It can be neither edited nor deleted.
        Disabled = "disabled",
        /// Rejected, and under a second review.
        InAppeal = "in_appeal",
        /// Deleted, and listed until the grace time is over.
        PendingDeletion = "pending_deletion",
        /// Deleted.
        Deleted = "deleted",
        /// Over the account's number of templates.
        LimitExceeded = "limit_exceeded",
        /// Archived. It must be unarchived before it can be sent or edited.
        Archived = "archived",
        /// Approved, with a warning: its quality is low.
        Flagged = "flagged",
        /// Locked by the provider.
        Locked = "locked",
    } else Unknown
}

impl TemplateStatus {
    /// Whether a message may use the template now.
    pub fn is_sendable(&self) -> bool {
        matches!(self, Self::Approved | Self::Flagged)
    }

    /// Whether the provider takes an edit now.
    pub fn is_editable(&self) -> bool {
        matches!(self, Self::Approved | Self::Rejected | Self::Paused)
    }

    /// Whether it ends by itself, or by a review.
    pub(super) fn passes(&self) -> bool {
        matches!(self, Self::Pending | Self::InAppeal | Self::LimitExceeded | Self::Flagged | Self::Locked)
    }

    /// Whether the template is gone, or about to be.
    pub(super) fn is_going(&self) -> bool {
        matches!(self, Self::PendingDeletion | Self::Deleted)
    }
}

impl Serialize for TemplateStatus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for TemplateStatus {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok((&*Cow::<'_, str>::deserialize(from)?).into())
    }
}

impl JsonSchema for TemplateStatus {
    fn schema_name() -> Cow<'static, str> {
        "TemplateStatus".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "description": "`pending`, `approved`, `rejected` and so on, or another word of the provider."})
    }
}
