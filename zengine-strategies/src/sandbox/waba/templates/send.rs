//! Checks of template messages: the shape of every component, and its match with the template.

use serde_json::Value;

use super::super::check::Is::{AnyText, By, Integer, List, Number, Text, Word};
use super::super::check::{Checked, Is, Param, object};
use super::super::content;
use super::super::errors::GraphError;
use super::super::interactive::product_sections;
use super::builder::Template;
use super::registry::Templates;
use super::variables::{Format, Variables};

/// Checks a template object of a message from an account; returns the pricing category.
pub(in crate::sandbox) fn template(param: &Param<'_>, account: &str, known: &Templates, unknown_allowed: bool) -> Checked<String> {
    param.is(&object!["name" ! By(|name| name.template_name().map(drop)), "language" ! object![
        "code" ! Text(2, 15), "policy" ? Word(&["deterministic"]),
    ], "components" ? Is::Any, "namespace" ? Is::Any])?;
    let components = param.optional("components").map_or(Ok(Vec::new()), |components| components.items_of(0, 20))?;
    each_component(&components, false)?;
    let name = param.value["name"].as_str().unwrap_or_default();
    let same_name = known.select(|template| template.is_of(account) && template.name == name);
    let absent = || GraphError::because(132_001, "The template does not exist in this language or has not been approved.");
    let Some(template) = same_name.iter().find(|template| param.value["language"]["code"] == *template.language) else {
        return if same_name.is_empty() && unknown_allowed { Ok("utility".to_owned()) } else { Err(absent()) };
    };
    match template.status.as_str() {
        "APPROVED" => {}
        "PAUSED" => return Err(GraphError::new(132_015)),
        "DISABLED" => return Err(GraphError::new(132_016)),
        _ => return Err(absent()),
    }
    agrees(template, &components)?;
    Ok(template.category.to_ascii_lowercase())
}

/// Checks that the parameters of the message match the template.
fn agrees(template: &Template, components: &[Param<'_>]) -> Checked {
    let parameters = |kind: &str| -> Vec<&Value> {
        let found = components.iter().find(|item| is_kind(item.value, "type", kind));
        found.and_then(|item| item.value["parameters"].as_array()).map_or(Vec::new(), |list| list.iter().collect())
    };
    let Variables { header, body, buttons } = Variables::of(template);
    let given = parameters("body");
    if given.len() != body.len() {
        return Err(count("body", given.len(), body.len()));
    }
    if template.named {
        let named = |parameter: &Value| parameter["parameter_name"].as_str().is_some_and(|name| !name.is_empty());
        if parameters("header").iter().any(|parameter| is_kind(parameter, "type", "text") && !named(parameter)) {
            return Err(GraphError::bad("Parameter name is missing or empty"));
        }
        for parameter in &given {
            match parameter["parameter_name"].as_str() {
                None | Some("") => return Err(GraphError::bad("Parameter name is missing or empty")),
                Some(name) if body.iter().any(|known| known == name) => {}
                Some(_) => return Err(GraphError::bad("Parameter name is not one of the template's")),
            }
        }
    }
    let given = parameters("header");
    let wanted = match &header {
        Format::None => return if given.is_empty() { agree_buttons(buttons, components) } else { Err(count("header", given.len(), 0)) },
        Format::Text => "text".to_owned(),
        Format::Media(kind) => kind.to_ascii_lowercase(),
    };
    match given.as_slice() {
        [parameter] if is_kind(parameter, "type", &wanted) => agree_buttons(buttons, components),
        [_] => Err(GraphError::because(132_012, format!("header: the template expects a parameter of type {wanted}"))),
        other => Err(count("header", other.len(), 1)),
    }
}

/// Checks that every button that needs a parameter has one of its kind, and that no other button is addressed.
fn agree_buttons(buttons: Option<Vec<(&'static str, bool)>>, components: &[Param<'_>]) -> Checked {
    let Some(buttons) = buttons else { return Ok(()) };
    let index = |item: &Param<'_>| match &item.value["index"] {
        Value::String(text) => text.parse().ok(),
        number => number.as_u64().and_then(|number| usize::try_from(number).ok()),
    };
    let given: Vec<_> = components.iter().filter(|item| is_kind(item.value, "type", "button")).collect();
    for item in &given {
        let at = index(item);
        let button = at.and_then(|at| buttons.get(at));
        if button.is_none_or(|(kind, _)| !is_kind(item.value, "sub_type", kind)) {
            return Err(GraphError::because(132_018, "buttons: the template has no such button at this index"));
        }
    }
    for (position, (kind, needed)) in buttons.iter().enumerate() {
        if *needed && !given.iter().any(|item| index(item) == Some(position)) {
            let details = format!("buttons: Button at index {position} of type {kind} requires a parameter");
            return Err(GraphError::because(131_008, details));
        }
    }
    Ok(())
}

fn is_kind(value: &Value, key: &str, kind: &str) -> bool {
    value[key].as_str().is_some_and(|name| name.eq_ignore_ascii_case(kind))
}

fn count(part: &str, got: usize, expected: usize) -> GraphError {
    let details = format!("{part}: number of localizable_params ({got}) does not match the expected number of params ({expected})");
    GraphError::because(132_000, details)
}

/// Checks components, of which a message has one of each kind, and one for each button.
fn each_component(components: &[Param<'_>], in_card: bool) -> Checked {
    let mut seen = Vec::new();
    for item in components {
        component(item, in_card)?;
        let index = item.value["index"].as_str().map_or_else(|| item.value["index"].to_string(), str::to_owned);
        let place = (item.value["type"].as_str().map(str::to_ascii_lowercase), index);
        if seen.contains(&place) {
            return Err(item.invalid("another component is of this kind, or for this button"));
        }
        seen.push(place);
    }
    Ok(())
}

fn component(param: &Param<'_>, in_card: bool) -> Checked {
    let kind = param.required("type")?;
    match kind.text()?.to_ascii_lowercase().as_str() {
        "header" => each_parameter(param, &["type", "parameters"], 1, header_parameter),
        "body" => each_parameter(param, &["type", "parameters"], usize::MAX, body_parameter),
        "button" => button(param),
        "limited_time_offer" if !in_card => each_parameter(param, &["type", "parameters"], 1, |parameter| {
            // Seconds would be a time of 1970.
            typed(parameter, "limited_time_offer")?.is(&object!["expiration_time_ms" ! Integer(1_000_000_000_000, i64::MAX)])
        }),
        "tap_target_configuration" if !in_card => each_parameter(param, &["type", "parameters"], 1, |parameter| {
            typed(parameter, "tap_target_configuration")?.is(&List(1, 10, &object!["url" ! Is::Url, "title" ! Text(1, 1024)]))
        }),
        "carousel" if !in_card => {
            param.only(&["type", "cards"])?;
            for (index, card) in param.required("cards")?.items_of(1, 10)?.iter().enumerate() {
                card.only(&["card_index", "components"])?;
                let position = i64::try_from(index).unwrap_or(i64::MAX);
                card.required("card_index")?.integer_of(position, position)?;
                each_component(&card.required("components")?.items_of(1, 10)?, true)?;
            }
            Ok(())
        }
        _ => Err(kind.invalid("is not a template component")),
    }
}

fn each_parameter(param: &Param<'_>, keys: &[&str], most: usize, check: impl Fn(&Param<'_>) -> Checked) -> Checked {
    param.only(keys)?;
    param.required("parameters")?.items_of(0, most)?.iter().try_for_each(check)
}

/// The value of a parameter under the key named by its type.
fn typed<'a>(parameter: &Param<'a>, kind: &str) -> Checked<Param<'a>> {
    parameter.only(&["type", kind])?;
    let named = parameter.required("type")?;
    if named.text()?.eq_ignore_ascii_case(kind) { parameter.required(kind) } else { Err(named.invalid("is not allowed here")) }
}

fn header_parameter(param: &Param<'_>) -> Checked {
    let kind = param.required("type")?.text()?.to_ascii_lowercase();
    match kind.as_str() {
        "text" => text_parameter(param, 60),
        "image" | "video" | "gif" => content::media(&typed(param, &kind)?, &[]).map(drop),
        "document" => content::media(&typed(param, &kind)?, &["filename"]).map(drop),
        "location" => typed(param, &kind)?.is(&content::LOCATION),
        "product" => typed(param, &kind)?.is(&object!["product_retailer_id" ! Text(1, 256), "catalog_id" ! Text(1, 256)]),
        _ => Err(param.invalid("is not a header parameter")),
    }
}

fn body_parameter(param: &Param<'_>) -> Checked {
    let kind = param.required("type")?.text()?.to_ascii_lowercase();
    if let Some(name) = param.optional("parameter_name") {
        name.text()?;
    }
    match kind.as_str() {
        "text" => text_parameter(param, 32_768),
        "currency" => param.is(&object!["type" ! AnyText, "parameter_name" ? AnyText, "currency" ! object![
            "fallback_value" ! Text(1, 1024), "code" ! Text(3, 3), "amount_1000" ! Number(f64::MIN, f64::MAX)]]),
        "date_time" => param.is(&object!["type" ! AnyText, "parameter_name" ? AnyText,
            "date_time" ! Is::Open(object!(= "fallback_value" ! Text(1, 1024)))]),
        "group_id" => typed(param, "group_id")?.text_of(1, 256).map(drop),
        _ => Err(param.invalid("is not a body parameter")),
    }
}

fn text_parameter(param: &Param<'_>, most: usize) -> Checked {
    param.only(&["type", "text", "parameter_name"])?;
    let text = param.required("text")?;
    let value = text.text_of(1, most)?;
    let spaced = value.contains(['\n', '\r', '\t']) || value.contains("     ");
    let details = || format!("{}: must not have new-line or tab characters or more than 4 consecutive spaces", text.path);
    if spaced { Err(GraphError::because(132_012, details())) } else { Ok(()) }
}

/// The kinds of button that a message may name, in Meta's order.
const BUTTONS: &str = "BOOKING_CONFIRMATION, CATALOG, COPY_CODE, FLOW, MPM, ORDER_DETAILS, QUICK_REPLY, REMINDER, URL, VOICE_CALL";

fn button(param: &Param<'_>) -> Checked {
    param.only(&["type", "sub_type", "index", "parameters"])?;
    let index = param.required("index")?;
    match index.value {
        Value::String(digits) if digits.len() == 1 && digits.as_bytes()[0].is_ascii_digit() => {}
        Value::Number(number) if number.as_u64().is_some_and(|number| number < 10) => {}
        _ => return Err(index.invalid("must be 0 to 9")),
    }
    let sub_type = param.required("sub_type")?;
    let kind = sub_type.text()?.to_ascii_lowercase();
    let (least, most) = match kind.as_str() {
        "copy_code" | "mpm" | "order_details" | "quick_reply" | "url" => (1, 1),
        "catalog" | "flow" => (0, 1),
        "voice_call" => (0, 2),
        "booking_confirmation" | "reminder" => (0, usize::MAX),
        _ => return Err(GraphError::new(100).with_message(format!("(#100) Param {} must be one of {{{BUTTONS}}}", sub_type.path))),
    };
    let parameters = param.optional("parameters").map_or(Ok(Vec::new()), |parameters| parameters.items_of(0, most))?;
    if parameters.len() < least {
        let details = format!("buttons: Button at index {} of type {kind} requires a parameter", index.value);
        return Err(GraphError::because(131_008, details));
    }
    for parameter in parameters {
        match kind.as_str() {
            "quick_reply" => typed(&parameter, "payload")?.text_of(1, 1024).map(drop)?,
            "url" => parameter.is(&URL)?,
            "copy_code" => typed(&parameter, "coupon_code")?.text_of(1, 20).map(drop)?,
            "flow" => typed(&parameter, "action")?.only(&["flow_token", "flow_action_data"])?,
            "catalog" => typed(&parameter, "action")?.only(&["thumbnail_product_retailer_id"])?,
            "mpm" => {
                let action = typed(&parameter, "action")?;
                action.only(&["thumbnail_product_retailer_id", "sections"])?;
                product_sections(&action)?;
            }
            "voice_call" => match parameter.required("type")?.text()? {
                "ttl_minutes" => typed(&parameter, "ttl_minutes")?.integer_of(1, 43_200).map(drop)?,
                _ => typed(&parameter, "payload")?.text_of(1, 512).map(drop)?,
            },
            "order_details" => typed(&parameter, "action")?.required("order_details")?.object().map(drop)?,
            // Their parameters are not documented.
            _ => parameter.object().map(drop)?,
        }
    }
    Ok(())
}

const URL: Is<'_> = object!["type" ! By(is_text), "text" ! Text(1, 2000), "payment_link_preview" ? Is::Bool];

fn is_text(kind: &Param<'_>) -> Checked {
    if kind.text()?.eq_ignore_ascii_case("text") { Ok(()) } else { Err(kind.invalid("must be text")) }
}
