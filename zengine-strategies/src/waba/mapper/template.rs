//! Templates: the parameters of a template that Meta holds.

use std::mem::discriminant;

use serde_json::{Map, Value, json};
use zengine_connector::message::{Length, Template, TemplateCard, TemplateComponent, TemplateParameter};

use super::cx::{Cx, Object};
use super::{media, plain};

const COUPON: u64 = 20;
const URL_SUFFIX: u64 = 2000;
const CALL_TTL: u32 = 43_200;
const ONE_TIME_CODE: usize = 15;

/// The kinds of button that a message may name, as Meta's refusal of all others lists them, and how many parameters each takes.
const BUTTONS: &[(&str, u64, u64)] = &[
    ("booking_confirmation", 0, u64::MAX),
    ("catalog", 0, 1),
    ("copy_code", 1, 1),
    ("flow", 0, 1),
    ("mpm", 1, 1),
    ("order_details", 1, 1),
    ("quick_reply", 1, 1),
    ("reminder", 0, u64::MAX),
    ("url", 1, 1),
    ("voice_call", 0, 2),
];

/// The place of a component.
#[derive(Clone, Copy, PartialEq)]
enum ComponentParent {
    Message,
    Card,
}

pub(super) fn message(cx: &mut Cx, at: &str, template: &Template) -> Value {
    let name = format!("{at}/name");
    cx.check.rule("template.name").count(name.as_str(), template.name.len(), 1, 512);
    let plain = template.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    cx.require("template.name", plain, name, "must be a to z, 0 to 9 and _");
    let code = template.language.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') && (2..=15).contains(&template.language.len());
    cx.require("template.language", code, format!("{at}/language"), "must be a language code such as en_US");
    // A tracking number in body and address looks the same, so that only Meta can refuse.
    let code = one_time_code(template).map_or(0, |code| code.chars().count());
    cx.check.rule("one_time_code.length").warning().require(
        code <= ONE_TIME_CODE,
        format!("{at}/components"),
        "a one-time code has at most 15 characters, if this is one",
    );
    let components = components(cx, &format!("{at}/components"), &template.components, ComponentParent::Message);
    Object::new()
        .with("name", template.name.as_str())
        .with_text("namespace", template.namespace.as_deref())
        .with("language", json!({"code": template.language}))
        .with_some("components", (!template.components.is_empty()).then_some(components))
        .into()
}

fn components(cx: &mut Cx, at: &str, components: &[TemplateComponent], place: ComponentParent) -> Value {
    for (i, component) in components.iter().enumerate() {
        let mut earlier = components[..i].iter();
        if let TemplateComponent::Button { index, .. } = component {
            let is_free = earlier.all(|c| !matches!(c, TemplateComponent::Button { index: of, .. } if of == index));
            cx.require("template.button", is_free, format!("{at}/{i}/index"), "another component fills this button");
        } else {
            let is_first = earlier.all(|c| discriminant(c) != discriminant(component));
            cx.require("template.component", is_first, format!("{at}/{i}"), "a template has one component of this kind");
        }
    }
    let mut named = components.iter().filter_map(is_named);
    let first = named.next();
    cx.require("template.parameters", named.all(|named| Some(named) == first), at, "name the parameters of header and body, or of neither");
    components.iter().enumerate().map(|(i, item)| component(cx, &format!("{at}/{i}"), item, place)).collect()
}

/// Whether a header or body names its parameters; `None` if it has none that can have a name.
fn is_named(component: &TemplateComponent) -> Option<bool> {
    use TemplateParameter::{Currency, DateTime, Text};
    let (TemplateComponent::Header { parameters } | TemplateComponent::Body { parameters }) = component else { return None };
    let named = parameters.iter().find(|parameter| matches!(parameter, Text { .. } | Currency { .. } | DateTime { .. }));
    named.map(|parameter| name_of(parameter).is_some())
}

fn component(cx: &mut Cx, at: &str, component: &TemplateComponent, place: ComponentParent) -> Value {
    if place == ComponentParent::Card {
        use TemplateComponent::{Body, Button, Header};
        let fits = matches!(component, Header { .. } | Body { .. } | Button { .. });
        cx.require("template.card", fits, at, "a card has a header, a body and buttons");
    }
    match component {
        TemplateComponent::Header { parameters } => {
            cx.check.rule("template.parameters").count(format!("{at}/parameters"), parameters.len(), 0, 1);
            json!({"type": "header", "parameters": each(cx, at, parameters, header)})
        }
        TemplateComponent::Body { parameters } => {
            let named = parameters.iter().filter(|parameter| name_of(parameter).is_some()).count();
            let alike = named == 0 || named == parameters.len();
            cx.require("template.parameters", alike, format!("{at}/parameters"), "name all parameters or none");
            for (i, name) in parameters.iter().enumerate().filter_map(|(i, parameter)| Some((i, name_of(parameter)?))) {
                let repeated = parameters[..i].iter().any(|earlier| name_of(earlier) == Some(name));
                cx.require("template.parameters", !repeated, format!("{at}/parameters/{i}/name"), "another parameter has this name");
            }
            json!({"type": "body", "parameters": each(cx, at, parameters, body)})
        }
        TemplateComponent::Button { sub_type, index, parameters } => button(cx, at, sub_type, *index, parameters),
        TemplateComponent::LimitedTimeOffer { expires_at_ms } => {
            // In seconds it would be a time of 1970.
            let is_ms = *expires_at_ms >= 1_000_000_000_000;
            cx.require("template.expiry", is_ms, format!("{at}/expires_at_ms"), "must be a time in milliseconds since 1970");
            let offer = json!({"expiration_time_ms": expires_at_ms});
            json!({"type": "limited_time_offer", "parameters": [{"type": "limited_time_offer", "limited_time_offer": offer}]})
        }
        TemplateComponent::Carousel { cards } => {
            let at = format!("{at}/cards");
            cx.check.rule("template.cards").count(at.as_str(), cards.len(), 1, 10);
            let card = |(i, card): (usize, &TemplateCard)| {
                let (at, index) = (format!("{at}/{i}"), card.card_index);
                cx.require("template.cards", index as usize == i, format!("{at}/card_index"), "cards are numbered from 0 in order");
                let components = components(cx, &format!("{at}/components"), &card.components, ComponentParent::Card);
                json!({"card_index": index, "components": components})
            };
            json!({"type": "carousel", "cards": cards.iter().enumerate().map(card).collect::<Value>()})
        }
        TemplateComponent::TapTarget { url, title } => {
            cx.link(format!("{at}/url"), url);
            cx.line(format!("{at}/title"), title, 1024);
            let target = json!([{"url": url, "title": title}]);
            let parameter = json!({"type": "tap_target_configuration", "tap_target_configuration": target});
            json!({"type": "tap_target_configuration", "parameters": [parameter]})
        }
        _ => {
            cx.check.rule("template.component").add(at, "WhatsApp's templates do not have this component");
            Value::Null
        }
    }
}

fn each<F>(cx: &mut Cx, at: &str, parameters: &[TemplateParameter], map: F) -> Vec<Value>
where
    F: Fn(&mut Cx, &str, &TemplateParameter) -> Option<Value>,
{
    let mut all = Vec::with_capacity(parameters.len());
    for (i, parameter) in parameters.iter().enumerate() {
        let at = format!("{at}/parameters/{i}");
        match map(cx, &at, parameter) {
            Some(value) => all.push(value),
            None => cx.check.rule("template.parameter").add(at, "this kind of parameter does not go here"),
        }
    }
    all
}

fn header(cx: &mut Cx, at: &str, parameter: &TemplateParameter) -> Option<Value> {
    Some(match parameter {
        TemplateParameter::Text { text, name } => {
            variable(cx, at, text);
            cx.check.rule("template.text").text(format!("{at}/text"), text, 1, Length::of(60, cx.rules.unit));
            worded(cx, at, text, name.as_deref())
        }
        TemplateParameter::Media { media: item } => media::header(cx, at, item),
        TemplateParameter::Gif { media: item } => json!({"type": "gif", "gif": media::bare(cx, &format!("{at}/media"), item)}),
        TemplateParameter::Location { location } => {
            let at = format!("{at}/location");
            let (latitude_fits, longitude_fits) = (location.latitude.abs() <= 90.0, location.longitude.abs() <= 180.0);
            cx.require("location.range", latitude_fits, format!("{at}/latitude"), "must be -90 to 90 degrees");
            cx.require("location.range", longitude_fits, format!("{at}/longitude"), "must be -180 to 180 degrees");
            json!({"type": "location", "location": plain::location(location)})
        }
        TemplateParameter::Product { catalog, sku } => {
            cx.id(format!("{at}/catalog"), catalog);
            cx.id(format!("{at}/sku"), sku);
            json!({"type": "product", "product": {"product_retailer_id": sku, "catalog_id": catalog}})
        }
        _ => return None,
    })
}

fn body(cx: &mut Cx, at: &str, parameter: &TemplateParameter) -> Option<Value> {
    if let Some(name) = name_of(parameter) {
        cx.id(format!("{at}/name"), name);
    }
    Some(match parameter {
        TemplateParameter::Text { text, name } => {
            variable(cx, at, text);
            cx.require("template.text", !text.is_empty(), format!("{at}/text"), "must not be empty");
            worded(cx, at, text, name.as_deref())
        }
        TemplateParameter::Currency { fallback, code, amount_1000, name } => {
            cx.line(format!("{at}/fallback"), fallback, 1024);
            let iso = code.len() == 3 && code.bytes().all(|b| b.is_ascii_uppercase());
            cx.require("template.currency", iso, format!("{at}/code"), "must be an ISO 4217 code");
            let currency = json!({"fallback_value": fallback, "code": code, "amount_1000": amount_1000});
            Object::new().with("type", "currency").with_some("parameter_name", name.as_deref()).with("currency", currency).into()
        }
        TemplateParameter::DateTime { fallback, name } => {
            cx.line(format!("{at}/fallback"), fallback, 1024);
            let date_time = json!({"fallback_value": fallback});
            Object::new().with("type", "date_time").with_some("parameter_name", name.as_deref()).with("date_time", date_time).into()
        }
        TemplateParameter::GroupId { group_id } => {
            cx.id(format!("{at}/group_id"), group_id);
            json!({"type": "group_id", "group_id": group_id})
        }
        _ => return None,
    })
}

fn name_of(parameter: &TemplateParameter) -> Option<&str> {
    match parameter {
        TemplateParameter::Text { name, .. } | TemplateParameter::Currency { name, .. } | TemplateParameter::DateTime { name, .. } => {
            name.as_deref()
        }
        _ => None,
    }
}

fn worded(cx: &mut Cx, at: &str, text: &str, name: Option<&str>) -> Value {
    if let Some(name) = name {
        cx.id(format!("{at}/name"), name);
    }
    Object::new().with("type", "text").with_some("parameter_name", name).with("text", text).into()
}

/// Checks the text of a variable for what Meta refuses.
fn variable(cx: &mut Cx, at: &str, text: &str) {
    let at = format!("{at}/text");
    cx.words(&at, text);
    if cx.rules.strict_template_text {
        let fine = !text.contains(['\n', '\r', '\t']) && !text.contains("     ");
        cx.require("template.text", fine, at, "must not hold line breaks, tabs or more than 4 spaces in a row");
    }
}

fn button(cx: &mut Cx, at: &str, sub_type: &str, index: u32, parameters: &[TemplateParameter]) -> Value {
    cx.require("template.button", index < 10, format!("{at}/index"), "a template has at most 10 buttons, numbered from 0");
    let kind = sub_type.to_ascii_lowercase();
    let Some((_, least, most)) = BUTTONS.iter().find(|(word, ..)| *word == kind) else {
        cx.check
            .rule("template.button")
            .hint("leave out the others")
            .add(format!("{at}/sub_type"), "must be a kind of button that takes parameters, such as quick_reply");
        return Value::Null;
    };
    cx.check.rule("template.parameters").count(format!("{at}/parameters"), parameters.len(), *least, *most);
    let all = each(cx, at, parameters, |cx, at, parameter| filling(cx, at, &kind, parameter));
    Object::new()
        .with("type", "button")
        .with("sub_type", sub_type)
        .with("index", index)
        .with_some("parameters", (!all.is_empty()).then_some(all))
        .into()
}

/// The parameter of a button. Meta names two kinds whose parameters it does not document: they take any.
fn filling(cx: &mut Cx, at: &str, kind: &str, parameter: &TemplateParameter) -> Option<Value> {
    let takes = |kinds: &[&str]| kinds.contains(&kind) || matches!(kind, "booking_confirmation" | "reminder");
    Some(match parameter {
        TemplateParameter::Payload { payload } if takes(&["quick_reply", "voice_call"]) => {
            cx.text(format!("{at}/payload"), payload, if kind == "voice_call" { 512 } else { 1024 });
            json!({"type": "payload", "payload": payload})
        }
        TemplateParameter::Text { text, .. } if takes(&["url"]) => {
            cx.line(format!("{at}/text"), text, URL_SUFFIX);
            json!({"type": "text", "text": text})
        }
        TemplateParameter::UrlSuffix { text, payment_link_preview } if takes(&["url"]) => {
            cx.line(format!("{at}/text"), text, URL_SUFFIX);
            let preview = payment_link_preview.then_some(true);
            Object::new().with("type", "text").with("text", text.as_str()).with_some("payment_link_preview", preview).into()
        }
        TemplateParameter::CouponCode { code } if takes(&["copy_code"]) => {
            cx.line(format!("{at}/code"), code, COUPON);
            json!({"type": "coupon_code", "coupon_code": code})
        }
        TemplateParameter::Action { action } if takes(&["flow", "catalog", "mpm", "order_details"]) => {
            let at = format!("{at}/action");
            let members = cx.object(&at, action);
            if kind == "mpm" {
                multi_product(cx, &at, &members);
            }
            json!({"type": "action", "action": members})
        }
        TemplateParameter::TtlMinutes { minutes } if takes(&["voice_call"]) => {
            cx.require("call.ttl", (1..=CALL_TTL).contains(minutes), format!("{at}/minutes"), "must be 1 to 43200 minutes");
            json!({"type": "ttl_minutes", "ttl_minutes": minutes})
        }
        _ => return None,
    })
}

/// Sections of products in the provider's form: the documented limits.
fn multi_product(cx: &mut Cx, at: &str, action: &Map<String, Value>) {
    let at = format!("{at}/sections");
    let sections = action.get("sections").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    cx.check.rule("products.sections").count(at.as_str(), sections.len(), 1, 10);
    let items = sections.iter().filter_map(|section| section.get("product_items")?.as_array()).map(Vec::len).sum();
    cx.check.rule("products.count").count(at.as_str(), items, 1, 30);
    for (i, section) in sections.iter().enumerate() {
        if let Some(title) = section.get("title").and_then(Value::as_str) {
            cx.line(format!("{at}/{i}/title"), title, 24);
        }
    }
}

/// The code of a template that has the form of an authentication template: the same text in the body and in the one
/// button, and nothing else. A tracking number in body and address looks the same.
pub(super) fn one_time_code(template: &Template) -> Option<&str> {
    let [TemplateComponent::Body { parameters }, button] = template.components.as_slice() else { return None };
    let TemplateComponent::Button { sub_type, parameters: button, .. } = button else { return None };
    match (parameters.as_slice(), button.as_slice()) {
        ([TemplateParameter::Text { text, .. }], [TemplateParameter::Text { text: code, .. }])
            if text == code && sub_type.eq_ignore_ascii_case("url") =>
        {
            Some(code)
        }
        _ => None,
    }
}
