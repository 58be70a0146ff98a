//! Inbound messages for webhooks.

use serde_json::{Map, Value, json};

use super::ids;

/// A message that a person sends to the business.
///
/// ```
/// use serde_json::json;
/// use zengine_strategies::sandbox::meta_cloud::Inbound;
///
/// let tap = Inbound::button_reply("15551230001", "yes", "Yes").replying_to("wamid.X").named("Ana");
/// let order = Inbound::new("15551230001", "order", json!({"catalog_id": "C", "product_items": []}));
/// let anything = Inbound::raw(json!({"from": "15551230001", "type": "brand_new", "brand_new": {}}));
/// # drop((tap, order, anything));
/// ```
#[derive(Clone)]
#[must_use = "it does nothing until the emulator sends it"]
pub struct Inbound {
    pub(in crate::sandbox) message: Value,
    name: String,
    with_contact: bool,
}

impl Inbound {
    /// Creates a message of any type, with `content` under the key `kind`. `from` is a phone number, digits only.
    pub fn new(from: impl Into<String>, kind: &str, content: impl Into<Value>) -> Self {
        let from = from.into();
        let mut message = json!({"from_user_id": ids::user_id(&from), "from": from, "type": kind});
        message[kind] = content.into();
        Self::raw(message)
    }

    /// Creates a message from raw JSON; an absent id or timestamp is added.
    pub fn raw(message: impl Into<Value>) -> Self {
        Self { message: message.into(), name: "Sandbox User".to_owned(), with_contact: true }
    }

    /// Creates a text message.
    pub fn text(from: impl Into<String>, body: impl Into<String>) -> Self {
        Self::new(from, "text", json!({"body": body.into()}))
    }

    /// Creates a tap on a reply button of an interactive message.
    pub fn button_reply(from: impl Into<String>, id: impl Into<String>, title: impl Into<String>) -> Self {
        Self::new(from, "interactive", json!({"type": "button_reply", "button_reply": {"id": id.into(), "title": title.into()}}))
    }

    /// Creates a choice from a list.
    pub fn list_reply(from: impl Into<String>, id: impl Into<String>, title: impl Into<String>) -> Self {
        Self::new(from, "interactive", json!({"type": "list_reply", "list_reply": {"id": id.into(), "title": title.into()}}))
    }

    /// Creates a tap on a quick reply button of a template.
    pub fn template_button(from: impl Into<String>, text: impl Into<String>, payload: impl Into<String>) -> Self {
        Self::new(from, "button", json!({"text": text.into(), "payload": payload.into()}))
    }

    /// Creates a media message; `kind` is `image`, `video`, `audio`, `document` or `sticker`. For a stored id, the emulator adds
    /// digest, type and address when it sends.
    pub fn media(from: impl Into<String>, kind: &str, media_id: impl Into<String>) -> Self {
        Self::new(from, kind, json!({"id": media_id.into()}))
    }

    /// Creates a reaction; an empty emoji removes it.
    pub fn reaction(from: impl Into<String>, message_id: impl Into<String>, emoji: impl Into<String>) -> Self {
        Self::new(from, "reaction", json!({"message_id": message_id.into(), "emoji": emoji.into()}))
    }

    /// Creates a location message.
    pub fn location(from: impl Into<String>, latitude: f64, longitude: f64) -> Self {
        Self::new(from, "location", json!({"latitude": latitude, "longitude": longitude}))
    }

    /// Creates a reply to a flow; Meta sends it as JSON inside a string.
    pub fn flow_reply(from: impl Into<String>, response: &Value) -> Self {
        Self::new(
            from,
            "interactive",
            json!({"type": "nfm_reply", "nfm_reply": {"name": "flow", "body": "Sent", "response_json": response.to_string()}}),
        )
    }

    /// Makes it a reply to a message of the business.
    pub fn replying_to(self, message_id: impl Into<String>) -> Self {
        self.with("context", json!({"id": message_id.into()}))
    }

    /// Sets a key of the message.
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        if let Some(message) = self.message.as_object_mut() {
            message.insert(key.to_owned(), value.into());
        }
        self
    }

    /// Sets a caption on media.
    pub fn with_caption(mut self, caption: impl Into<String>) -> Self {
        if let Some(content) = self.content_mut() {
            content.insert("caption".to_owned(), caption.into().into());
        }
        self
    }

    setters! {
        /// Sets the person's profile name.
        pub named(name: impl Into<String>) => name = name.into();
        /// Omits `contacts` from the webhook.
        pub without_contact() => with_contact = false;
    }

    /// Removes the phone number, as for a person with a username; the business-scoped user id stays.
    pub fn without_phone(mut self) -> Self {
        if let Some(message) = self.message.as_object_mut() {
            message.remove("from");
        }
        self
    }

    pub(in crate::sandbox) fn content_mut(&mut self) -> Option<&mut Map<String, Value>> {
        let kind = self.message.get("type")?.as_str()?.to_owned();
        self.message.get_mut(&kind)?.as_object_mut()
    }

    /// The sender's phone number, else user id.
    pub(in crate::sandbox) fn sender(&self) -> &str {
        let text = |key: &str| self.message.get(key).and_then(Value::as_str);
        text("from").or_else(|| text("from_user_id")).unwrap_or_default()
    }

    /// The element of `contacts`, unless omitted.
    pub(in crate::sandbox) fn contact(&self) -> Option<Value> {
        let mut contact = json!({"profile": {"name": self.name}});
        for (key, source) in [("wa_id", "from"), ("user_id", "from_user_id")] {
            if let Some(value) = self.message.get(source) {
                contact[key] = value.clone();
            }
        }
        self.with_contact.then_some(contact)
    }
}

impl From<Value> for Inbound {
    fn from(message: Value) -> Self {
        Self::raw(message)
    }
}

redacted!(Inbound { kind: |it| it.message.get("type") });
