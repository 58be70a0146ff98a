//! Choices, taps and completed forms.

use std::borrow::Cow;

use zengine_connector::message::{FlowReply, InteractiveReply, Preference, ReplySource};
use zengine_connector::{Content, Event};

use super::content::ReadContent;
use crate::waba::json::{Object, ValueRef};

const KINDS: &[&str] = &["button_reply", "list_reply", "nfm_reply", "call_permission_reply"];

/// `None` if it is not an object, or if the answer of its kind is missing.
pub(super) fn reply(raw: ValueRef<'_>) -> Option<ReadContent> {
    let obj = raw.object()?;
    let kind = obj.text("type").or_else(|| KINDS.iter().find(|kind| obj.get(kind).is_some()).map(|kind| Cow::Borrowed(*kind)))?;
    let choice = |source| {
        let part = obj.object(&kind)?;
        let title = part.owned_text("title");
        let mut reply = InteractiveReply::new(part.owned_text("id").or_else(|| title.clone())?, source);
        reply.title = title;
        reply.description = part.owned_text("description");
        Some(Content::InteractiveReply(reply).into())
    };
    match &*kind {
        "button_reply" => choice(ReplySource::Button),
        "list_reply" => choice(ReplySource::List),
        "nfm_reply" => Some(form(&obj.object(&kind)?).into()),
        "call_permission_reply" => Some(call_permission(obj.get(&kind)?)),
        _ => Some(ReadContent::Unknown(format!("interactive.{kind}"))),
    }
}

/// The answers of a form: mostly JSON inside a string; kept in any case.
fn form(part: &Object<'_>) -> Content {
    let text = part.get("response_json").map(|raw| raw.string().unwrap_or(Cow::Borrowed(raw.as_json()))).unwrap_or_default();
    let mut reply = FlowReply::new(part.owned_text("name"), text);
    reply.body = part.owned_text("body");
    Content::FlowReply(reply)
}

/// Whether the business may call: a preference about calls, with the whole answer (until when, by whom) in its detail.
fn call_permission(raw: ValueRef<'_>) -> ReadContent {
    let response = raw.object().and_then(|part| part.owned_text("response"));
    let mut preference = Preference::new("call_permission");
    preference.detail = Some(raw.as_json().to_owned());
    preference.value.clone_from(&response);
    match response.as_deref() {
        Some("accept") => ReadContent::other(Event::OptIn(preference)),
        Some("reject") => ReadContent::other(Event::OptOut(preference)),
        _ => ReadContent::Unknown("interactive.call_permission_reply".to_owned()),
    }
}
