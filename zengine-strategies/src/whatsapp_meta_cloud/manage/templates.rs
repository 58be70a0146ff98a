//! The account's templates.

use http::Method;
use serde_json::Value;
use zengine_connector::{ErrorKind, EventContext, SendError};

use super::no_list;
use crate::waba::gateway::{self, Payload, encoded};
use crate::waba::templates::{TemplateDefinition, TemplatePage, TemplateRecord};
use crate::whatsapp_meta_cloud::{Tenant, WhatsAppMetaCloud};

/// Templates of one page.
const LIMIT: u64 = 100;
const FIELDS: &str = "id,name,status,category,language,parameter_format,quality_score,rejected_reason,components";

/// The templates of the tenant's account. Meta's limit: 100 new ones per hour.
impl WhatsAppMetaCloud {
    /// Submits a template, in Meta's form: `name`, `language`, `category`, `components` and so on.
    ///
    /// # Errors
    /// `MessageInvalid` if it is not an object with a name, a language and a category; `Protocol` if the answer has no id;
    /// Meta's errors, `Template` if it refuses the template.
    pub async fn create_template(&self, tenant: &Tenant, definition: &Value, cx: &EventContext) -> Result<TemplateRecord, SendError> {
        let operation = "create_template";
        let member = |field| {
            definition.get(field).and_then(Value::as_str).filter(|text| !text.is_empty()).ok_or_else(|| {
                let missing = SendError::of(ErrorKind::MessageInvalid, "a template needs a name, a language and a category");
                missing.context("field", field).not_sent()
            })
        };
        let asked = TemplateDefinition::new(member("name")?, member("language")?, member("category")?);
        let answer = self.change(tenant, cx, operation, Method::POST, &path(tenant), Payload::Json(definition)).await?;
        let record = TemplateRecord::created(answer.to_string().as_bytes(), &asked).ok();
        record
            .filter(|record| record.id.meta.is_some())
            .ok_or_else(|| SendError::of(ErrorKind::Protocol, "a template was taken without an id").context("operation", operation).maybe())
    }

    /// A page of the templates, all or those of one name; `after` is the `next` of the page before. A
    /// [`TemplateListing`](crate::waba::templates::TemplateListing) puts pages together.
    ///
    /// # Errors
    /// Meta's errors. Safe to repeat.
    pub async fn templates(
        &self,
        tenant: &Tenant,
        name: Option<&str>,
        after: Option<&str>,
        cx: &EventContext,
    ) -> Result<TemplatePage, SendError> {
        let name = name.map(|name| format!("&name={}", encoded(name))).unwrap_or_default();
        let place = after.map(|after| format!("&after={}", encoded(after))).unwrap_or_default();
        let body = self.ask(tenant, cx, "templates", &format!("{}?fields={FIELDS}&limit={LIMIT}{name}{place}", path(tenant))).await?;
        TemplatePage::read(body.to_string().as_bytes(), after, LIMIT).map_err(|_| no_list("templates"))
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
