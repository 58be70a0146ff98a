//! The templates of all accounts.

use std::sync::Mutex;

use serde_json::{Map, Value, json};

use super::super::ids::Ids;
use super::builder::Template;
use crate::sandbox::lock;

#[derive(Debug, Clone)]
pub(in crate::sandbox) struct Stored {
    pub(in crate::sandbox) id: String,
    /// The account; `None` for every account.
    pub(in crate::sandbox) account: Option<String>,
    pub(in crate::sandbox) name: String,
    pub(in crate::sandbox) language: String,
    /// The category, in capitals.
    pub(in crate::sandbox) category: String,
    pub(in crate::sandbox) status: String,
    pub(in crate::sandbox) quality: String,
    pub(in crate::sandbox) reason: Option<String>,
    pub(in crate::sandbox) named: bool,
    pub(in crate::sandbox) components: Value,
    /// Whether the components are complete, so that buttons can be checked.
    pub(in crate::sandbox) buttons_known: bool,
    pub(in crate::sandbox) ttl_seconds: Option<i64>,
}

impl Stored {
    pub(in crate::sandbox) fn new(template: Template, id: String) -> Self {
        let Template { account, name, language, category, status, named, header, body, components } = template;
        let buttons_known = components.is_some();
        let parts = || header.into_iter().chain([json!({"type": "BODY", "text": body})]).collect();
        let components = components.unwrap_or_else(parts);
        let (quality, reason, ttl_seconds) = ("UNKNOWN".to_owned(), None, None);
        Self { id, account, name, language, category, status, quality, reason, named, components, buttons_known, ttl_seconds }
    }

    pub(in crate::sandbox) fn component(&self, kind: &str) -> Option<&Value> {
        let is_kind = |item: &&Value| item["type"].as_str().is_some_and(|own| own.eq_ignore_ascii_case(kind));
        self.components.as_array()?.iter().find(is_kind)
    }

    pub(in crate::sandbox) fn is_of(&self, account: &str) -> bool {
        self.account.as_deref().is_none_or(|own| own == account)
    }

    pub(in crate::sandbox) fn node(&self) -> Map<String, Value> {
        let node = json!({
            "id": self.id,
            "name": self.name,
            "language": self.language,
            "category": self.category,
            "status": self.status,
            "components": self.components,
            "parameter_format": if self.named { "NAMED" } else { "POSITIONAL" },
            "quality_score": {"score": self.quality},
            "rejected_reason": self.reason.as_deref().unwrap_or("NONE"),
            "message_send_ttl_seconds": self.ttl_seconds,
        });
        node.as_object().cloned().unwrap_or_default()
    }

    /// The common members of its webhooks.
    fn update(&self) -> Value {
        json!({
            "message_template_id": self.id.parse::<u64>().unwrap_or(0),
            "message_template_name": self.name,
            "message_template_language": self.language,
        })
    }
}

/// A change of a template: the field and value of its webhook.
pub(in crate::sandbox) type TemplateUpdate = (&'static str, Value);

/// Changes of a template, each with its webhook.
pub(in crate::sandbox) mod changed {
    use super::{Stored, TemplateUpdate, Value, json};

    /// Changes the status, with an optional reason.
    pub(in crate::sandbox) fn status(template: &mut Stored, status: &str, reason: Option<&str>) -> TemplateUpdate {
        status.clone_into(&mut template.status);
        template.reason = reason.map(str::to_owned);
        let mut value = template.update();
        value["event"] = status.into();
        value["message_template_category"] = template.category.as_str().into();
        value["reason"] = reason.map_or(if status == "APPROVED" { "NONE".into() } else { Value::Null }, Value::from);
        if let Some(reason) = reason.filter(|_| status == "REJECTED") {
            value["rejection_info"] = json!({"reason": reason, "recommendation": "Edit the template and submit it again."});
        }
        if status == "PAUSED" {
            value["other_info"] = json!({"title": "FIRST_PAUSE", "description": "Paused because of low quality."});
        }
        ("message_template_status_update", value)
    }

    /// Changes the quality: `GREEN`, `YELLOW`, `RED` or `UNKNOWN`.
    pub(in crate::sandbox) fn quality(template: &mut Stored, quality: &str) -> TemplateUpdate {
        let mut value = template.update();
        value["previous_quality_score"] = template.quality.as_str().into();
        value["new_quality_score"] = quality.into();
        quality.clone_into(&mut template.quality);
        ("message_template_quality_update", value)
    }

    /// Changes the category.
    pub(in crate::sandbox) fn category(template: &mut Stored, category: &str) -> TemplateUpdate {
        let mut value = template.update();
        value["previous_category"] = template.category.as_str().into();
        value["new_category"] = category.into();
        category.clone_into(&mut template.category);
        ("template_category_update", value)
    }
}

#[derive(Debug, Default)]
struct Inner {
    templates: Vec<Stored>,
    /// Creations of templates within the last hour: the account and the time in milliseconds.
    created: Vec<(String, u64)>,
}

/// The templates of all accounts, in the order of their creation.
#[derive(Debug, Default)]
pub(in crate::sandbox) struct Templates(Mutex<Inner>);

impl Templates {
    pub(in crate::sandbox) fn clear(&self) {
        *lock(&self.0) = Inner::default();
    }

    /// Adds a template from a test; replaces one of the same account, name and language. Returns its id.
    pub(in crate::sandbox) fn add(&self, template: Template, ids: &Ids) -> String {
        let stored = Stored::new(template, ids.digits());
        let id = stored.id.clone();
        let templates = &mut lock(&self.0).templates;
        let same = |other: &Stored| (&other.account, &other.name, &other.language) == (&stored.account, &stored.name, &stored.language);
        templates.retain(|other| !same(other));
        templates.push(stored);
        id
    }

    pub(in crate::sandbox) fn push(&self, template: Stored) {
        lock(&self.0).templates.push(template);
    }

    /// Counts a creation; false if the hour already has `most`.
    pub(in crate::sandbox) fn count(&self, account: &str, now_ms: u64, most: usize) -> bool {
        let created = &mut lock(&self.0).created;
        created.retain(|(_, at)| at + 3_600_000 > now_ms);
        let allowed = created.iter().filter(|(own, _)| own == account).count() < most;
        if allowed {
            created.push((account.to_owned(), now_ms));
        }
        allowed
    }

    pub(in crate::sandbox) fn get(&self, id: &str) -> Option<Stored> {
        lock(&self.0).templates.iter().find(|template| template.id == id).cloned()
    }

    pub(in crate::sandbox) fn of(&self, account: &str) -> Vec<Stored> {
        lock(&self.0).templates.iter().filter(|template| template.is_of(account)).cloned().collect()
    }

    /// The templates with this name in an account.
    pub(in crate::sandbox) fn named(&self, account: &str, name: &str) -> Vec<Stored> {
        let inner = lock(&self.0);
        inner.templates.iter().filter(|template| template.is_of(account) && template.name == name).cloned().collect()
    }

    pub(in crate::sandbox) fn all(&self) -> Vec<Stored> {
        lock(&self.0).templates.clone()
    }

    /// Changes the first matching template; `None` if there is none.
    pub(in crate::sandbox) fn change<T>(
        &self,
        fits: impl Fn(&Stored) -> bool,
        change: impl FnOnce(&mut Stored) -> T,
    ) -> Option<(Stored, T)> {
        let templates = &mut lock(&self.0).templates;
        let found = templates.iter_mut().find(|template| fits(template))?;
        let changed = change(found);
        Some((found.clone(), changed))
    }

    pub(in crate::sandbox) fn remove(&self, fits: impl Fn(&Stored) -> bool) -> Vec<Stored> {
        lock(&self.0).templates.extract_if(.., |template| fits(template)).collect()
    }
}
