//! Choices, taps and completed forms.

use std::borrow::Cow;

use zengine_connector::{
    Content, Event,
    message::{FlowReply, InteractiveReply, Preference, ReplySource},
};

use super::content::ReadContent;
use crate::waba::json::{self, Obj, Raw};

const KINDS: &[&str] = &["button_reply", "list_reply", "nfm_reply", "call_permission_reply"];

/// `None` if it is not an object, or if the answer of its kind is missing.
pub(super) fn reply(raw: Raw<'_>) -> Option<ReadContent> {
    let obj = Obj::read(raw)?;
    let kind = obj.text("type").or_else(|| KINDS.iter().find(|kind| obj.get(kind).is_some()).map(|kind| Cow::Borrowed(*kind)))?;
    let choice = |source| {
        let part = obj.obj(&kind)?;
        let title = part.owned("title");
        let mut reply = InteractiveReply::new(part.owned("id").or_else(|| title.clone())?, source);
        reply.title = title;
        reply.description = part.owned("description");
        Some(Content::InteractiveReply(reply).into())
    };
    match &*kind {
        "button_reply" => choice(ReplySource::Button),
        "list_reply" => choice(ReplySource::List),
        "nfm_reply" => Some(form(&obj.obj(&kind)?).into()),
        "call_permission_reply" => Some(call_permission(obj.get(&kind)?)),
        _ => Some(ReadContent::Unknown(format!("interactive.{kind}"))),
    }
}

/// The answers of a form: mostly JSON inside a string; kept in any case.
fn form(part: &Obj<'_>) -> Content {
    let text = part.get("response_json").map(|raw| json::string(raw).unwrap_or(Cow::Borrowed(raw.get()))).unwrap_or_default();
    let mut reply = FlowReply::new(part.owned("name"), text);
    reply.body = part.owned("body");
    Content::FlowReply(reply)
}

/// Whether the business may call: a preference about calls, with the whole answer (until when, by whom) in its detail.
fn call_permission(raw: Raw<'_>) -> ReadContent {
    let response = Obj::read(raw).and_then(|part| part.owned("response"));
    let mut preference = Preference::new("call_permission");
    preference.detail = Some(raw.get().to_owned());
    preference.value.clone_from(&response);
    match response.as_deref() {
        Some("accept") => ReadContent::other(Event::OptIn(preference)),
        Some("reject") => ReadContent::other(Event::OptOut(preference)),
        _ => ReadContent::Unknown("interactive.call_permission_reply".to_owned()),
    }
}
