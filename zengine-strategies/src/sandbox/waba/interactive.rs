//! Limits of interactive messages: the header, body and action of each kind.

use serde_json::Value;

use super::check::Is::{AnyObject, AnyText, Bool, By, Integer, Label, List, Text, Word};
use super::check::{Checked, Is, Member, Param, object};
use super::content;
use super::errors::GraphError;

/// Allowed header kinds.
const ANY: &[&str] = &["text", "image", "video", "document"];
const TEXT: &[&str] = &["text"];
const NONE: &[&str] = &[];

/// An id of a product, a catalogue or a flow.
const ID: Is<'_> = Text(1, 256);

const PRODUCT: Is<'_> = object!["catalog_id" ! ID, "product_retailer_id" ! ID];
const CTA_URL: Is<'_> = object!["name" ! Word(&["cta_url"]), "parameters" ! object![
    "display_text" ! Text(1, 20), "url" ! Is::Url, "payment_link_preview" ? Bool,
]];
const CATALOG: Is<'_> = object![
    "name" ! Word(&["catalog_message"]), "parameters" ? object!["thumbnail_product_retailer_id" ! ID],
];
const ADDRESS: Is<'_> = object!["name" ! Word(&["address_message"]), "parameters" ! object![
    "country" ! Word(&["IN"]), "values" ? AnyObject, "validation_errors" ? AnyObject,
    "saved_addresses" ? List(1, usize::MAX, &object!["id" ! ID, "value" ! AnyObject]),
]];
const VOICE_CALL: Is<'_> = object!["name" ! Word(&["voice_call"]), "parameters" ? object![
    "display_text" ? Text(1, 20), "ttl_minutes" ? Integer(1, 43_200), "payload" ? Text(1, 512),
]];
const AMOUNT: Is<'_> = Is::Open(object!(= "value" ! Integer(0, i64::MAX), "offset" ! Integer(100, 100)));
const ORDER_DETAILS: Is<'_> = object!["name" ! Word(&["review_and_pay"]), "parameters" ! Is::Open(object!(=
    "reference_id" ! Text(1, 35), "type" ! Word(&["digital-goods", "physical-goods"]), "currency" ! Word(&["INR", "BRL"]),
    "total_amount" ! AMOUNT,
    "order" ! Is::Open(object!(= "status" ! Word(&["pending"]), "subtotal" ! AMOUNT, "items" ! List(1, 999, &Is::Open(object!(=
        "name" ! Text(1, 60), "amount" ! AMOUNT, "quantity" ! Integer(1, i64::MAX)))))),
))];
const ORDER_STATUS: Is<'_> = object!["name" ! Word(&["review_order"]), "parameters" ! object![
    "reference_id" ! Text(1, 35), "order" ! object![
        "status" ! Word(&["processing", "shipped", "partially-shipped", "partially_shipped", "completed", "canceled"]),
        "description" ? Text(1, 120),
    ],
]];
const BUTTONS: Is<'_> = object!["buttons" ! List(1, 3, &object![
    "type" ! Word(&["reply"]), "reply" ! object!["id" ! Label(256), "title" ! Label(20)],
])];
const LIST: Is<'_> = object!["button" ! Label(20), "sections" ! List(1, 10, &object![
    "title" ? Text(1, 24),
    "rows" ! List(1, 10, &object!["id" ! Text(1, 200), "title" ! Text(1, 24), "description" ? Text(1, 72)]),
])];
const SECTIONS: Is<'_> = List(
    1,
    10,
    &object![
        "title" ? Text(1, 24), "product_items" ! List(1, 30, &object!["product_retailer_id" ! ID]),
    ],
);
const FLOW: Is<'_> = object!["name" ! Word(&["flow"]), "parameters" ! object![
    "flow_message_version" ! Word(&["3"]), "flow_id" ? ID, "flow_name" ? ID, "flow_cta" ! By(cta), "flow_token" ? AnyText,
    "mode" ? Word(&["draft", "published"]), "flow_action" ? Word(&["navigate", "data_exchange"]),
    "flow_action_payload" ? object!["screen" ! ID, "data" ? AnyObject],
]];
const QUICK_REPLIES: Is<'_> = object!["buttons" ! List(1, 3, &object![
    "type" ! Word(&["quick_reply"]), "quick_reply" ! object!["id" ! Text(1, 20), "title" ! Text(1, 20)],
])];

pub(in crate::sandbox) fn interactive(param: &Param<'_>) -> Checked {
    param.only(&["type", "header", "body", "footer", "action"])?;
    let kind = param.required("type")?;
    // Allowed headers, whether the body is required, its length, and the action.
    let (headers, is_required, most, action): (&[&str], bool, usize, Is<'_>) = match kind.text()? {
        "button" => (ANY, true, 1024, By(buttons)),
        "list" => (TEXT, true, 4096, By(list)),
        "cta_url" => (ANY, true, 1024, CTA_URL),
        "product" => (NONE, false, 1024, PRODUCT),
        "product_list" => (TEXT, true, 1024, By(product_list)),
        "catalog_message" => (NONE, true, 1024, CATALOG),
        "flow" => (ANY, true, 1024, By(flow)),
        "location_request_message" => (NONE, true, 1024, object!["name" ! Word(&["send_location"])]),
        "address_message" => (ANY, true, 1024, ADDRESS),
        "voice_call" => (NONE, true, 1024, VOICE_CALL),
        "call_permission_request" => (NONE, false, 1024, object!["name" ! Word(&["call_permission_request"])]),
        "request_contact_info" => (NONE, true, 1024, object!["name" ! Word(&["request_contact_info"])]),
        "carousel" => (NONE, true, 1024, By(carousel)),
        "order_details" => (&["image"], true, 1024, ORDER_DETAILS),
        "order_status" => (NONE, true, 1024, ORDER_STATUS),
        _ => return Err(kind.invalid("is not an interactive type")),
    };
    match param.optional("header") {
        Some(header) => self::header(&header, headers)?,
        None if kind.text()? == "product_list" => return Err(GraphError::missing("interactive['header']")),
        None => {}
    }
    match param.optional("body") {
        Some(body) => body.is(&Is::Object(&[Member("text", true, Text(1, most))]))?,
        None if is_required => drop(param.required("body")?),
        None => {}
    }
    if let Some(footer) = param.optional("footer") {
        if kind.text()? == "carousel" {
            return Err(footer.invalid("is not allowed in a carousel"));
        }
        footer.is(&object!["text" ! Text(1, 60)])?;
    }
    param.required("action")?.is(&action)
}

fn header(param: &Param<'_>, allowed: &[&str]) -> Checked {
    let kind = param.required("type")?;
    let name = kind.text()?;
    if !allowed.contains(&name) {
        return Err(kind.invalid("this header is not allowed here"));
    }
    param.only(&["type", name])?;
    let value = param.required(name)?;
    match name {
        "text" => value.is(&Text(1, 60)),
        "document" => content::media(&value, &["filename"]).map(drop),
        _ => content::media(&value, &[]).map(drop),
    }
}

/// The items of a list that is known to be one.
fn items<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value[key].as_array().into_iter().flatten()
}

fn buttons(param: &Param<'_>) -> Checked {
    param.is(&BUTTONS)?;
    ["id", "title"].iter().try_for_each(|key| param.distinct(items(param.value, "buttons").map(|button| &button["reply"][*key])))
}

fn list(param: &Param<'_>) -> Checked {
    param.is(&LIST)?;
    param.distinct(items(param.value, "sections").flat_map(|section| items(section, "rows")).map(|row| &row["id"]))?;
    sections(param, "rows", 10)
}

/// Checks that several sections have titles, and at most `most` items together.
fn sections(param: &Param<'_>, key: &str, most: usize) -> Checked {
    let sections: Vec<_> = items(param.value, "sections").collect();
    if let Some(index) = sections.iter().position(|section| sections.len() > 1 && section.get("title").is_none()) {
        return Err(GraphError::missing(&format!("{}['sections'][{index}]['title']", param.path)));
    }
    let total = sections.into_iter().flat_map(|section| items(section, key)).count();
    if total > most { Err(param.invalid(&format!("has {total} {key} in all sections, must have 1 to {most}"))) } else { Ok(()) }
}

fn product_list(param: &Param<'_>) -> Checked {
    param.only(&["catalog_id", "sections"])?;
    param.required("catalog_id")?.is(&ID)?;
    product_sections(param)
}

/// Checks sections of products in an interactive message or a template button.
pub(in crate::sandbox) fn product_sections(param: &Param<'_>) -> Checked {
    param.required("sections")?.is(&SECTIONS)?;
    sections(param, "product_items", 30)
}

fn flow(param: &Param<'_>) -> Checked {
    param.is(&FLOW)?;
    let parameters = param.required("parameters")?;
    match (parameters.optional("flow_id"), parameters.optional("flow_name")) {
        (None, None) => return Err(GraphError::missing("flow_id or flow_name")),
        (Some(_), Some(_)) => return Err(parameters.invalid("takes either flow_id or flow_name, not both")),
        _ => {}
    }
    let Some(payload) = parameters.optional("flow_action_payload") else { return Ok(()) };
    if parameters.value.get("flow_action").is_some_and(|action| action != "navigate") {
        return Err(payload.invalid("requires flow_action navigate"));
    }
    match payload.optional("data") {
        Some(data) if data.object()?.is_empty() => Err(data.invalid("must not be empty")),
        _ => Ok(()),
    }
}

fn cta(cta: &Param<'_>) -> Checked {
    let is_emoji = |c: char| matches!(u32::from(c), 0x1f000..=0x1faff | 0x2600..=0x27bf | 0xfe0f);
    if cta.text_of(1, 30)?.chars().any(is_emoji) { Err(cta.invalid("must not contain an emoji")) } else { Ok(()) }
}

fn carousel(param: &Param<'_>) -> Checked {
    param.only(&["cards"])?;
    let mut first: Option<(String, String)> = None;
    for (index, card) in param.required("cards")?.items_of(2, 10)?.iter().enumerate() {
        let position = i64::try_from(index).unwrap_or(i64::MAX);
        card.required("card_index")?.integer_of(position, position)?;
        let shape = self::card(card)?;
        if first.get_or_insert_with(|| shape.clone()) != &shape {
            return Err(card.invalid("all cards must have the same header, buttons and catalog"));
        }
    }
    Ok(())
}

/// Checks a card; returns what all cards share: the header, and the kind of buttons or the catalogue.
fn card(param: &Param<'_>) -> Checked<(String, String)> {
    param.only(&["card_index", "type", "header", "body", "action"])?;
    let kind = param.optional("type").map_or(Ok("cta_url"), |kind| kind.one_of(&["cta_url", "product", "quick_reply", "button"]))?;
    let action = param.required("action")?;
    if kind == "product" {
        param.only(&["card_index", "type", "action"])?;
        action.is(&PRODUCT)?;
        return Ok(("product".to_owned(), action.required("catalog_id")?.text()?.to_owned()));
    }
    let header = param.required("header")?;
    self::header(&header, &["image", "video"])?;
    if let Some(body) = param.optional("body") {
        body.is(&object!["text" ! Text(1, 160)])?;
        let text = body.required("text")?;
        if text.text()?.matches('\n').count() > 2 {
            return Err(text.invalid("has more than 2 line breaks"));
        }
    }
    let buttons = if action.optional("buttons").is_some() {
        action.is(&QUICK_REPLIES)?;
        format!("{} quick replies", items(action.value, "buttons").count())
    } else {
        action.is(&CTA_URL)?;
        "cta_url".to_owned()
    };
    Ok((header.required("type")?.text()?.to_owned(), buttons))
}
