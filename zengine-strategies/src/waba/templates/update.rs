//! A webhook's change, applied to the record of a template.

use serde_json::Value;
use zengine_connector::message::TemplateUpdate;

use super::read::reason;
use super::record::{TemplateId, TemplateQuality, TemplateRecord, same_language};
use super::status::TemplateStatus;

/// The effect of a change on a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Transition {
    /// The change is about another template. The record is as it was.
    Other,
    /// The record had it already.
    Same,
    /// The record has changed: store it.
    Changed,
    /// The change does not say what the template is now: store the record, and read the template again.
    Stale,
}

impl TemplateRecord {
    /// Applies a change that a webhook told. Hand changes over in the order of their time: they carry none themselves.
    ///
    /// The change is for this template if an id agrees, else if name and language do and no id speaks against it. Ids that the record
    /// lacks are learnt.
    ///
    /// ```
    /// use zengine_connector::message::TemplateUpdate;
    /// use zengine_strategies::whatsapp_meta_cloud::templates::{TemplateRecord, TemplateStatus, Transition};
    ///
    /// let mut stored = TemplateRecord::default();
    /// (stored.name, stored.language) = ("parcel_ready".into(), Some("en_US".into()));
    /// let mut update = TemplateUpdate::default();
    /// (update.aspect, update.current) = ("status".into(), Some("REJECTED".into()));
    /// (update.name, update.language) = (Some("parcel_ready".into()), Some("en-US".into()));
    /// update.reason = Some("INVALID_FORMAT".into());
    /// assert_eq!(stored.apply(&update), Transition::Changed);
    /// assert_eq!((stored.status, stored.rejected_reason.as_deref()), (Some(TemplateStatus::Rejected), Some("INVALID_FORMAT")));
    /// ```
    pub fn apply(&mut self, update: &TemplateUpdate) -> Transition {
        if !self.is_meant(update) {
            return Transition::Other;
        }
        let before = self.clone();
        // It goes into paths.
        self.id.meta = self.id.meta.take().or_else(|| TemplateId::of(update.template_id.as_deref()?).meta);
        self.id.hub = self.id.hub.take().or_else(|| update.hub_id.clone());
        let current = update.current.as_deref().map(str::trim).filter(|word| !word.is_empty());
        let is_stale = match (update.aspect.as_str(), current) {
            ("status", Some(word)) => self.apply_status(word, update),
            ("quality", Some(word)) => {
                self.quality = Some(TemplateQuality::new(word));
                false
            }
            ("category", Some(word)) => {
                self.apply_category(word, update);
                false
            }
            _ => true,
        };
        match (is_stale, *self == before) {
            (true, _) => Transition::Stale,
            (false, true) => Transition::Same,
            (false, false) => Transition::Changed,
        }
    }

    fn is_meant(&self, update: &TemplateUpdate) -> bool {
        let TemplateId { meta, hub } = &self.id;
        let agrees = |own: &Option<String>, told: &Option<String>| own.as_ref().zip(told.as_ref()).map(|(own, told)| own == told);
        agrees(meta, &update.template_id).or_else(|| agrees(hub, &update.hub_id)).unwrap_or_else(|| {
            let language = self.language.as_deref().zip(update.language.as_deref());
            update.name.as_ref() == Some(&self.name) && language.is_some_and(|(own, told)| same_language(own, told))
        })
    }

    /// Sets a status; returns whether the template must be read again.
    fn apply_status(&mut self, word: &str, update: &TemplateUpdate) -> bool {
        // Archived from one of several states, and back in that.
        if word.eq_ignore_ascii_case("UNARCHIVED") {
            return true;
        }
        let status = TemplateStatus::from(word);
        let rejected = status == TemplateStatus::Rejected;
        let told = reason(update.reason.as_deref()).filter(|_| rejected);
        let is_over = matches!(status, TemplateStatus::Approved | TemplateStatus::Pending);
        // A second word of a rejection may leave the reason out.
        if is_over || told.is_some() || (rejected && self.status.as_ref() != Some(&status)) {
            (self.rejected_reason, self.recommendation) = (told, update.recommendation.clone().filter(|_| rejected));
        }
        self.status = Some(status);
        false
    }

    /// Sets the present category, and the one that is announced for later.
    fn apply_category(&mut self, present: &str, update: &TemplateUpdate) {
        let data: Value = update.data.as_ref().and_then(|data| data.parse().ok()).unwrap_or_default();
        let correct = data.get("correct_category").and_then(Value::as_str).map(str::to_ascii_uppercase);
        self.category = Some(present.to_ascii_uppercase());
        self.previous_category = update.previous.as_deref().map(str::to_ascii_uppercase).or(self.previous_category.take());
        self.pending_category = correct.clone().filter(|_| data.get("category_update_timestamp").is_some());
        self.correct_category = correct;
    }
}
