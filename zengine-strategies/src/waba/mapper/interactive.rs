//! Something to choose from or tap on.

use serde_json::{Map, Value, json};
use zengine_connector::message::{Flow, Header, Interactive, Length, ListSection, MediaKind, ProductSection, RawJson};

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
            if let Some(header) = header {
                cx.check.rule("list.header").require(
                    matches!(header, Header::Text { .. }),
                    format!("{at}/header"),
                    "a list has a text header or none",
                );
            }
            let footer = footer_of(cx, at, footer.as_deref());
            let header = header.as_ref().map(|header| header_of(cx, at, header, true));
            let sections = list_sections(cx, at, sections);
            frame("list", header, Some(body), footer, json!({"button": button, "sections": sections}))
        }
        Interactive::CtaUrl(link) => {
            cx.text(format!("{at}/body"), &link.body, BODY);
            let header = link.header.as_ref().map(|header| header_of(cx, at, header, true));
            let footer = footer_of(cx, at, link.footer.as_deref());
            let mut action = cta_url(cx, at, &link.label, &link.url);
            if link.payment_link_preview {
                action["parameters"]["payment_link_preview"] = true.into();
            }
            frame("cta_url", header, Some(&link.body), footer, action)
        }
        Interactive::Product { body, footer, catalog, sku } => {
            optional_body(cx, at, body.as_deref());
            let footer = footer_of(cx, at, footer.as_deref());
            frame("product", None, body.as_deref(), footer, product(cx, at, catalog, sku))
        }
        Interactive::ProductList { header, body, footer, catalog, sections } => {
            cx.text(format!("{at}/body"), body, BODY);
            cx.check.rule("product_list.header").require(
                matches!(header, Header::Text { .. }),
                format!("{at}/header"),
                "a product list has a text header",
            );
            cx.id(format!("{at}/catalog"), catalog);
            let header = header_of(cx, at, header, true);
            let footer = footer_of(cx, at, footer.as_deref());
            let sections = product_sections(cx, at, sections);
            frame("product_list", Some(header), Some(body), footer, json!({"catalog_id": catalog, "sections": sections}))
        }
        Interactive::Catalog(catalog) => {
            cx.text(format!("{at}/body"), &catalog.body, BODY);
            let footer = footer_of(cx, at, catalog.footer.as_deref());
            let mut action = Object::new().with("name", "catalog_message");
            if let Some(sku) = &catalog.thumbnail_sku {
                cx.id(format!("{at}/thumbnail_sku"), sku);
                action.put("parameters", json!({"thumbnail_product_retailer_id": sku}));
            }
            frame("catalog_message", None, Some(&catalog.body), footer, action)
        }
        Interactive::Flow(form) => {
            cx.text(format!("{at}/body"), &form.body, BODY);
            let header = form.header.as_ref().map(|header| header_of(cx, at, header, true));
            let footer = footer_of(cx, at, form.footer.as_deref());
            frame("flow", header, Some(&form.body), footer, flow(cx, at, form))
        }
        Interactive::LocationRequest { body } => {
            cx.text(format!("{at}/body"), body, BODY);
            frame("location_request_message", None, Some(body), None, json!({"name": "send_location"}))
        }
        Interactive::AddressRequest { header, body, footer, country, parameters } => {
            cx.text(format!("{at}/body"), body, BODY);
            let header = header.as_ref().map(|header| header_of(cx, at, header, true));
            let footer = footer_of(cx, at, footer.as_deref());
            cx.check.rule("address.country").require(
                country == "IN",
                format!("{at}/country"),
                "addresses can be asked for in India (IN) only",
            );
            let mut all = Object::new();
            if let Some(parameters) = parameters {
                let members = cx.object(&format!("{at}/parameters"), parameters);
                cx.check.rule("address.country").require(
                    !members.contains_key("country"),
                    format!("{at}/parameters/country"),
                    "stands beside the parameters",
                );
                all.extend(members);
            }
            all.put("country", country.as_str());
            frame("address_message", header, Some(body), footer, named("address_message", all))
        }
        Interactive::VoiceCall { body, label, ttl_minutes, payload } => {
            cx.text(format!("{at}/body"), body, BODY);
            cx.label_of(&format!("{at}/label"), label, LABEL);
            if let Some(minutes) = ttl_minutes {
                cx.check.rule("call.ttl").require(
                    (1..=CALL_TTL).contains(minutes),
                    format!("{at}/ttl_minutes"),
                    "must be 1 to 43200 minutes",
                );
            }
            if let Some(payload) = payload {
                cx.text(format!("{at}/payload"), payload, 512);
            }
            let parameters = Object::new()
                .with("display_text", label.as_str())
                .with_some("ttl_minutes", *ttl_minutes)
                .with_some("payload", payload.as_deref());
            frame("voice_call", None, Some(body), None, named("voice_call", parameters))
        }
        Interactive::CallPermissionRequest(request) => {
            optional_body(cx, at, request.body.as_deref());
            frame("call_permission_request", None, request.body.as_deref(), None, json!({"name": "call_permission_request"}))
        }
        Interactive::ContactInfoRequest { body } => {
            cx.text(format!("{at}/body"), body, BODY);
            frame("request_contact_info", None, Some(body), None, json!({"name": "request_contact_info"}))
        }
        Interactive::Carousel(cards) => {
            cx.text(format!("{at}/body"), &cards.body, BODY);
            let action = carousel::action(cx, at, cards);
            frame("carousel", None, Some(&cards.body), None, action)
        }
        Interactive::OrderDetails { body, parameters } => {
            let parameters = order(cx, at, body, parameters);
            frame("order_details", None, Some(body), None, json!({"name": "review_and_pay", "parameters": parameters}))
        }
        Interactive::OrderStatus { body, parameters } => {
            let parameters = order(cx, at, body, parameters);
            frame("order_status", None, Some(body), None, json!({"name": "review_order", "parameters": parameters}))
        }
        _ => {
            cx.check.rule("interactive.unsupported").add(at, "WhatsApp does not have this interactive kind");
            Value::Null
        }
    }
}

fn frame(kind: &str, header: Option<Value>, body: Option<&str>, footer: Option<&str>, action: impl Into<Value>) -> Value {
    let words = |text: &str| json!({"text": text});
    Object::new()
        .with("type", kind)
        .with_some("header", header)
        .with_some("body", body.filter(|body| !body.is_empty()).map(words))
        .with_some("footer", footer.filter(|footer| !footer.is_empty()).map(words))
        .with("action", action)
        .into()
}

fn named(name: &str, parameters: Object) -> Object {
    Object::new().with("name", name).with("parameters", parameters)
}

/// The header; `measured`: its text's length is checked here, because the core does not check it.
fn header_of(cx: &mut Cx, at: &str, header: &Header, measured: bool) -> Value {
    let at = format!("{at}/header");
    match header {
        Header::Text { text } if measured => {
            cx.line(format!("{at}/text"), text, LINE);
            json!({"type": "text", "text": text})
        }
        Header::Text { text } => {
            cx.single(&format!("{at}/text"), text);
            json!({"type": "text", "text": text})
        }
        Header::Media { media: item } => {
            let shown = matches!(item.kind, MediaKind::Image | MediaKind::Video | MediaKind::Document);
            cx.check.rule("header.kind").require(shown, format!("{at}/media/kind"), "a header is text, an image, a video or a document");
            let kind = item.kind.as_str();
            Object::new().with("type", kind).with(kind, media::bare(cx, &format!("{at}/media"), item)).into()
        }
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

fn optional_body(cx: &mut Cx, at: &str, body: Option<&str>) {
    if let Some(body) = body.filter(|body| !body.is_empty()) {
        cx.text(format!("{at}/body"), body, BODY);
    }
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
            None => cx.check.rule("products.section").require(!several, format!("{at}/title"), "needed where there are several sections"),
        }
        cx.check.rule("products.section").require(!section.items.is_empty(), format!("{at}/items"), "a section needs at least one product");
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
    cx.check.rule("flow.label").require(!form.label.chars().any(is_emoji), label.as_str(), "must not hold an emoji");
    let length = form.label.chars().count();
    if length <= 30 {
        cx.check.rule("flow.label").warning().hint("use at most 20 characters").text(label, &form.label, 0, Length::chars(20));
    }
    cx.check.rule("flow.id").require(
        form.flow_id.is_some() != form.flow_name.is_some(),
        format!("{at}/flow_id"),
        "give flow_id or flow_name, one of them",
    );
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
        cx.check.rule("flow.data").require(form.data.is_none(), format!("{at}/data"), "goes with a first screen only");
        parameters.put("flow_action", "data_exchange");
    }
    named("flow", parameters).into()
}

fn is_emoji(c: char) -> bool {
    matches!(u32::from(c), 0x1f000..=0x1faff | 0x2600..=0x27bf | 0x2b00..=0x2bff | 0xfe0f | 0x20e3)
}

/// The parameters of a bill or of an order's status, in the provider's form.
fn order(cx: &mut Cx, at: &str, body: &str, parameters: &RawJson) -> Value {
    cx.text(format!("{at}/body"), body, BODY);
    let at = format!("{at}/parameters");
    let members = cx.object(&at, parameters);
    let reference = members.get("reference_id").and_then(Value::as_str);
    cx.check.rule("order.reference").require(
        reference.is_some_and(|id| !id.is_empty()),
        format!("{at}/reference_id"),
        "the order's reference is needed",
    );
    cx.check.rule("order.details").require(
        members.get("order").is_some_and(Value::is_object),
        format!("{at}/order"),
        "the order is needed",
    );
    members.into()
}
