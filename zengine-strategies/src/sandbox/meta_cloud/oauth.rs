//! Token calls: exchange of codes, renewal, inspection, revocation, system users.

use serde_json::{Value, json};

use super::state::State;
use super::tokens::{LIFE_MS, Owner, SHORT_LIFE_MS, Token};
use crate::sandbox::waba::check::Checked;
use crate::sandbox::waba::errors::GraphError;
use crate::sandbox::waba::hmac::hmac_sha256;
use crate::sandbox::waba::query::Query;

const SCOPES: [&str; 2] = ["whatsapp_business_management", "whatsapp_business_messaging"];

/// `GET|POST /{version}/oauth/access_token`.
pub(super) fn access_token(state: &State, query: &Query) -> Checked<Value> {
    client(state, query)?;
    match query.get("grant_type") {
        None | Some("authorization_code") => {
            let (token, life) = state.tokens.redeem(&state.shared.ids, query.required("code")?, query.get("redirect_uri"))?;
            Ok(issued(&token, life))
        }
        Some("client_credentials") => {
            let token = state.settings.app_token();
            Ok(json!({"access_token": token, "token_type": "bearer"}))
        }
        Some("fb_exchange_token") => renew(state, query),
        Some(other) => Err(GraphError::new(100).with_message(format!("Unsupported grant_type: {other}"))),
    }
}

fn issued(token: &str, life_ms: Option<u64>) -> Value {
    let mut answer = json!({"access_token": token, "token_type": "bearer"});
    if let Some(life) = life_ms {
        answer["expires_in"] = (life / 1_000).into();
    }
    answer
}

/// Checks the app's credentials. Codes 101 and 1 are Graph's usual ones; the WhatsApp pages name none.
fn client(state: &State, query: &Query) -> Checked {
    let refused = |code, message: &str| Err(GraphError::new(code).with_status(400).with_message(message));
    if query.required("client_id")? != state.settings.app_id {
        return refused(101, "Error validating application. Cannot get application info due to a system error.");
    }
    if query.required("client_secret")? != state.settings.app_secret {
        return refused(1, "Error validating client secret.");
    }
    Ok(())
}

/// Renews a valid token; the old one stays valid until it expires. An expired token cannot be renewed.
fn renew(state: &State, query: &Query) -> Checked<Value> {
    let old = query.required("fb_exchange_token")?;
    let token = state.tokens.valid(old)?;
    let sixty_days = query.get("set_token_expires_in_60_days") == Some("true");
    let life = match token.owner {
        Owner::App => return Err(GraphError::new(100).with_message("An app access token cannot be exchanged.")),
        Owner::User => Some(LIFE_MS),
        Owner::SystemUser if sixty_days || token.expires_ms.is_some() => Some(LIFE_MS),
        Owner::SystemUser => None,
    };
    let accounts = state.accounts_of(old, &token);
    Ok(issued(&state.tokens.issue(&state.shared.ids, token.owner, accounts, life), life))
}

/// `GET /{version}/debug_token`.
pub(super) fn debug_token(state: &State, token: Option<&str>, query: &Query) -> Checked<Value> {
    let asking = state.tokens.valid(token.unwrap_or_default())?;
    let input = query.required("input_token")?;
    if asking.owner != Owner::App && token != Some(input) {
        return Err(GraphError::new(100)
            .with_message("(#100) You must provide an app access token, or a user access token that is an owner or developer of the app"));
    }
    let Some(found) = state.tokens.look_up(input) else {
        let error = json!({"code": 190, "message": "Invalid OAuth access token - Cannot parse access token"});
        return Ok(json!({"data": {"error": error, "is_valid": false, "scopes": []}}));
    };
    Ok(json!({"data": described(state, input, &found)}))
}

fn described(state: &State, text: &str, token: &Token) -> Value {
    let seconds = |ms: u64| ms / 1_000;
    let fault = state.tokens.fault_of(token);
    let mut data = json!({
        "app_id": state.settings.app_id,
        "application": "Sandbox App",
        "is_valid": fault.is_none(),
        "issued_at": seconds(token.issued_ms),
        "expires_at": token.expires_ms.map_or(0, seconds),
        "data_access_expires_at": 0,
    });
    if token.owner == Owner::App {
        data["type"] = "APP".into();
        data["scopes"] = json!([]);
    } else {
        let accounts = state.accounts_of(text, token);
        let granular: Vec<_> = SCOPES.iter().map(|scope| json!({"scope": scope, "target_ids": accounts})).collect();
        data["type"] = if token.owner == Owner::User { "USER".into() } else { "SYSTEM_USER".into() };
        data["user_id"] = state.settings.system_user_id.as_str().into();
        data["scopes"] = json!(SCOPES);
        data["granular_scopes"] = granular.into();
    }
    if let Some(fault) = fault {
        data["error"] = fault.in_debug();
    }
    data
}

/// `GET /{version}/oauth/revoke`.
pub(super) fn revoke(state: &State, query: &Query) -> Checked<Value> {
    client(state, query)?;
    state.tokens.valid(query.required("access_token")?)?;
    if state.tokens.invalidate(query.required("revoke_token")?, 467) {
        Ok(json!({"success": true}))
    } else {
        Err(GraphError::new(100).with_message("Invalid parameter: revoke_token"))
    }
}

/// `POST /{system_user_id}/access_tokens` and `POST /{business_id}/system_user_access_tokens`; both require the app's proof.
pub(super) fn mint(state: &State, edge: &str, id: &str, token: &str, query: &Query, json: &Value) -> Checked<Value> {
    let known = state.tokens.valid(token)?;
    let given = |key: &str| query.get(key).or_else(|| json.get(key).and_then(Value::as_str));
    let proof = hmac_sha256(&state.settings.app_secret, token.as_bytes());
    if given("appsecret_proof") != Some(proof.as_str()) {
        return Err(GraphError::bad("Invalid appsecret_proof provided in the API argument"));
    }
    let settings = &state.settings;
    let accounts = state.accounts_of(token, &known);
    if edge == "access_tokens" {
        if id != settings.system_user_id {
            return Err(GraphError::no_object(id));
        }
        if given("business_app") != Some(settings.app_id.as_str()) {
            return Err(GraphError::bad("The parameter business_app must be the id of the app."));
        }
        let life = (given("set_token_expires_in_60_days") == Some("true")).then_some(LIFE_MS);
        return Ok(issued(&state.tokens.issue(&state.shared.ids, Owner::SystemUser, accounts, life), life));
    }
    if id != settings.business_id {
        return Err(GraphError::no_object(id));
    }
    if given("fetch_only") != Some("true") {
        return Err(GraphError::bad("The parameter fetch_only must be true."));
    }
    Ok(json!({"access_token": state.tokens.issue(&state.shared.ids, Owner::SystemUser, accounts, None)}))
}

/// A short-lived user token, as from the app's dashboard.
pub(super) fn short_lived(state: &State, accounts: Vec<String>) -> String {
    state.tokens.issue(&state.shared.ids, Owner::User, accounts, Some(SHORT_LIFE_MS))
}
