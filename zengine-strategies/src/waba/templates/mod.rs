//! WhatsApp templates without a network: definitions with their rules, and the provider's records.
//!
//! | type | purpose |
//! |---|---|
//! | [`TemplateDefinition`], [`TemplateChanges`], [`Component`] | a template as you want it, in the provider's form; `check` finds every violation before anything leaves, by the numbers of [`LIMITS`] |
//! | [`TemplateRecord`], [`TemplateStatus`] | a template as the provider has it; [`TemplateRecord::apply`] follows its webhooks |
//! | [`Plan`] | the decision for one template: create, edit, nothing, wait, cannot or conflict |
//! | [`TemplatePage`], [`TemplateListing`] | the pages of a list, in both forms, and the question whether the list is complete |

#[macro_use]
mod words;

mod answers;
mod check;
mod compare;
mod component;
mod decide;
mod definition;
mod languages;
mod limits;
mod listing;
mod page;
mod plan;
mod read;
mod record;
mod status;
mod update;
mod variables;
mod view;

pub use answers::ArchiveReport;
pub use component::{Component, ComponentKind};
pub use definition::{TemplateChanges, TemplateDefinition, TemplateFamily};
pub use limits::{LIMITS, TemplateForm, TemplateLimit};
pub use listing::TemplateListing;
pub use page::{ListWarning, TemplatePage, UnreadElement};
pub use plan::{Decision, DeleteScope, Plan, PlanIntent, PlanOptions, PlanReason, TemplateDeletion, TemplateHistory};
pub use record::{TemplateId, TemplateQuality, TemplateRecord};
pub use status::TemplateStatus;
pub use update::Transition;
pub use view::OneTimeCode;
