//! Limits of a template's components.

use serde_json::Value;

use super::super::check::{Checked, Param};
use super::super::errors::GraphError;
use super::variables::variables;

/// Checks the components of a created or edited template.
pub(in crate::sandbox) fn components(param: &Param<'_>, category: &str, named: bool) -> Checked {
    let items = param.items_of(1, 10)?;
    let mut seen: Vec<String> = Vec::new();
    for item in &items {
        let kind = item.required("type")?.text()?.to_ascii_uppercase();
        if seen.contains(&kind) {
            return Err(item.invalid("occurs twice"));
        }
        match kind.as_str() {
            "HEADER" => header(item, named)?,
            "BODY" => body(item, category, named)?,
            "FOOTER" => footer(item, category)?,
            "BUTTONS" => buttons(item)?,
            // Their parts are checked when they are sent.
            "CAROUSEL" | "LIMITED_TIME_OFFER" | "CALL_PERMISSION_REQUEST" => {}
            _ => return Err(item.invalid("is not a template component")),
        }
        seen.push(kind);
    }
    if seen.iter().any(|kind| kind == "BODY") { Ok(()) } else { Err(GraphError::missing("components['BODY']")) }
}

fn header(param: &Param<'_>, named: bool) -> Checked {
    param.only(&["type", "format", "text", "example"])?;
    match param.required("format")?.text()?.to_ascii_uppercase().as_str() {
        "TEXT" => {
            let text = param.required("text")?;
            let found = variables(text.text_of(1, 60)?);
            if found.len() > 1 {
                return Err(text.invalid("a header may have at most one variable"));
            }
            examples(param, &found, named, "header_text", "header_text_named_params")
        }
        "LOCATION" | "PRODUCT" => Ok(()),
        "IMAGE" | "VIDEO" | "DOCUMENT" | "GIF" => param.required("example")?.required("header_handle")?.items_of(1, 1).map(drop),
        _ => Err(param.invalid("has an unknown format")),
    }
}

fn body(param: &Param<'_>, category: &str, named: bool) -> Checked {
    param.only(&["type", "text", "example", "add_security_recommendation"])?;
    let Some(text) = param.optional("text") else {
        return if category == "AUTHENTICATION" { Ok(()) } else { param.required("text").map(drop) };
    };
    if category == "AUTHENTICATION" {
        return Err(text.invalid("Meta writes the body of an authentication template"));
    }
    let found = variables(text.text_of(1, 1024)?);
    for (index, name) in found.iter().enumerate() {
        let good = if named {
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        } else {
            *name == (index + 1).to_string()
        };
        if !good {
            return Err(text.invalid(if named {
                "a variable's name may only contain a to z, 0 to 9 and _"
            } else {
                "variables must be numbered from {{1}}"
            }));
        }
    }
    examples(param, &found, named, "body_text", "body_text_named_params")
}

/// Checks that every variable has an example.
fn examples(param: &Param<'_>, found: &[String], named: bool, positional: &str, by_name: &str) -> Checked {
    if found.is_empty() {
        return Ok(());
    }
    let example = param.required("example")?;
    let given = if named {
        let list = example.required(by_name)?;
        for item in list.items_of(0, 100)? {
            item.required("param_name")?.text_of(1, 512)?;
            item.required("example")?.text_of(1, 1024)?;
        }
        list.items_of(0, 100)?.len()
    } else {
        // `[["a", "b"]]` in a body, `["a"]` in a header.
        match example.required(positional)?.value {
            Value::Array(items) => items.first().and_then(Value::as_array).unwrap_or(items).len(),
            _ => 0,
        }
    };
    if given == found.len() { Ok(()) } else { Err(example.invalid("must have one value per variable")) }
}

fn footer(param: &Param<'_>, category: &str) -> Checked {
    param.only(&["type", "text", "code_expiration_minutes"])?;
    match param.optional("code_expiration_minutes") {
        Some(minutes) if category == "AUTHENTICATION" => minutes.integer_of(1, 90).map(drop),
        Some(minutes) => Err(minutes.invalid("is only allowed in authentication templates")),
        None => param.required("text")?.text_of(1, 60).map(drop),
    }
}

fn buttons(param: &Param<'_>) -> Checked {
    param.only(&["type", "buttons"])?;
    let list = param.required("buttons")?;
    let mut kinds: Vec<String> = Vec::new();
    for button in list.items_of(1, 10)? {
        let kind = button.required("type")?.text()?.to_ascii_uppercase();
        let labelled = |button: &Param<'_>| button.required("text")?.text_of(1, 25).map(drop);
        match kind.as_str() {
            "URL" => {
                labelled(&button)?;
                let url = button.required("url")?;
                let text = url.text_of(1, 2000)?;
                if variables(text).len() > 1 {
                    return Err(url.invalid("may have at most one variable"));
                }
                if !variables(text).is_empty() {
                    button.required("example")?;
                }
            }
            "PHONE_NUMBER" => {
                labelled(&button)?;
                button.required("phone_number")?.text_of(1, 20)?;
            }
            "COPY_CODE" => drop(button.required("example")?),
            "OTP" => drop(button.required("otp_type")?.text()?),
            "QUICK_REPLY" | "MPM" | "SPM" | "FLOW" | "CATALOG" | "VOICE_CALL" => labelled(&button)?,
            "REQUEST_CONTACT_INFO" | "CALL_PERMISSION_REQUEST" | "ORDER_DETAILS" => {}
            _ => return Err(button.invalid("is not a kind of button")),
        }
        kinds.push(kind);
    }
    for (kind, most) in [("URL", 2), ("PHONE_NUMBER", 1), ("COPY_CODE", 1)] {
        if kinds.iter().filter(|own| *own == kind).count() > most {
            return Err(list.invalid(&format!("has more than {most} of kind {kind}")));
        }
    }
    Ok(())
}
