//! `/{waba_id}/message_templates` and `/{template_id}`.

use serde_json::{Value, json};

use super::super::check::{Checked, Param};
use super::super::errors::GraphError;
use super::super::query::{Query, select};
use super::super::shared::Shared;
use super::{Template, TemplateUpdate, design};

/// Maximum creations per hour, and maximum templates, of an account.
const PER_HOUR: usize = 100;
const PER_ACCOUNT: usize = 6_000;

/// The keys of a new template.
#[rustfmt::skip]
const KEYS: &[&str] = &[
    "name", "language", "category", "parameter_format", "message_send_ttl_seconds", "components", "allow_category_change",
    "appsecret_proof",
];

/// Default fields of a list.
const BY_DEFAULT: &str = "name,parameter_format,components,language,status,category,id";

/// Allowed lifetime of a category's messages, in seconds; −1 means 30 days.
fn ttl_range(category: &str) -> (i64, i64) {
    match category {
        "AUTHENTICATION" => (30, 900),
        "UTILITY" => (30, 43_200),
        _ => (43_200, 2_592_000),
    }
}

fn ttl(param: &Param<'_>, category: &str) -> Checked<Option<i64>> {
    let Some(ttl) = param.optional("message_send_ttl_seconds") else { return Ok(None) };
    let (least, most) = ttl_range(category);
    if ttl.value.as_i64() == Some(-1) { Ok(Some(-1)) } else { ttl.integer_of(least, most).map(Some) }
}

/// `POST /{version}/{waba_id}/message_templates`; the new template is pending review.
pub(in crate::sandbox) fn create(shared: &Shared, account: &str, json: &Value) -> Checked<(Value, Template)> {
    let param = Param::root(json);
    param.only(KEYS)?;
    let name = param.required("name")?.template_name()?;
    let language = param.required("language")?.text_of(2, 15)?;
    let category = param.required("category")?.one_of(&["AUTHENTICATION", "MARKETING", "UTILITY"])?;
    let format = param
        .optional("parameter_format")
        .map_or(Ok("POSITIONAL"), |format| format.one_of(&["NAMED", "POSITIONAL", "named", "positional"]))?;
    let named = format.eq_ignore_ascii_case("NAMED");
    let ttl_seconds = ttl(&param, category)?;
    let components = param.required("components")?;
    design::components(&components, category, named)?;
    let existing = shared.templates.select(|template| template.is_of(account));
    if existing.iter().any(|other| other.name == name && other.language == language) {
        let error = GraphError::because(100, "There is already content of this template in this language.");
        return Err(error.with_subcode(2_388_024));
    }
    if existing.len() >= PER_ACCOUNT {
        return Err(GraphError::because(100, "The account has too many templates.").with_subcode(2_388_019));
    }
    if !shared.templates.count(account, shared.clock.now_ms(), PER_HOUR) {
        return Err(GraphError::because(80_008, "More than 100 templates were created within an hour."));
    }
    let template = Template { named, ttl_seconds, ..Template::new(name, language) };
    let template = template.for_account(account).with_category(category).with_status("PENDING").with_components(components.value.clone());
    let template = shared.templates.push(template, &shared.ids);
    Ok((json!({"id": template.id, "status": template.status, "category": template.category}), template))
}

/// A template of an account accessible to the token.
fn visible(shared: &Shared, may: impl Fn(&str) -> bool, id: &str) -> Checked<Template> {
    let template = shared.templates.get(id).ok_or_else(|| GraphError::no_object(id))?;
    let allowed = match &template.account {
        Some(account) => may(account),
        None => true,
    };
    if allowed { Ok(template) } else { Err(GraphError::no_object(id)) }
}

/// `POST /{version}/{template_id}`; the template is pending review again.
pub(in crate::sandbox) fn edit(shared: &Shared, may: impl Fn(&str) -> bool, id: &str, json: &Value) -> Checked<(Value, Template)> {
    let template = visible(shared, may, id)?;
    if !["APPROVED", "REJECTED", "PAUSED"].contains(&template.status.as_str()) {
        return Err(GraphError::bad(format!("A template that is {} cannot be edited.", template.status)));
    }
    let param = Param::root(json);
    param.only(&["components", "category", "message_send_ttl_seconds", "parameter_format", "appsecret_proof"])?;
    let category = param.optional("category").map(|category| category.one_of(&["AUTHENTICATION", "MARKETING", "UTILITY"])).transpose()?;
    let category = category.unwrap_or(&template.category).to_owned();
    let ttl_seconds = ttl(&param, &category)?;
    let components = param.optional("components");
    if let Some(components) = &components {
        design::components(components, &category, template.named)?;
    } else if param.optional("category").is_none() && ttl_seconds.is_none() {
        return Err(GraphError::missing("components"));
    }
    let edited = shared.templates.change(
        |other| other.id == id,
        |template| {
            template.category = category;
            "PENDING".clone_into(&mut template.status);
            template.ttl_seconds = ttl_seconds.or(template.ttl_seconds);
            if let Some(components) = components {
                (template.components, template.buttons_known) = (components.value.clone(), true);
            }
        },
    );
    edited.map(|(template, ())| (json!({"success": true}), template)).ok_or_else(|| GraphError::no_object(id))
}

/// `DELETE /{version}/{waba_id}/message_templates`: all languages of a name, or the one with an id.
pub(in crate::sandbox) fn delete(shared: &Shared, account: &str, query: &Query) -> Checked<(Value, Vec<TemplateUpdate>)> {
    let (name, id) = (query.required("name")?, query.get("hsm_id"));
    let removed =
        shared.templates.remove(|template| template.is_of(account) && template.name == name && id.is_none_or(|id| template.id == id));
    if removed.is_empty() {
        return Err(GraphError::because(100, "There is no such template.").with_subcode(2_593_002));
    }
    let updates = removed.into_iter().map(|mut template| template.set_status("DELETED", None)).collect();
    Ok((json!({"success": true}), updates))
}

/// `GET /{version}/{waba_id}/message_templates`, with filters and pages.
pub(in crate::sandbox) fn list(shared: &Shared, account: &str, query: &Query) -> Checked<Value> {
    let fits = |template: &Template| {
        let is = |key: &str, own: &str| query.get(key).is_none_or(|wanted| wanted.eq_ignore_ascii_case(own));
        is("name", &template.name)
            && is("status", &template.status)
            && is("category", &template.category)
            && is("language", &template.language)
            && query
                .get("name_or_content")
                .is_none_or(|part| template.name.contains(part) || template.components.to_string().contains(part))
    };
    let found = shared.templates.select(|template| template.is_of(account) && fits(template));
    let nodes = found.iter().map(|template| shown(template, query)).collect::<Checked<Vec<_>>>()?;
    query.page(&nodes)
}

/// `GET /{version}/{template_id}`.
pub(in crate::sandbox) fn node(shared: &Shared, may: impl Fn(&str) -> bool, id: &str, query: &Query) -> Checked<Value> {
    shown(&visible(shared, may, id)?, query)
}

fn shown(template: &Template, query: &Query) -> Checked<Value> {
    select(&template.node(), query.get("fields").unwrap_or(BY_DEFAULT))
}
