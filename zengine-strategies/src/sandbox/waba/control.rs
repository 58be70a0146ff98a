//! Control calls that every emulated WhatsApp provider has.

use serde_json::{Value, json};

use super::provider::{WabaState, WhatsApp};
use super::templates::Template;
use super::updates::Update;
use super::{Inbound, files};
use crate::sandbox::control::{ControlCall, ControlError, each, merged};
use crate::sandbox::webhooks::Signature;
use crate::sandbox::{Delivery, form};

/// The answer of a control call.
pub(in crate::sandbox) type Answered = Result<Value, ControlError>;

// One update, in one of its forms.
form! { UpdateForm {
    number: String,
    message: Option<Value>,
    from: Option<String>,
    text: Option<String>,
    name: Option<String>,
    status: Option<Value>,
    field: Option<String>,
    value: Option<Value>,
} }

impl UpdateForm {
    fn update(self) -> Result<Update, &'static str> {
        let forms = "give one of `message`, `text` with `from`, `status`, or `field` with `value`";
        let named = |mut message: Inbound| {
            if let Some(name) = self.name {
                message = message.named(name);
            }
            message
        };
        match (self.message, self.text, self.status, self.field) {
            (Some(message @ Value::Object(_)), None, None, None) => Ok(Update::message(self.number, named(Inbound::raw(message)))),
            (Some(_), None, None, None) => Err("`message` must be an object"),
            (None, Some(text), None, None) => {
                let from = self.from.ok_or("`text` needs `from`, the digits of a phone number")?;
                Ok(Update::message(self.number, named(Inbound::text(from, text))))
            }
            (None, None, Some(status @ Value::Object(_)), None) => Ok(Update::raw_status(self.number, status)),
            (None, None, Some(_), None) => Err("`status` must be an object, an element of `statuses`"),
            (None, None, None, Some(field)) => Ok(Update::field(self.number, field, self.value.ok_or("`field` needs `value`")?)),
            _ => Err(forms),
        }
    }
}

pub(in crate::sandbox) async fn updates<S: WabaState>(provider: &WhatsApp<S>, call: &ControlCall<'_>) -> Answered {
    let updates = each(call.list()?, |value| {
        let form: UpdateForm = form::read(&value)?;
        if form.field.is_none() && provider.state.number(&form.number).is_none() {
            return Err(format!("there is no number `{}`", form.number));
        }
        form.update().map_err(str::to_owned)
    })?;
    if updates.is_empty() {
        return Err(ControlError::bad_request("there is no update"));
    }
    match call.parameter("wait") {
        None | Some("true") => Ok(delivery(&provider.send(updates).await)),
        Some("false") => {
            let later = provider.clone();
            provider.engine.webhooks.background(async move { drop(later.send(updates).await) });
            Ok(json!({"queued": true}))
        }
        Some(_) => Err(ControlError::bad_request("`wait` must be true or false")),
    }
}

fn delivery(delivery: &Delivery) -> Value {
    json!({
        "at_ms": delivery.at_ms,
        "attempts": delivery.attempts,
        "status": delivery.status,
        "delivered": delivery.is_delivered(),
        "message_id": delivery.message_id,
    })
}

pub(in crate::sandbox) async fn raw<S: WabaState>(provider: &WhatsApp<S>, call: &ControlCall<'_>) -> Answered {
    let signature = match call.parameter("signature") {
        None | Some("true") => Signature::Valid,
        Some("wrong") => Signature::Wrong,
        Some("none") => Signature::Absent,
        Some(_) => return Err(ControlError::bad_request("`signature` must be true, wrong or none")),
    };
    Ok(delivery(&provider.send_raw(call.body.clone(), signature).await))
}

pub(in crate::sandbox) fn webhooks<S: WabaState>(provider: &WhatsApp<S>) -> Value {
    let mut webhooks = json!(provider.engine.webhooks.settings());
    webhooks["callback"] = json!(provider.shared().callback());
    webhooks
}

pub(in crate::sandbox) fn set_webhooks<S: WabaState>(provider: &WhatsApp<S>, call: &ControlCall<'_>) -> Answered {
    let mut changes = call.json()?;
    let callback = match changes.as_object_mut().and_then(|members| members.remove("callback")) {
        None => provider.shared().callback(),
        Some(Value::Null) => None,
        Some(Value::String(url)) if url.starts_with("http://") => Some(url),
        Some(_) => return Err(ControlError::bad_request("`callback` must begin with http://: the emulator speaks no TLS")),
    };
    let settings = merged(&provider.engine.webhooks.settings(), changes)?;
    provider.shared().set_callback(callback);
    provider.engine.webhooks.set(settings.in_range());
    Ok(webhooks(provider))
}

pub(in crate::sandbox) fn set_rules<S: WabaState>(provider: &WhatsApp<S>, call: &ControlCall<'_>) -> Answered {
    provider.shared().set_rules(merged(&provider.shared().rules(), call.json()?)?);
    Ok(json!(provider.shared().rules()))
}

form! { TemplateForm {
    name: String,
    language: String,
    account: Option<String>,
    category: Option<String>,
    status: Option<String>,
    components: Option<Value>,
} }

pub(in crate::sandbox) fn add_template<S: WabaState>(provider: &WhatsApp<S>, call: &ControlCall<'_>) -> Answered {
    let form: TemplateForm = call.read()?;
    if form.components.as_ref().is_some_and(|components| !components.is_array()) {
        return Err(ControlError::bad_request("`components` must be an array"));
    }
    let template = Template { account: form.account, ..Template::new(form.name, form.language) };
    let template = form.components.into_iter().fold(template, Template::with_components);
    let template = form.category.into_iter().fold(template, Template::with_category);
    let template = form.status.into_iter().fold(template, Template::with_status);
    Ok(json!({"id": provider.shared().templates.add(template, &provider.shared().ids)}))
}

form! { ChangeForm {
    name: String,
    language: String,
    status: Option<String>,
    reason: Option<String>,
    quality: Option<String>,
    category: Option<String>,
} }

pub(in crate::sandbox) async fn change_template<S: WabaState>(provider: &WhatsApp<S>, call: &ControlCall<'_>) -> Answered {
    let ChangeForm { name, language, status, reason, quality, category } = call.read()?;
    let sent = match (status, quality, category) {
        (Some(status), None, None) => {
            provider.change_template(&name, &language, |template| template.set_status(&status, reason.as_deref())).await
        }
        (None, Some(quality), None) => provider.change_template(&name, &language, |template| template.set_quality(&quality)).await,
        (None, None, Some(category)) => provider.change_template(&name, &language, |template| template.set_category(&category)).await,
        _ => return Err(ControlError::bad_request("give one of `status`, `quality`, `category`")),
    };
    sent.map(|sent| delivery(&sent)).ok_or_else(|| ControlError::not_found("there is no such template"))
}

pub(in crate::sandbox) fn add_media<S: WabaState>(provider: &WhatsApp<S>, call: &ControlCall<'_>) -> Answered {
    let number = call.required("number", "")?;
    let mime = call.required("type", ", as in image/png")?;
    if provider.state.number(number).is_none() {
        return Err(no_number(number));
    }
    Ok(json!({"id": files::receive(provider.shared(), number, mime, call.body.clone())}))
}

pub(in crate::sandbox) fn rules<S: WabaState>(provider: &WhatsApp<S>) -> Value {
    json!(provider.shared().rules())
}

pub(in crate::sandbox) fn templates<S: WabaState>(provider: &WhatsApp<S>) -> Value {
    json!({"templates": provider.shared().templates.select(|_| true).iter().map(Template::node).collect::<Vec<_>>()})
}

pub(in crate::sandbox) fn deliveries<S: WabaState>(provider: &WhatsApp<S>) -> Value {
    json!({"deliveries": provider.engine.webhooks.log().iter().map(delivery).collect::<Vec<_>>()})
}

pub(in crate::sandbox) fn no_number(id: &str) -> ControlError {
    ControlError::not_found(format!("there is no number `{id}`"))
}
