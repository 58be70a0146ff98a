//! The templates of all accounts.

use std::sync::Mutex;

use serde_json::{Map, Value, json};

use super::super::ids::Ids;
use super::builder::Template;
use crate::sandbox::lock;

impl Template {
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

    /// Changes the status, with an optional reason.
    pub(in crate::sandbox) fn set_status(&mut self, status: &str, reason: Option<&str>) -> TemplateUpdate {
        status.clone_into(&mut self.status);
        self.reason = reason.map(str::to_owned);
        let mut value = self.update();
        value["event"] = status.into();
        value["message_template_category"] = self.category.as_str().into();
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
    pub(in crate::sandbox) fn set_quality(&mut self, quality: &str) -> TemplateUpdate {
        let mut value = self.update();
        value["previous_quality_score"] = std::mem::replace(&mut self.quality, quality.to_owned()).into();
        value["new_quality_score"] = quality.into();
        ("message_template_quality_update", value)
    }

    /// Changes the category.
    pub(in crate::sandbox) fn set_category(&mut self, category: &str) -> TemplateUpdate {
        let mut value = self.update();
        value["previous_category"] = std::mem::replace(&mut self.category, category.to_owned()).into();
        value["new_category"] = category.into();
        ("template_category_update", value)
    }
}

/// A change of a template: the field and value of its webhook.
pub(in crate::sandbox) type TemplateUpdate = (&'static str, Value);

#[derive(Debug, Default)]
struct Inner {
    templates: Vec<Template>,
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
        fn key(of: &Template) -> (&Option<String>, &str, &str) {
            (&of.account, &of.name, &of.language)
        }
        let template = Template { id: ids.digits(), ..template };
        let templates = &mut lock(&self.0).templates;
        templates.retain(|other| key(other) != key(&template));
        let id = template.id.clone();
        templates.push(template);
        id
    }

    /// Adds a template and gives it its id.
    pub(in crate::sandbox) fn push(&self, template: Template, ids: &Ids) -> Template {
        let template = Template { id: ids.digits(), ..template };
        lock(&self.0).templates.push(template.clone());
        template
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

    pub(in crate::sandbox) fn get(&self, id: &str) -> Option<Template> {
        self.select(|template| template.id == id).pop()
    }

    pub(in crate::sandbox) fn select(&self, fits: impl Fn(&Template) -> bool) -> Vec<Template> {
        lock(&self.0).templates.iter().filter(|template| fits(template)).cloned().collect()
    }

    /// Changes the first matching template; `None` if there is none.
    pub(in crate::sandbox) fn change<T>(
        &self,
        fits: impl Fn(&Template) -> bool,
        change: impl FnOnce(&mut Template) -> T,
    ) -> Option<(Template, T)> {
        let templates = &mut lock(&self.0).templates;
        let found = templates.iter_mut().find(|template| fits(template))?;
        let changed = change(found);
        Some((found.clone(), changed))
    }

    pub(in crate::sandbox) fn remove(&self, fits: impl Fn(&Template) -> bool) -> Vec<Template> {
        lock(&self.0).templates.extract_if(.., |template| fits(template)).collect()
    }
}
