//! Limits of interactive messages: the header, body and action of each kind.

use super::check::{Checked, Param, distinct};
use super::content;
use super::errors::GraphError;

/// Allowed header kinds.
const ANY: &[&str] = &["text", "image", "video", "document"];
const TEXT: &[&str] = &["text"];
const NONE: &[&str] = &[];

pub(super) fn interactive(param: &Param<'_>) -> Checked {
    param.only(&["type", "header", "body", "footer", "action"])?;
    let kind = param.required("type")?;
    let (headers, body, action): (&[&str], Body, fn(&Param<'_>) -> Checked) = match kind.text()? {
        "button" => (ANY, Body::Required(1024), buttons),
        "list" => (TEXT, Body::Required(4096), list),
        "cta_url" => (ANY, Body::Required(1024), cta_url),
        "product" => (NONE, Body::Optional(1024), product),
        "product_list" => (TEXT, Body::Required(1024), product_list),
        "catalog_message" => (NONE, Body::Required(1024), catalog),
        "flow" => (ANY, Body::Required(1024), flow),
        "location_request_message" => (NONE, Body::Required(1024), |param| name_only(param, "send_location")),
        "address_message" => (ANY, Body::Required(1024), address),
        "voice_call" => (NONE, Body::Required(1024), voice_call),
        "call_permission_request" => (NONE, Body::Optional(1024), |param| name_only(param, "call_permission_request")),
        "request_contact_info" => (NONE, Body::Required(1024), |param| name_only(param, "request_contact_info")),
        "carousel" => (NONE, Body::Required(1024), carousel),
        "order_details" => (&["image"], Body::Required(1024), order_details),
        "order_status" => (NONE, Body::Required(1024), order_status),
        _ => return Err(kind.invalid("is not an interactive type")),
    };
    match param.optional("header") {
        Some(header) => self::header(&header, headers)?,
        None if kind.text()? == "product_list" => return Err(GraphError::missing("interactive['header']")),
        None => {}
    }
    body.check(param)?;
    if let Some(footer) = param.optional("footer") {
        if kind.text()? == "carousel" {
            return Err(footer.invalid("is not allowed in a carousel"));
        }
        footer.only(&["text"])?;
        footer.required("text")?.text_of(1, 60)?;
    }
    action(&param.required("action")?)
}

#[derive(Clone, Copy)]
enum Body {
    Required(usize),
    Optional(usize),
}

impl Body {
    fn check(self, param: &Param<'_>) -> Checked {
        let (body, most) = match self {
            Self::Required(most) => (Some(param.required("body")?), most),
            Self::Optional(most) => (param.optional("body"), most),
        };
        let Some(body) = body else { return Ok(()) };
        body.only(&["text"])?;
        body.required("text")?.text_of(1, most).map(drop)
    }
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
        "text" => value.text_of(1, 60).map(drop),
        "document" => content::media(&value, &["filename"]).map(drop),
        _ => content::media(&value, &[]).map(drop),
    }
}

/// Checks the text of a button or row: its length, and no surrounding whitespace.
fn label<'a>(param: &Param<'a>, most: usize) -> Checked<&'a str> {
    let text = param.text_of(1, most)?;
    if text.trim() == text { Ok(text) } else { Err(param.invalid("must not begin or end with space")) }
}

fn name_only(param: &Param<'_>, name: &str) -> Checked {
    param.only(&["name"])?;
    param.required("name")?.one_of(&[name]).map(drop)
}

fn buttons(param: &Param<'_>) -> Checked {
    param.only(&["buttons"])?;
    let (mut ids, mut titles) = (Vec::new(), Vec::new());
    for button in param.required("buttons")?.items_of(1, 3)? {
        button.only(&["type", "reply"])?;
        button.required("type")?.one_of(&["reply"])?;
        let reply = button.required("reply")?;
        reply.only(&["id", "title"])?;
        let (id, title) = (reply.required("id")?, reply.required("title")?);
        distinct(&mut ids, label(&id, 256)?, &id)?;
        distinct(&mut titles, label(&title, 20)?, &title)?;
    }
    Ok(())
}

fn list(param: &Param<'_>) -> Checked {
    param.only(&["button", "sections"])?;
    label(&param.required("button")?, 20)?;
    let sections = param.required("sections")?.items_of(1, 10)?;
    let (mut ids, mut total) = (Vec::new(), 0);
    for section in &sections {
        section.only(&["title", "rows"])?;
        title_of_section(section, sections.len())?;
        for row in section.required("rows")?.items_of(1, 10)? {
            row.only(&["id", "title", "description"])?;
            let id = row.required("id")?;
            distinct(&mut ids, id.text_of(1, 200)?, &id)?;
            row.required("title")?.text_of(1, 24)?;
            if let Some(description) = row.optional("description") {
                description.text_of(1, 72)?;
            }
            total += 1;
        }
    }
    if total > 10 { Err(param.invalid(&format!("has {total} rows in all sections, must have 1 to 10"))) } else { Ok(()) }
}

fn title_of_section(section: &Param<'_>, sections: usize) -> Checked {
    match section.optional("title") {
        Some(title) => title.text_of(1, 24).map(drop),
        None if sections > 1 => Err(GraphError::missing(&format!("{}['title']", section.path))),
        None => Ok(()),
    }
}

fn cta_url(param: &Param<'_>) -> Checked {
    param.only(&["name", "parameters"])?;
    param.required("name")?.one_of(&["cta_url"])?;
    let parameters = param.required("parameters")?;
    parameters.only(&["display_text", "url", "payment_link_preview"])?;
    parameters.required("display_text")?.text_of(1, 20)?;
    if let Some(preview) = parameters.optional("payment_link_preview") {
        preview.boolean()?;
    }
    parameters.required("url")?.url().map(drop)
}

fn product(param: &Param<'_>) -> Checked {
    param.only(&["catalog_id", "product_retailer_id"])?;
    param.required("catalog_id")?.text_of(1, 256)?;
    param.required("product_retailer_id")?.text_of(1, 256).map(drop)
}

fn product_list(param: &Param<'_>) -> Checked {
    param.only(&["catalog_id", "sections"])?;
    param.required("catalog_id")?.text_of(1, 256)?;
    product_sections(param)
}

/// Checks sections of products in an interactive message or a template button.
pub(super) fn product_sections(param: &Param<'_>) -> Checked {
    let sections = param.required("sections")?.items_of(1, 10)?;
    let mut total = 0;
    for section in &sections {
        section.only(&["title", "product_items"])?;
        title_of_section(section, sections.len())?;
        for item in section.required("product_items")?.items_of(1, 30)? {
            item.only(&["product_retailer_id"])?;
            item.required("product_retailer_id")?.text_of(1, 256)?;
            total += 1;
        }
    }
    if total > 30 { Err(param.invalid(&format!("has {total} products in all sections, must have 1 to 30"))) } else { Ok(()) }
}

fn catalog(param: &Param<'_>) -> Checked {
    param.only(&["name", "parameters"])?;
    param.required("name")?.one_of(&["catalog_message"])?;
    let Some(parameters) = param.optional("parameters") else { return Ok(()) };
    parameters.only(&["thumbnail_product_retailer_id"])?;
    parameters.required("thumbnail_product_retailer_id")?.text_of(1, 256).map(drop)
}

fn flow(param: &Param<'_>) -> Checked {
    param.only(&["name", "parameters"])?;
    param.required("name")?.one_of(&["flow"])?;
    let parameters = param.required("parameters")?;
    parameters.only(&[
        "flow_message_version",
        "flow_id",
        "flow_name",
        "flow_cta",
        "flow_token",
        "mode",
        "flow_action",
        "flow_action_payload",
    ])?;
    parameters.required("flow_message_version")?.one_of(&["3"])?;
    match (parameters.optional("flow_id"), parameters.optional("flow_name")) {
        (Some(one), None) | (None, Some(one)) => drop(one.text_of(1, 256)?),
        (None, None) => return Err(GraphError::missing("flow_id or flow_name")),
        (Some(_), Some(_)) => return Err(parameters.invalid("takes either flow_id or flow_name, not both")),
    }
    let cta = parameters.required("flow_cta")?;
    if cta.text_of(1, 30)?.chars().any(is_emoji) {
        return Err(cta.invalid("must not contain an emoji"));
    }
    if let Some(token) = parameters.optional("flow_token") {
        token.text()?;
    }
    if let Some(mode) = parameters.optional("mode") {
        mode.one_of(&["draft", "published"])?;
    }
    let action = parameters.optional("flow_action").map_or(Ok("navigate"), |action| action.one_of(&["navigate", "data_exchange"]))?;
    let Some(payload) = parameters.optional("flow_action_payload") else { return Ok(()) };
    if action != "navigate" {
        return Err(payload.invalid("requires flow_action navigate"));
    }
    payload.only(&["screen", "data"])?;
    payload.required("screen")?.text_of(1, 256)?;
    match payload.optional("data") {
        Some(data) if data.object()?.is_empty() => Err(data.invalid("must not be empty")),
        _ => Ok(()),
    }
}

fn is_emoji(c: char) -> bool {
    matches!(u32::from(c), 0x1f000..=0x1faff | 0x2600..=0x27bf | 0xfe0f)
}

fn address(param: &Param<'_>) -> Checked {
    param.only(&["name", "parameters"])?;
    param.required("name")?.one_of(&["address_message"])?;
    let parameters = param.required("parameters")?;
    parameters.only(&["country", "values", "saved_addresses", "validation_errors"])?;
    parameters.required("country")?.one_of(&["IN"])?;
    for key in ["values", "validation_errors"] {
        if let Some(value) = parameters.optional(key) {
            value.object()?;
        }
    }
    let Some(saved) = parameters.optional("saved_addresses") else { return Ok(()) };
    for item in saved.items_of(1, usize::MAX)? {
        item.only(&["id", "value"])?;
        item.required("id")?.text_of(1, 256)?;
        item.required("value")?.object()?;
    }
    Ok(())
}

fn voice_call(param: &Param<'_>) -> Checked {
    param.only(&["name", "parameters"])?;
    param.required("name")?.one_of(&["voice_call"])?;
    let Some(parameters) = param.optional("parameters") else { return Ok(()) };
    parameters.only(&["display_text", "ttl_minutes", "payload"])?;
    if let Some(text) = parameters.optional("display_text") {
        text.text_of(1, 20)?;
    }
    if let Some(ttl) = parameters.optional("ttl_minutes") {
        ttl.integer_of(1, 43_200)?;
    }
    parameters.optional("payload").map_or(Ok(()), |payload| payload.text_of(1, 512).map(drop))
}

fn carousel(param: &Param<'_>) -> Checked {
    param.only(&["cards"])?;
    let mut first: Option<Shape> = None;
    for (index, card) in param.required("cards")?.items_of(2, 10)?.iter().enumerate() {
        let position = i64::try_from(index).unwrap_or(i64::MAX);
        card.required("card_index")?.integer_of(position, position)?;
        let shape = self::card(card)?;
        match &first {
            None => first = Some(shape),
            Some(first) if *first == shape => {}
            Some(_) => return Err(card.invalid("all cards must have the same header, buttons and catalog")),
        }
    }
    Ok(())
}

/// The properties that all cards of a carousel share.
#[derive(PartialEq)]
struct Shape {
    header: String,
    buttons: String,
}

fn card(param: &Param<'_>) -> Checked<Shape> {
    param.only(&["card_index", "type", "header", "body", "action"])?;
    let kind = param.optional("type").map_or(Ok("cta_url"), |kind| kind.one_of(&["cta_url", "product", "quick_reply", "button"]))?;
    let action = param.required("action")?;
    if kind == "product" {
        param.only(&["card_index", "type", "action"])?;
        product(&action)?;
        return Ok(Shape { header: "product".to_owned(), buttons: action.required("catalog_id")?.text()?.to_owned() });
    }
    let header = param.required("header")?;
    self::header(&header, &["image", "video"])?;
    if let Some(body) = param.optional("body") {
        body.only(&["text"])?;
        let text = body.required("text")?;
        if text.text_of(1, 160)?.matches('\n').count() > 2 {
            return Err(text.invalid("has more than 2 line breaks"));
        }
    }
    let buttons = if let Some(buttons) = action.optional("buttons") {
        action.only(&["buttons"])?;
        let buttons = buttons.items_of(1, 3)?;
        for button in &buttons {
            button.only(&["type", "quick_reply"])?;
            button.required("type")?.one_of(&["quick_reply"])?;
            let reply = button.required("quick_reply")?;
            reply.only(&["id", "title"])?;
            reply.required("id")?.text_of(1, 20)?;
            reply.required("title")?.text_of(1, 20)?;
        }
        format!("{} quick replies", buttons.len())
    } else {
        cta_url(&action)?;
        "cta_url".to_owned()
    };
    Ok(Shape { header: header.required("type")?.text()?.to_owned(), buttons })
}

fn order_details(param: &Param<'_>) -> Checked {
    param.only(&["name", "parameters"])?;
    param.required("name")?.one_of(&["review_and_pay"])?;
    let parameters = param.required("parameters")?;
    parameters.required("reference_id")?.text_of(1, 35)?;
    parameters.required("type")?.one_of(&["digital-goods", "physical-goods"])?;
    parameters.required("currency")?.one_of(&["INR", "BRL"])?;
    amount(&parameters.required("total_amount")?)?;
    let order = parameters.required("order")?;
    order.required("status")?.one_of(&["pending"])?;
    for item in order.required("items")?.items_of(1, 999)? {
        item.required("name")?.text_of(1, 60)?;
        amount(&item.required("amount")?)?;
        item.required("quantity")?.integer_of(1, i64::MAX)?;
    }
    amount(&order.required("subtotal")?)
}

fn amount(param: &Param<'_>) -> Checked {
    param.required("value")?.integer_of(0, i64::MAX)?;
    param.required("offset")?.integer_of(100, 100).map(drop)
}

fn order_status(param: &Param<'_>) -> Checked {
    param.only(&["name", "parameters"])?;
    param.required("name")?.one_of(&["review_order"])?;
    let parameters = param.required("parameters")?;
    parameters.only(&["reference_id", "order"])?;
    parameters.required("reference_id")?.text_of(1, 35)?;
    let order = parameters.required("order")?;
    order.only(&["status", "description"])?;
    let states = ["processing", "shipped", "partially-shipped", "partially_shipped", "completed", "canceled"];
    order.required("status")?.one_of(&states)?;
    order.optional("description").map_or(Ok(()), |text| text.text_of(1, 120).map(drop))
}
