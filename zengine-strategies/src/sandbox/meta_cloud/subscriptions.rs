//! Subscriptions of the app to accounts, and callbacks in place of its own.

use http::Method;
use serde_json::{Value, json};

use super::accounts::{Override, Subscription};
use super::state::State;
use super::tokens::Owner;
use crate::sandbox::waba::check::Checked;
use crate::sandbox::waba::errors::GraphError;
use crate::sandbox::waba::query::Query;

/// Maximum length of a callback's address, in characters.
const URL_CHARS: usize = 200;

/// `POST|GET|DELETE /{version}/{waba_id}/subscribed_apps`.
pub(super) fn subscribed_apps(state: &State, method: &Method, waba_id: &str, json: &Value, query: &Query) -> Checked<Value> {
    let subscription = state.accounts.subscription(waba_id);
    match *method {
        Method::POST => {
            let callback = replacement(json, query)?;
            if callback.is_some() && subscription.is_none() {
                return Err(GraphError::bad("Before override the current callback uri, your app must be subscribed to receive messages"));
            }
            state.accounts.subscribe(waba_id, Subscription { callback });
            Ok(json!({"success": true}))
        }
        Method::GET => {
            let name = format!("https://www.facebook.com/games/?app_id={}", state.settings.app_id);
            let app = json!({"id": state.settings.app_id, "name": "Sandbox App", "link": name});
            let listed = subscription.map(|subscription| {
                let mut entry = json!({"whatsapp_business_api_data": app});
                if let Some(callback) = subscription.callback {
                    entry["override_callback_uri"] = callback.url.into();
                }
                entry
            });
            Ok(json!({"data": listed.into_iter().collect::<Vec<_>>()}))
        }
        Method::DELETE if state.accounts.unsubscribe(waba_id) => Ok(json!({"success": true})),
        Method::DELETE => Err(GraphError::bad("The app is not subscribed to this account.")),
        _ => Err(GraphError::bad(format!("Unsupported {method} request."))),
    }
}

/// Reads `override_callback_uri` and `verify_token`: both or neither.
fn replacement(json: &Value, query: &Query) -> Checked<Option<Override>> {
    let given = |key: &str| json.get(key).and_then(Value::as_str).or_else(|| query.get(key)).filter(|text| !text.is_empty());
    read(given("override_callback_uri"), given("verify_token"))
}

/// Checks a callback override.
pub(super) fn read(url: Option<&str>, verify_token: Option<&str>) -> Checked<Option<Override>> {
    let Some(url) = url else { return Ok(None) };
    let Some(verify_token) = verify_token else {
        return Err(GraphError::bad("The parameter verify_token is required beside override_callback_uri."));
    };
    if url.chars().count() > URL_CHARS || !(url.starts_with("https://") || url.starts_with("http://")) {
        return Err(GraphError::bad("override_callback_uri must be an address of at most 200 characters."));
    }
    Ok(Some(Override { url: url.to_owned(), verify_token: verify_token.to_owned() }))
}

/// `POST|GET|DELETE /{version}/{app_id}/subscriptions`, with the app's own token.
pub(super) fn of_app(state: &State, method: &Method, id: &str, token: &str, query: &Query) -> Checked<Value> {
    if state.tokens.valid(token)?.owner != Owner::App || id != state.settings.app_id {
        return Err(GraphError::new(15).with_message("(#15) This method must be called with an app access_token."));
    }
    match *method {
        Method::POST => {
            if query.required("object")? != "whatsapp_business_account" {
                return Err(GraphError::bad("The emulator knows the object whatsapp_business_account only."));
            }
            let (url, _) = (query.required("callback_url")?, query.required("verify_token")?);
            state.shared.set_callback(Some(url.to_owned()));
            Ok(json!({"success": true}))
        }
        Method::GET => {
            let listed = state.shared.callback().map(|url| {
                json!({"object": "whatsapp_business_account", "callback_url": url, "active": true, "fields": [{"name": "messages", "version": "v26.0"}]})
            });
            Ok(json!({"data": listed.into_iter().collect::<Vec<_>>()}))
        }
        Method::DELETE => {
            state.shared.set_callback(None);
            Ok(json!({"success": true}))
        }
        _ => Err(GraphError::bad(format!("Unsupported {method} request."))),
    }
}
