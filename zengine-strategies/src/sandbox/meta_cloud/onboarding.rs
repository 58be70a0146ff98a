//! Onboarding of a number: verification, registration, PIN, storage, synchronisation.

use serde_json::{Map, Value, json};

use super::accounts::NumberRecord;
use super::state::State;
use super::subscriptions;
use crate::sandbox::waba::Number;
use crate::sandbox::waba::check::{Checked, Param};
use crate::sandbox::waba::errors::GraphError;
use crate::sandbox::waba::query::Query;
use crate::sandbox::waba::updates::Update;

/// Window of the limits on registrations and codes, in milliseconds, and the maximum within it.
const LIMIT_MS: u64 = 72 * 3_600_000;
const LIMIT: usize = 10;
/// Maximum consecutive wrong PINs.
const GUESSES: u32 = 5;
/// Maximum time between onboarding and synchronisation, in milliseconds.
const SYNC_MS: u64 = 24 * 3_600_000;

/// A response, and the webhooks that follow it.
type Answered = Checked<(Value, Vec<Update>)>;

/// Handles the onboarding calls of a number.
pub(super) fn call(state: &State, edge: &str, number: &Number, json: &Value, query: &Query) -> Answered {
    let now_ms = state.shared.clock.now_ms();
    let json = &whole(json, query);
    let param = Param::root(json);
    let changed = state.accounts.change(&number.id, |record| match edge {
        "register" => register(record, &param, now_ms).map(done),
        "deregister" => deregister(record, now_ms).map(done),
        "request_code" => {
            let code = state.shared.ids.digits();
            request_code(record, &param, &code[code.len().saturating_sub(6)..], now_ms).map(done)
        }
        "verify_code" => verify_code(record, &param).map(done),
        "number_settings" => settings(record, &param).map(done),
        _ => synchronise(record, &param, now_ms, &state.shared.ids.digits()),
    });
    changed.unwrap_or_else(|| Err(GraphError::no_object(&number.id)))
}

fn done((): ()) -> (Value, Vec<Update>) {
    (json!({"success": true}), Vec::new())
}

/// The members of a JSON body, else the fields of a form or a query.
fn whole(json: &Value, query: &Query) -> Value {
    if json.is_object() {
        return json.clone();
    }
    let keys = ["messaging_product", "pin", "code", "code_method", "language", "sync_type"];
    let found: Map<_, _> = keys.iter().filter_map(|key| query.get(key).map(|value| ((*key).to_owned(), value.into()))).collect();
    found.into()
}

/// Counts one more call, or refuses it after ten in 72 hours.
fn limited(times: &mut Vec<u64>, now_ms: u64) -> Checked {
    times.retain(|at| at + LIMIT_MS > now_ms);
    if times.len() >= LIMIT {
        return Err(GraphError::because(133_016, "The number was registered or deregistered too often within 72 hours."));
    }
    times.push(now_ms);
    Ok(())
}

/// The PIN: six digits.
fn pin(param: &Param<'_>) -> Checked<String> {
    let pin = param.required("pin")?;
    let text = pin.text()?;
    if text.len() != 6 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(pin.invalid("must be six digits"));
    }
    Ok(text.to_owned())
}

fn register(record: &mut NumberRecord, param: &Param<'_>, now_ms: u64) -> Checked {
    param.required("messaging_product")?.one_of(&["whatsapp"])?;
    param.only(&["messaging_product", "pin", "appsecret_proof"])?;
    let pin = pin(param)?;
    if record.node.get("code_verification_status").and_then(Value::as_str) != Some("VERIFIED") {
        return Err(GraphError::because(133_006, "The number must be verified before it is registered."));
    }
    if record.wrong_pins >= GUESSES {
        return Err(GraphError::new(133_008));
    }
    limited(&mut record.registrations, now_ms)?;
    if record.pin.as_ref().is_some_and(|own| *own != pin) {
        record.wrong_pins += 1;
        return Err(GraphError::new(133_005));
    }
    record.wrong_pins = 0;
    record.pin = Some(pin);
    record.registered = true;
    for (field, value) in
        [("status", json!("CONNECTED")), ("platform_type", json!("CLOUD_API")), ("throughput", json!({"level": "STANDARD"}))]
    {
        record.node.insert(field.to_owned(), value);
    }
    Ok(())
}

fn deregister(record: &mut NumberRecord, now_ms: u64) -> Checked {
    if !record.registered {
        return Err(GraphError::new(133_010));
    }
    limited(&mut record.registrations, now_ms)?;
    record.registered = false;
    record.node.insert("status".to_owned(), "DISCONNECTED".into());
    record.node.insert("platform_type".to_owned(), "NOT_APPLICABLE".into());
    Ok(())
}

fn request_code(record: &mut NumberRecord, param: &Param<'_>, code: &str, now_ms: u64) -> Checked {
    param.required("code_method")?.one_of(&["SMS", "VOICE"])?;
    param.required("language")?.text_of(2, 10)?;
    if record.node.get("code_verification_status").and_then(Value::as_str) == Some("VERIFIED") {
        return Err(GraphError::because(136_024, "The number is verified already."));
    }
    // Meta documents no limit for codes; this is the one of registrations.
    limited(&mut record.requests, now_ms)?;
    record.verification = Some(code.to_owned());
    Ok(())
}

fn verify_code(record: &mut NumberRecord, param: &Param<'_>) -> Checked {
    let code = param.required("code")?;
    if record.verification.as_deref() != Some(code.text()?) {
        return Err(GraphError::because(136_025, "The verification code is not the one that was sent."));
    }
    record.verification = None;
    record.node.insert("code_verification_status".to_owned(), "VERIFIED".into());
    Ok(())
}

/// Changes the settings. Storage cannot change after registration.
fn settings(record: &mut NumberRecord, param: &Param<'_>) -> Checked {
    if let Some(storage) = param.optional("storage_configuration") {
        let status =
            storage.required("status")?.one_of(&["IN_COUNTRY_STORAGE_ENABLED", "IN_COUNTRY_STORAGE_DISABLED", "NO_STORAGE_ENABLED"])?;
        if record.registered {
            return Err(GraphError::bad("Storage cannot change after the number is registered."));
        }
        match status {
            "IN_COUNTRY_STORAGE_ENABLED" => storage.required("data_localization_region")?.text_of(2, 4).map(drop)?,
            "NO_STORAGE_ENABLED" => storage.required("retention_minutes")?.integer_of(1, 43_200).map(drop)?,
            _ => {}
        }
    }
    record.settings.extend(param.object()?.clone());
    Ok(())
}

/// Requests a synchronisation: each kind once, within a day after onboarding, and only for a number in use in the phone app.
fn synchronise(record: &mut NumberRecord, param: &Param<'_>, now_ms: u64, request: &str) -> Answered {
    param.required("messaging_product")?.one_of(&["whatsapp"])?;
    let kind = param.required("sync_type")?.one_of(&["smb_app_state_sync", "history"])?;
    if !record.number.coexists {
        return Err(GraphError::bad("The number is not in use in the WhatsApp Business app."));
    }
    if record.onboarded_ms + SYNC_MS < now_ms {
        return Err(GraphError::new(2_593_108));
    }
    if record.synced.iter().any(|done| done == kind) {
        return Err(GraphError::new(2_593_107));
    }
    record.synced.push(kind.to_owned());
    let (seconds, own) = (now_ms / 1_000, &record.number);
    let (person, name) = ("15551230001", "Sandbox User");
    let value = if kind == "history" {
        let message = json!({"from": person, "id": format!("wamid.H{request}"), "timestamp": (seconds - 86_400).to_string(), "type": "text",
            "text": {"body": "Hello from before"}, "history_context": {"status": "READ"}});
        let chunk =
            json!({"metadata": {"phase": 0, "chunk_order": 1, "progress": 100}, "threads": [{"id": person, "messages": [message]}]});
        json!({"history": [chunk]})
    } else {
        let contact = json!({"full_name": name, "first_name": "Sandbox", "phone_number": person});
        let entry = json!({"type": "contact", "contact": contact, "action": "add", "metadata": {"timestamp": seconds.to_string()}});
        json!({"state_sync": [entry]})
    };
    let answer = json!({"messaging_product": "whatsapp", "request_id": request});
    Ok((answer, vec![Update::field(own.id.clone(), kind, value)]))
}

/// `POST /{version}/{phone_number_id}`: changes the PIN or the callback.
pub(super) fn change_number(state: &State, number: &Number, json: &Value, query: &Query) -> Checked<Value> {
    let json = &whole(json, query);
    let param = Param::root(json);
    let missing = || GraphError::no_object(&number.id);
    if let Some(configuration) = param.optional("webhook_configuration") {
        configuration.object()?;
        let text = |key: &str| configuration.value.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        let callback = subscriptions::read(text("override_callback_uri"), text("verify_token"))?;
        if callback.is_some() && state.accounts.subscription(&number.waba_id).is_none() {
            return Err(GraphError::bad("Before override the current callback uri, your app must be subscribed to receive messages"));
        }
        state.accounts.change(&number.id, |record| record.callback = callback).ok_or_else(missing)?;
        return Ok(json!({"success": true}));
    }
    let pin = pin(&param)?;
    state.accounts.change(&number.id, |record| record.pin = Some(pin)).ok_or_else(missing)?;
    Ok(json!({"success": true}))
}
