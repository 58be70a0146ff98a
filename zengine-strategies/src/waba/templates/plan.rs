//! The plan for one template.

use serde::{Deserialize, Serialize};
use zengine_connector::schemars::JsonSchema;

use super::definition::{TemplateChanges, TemplateDefinition, TemplateFamily};
use super::record::TemplateId;
use super::status::TemplateStatus;

/// The decision for one template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(crate = "zengine_connector::schemars")]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Create it.
    Create,
    /// Edit it.
    Edit,
    /// Nothing to do.
    Nothing,
    /// The provider does not take it yet.
    Wait,
    /// It cannot be done. A person must decide.
    Cannot,
    /// Another template has the key, and is not to be overwritten.
    Conflict,
}

/// The reason of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(crate = "zengine_connector::schemars")]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PlanReason {
    /// It does not exist.
    Absent,
    /// It is as it should be. The status says whether it can be sent.
    Equal,
    /// Its content differs.
    Different,
    /// Its content is as it should be, and the provider has moved it to another category. Edits do not move it back.
    CategoryChangedByProvider,
    /// An approved template keeps its category.
    CategoryLocked,
    /// An approved template takes one edit in 24 hours.
    EditLimitDay,
    /// An approved template takes ten edits in 30 days.
    EditLimitMonth,
    /// The status allows no edit.
    StatusNotEditable,
    /// It is disabled: it can be neither edited nor deleted.
    StatusDisabled,
    /// It is archived: unarchive it first.
    StatusArchived,
    /// The name was deleted less than 30 days ago.
    NameCooldown,
    /// It is being deleted.
    BeingDeleted,
    /// This family of calls cannot edit, and the id that the other one takes is not known.
    FamilyCannotEdit,
    /// This family of calls deletes every language of a name.
    FamilyDeletesAllLanguages,
    /// The list is not complete, so that the template may exist.
    ListIncomplete,
    /// A template of the name was listed without the parts that a decision needs.
    RecordUnreadable,
    /// The definition breaks rules of the provider: see its check.
    Invalid,
}

/// The plan for one template: the same for a dry run, a real one, a sync and the command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(crate = "zengine_connector::schemars")]
#[non_exhaustive]
pub struct Plan {
    /// The decision.
    pub decision: Decision,
    /// The reason.
    pub reason: PlanReason,
    /// Pointers to the parts that differ. Components stand under their kinds: `/components/BODY/text`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<String>,
    /// The time from which another plan may decide otherwise, in milliseconds UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before_ms: Option<i64>,
    /// The ids of the template that exists.
    #[serde(default)]
    pub id: TemplateId,
    /// Its status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<TemplateStatus>,
    /// A name that is likely to be free, where this one is of no use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suggested_name: Option<String>,
}

impl Plan {
    /// The changes to send for a decision to edit: all components, and of the other members those that differ.
    pub fn changes(&self, wanted: &TemplateDefinition) -> TemplateChanges {
        let has = |start: &str| self.changed.iter().any(|pointer| pointer.starts_with(start));
        TemplateChanges {
            category: has("/category").then(|| wanted.category.clone()),
            components: (has("/components") || has("/category")).then(|| wanted.components.clone()),
            message_send_ttl_seconds: wanted.message_send_ttl_seconds.filter(|_| has("/message_send_ttl_seconds")),
            ..TemplateChanges::default()
        }
    }

    /// The place in the order of a sync: edits that spend nothing, creations, edits of approved templates, and the rest.
    pub fn rank(&self) -> u8 {
        match (self.decision, &self.status) {
            (Decision::Edit, Some(TemplateStatus::Approved)) => 2,
            (Decision::Edit, _) => 0,
            (Decision::Create, _) => 1,
            _ => 3,
        }
    }
}

/// A deletion that the provider took, of an approved template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(crate = "zengine_connector::schemars")]
pub struct TemplateDeletion {
    /// The name.
    pub name: String,
    /// The language; `None` for all.
    pub language: Option<String>,
    /// The time, in milliseconds UTC.
    pub at_ms: i64,
}

/// The past that the provider does not tell, of one template.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(crate = "zengine_connector::schemars")]
#[serde(default)]
pub struct TemplateHistory {
    /// The times of its edits while it was approved, in milliseconds UTC. Those of the last 30 days count.
    pub edits_ms: Vec<i64>,
    /// Deletions of templates, of this name and others. Those of the last 30 days count.
    pub deletions: Vec<TemplateDeletion>,
}

/// The call that a plan is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(crate = "zengine_connector::schemars")]
#[serde(rename_all = "snake_case")]
pub enum PlanIntent {
    /// Create or edit. Another content is edited.
    #[default]
    Ensure,
    /// Create only, also after an answer that was lost. Another content is a conflict.
    Create,
    /// A creation that the provider refused, because the key is taken or being deleted. An absent template is a conflict too.
    CreateRefused,
}

/// The circumstances of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct PlanOptions {
    /// The family of calls.
    pub family: TemplateFamily,
    /// The call.
    pub intent: PlanIntent,
}

/// The languages that a deletion removes. There is no default: you must say it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(crate = "zengine_connector::schemars")]
#[serde(rename_all = "snake_case")]
pub enum DeleteScope {
    /// Every language of the name.
    AllLanguages,
    /// One language, by its code.
    Language(String),
}

impl DeleteScope {
    /// The reason the provider would refuse the deletion, or do more than is meant.
    pub fn refusal(&self, family: TemplateFamily, status: Option<&TemplateStatus>) -> Option<PlanReason> {
        match (self, family, status) {
            (Self::Language(_), TemplateFamily::A, _) => Some(PlanReason::FamilyDeletesAllLanguages),
            (_, _, Some(TemplateStatus::Disabled)) => Some(PlanReason::StatusDisabled),
            _ => None,
        }
    }
}
