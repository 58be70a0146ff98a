//! Checks of a message request.

use serde_json::Value;

use super::check::{Checked, Param};
use super::errors::GraphError;
use super::{content, interactive};

#[derive(Debug, Clone, PartialEq)]
pub(in crate::sandbox) enum Parsed {
    Message(Message),
    /// A read receipt, with or without a typing indicator.
    Read,
}

/// The properties of a message for the response and the webhooks.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::sandbox) struct Message {
    pub(in crate::sandbox) recipient: Recipient,
    pub(in crate::sandbox) kind: String,
    pub(in crate::sandbox) category: String,
    pub(in crate::sandbox) callback_data: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub(in crate::sandbox) enum Recipient {
    Phone { input: String, wa_id: String },
    User { id: String },
    Group { id: String },
}

const KINDS: &[&str] =
    &["text", "image", "video", "audio", "document", "sticker", "location", "contacts", "reaction", "pin", "template", "interactive"];

/// The keys beside the one of the type.
#[rustfmt::skip]
const ENVELOPE: &[&str] = &[
    "messaging_product", "recipient_type", "to", "recipient", "type", "context", "biz_opaque_callback_data",
    "recipient_identity_key_hash", "appsecret_proof", "appsecret_time",
];

/// The keys of Direct Send.
const DIRECT_SEND: &[&str] = &["category", "ttl_seconds"];

/// The facts about a sender that the check of a message depends on.
pub(in crate::sandbox) trait Sender {
    /// The WhatsApp id of a phone number.
    fn wa_id(&self, digits: String) -> String;
    /// Checks that the sender may write such a message to the recipient.
    fn may_send(&self, recipient: &Recipient, kind: &str) -> Checked;
    /// Checks media sent by id.
    fn may_use_media(&self, param: &Param<'_>, id: &str, kind: &str) -> Checked;
    /// Checks a template; returns its pricing category.
    fn template(&self, param: &Param<'_>) -> Checked<String>;
}

/// Checks a request of a sender.
pub(in crate::sandbox) fn parse(body: &Value, sender: &impl Sender) -> Checked<Parsed> {
    let param = Param::root(body);
    param.required("messaging_product")?.one_of(&["whatsapp"])?;
    if param.optional("status").is_some() {
        return read(&param);
    }
    let kind_param = param.optional("type");
    let kind = kind_param.as_ref().map_or(Ok("text"), Param::text)?;
    if !KINDS.contains(&kind) {
        return Err(GraphError::because(131_051, "The parameter type is not a type of message."));
    }
    // Direct Send, which is enabled for every account here.
    let direct = param.optional("category").filter(|_| matches!(kind, "text" | "interactive"));
    let direct = direct.map(|category| category.one_of(&["utility", "authentication"])).transpose()?;
    param.only(&[ENVELOPE, if direct.is_some() { DIRECT_SEND } else { &[] }, &[kind]].concat())?;
    if let Some(ttl) = param.optional("ttl_seconds") {
        ttl.integer_of(30, if direct == Some("authentication") { 900 } else { 43_200 })?;
    }
    let recipient = recipient(&param, sender)?;
    let callback_data = param.optional("biz_opaque_callback_data").map(|data| data.text_of(0, 512).map(str::to_owned)).transpose()?;
    if let Some(hash) = param.optional("recipient_identity_key_hash") {
        hash.text_of(1, 256)?;
    }
    if let Some(context) = param.optional("context") {
        if kind == "reaction" {
            return Err(context.invalid("a reaction cannot be a reply"));
        }
        context.only(&["message_id"])?;
        context.required("message_id")?.text_of(1, 1024)?;
    }
    let category = content(&param.required(kind)?, kind, sender)?;
    let category = direct.map_or(category, str::to_owned);
    fits(&recipient, kind, &category)?;
    // Like a template, it needs no open window.
    sender.may_send(&recipient, if direct.is_some() { "template" } else { kind })?;
    Ok(Parsed::Message(Message { recipient, kind: kind.to_owned(), category, callback_data }))
}

fn read(param: &Param<'_>) -> Checked<Parsed> {
    param.only(&["messaging_product", "status", "message_id", "typing_indicator", "appsecret_proof", "appsecret_time"])?;
    param.required("status")?.one_of(&["read"])?;
    param.required("message_id")?.text_of(1, 1024)?;
    if let Some(typing) = param.optional("typing_indicator") {
        typing.only(&["type"])?;
        typing.required("type")?.one_of(&["text"])?;
    }
    Ok(Parsed::Read)
}

fn recipient(param: &Param<'_>, sender: &impl Sender) -> Checked<Recipient> {
    let group = match param.optional("recipient_type") {
        Some(kind) => kind.one_of(&["individual", "group"])? == "group",
        None => false,
    };
    let Some(to) = param.optional("to") else {
        let Some(user) = param.optional("recipient") else { return Err(GraphError::missing("to")) };
        return match user.text()? {
            id if is_user_id(id) && !group => Ok(Recipient::User { id: id.to_owned() }),
            _ => Err(user.invalid("must be a business-scoped user id")),
        };
    };
    let input = to.text_of(1, 256)?;
    if group {
        return Ok(Recipient::Group { id: input.to_owned() });
    }
    let wa_id: String = input.chars().filter(char::is_ascii_digit).collect();
    if input.chars().any(|c| !(c.is_ascii_digit() || "+ -()".contains(c))) || !(1..=15).contains(&wa_id.len()) {
        return Err(to.invalid("must be a phone number"));
    }
    Ok(Recipient::Phone { input: input.to_owned(), wa_id: sender.wa_id(wa_id) })
}

/// `CC.` and up to 128 letters and digits, or the parent form `CC.ENT.…`.
fn is_user_id(id: &str) -> bool {
    let Some((country, rest)) = id.split_once('.') else { return false };
    let rest = rest.strip_prefix("ENT.").unwrap_or(rest);
    country.len() == 2
        && country.bytes().all(|c| c.is_ascii_uppercase())
        && (1..=128).contains(&rest.len())
        && rest.bytes().all(|c| c.is_ascii_alphanumeric())
}

/// Checks the object of the message's type; returns the pricing category.
fn content(param: &Param<'_>, kind: &str, sender: &impl Sender) -> Checked<String> {
    if let Some(keys) = content::media_keys(kind) {
        if let Some(id) = content::media(param, keys)? {
            sender.may_use_media(param, id, kind)?;
        }
        return Ok("service".to_owned());
    }
    match kind {
        "text" => param.is(&content::TEXT)?,
        "location" => param.is(&content::LOCATION)?,
        "contacts" => param.is(&content::CONTACTS)?,
        "reaction" => param.is(&content::REACTION)?,
        "pin" => content::pin(param)?,
        "interactive" => interactive::interactive(param)?,
        _ => return sender.template(param),
    }
    Ok("service".to_owned())
}

/// Checks that the recipient accepts this kind of message.
fn fits(recipient: &Recipient, kind: &str, category: &str) -> Checked {
    match recipient {
        Recipient::Group { .. } if matches!(kind, "interactive" | "reaction" | "location" | "contacts") => Err(GraphError::new(130_501)),
        Recipient::Phone { .. } | Recipient::User { .. } if kind == "pin" => {
            Err(GraphError::because(131_051, "Only messages in groups can be pinned."))
        }
        Recipient::User { .. } if category == "authentication" => Err(GraphError::new(131_062)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    /// A sender that may do anything.
    struct Anyone;

    impl Sender for Anyone {
        fn wa_id(&self, digits: String) -> String {
            digits
        }

        fn may_send(&self, _: &Recipient, _: &str) -> Checked {
            Ok(())
        }

        fn may_use_media(&self, _: &Param<'_>, _: &str, _: &str) -> Checked {
            Ok(())
        }

        fn template(&self, param: &Param<'_>) -> Checked<String> {
            super::super::templates::template(param, "2", &super::super::templates::Templates::default(), true)
        }
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,30}".prop_map(Value::from),
            "[0-9-]{10}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-z_]{1,12}", inner, 0..4).prop_map(|map| map.into_iter().collect()),
            ]
        })
    }

    /// Valid requests with many branches.
    fn seeds() -> Vec<Value> {
        let envelope = |kind: &str, content: Value| {
            let mut body = json!({"messaging_product": "whatsapp", "to": "+15551230001", "type": kind, "context": {"message_id": "w"}});
            body[kind] = content;
            body
        };
        vec![
            envelope("text", json!({"body": "x", "preview_url": true})),
            envelope("document", json!({"id": "1", "caption": "c", "filename": "f"})),
            envelope("location", json!({"latitude": 1, "longitude": "2", "name": "n", "address": "a"})),
            envelope("contacts", json!([{"name": {"formatted_name": "A"}, "phones": [{"phone": "1"}], "birthday": "1990-02-28"}])),
            envelope(
                "interactive",
                json!({"type": "list", "header": {"type": "text", "text": "h"}, "body": {"text": "b"}, "footer": {"text": "f"},
                    "action": {"button": "b", "sections": [{"title": "s", "rows": [{"id": "1", "title": "t", "description": "d"}]}]}}),
            ),
            envelope(
                "interactive",
                json!({"type": "flow", "body": {"text": "b"}, "action": {"name": "flow", "parameters": {"flow_message_version": "3",
                    "flow_id": "1", "flow_cta": "c", "flow_action": "navigate", "flow_action_payload": {"screen": "S", "data": {"a": 1}}}}}),
            ),
            envelope(
                "template",
                json!({"name": "n", "language": {"code": "en"}, "components": [
                    {"type": "header", "parameters": [{"type": "image", "image": {"link": "https://e.org/x"}}]},
                    {"type": "body", "parameters": [{"type": "text", "text": "A"}]},
                    {"type": "button", "sub_type": "quick_reply", "index": "0", "parameters": [{"type": "payload", "payload": "P"}]}]}),
            ),
            json!({"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.X", "typing_indicator": {"type": "text"}}),
        ]
    }

    /// Pointers to all values inside.
    fn pointers(value: &Value, path: &str, found: &mut Vec<String>) {
        found.push(path.to_owned());
        match value {
            Value::Object(map) => map.iter().for_each(|(key, inner)| pointers(inner, &format!("{path}/{key}"), found)),
            Value::Array(items) => items.iter().enumerate().for_each(|(index, inner)| pointers(inner, &format!("{path}/{index}"), found)),
            _ => {}
        }
    }

    #[test]
    fn the_seeds_of_the_property_are_valid() {
        for seed in seeds() {
            parse(&seed, &Anyone).unwrap();
        }
    }

    proptest! {
        #[test]
        fn any_request_is_accepted_or_refused_with_a_client_error(
            seed in 0..seeds().len(), position in any::<prop::sample::Index>(), value in any_json(), alone in any::<bool>(),
        ) {
                let mut body = seeds().swap_remove(seed);
            let mut found = Vec::new();
            pointers(&body, "", &mut found);
            if let Some(target) = body.pointer_mut(position.get::<String>(&found)) {
                *target = value.clone();
            }
            for body in [Some(body), alone.then_some(value)].into_iter().flatten() {
                if let Err(error) = parse(&body, &Anyone) {
                    prop_assert!((400..500).contains(&error.status), "{:?}", error);
                }
            }
        }
    }
}
