//! The way from a definition and the provider's records to a plan.

use zengine_connector::error::Violation;

use super::compare;
use super::definition::{TemplateDefinition, TemplateFamily};
use super::plan::{Decision, Plan, PlanIntent, PlanOptions, PlanReason, TemplateHistory};
use super::record::{TemplateId, TemplateRecord, same_language};
use super::status::TemplateStatus;

const DAY_MS: i64 = 86_400_000;
const MONTH_MS: i64 = 30 * DAY_MS;
/// Edits of an approved template in 30 days.
const EDITS_A_MONTH: usize = 10;

impl Plan {
    /// Plans one template. `complete` says whether the records are all that there are: only then may a template be created that is not
    /// among them. It reads no clock and changes nothing, so that the same arguments give the same plan.
    ///
    /// ```
    /// use serde_json::json;
    /// use zengine_strategies::whatsapp_meta_cloud::templates::{
    ///     Component, Decision, Plan, PlanOptions, PlanReason, TemplateDefinition, TemplateHistory,
    /// };
    ///
    /// let mut wanted = TemplateDefinition::new("parcel_ready", "en_US", "UTILITY");
    /// wanted.components = vec![Component::from_json(json!({"type": "BODY", "text": "Your parcel is here."}))];
    /// let plan = |complete| Plan::of(&wanted, &[], complete, &TemplateHistory::default(), PlanOptions::default(), 0);
    /// assert_eq!(plan(true).decision, Decision::Create);
    /// assert_eq!((plan(false).decision, plan(false).reason), (Decision::Cannot, PlanReason::ListIncomplete));
    /// ```
    pub fn of(
        wanted: &TemplateDefinition,
        records: &[TemplateRecord],
        complete: bool,
        history: &TemplateHistory,
        options: PlanOptions,
        now_ms: i64,
    ) -> Self {
        let own = records.iter().filter(|record| record.is_of(&wanted.name, &wanted.language));
        // A deleted one may be listed beside its successor.
        if let Some(record) = own.min_by_key(|record| record.status.as_ref().is_some_and(TemplateStatus::is_going)) {
            return existing(wanted, record, history, options, now_ms);
        }
        // It may be this one.
        if records.iter().any(|record| record.name == wanted.name && record.language.is_none()) {
            return Self::new(Decision::Cannot, PlanReason::RecordUnreadable);
        }
        if !complete {
            return Self::new(Decision::Cannot, PlanReason::ListIncomplete);
        }
        if options.intent == PlanIntent::CreateRefused {
            return Self::new(Decision::Conflict, PlanReason::NameCooldown).renamed(wanted);
        }
        let deletions = history.deletions.iter().filter(|deleted| {
            deleted.name == wanted.name && deleted.language.as_ref().is_none_or(|language| same_language(language, &wanted.language))
        });
        if let Some(free) = deletions.map(|deleted| deleted.at_ms.saturating_add(MONTH_MS)).max().filter(|free| *free > now_ms) {
            return Self { not_before_ms: Some(free), ..Self::new(Decision::Cannot, PlanReason::NameCooldown).renamed(wanted) };
        }
        if wanted.check().iter().any(Violation::is_error) {
            return Self::new(Decision::Cannot, PlanReason::Invalid);
        }
        Self::new(Decision::Create, PlanReason::Absent)
    }

    fn new(decision: Decision, reason: PlanReason) -> Self {
        Self { decision, reason, changed: vec![], not_before_ms: None, id: TemplateId::default(), status: None, suggested_name: None }
    }

    fn to(mut self, decision: Decision, reason: PlanReason) -> Self {
        (self.decision, self.reason) = (decision, reason);
        self
    }

    fn renamed(mut self, wanted: &TemplateDefinition) -> Self {
        self.suggested_name = Some(next_name(&wanted.name));
        self
    }
}

/// Plans for a template that is there.
fn existing(wanted: &TemplateDefinition, record: &TemplateRecord, history: &TemplateHistory, options: PlanOptions, now_ms: i64) -> Plan {
    use PlanReason::{
        BeingDeleted, CategoryChangedByProvider, CategoryLocked, Different, Equal, FamilyCannotEdit, Invalid, RecordUnreadable,
        StatusArchived, StatusDisabled, StatusNotEditable,
    };
    let mut plan = Plan::new(Decision::Nothing, Equal);
    (plan.id, plan.status) = (record.id.clone(), record.status.clone());
    let creates = options.intent != PlanIntent::Ensure;
    let status = record.status.clone().unwrap_or_else(|| TemplateStatus::Unknown(String::new()));
    if status.is_going() {
        return plan.to(if creates { Decision::Conflict } else { Decision::Cannot }, BeingDeleted).renamed(wanted);
    }
    if record.components.is_none() && !wanted.components.is_empty() {
        return plan.to(Decision::Cannot, RecordUnreadable);
    }
    let moved = moved_by_provider(wanted, record);
    if moved == Some(false) {
        plan.changed.push("/category".to_owned());
    }
    plan.changed.extend(compare::changed(wanted, record));
    if plan.changed.is_empty() {
        return plan.to(Decision::Nothing, if moved.is_some() { CategoryChangedByProvider } else { Equal });
    }
    if creates {
        return plan.to(Decision::Conflict, Different);
    }
    if plan.changed[0] == "/category" && status.is_sendable() {
        return plan.to(Decision::Cannot, CategoryLocked).renamed(wanted);
    }
    if options.family == TemplateFamily::A || record.id.meta.is_none() {
        return plan.to(Decision::Cannot, FamilyCannotEdit).renamed(wanted);
    }
    match status {
        TemplateStatus::Disabled => return plan.to(Decision::Cannot, StatusDisabled).renamed(wanted),
        TemplateStatus::Archived => return plan.to(Decision::Cannot, StatusArchived),
        _ => {}
    }
    if plan.changes(wanted).check(Some(&wanted.category)).iter().any(Violation::is_error) {
        return plan.to(Decision::Cannot, Invalid);
    }
    if !status.is_editable() {
        return plan.to(if status.passes() { Decision::Wait } else { Decision::Cannot }, StatusNotEditable);
    }
    match (status == TemplateStatus::Approved).then(|| next_edit(&history.edits_ms, now_ms)).flatten() {
        Some((free, reason)) => Plan { not_before_ms: Some(free), ..plan.to(Decision::Wait, reason) },
        None => plan.to(Decision::Edit, Different),
    }
}

/// Whether a category that differs is the provider's choice; `None` if it does not differ.
fn moved_by_provider(wanted: &TemplateDefinition, record: &TemplateRecord) -> Option<bool> {
    let own = wanted.category.trim();
    let has = record.category.as_deref().filter(|has| !has.eq_ignore_ascii_case(own))?;
    let is = |one: &Option<String>, word: &str| one.as_ref().is_some_and(|one| one.eq_ignore_ascii_case(word));
    Some(wanted.allow_category_change == Some(true) || is(&record.previous_category, own) || is(&record.correct_category, has))
}

/// The time of the next edit that an approved template takes, if that is later than now, and the limit that says so.
fn next_edit(edits_ms: &[i64], now_ms: i64) -> Option<(i64, PlanReason)> {
    let mut latest = edits_ms.to_vec();
    latest.sort_unstable_by(|one, other| other.cmp(one));
    let day = latest.first().map(|at| (at.saturating_add(DAY_MS), PlanReason::EditLimitDay));
    let month = latest.get(EDITS_A_MONTH - 1).map(|at| (at.saturating_add(MONTH_MS), PlanReason::EditLimitMonth));
    day.into_iter().chain(month).filter(|(free, _)| *free > now_ms).max_by_key(|(free, _)| *free)
}

/// The name with the next version: `a` is followed by `a_v2`, and that by `a_v3`.
fn next_name(name: &str) -> String {
    let version = name.rsplit_once("_v").and_then(|(start, version)| Some((start, version.parse::<u32>().ok()?)));
    let (start, version) = version.unwrap_or((name, 1));
    let end = format!("_v{}", version.saturating_add(1));
    let start: String = start.chars().take(512 - end.len()).collect();
    start + &end
}
