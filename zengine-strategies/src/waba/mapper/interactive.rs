//! Something to choose from or tap on.

use serde_json::{Map, Value, json};
use zengine_connector::message::{Flow, Header, Interactive, Length, ListSection, ProductSection, RawJson};

use super::cx::{Cx, Object};
use super::{carousel, media};

const BODY: u64 = 1024;
const LINE: u64 = 60;
const LABEL: u64 = 20;
const SECTION: u64 = 24;
/// Maximum lifetime of a call button, in minutes.
const CALL_TTL: u32 = 43_200;

pub(super) fn message(cx: &mut Cx, at: &str, item: &Interactive) -> Value {
    match item {
        // The lengths of buttons and lists are checked by the core.
        Interactive::Buttons { header, body, footer, buttons } => {
            cx.words(&format!("{at}/body"), body);
            for (i, button) in buttons.iter().enumerate() {
                cx.label(&format!("{at}/buttons/{i}/id"), &button.id);
                cx.label(&format!("{at}/buttons/{i}/title"), &button.title);
            }
            let buttons: Value =
                buttons.iter().map(|button| json!({"type": "reply", "reply": {"id": button.id, "title": button.title}})).collect();
            if let Some(footer) = footer {
                cx.single(&format!("{at}/footer"), footer);
            }
            let header = header.as_ref().map(|header| header_of(cx, at, header, false));
            frame("button", header, Some(body), footer.as_deref(), json!({"buttons": buttons}))
        }
        Interactive::List { header, body, footer, button, sections } => {
            cx.words(&format!("{at}/body"), body);
            cx.label(&format!("{at}/button"), button);
            let plain = matches!(header, None | Some(Header::Text { .. }));
            cx.require("list.header", plain, format!("{at}/header"), "a list has a text header or none");
            let footer = footer_of(cx, at, footer.as_deref());
            let header = header.as_ref().map(|header| header_of(cx, at, header, true));
            let sections = list_sections(cx, at, sections);
            frame("list", header, Some(body), footer, json!({"button": button, "sections": sections}))
        }
        Interactive::CtaUrl(link) => {
            framed(cx, at, "cta_url", Frame::of_body(&link.body).with(link.header.as_ref(), link.footer.as_ref()), |cx| {
                let mut action = cta_url(cx, at, &link.label, &link.url);
                if link.payment_link_preview {
                    action["parameters"]["payment_link_preview"] = true.into();
                }
                action
            })
        }
        Interactive::Product { body, footer, catalog, sku } => {
            framed(cx, at, "product", Frame { body: non_empty(body.as_ref()), ..Frame::default() }.with(None, footer.as_ref()), |cx| {
                product(cx, at, catalog, sku)
            })
        }
        Interactive::ProductList { header, body, footer, catalog, sections } => {
            framed(cx, at, "product_list", Frame::of_body(body).with(Some(header), footer.as_ref()), |cx| {
                let plain = matches!(header, Header::Text { .. });
                cx.require("product_list.header", plain, format!("{at}/header"), "a product list has a text header");
                cx.id(format!("{at}/catalog"), catalog);
                json!({"catalog_id": catalog, "sections": product_sections(cx, at, sections)})
            })
        }
        Interactive::Catalog(catalog) => {
            framed(cx, at, "catalog_message", Frame::of_body(&catalog.body).with(None, catalog.footer.as_ref()), |cx| {
                let mut action = Object::new().with("name", "catalog_message");
                if let Some(sku) = &catalog.thumbnail_sku {
                    cx.id(format!("{at}/thumbnail_sku"), sku);
                    action.put("parameters", json!({"thumbnail_product_retailer_id": sku}));
                }
                action.into()
            })
        }
        Interactive::Flow(form) => {
            framed(cx, at, "flow", Frame::of_body(&form.body).with(form.header.as_ref(), form.footer.as_ref()), |cx| flow(cx, at, form))
        }
        Interactive::LocationRequest { body } => {
            framed(cx, at, "location_request_message", Frame::of_body(body), |_| json!({"name": "send_location"}))
        }
        Interactive::AddressRequest { header, body, footer, country, parameters } => {
            framed(cx, at, "address_message", Frame::of_body(body).with(header.as_ref(), footer.as_ref()), |cx| {
                cx.require("address.country", country == "IN", format!("{at}/country"), "addresses can be asked for in India (IN) only");
                let at = format!("{at}/parameters");
                let mut all = parameters.as_ref().map(|parameters| cx.object(&at, parameters)).unwrap_or_default();
                let twice = all.insert("country".to_owned(), country.as_str().into()).is_some();
                cx.require("address.country", !twice, format!("{at}/country"), "stands beside the parameters");
                json!({"name": "address_message", "parameters": all})
            })
        }
        Interactive::VoiceCall { body, label, ttl_minutes, payload } => framed(cx, at, "voice_call", Frame::of_body(body), |cx| {
            cx.label_of(&format!("{at}/label"), label, LABEL);
            if let Some(minutes) = ttl_minutes {
                cx.require("call.ttl", (1..=CALL_TTL).contains(minutes), format!("{at}/ttl_minutes"), "must be 1 to 43200 minutes");
            }
            if let Some(payload) = payload {
                cx.text(format!("{at}/payload"), payload, 512);
            }
            let parameters = Object::new()
                .with("display_text", label.as_str())
                .with_some("ttl_minutes", *ttl_minutes)
                .with_some("payload", payload.as_deref());
            named("voice_call", parameters)
        }),
        Interactive::CallPermissionRequest(request) => {
            let texts = Frame { body: non_empty(request.body.as_ref()), ..Frame::default() };
            framed(cx, at, "call_permission_request", texts, |_| json!({"name": "call_permission_request"}))
        }
        Interactive::ContactInfoRequest { body } => {
            framed(cx, at, "request_contact_info", Frame::of_body(body), |_| json!({"name": "request_contact_info"}))
        }
        Interactive::Carousel(cards) => framed(cx, at, "carousel", Frame::of_body(&cards.body), |cx| carousel::action(cx, at, cards)),
        Interactive::OrderDetails { body, parameters } => {
            framed(cx, at, "order_details", Frame::of_body(body), |cx| order(cx, at, "review_and_pay", parameters))
        }
        Interactive::OrderStatus { body, parameters } => {
            framed(cx, at, "order_status", Frame::of_body(body), |cx| order(cx, at, "review_order", parameters))
        }
        _ => {
            cx.check.rule("interactive.unsupported").add(at, "WhatsApp does not have this interactive kind");
            Value::Null
        }
    }
}

/// The texts around an action.
#[derive(Clone, Copy, Default)]
struct Frame<'a> {
    header: Option<&'a Header>,
    body: Option<&'a str>,
    footer: Option<&'a str>,
}

impl<'a> Frame<'a> {
    fn of_body(body: &'a str) -> Self {
        Self { body: Some(body), ..Self::default() }
    }

    fn with(self, header: Option<&'a Header>, footer: Option<&'a String>) -> Self {
        Self { header, footer: footer.map(String::as_str), ..self }
    }
}

/// A message whose words are checked here: the core checks those of buttons and lists only.
fn framed(cx: &mut Cx, at: &str, kind: &str, of: Frame<'_>, action: impl FnOnce(&mut Cx) -> Value) -> Value {
    if let Some(body) = of.body {
        cx.text(format!("{at}/body"), body, BODY);
    }
    let header = of.header.map(|header| header_of(cx, at, header, true));
    let footer = footer_of(cx, at, of.footer);
    frame(kind, header, of.body, footer, action(cx))
}

/// A text, unless it is empty.
fn non_empty(text: Option<&String>) -> Option<&str> {
    text.map(String::as_str).filter(|text| !text.is_empty())
}

fn frame(kind: &str, header: Option<Value>, body: Option<&str>, footer: Option<&str>, action: Value) -> Value {
    let words = |text: &str| json!({"text": text});
    Object::new()
        .with("type", kind)
        .with_some("header", header)
        .with_some("body", body.filter(|body| !body.is_empty()).map(words))
        .with_some("footer", footer.filter(|footer| !footer.is_empty()).map(words))
        .with("action", action)
        .into()
}

fn named(name: &str, parameters: Object) -> Value {
    Object::new().with("name", name).with("parameters", parameters).into()
}

/// The header; `measured`: its text's length is checked here, because the core does not check it.
fn header_of(cx: &mut Cx, at: &str, header: &Header, measured: bool) -> Value {
    let at = format!("{at}/header");
    match header {
        Header::Text { text } => {
            let at = format!("{at}/text");
            if measured {
                cx.line(at, text, LINE);
            } else {
                cx.single(&at, text);
            }
            json!({"type": "text", "text": text})
        }
        Header::Media { media: item } => media::header(cx, &at, item),
        _ => {
            cx.check.rule("header.kind").add(at, "a header is text, an image, a video or a document");
            Value::Null
        }
    }
}

fn footer_of<'a>(cx: &mut Cx, at: &str, footer: Option<&'a str>) -> Option<&'a str> {
    let footer = footer.filter(|footer| !footer.is_empty())?;
    cx.line(format!("{at}/footer"), footer, LINE);
    Some(footer)
}

/// A button that opens a web address.
pub(super) fn cta_url(cx: &mut Cx, at: &str, label: &str, url: &str) -> Value {
    cx.label_of(&format!("{at}/label"), label, LABEL);
    cx.link(format!("{at}/url"), url);
    json!({"name": "cta_url", "parameters": {"display_text": label, "url": url}})
}

/// One product of a catalogue.
pub(super) fn product(cx: &mut Cx, at: &str, catalog: &str, sku: &str) -> Value {
    cx.id(format!("{at}/catalog"), catalog);
    cx.id(format!("{at}/sku"), sku);
    json!({"catalog_id": catalog, "product_retailer_id": sku})
}

fn list_sections(cx: &mut Cx, at: &str, sections: &[ListSection]) -> Value {
    let mut all = Vec::with_capacity(sections.len());
    for (s, section) in sections.iter().enumerate() {
        let at = format!("{at}/sections/{s}");
        if let Some(title) = &section.title {
            cx.single(&format!("{at}/title"), title);
        }
        let mut rows = Vec::with_capacity(section.rows.len());
        for (r, row) in section.rows.iter().enumerate() {
            let at = format!("{at}/rows/{r}");
            cx.label(&format!("{at}/id"), &row.id);
            cx.label(&format!("{at}/title"), &row.title);
            if let Some(description) = &row.description {
                cx.single(&format!("{at}/description"), description);
            }
            let object = Object::new().with("id", row.id.as_str()).with("title", row.title.as_str());
            rows.push(Value::from(object.with_text("description", row.description.as_deref())));
        }
        all.push(Value::from(Object::new().with_text("title", section.title.as_deref()).with("rows", rows)));
    }
    all.into()
}

fn product_sections(cx: &mut Cx, at: &str, sections: &[ProductSection]) -> Value {
    cx.check.rule("products.sections").count(format!("{at}/sections"), sections.len(), 1, 10);
    let products = sections.iter().map(|section| section.items.len()).sum();
    cx.check.rule("products.count").count(format!("{at}/sections"), products, 1, 30);
    let several = sections.len() > 1;
    let mut all = Vec::with_capacity(sections.len());
    for (s, section) in sections.iter().enumerate() {
        let at = format!("{at}/sections/{s}");
        match section.title.as_deref().filter(|title| !title.is_empty()) {
            Some(title) => cx.line(format!("{at}/title"), title, SECTION),
            None => cx.require("products.section", !several, format!("{at}/title"), "needed where there are several sections"),
        }
        cx.require("products.section", !section.items.is_empty(), format!("{at}/items"), "a section needs at least one product");
        for (i, item) in section.items.iter().enumerate() {
            cx.id(format!("{at}/items/{i}/sku"), &item.sku);
        }
        let items: Value = section.items.iter().map(|item| json!({"product_retailer_id": item.sku})).collect();
        all.push(Value::from(Object::new().with_text("title", section.title.as_deref()).with("product_items", items)));
    }
    all.into()
}

/// A form. Meta's pages disagree on the label: 30 characters are taken, of which 20 are sure to be shown.
fn flow(cx: &mut Cx, at: &str, form: &Flow) -> Value {
    let label = format!("{at}/label");
    cx.label_of(&label, &form.label, 30);
    cx.require("flow.label", !form.label.chars().any(is_emoji), label.as_str(), "must not hold an emoji");
    let length = form.label.chars().count();
    if length <= 30 {
        cx.check.rule("flow.label").warning().hint("use at most 20 characters").text(label, &form.label, 0, Length::chars(20));
    }
    let one = form.flow_id.is_some() != form.flow_name.is_some();
    cx.require("flow.id", one, format!("{at}/flow_id"), "give flow_id or flow_name, one of them");
    for (key, name) in [("flow_id", &form.flow_id), ("flow_name", &form.flow_name), ("screen", &form.screen)] {
        if let Some(name) = name {
            cx.id(format!("{at}/{key}"), name);
        }
    }
    let mut parameters = Object::new()
        .with("flow_message_version", "3")
        .with_some("flow_id", form.flow_id.as_deref())
        .with_some("flow_name", form.flow_name.as_deref())
        .with("flow_cta", form.label.as_str())
        .with_some("flow_token", form.token.as_deref())
        .with_some("mode", form.draft.then_some("draft"));
    if let Some(screen) = &form.screen {
        let mut payload = Object::new().with("screen", screen.as_str());
        if let Some(data) = &form.data {
            let members = cx.object(&format!("{at}/data"), data);
            let is_empty = data.parse::<Map<String, Value>>().is_ok_and(|members| members.is_empty());
            cx.check.rule("flow.data").hint("else leave it out").require(!is_empty, format!("{at}/data"), "must have at least one member");
            payload.put("data", members);
        }
        parameters.put("flow_action", "navigate");
        parameters.put("flow_action_payload", payload);
    } else {
        cx.require("flow.data", form.data.is_none(), format!("{at}/data"), "goes with a first screen only");
        parameters.put("flow_action", "data_exchange");
    }
    named("flow", parameters)
}

fn is_emoji(c: char) -> bool {
    matches!(u32::from(c), 0x1f000..=0x1faff | 0x2600..=0x27bf | 0x2b00..=0x2bff | 0xfe0f | 0x20e3)
}

/// The parameters of a bill or of an order's status, in the provider's form.
fn order(cx: &mut Cx, at: &str, name: &str, parameters: &RawJson) -> Value {
    let at = format!("{at}/parameters");
    let members = cx.object(&at, parameters);
    let referred = members.get("reference_id").and_then(Value::as_str).is_some_and(|id| !id.is_empty());
    cx.require("order.reference", referred, format!("{at}/reference_id"), "the order's reference is needed");
    cx.require("order.details", members.get("order").is_some_and(Value::is_object), format!("{at}/order"), "the order is needed");
    json!({"name": name, "parameters": members})
}
