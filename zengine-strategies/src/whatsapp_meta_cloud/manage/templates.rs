//! The account's templates.

use http::Method;
use serde_json::Value;
use zengine_connector::{ErrorKind, EventContext, SendError, message::RawJson};

use super::list;
use crate::waba::gateway;
use crate::waba::gateway::{Payload, encoded};
use crate::waba::wire::text;
use crate::whatsapp_meta_cloud::{Page, Tenant, WhatsAppMetaCloud, onboarding};

const FIELDS: &str = "id,name,status,category,language,parameter_format,quality_score,rejected_reason,components";

/// A template of the account.
#[derive(Clone, Debug, PartialEq, Default)]
#[non_exhaustive]
pub struct TemplateRecord {
    /// Its id.
    pub id: String,
    /// Its name; absent in the answer to a new template.
    pub name: Option<String>,
    /// Its language.
    pub language: Option<String>,
    /// `APPROVED`, `PENDING`, `REJECTED` and so on.
    pub status: Option<String>,
    /// `MARKETING`, `UTILITY` or `AUTHENTICATION`; Meta may choose another than requested.
    pub category: Option<String>,
    /// `NAMED` or `POSITIONAL`.
    pub parameter_format: Option<String>,
    /// Meta's word for why it was rejected, such as `ABUSIVE_CONTENT`.
    pub rejected_reason: Option<String>,
    /// Meta's JSON of the template.
    pub data: Option<RawJson>,
}

/// The templates of the tenant's account. Meta's limit: 100 new ones per hour.
impl WhatsAppMetaCloud {
    /// Submits a template, in Meta's form: `name`, `language`, `category`, `components` and so on.
    ///
    /// # Errors
    /// `MessageInvalid` if it is not an object with a name, a language and a category; `Protocol` if the answer has no id;
    /// Meta's errors, `Template` if it refuses the template.
    pub async fn create_template(&self, tenant: &Tenant, definition: &Value, cx: &EventContext) -> Result<TemplateRecord, SendError> {
        let operation = "create_template";
        for field in ["name", "language", "category"] {
            if definition.get(field).and_then(Value::as_str).is_none_or(str::is_empty) {
                let missing = SendError::of(ErrorKind::MessageInvalid, "a template needs a name, a language and a category");
                return Err(missing.context("field", field).not_sent());
            }
        }
        let answer = self.change(tenant, cx, operation, Method::POST, &path(tenant), Payload::Json(definition)).await?;
        read(&answer)
            .ok_or_else(|| SendError::of(ErrorKind::Protocol, "a template was taken without an id").context("operation", operation).maybe())
    }

    /// A page of the templates, all or those of one name; `after` is the `next` of the page before.
    ///
    /// # Errors
    /// Meta's errors. Safe to repeat.
    pub async fn templates(
        &self,
        tenant: &Tenant,
        name: Option<&str>,
        after: Option<&str>,
        cx: &EventContext,
    ) -> Result<Page<TemplateRecord>, SendError> {
        let name = name.map(|name| format!("&name={}", encoded(name))).unwrap_or_default();
        let after = after.map(|after| format!("&after={}", encoded(after))).unwrap_or_default();
        let body = self.ask(tenant, cx, "templates", &format!("{}?fields={FIELDS}&limit=100{name}{after}", path(tenant))).await?;
        Ok(Page { items: list(&body, "templates")?.iter().filter_map(read).collect(), next: onboarding::next(&body) })
    }

    /// Changes a template, in Meta's form.
    ///
    /// # Errors
    /// `MessageInvalid` if `id` is not an id or `changes` is not an object; Meta's errors.
    pub async fn edit_template(&self, tenant: &Tenant, id: &str, changes: &Value, cx: &EventContext) -> Result<(), SendError> {
        let wrong = |field, what| Err(SendError::of(ErrorKind::MessageInvalid, what).context("field", field).not_sent());
        if !gateway::is_id(id) {
            return wrong("id", "not an id");
        }
        if !changes.is_object() {
            return wrong("changes", "must be a JSON object");
        }
        self.command(tenant, cx, "edit_template", Method::POST, &format!("/{id}"), Payload::Json(changes)).await
    }

    /// Deletes a template by its name, in all languages, or, with its id, in one.
    ///
    /// # Errors
    /// `MessageInvalid` for an empty name; Meta's errors.
    pub async fn delete_template(&self, tenant: &Tenant, name: &str, id: Option<&str>, cx: &EventContext) -> Result<(), SendError> {
        // Without a name nothing says which one is meant.
        if name.is_empty() {
            return Err(SendError::of(ErrorKind::MessageInvalid, "must not be empty").context("field", "name").not_sent());
        }
        let id = id.map(|id| format!("&hsm_id={}", encoded(id))).unwrap_or_default();
        let path = format!("{}?name={}{id}", path(tenant), encoded(name));
        self.command(tenant, cx, "delete_template", Method::DELETE, &path, Payload::Nothing).await
    }
}

fn path(tenant: &Tenant) -> String {
    format!("/{}/message_templates", tenant.config.waba_id)
}

fn read(value: &Value) -> Option<TemplateRecord> {
    let mut template = TemplateRecord { id: text(value, "id")?, data: RawJson::from_value(value).ok(), ..TemplateRecord::default() };
    members!(template, text(value): name, language, status, category, parameter_format, rejected_reason);
    template.rejected_reason.take_if(|reason| reason == "NONE");
    Some(template)
}
