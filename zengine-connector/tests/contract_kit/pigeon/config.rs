//! Configurations of Pigeon Post: a right one, and four wrong ones.

use serde::Deserialize;
use zengine_connector::{
    Error, ErrorKind, Secret,
    error::Violation,
    ids::RouteKey,
    schemars::{self, JsonSchema, Schema},
    verify::HmacSha256,
};

use super::Loft;
use crate::flaw::Flaw;

macro_rules! config {
    ($($(#[$meta:meta])* $name:ident $secret:ty;)*) => {$(
        $(#[$meta])*
        pub(crate) struct $name {
            /// Name of the loft.
            #[schemars(length(min = 1, max = 64))]
            loft: String,
            /// Key of the account.
            api_key: $secret,
            /// The secret that webhooks are signed with.
            webhook_secret: $secret,
            /// The token of the handshake.
            handshake_token: $secret,
            /// How urgent letters are, 1 to 3.
            #[serde(default = "first")]
            #[schemars(range(min = 1, max = 3))]
            class: u8,
        }

        impl $name {
            pub(super) fn into_loft(self, unchecked: bool) -> Result<Loft, Error> {
                let loft = Loft {
                    name: self.loft,
                    class: self.class,
                    api_key: secret(self.api_key),
                    webhook_secret: secret(self.webhook_secret).to_bytes(),
                    handshake_token: secret(self.handshake_token).to_bytes(),
                };
                if unchecked { Ok(loft) } else { checked(loft) }
            }
        }
    )*};
}

config! {
    /// As it should be.
    #[derive(Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    PigeonConfig Secret<String>;
    /// Its schema knows nothing of `loft`.
    #[derive(Deserialize, JsonSchema)]
    #[schemars(transform = forget_loft)]
    #[serde(deny_unknown_fields)]
    ForgetfulConfig Secret<String>;
    /// Its schema allows a class of any type and requires nothing.
    #[derive(Deserialize, JsonSchema)]
    #[schemars(transform = any_class)]
    #[serde(deny_unknown_fields)]
    WideConfig Secret<String>;
    /// It takes whatever else stands there.
    #[derive(Deserialize, JsonSchema)]
    LenientConfig Secret<String>;
    /// Its secrets are texts.
    #[derive(Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    PlainConfig String;
    /// Its schema explains nothing.
    #[derive(Deserialize, JsonSchema)]
    #[schemars(transform = undescribe)]
    #[serde(deny_unknown_fields)]
    UndescribedConfig Secret<String>;
    /// Its schema requires a house.
    #[derive(Deserialize, JsonSchema)]
    #[schemars(transform = demand_house)]
    #[serde(deny_unknown_fields)]
    DemandingConfig Secret<String>;
    /// It is made of anything.
    #[derive(Deserialize, JsonSchema)]
    #[serde(from = "serde_json::Value")]
    AnyConfig String;
}

impl From<serde_json::Value> for AnyConfig {
    fn from(_: serde_json::Value) -> Self {
        let [loft, api_key, webhook_secret, handshake_token] = ["any"; 4].map(str::to_owned);
        Self { loft, api_key, webhook_secret, handshake_token, class: 1 }
    }
}

impl PigeonConfig {
    pub(super) fn routes(&self, flaw: Flaw) -> Vec<RouteKey> {
        let secret = self.webhook_secret.to_bytes();
        let mut routes =
            vec![RouteKey::new("url_token", &self.loft), RouteKey::new("loft", &self.loft), RouteKey::shared("office", "main")];
        match flaw {
            Flaw::RouteIsSecret => routes.push(RouteKey::new("url_token", secret.expose_str().unwrap())),
            Flaw::RouteIsHashOfSecret => routes[0] = RouteKey::new("url_token", HmacSha256::hex().sign(b"loft", &secret)),
            Flaw::RouteHoldsSecret => routes.push(RouteKey::new("url_token", format!("t-{}", secret.expose_str().unwrap()))),
            Flaw::RouteOfAllTenants => routes[2] = RouteKey::new("office", "main"),
            Flaw::RouteOfNoRequest => routes.push(RouteKey::new("class", self.class.to_string())),
            _ => {}
        }
        routes
    }
}

const fn first() -> u8 {
    1
}

fn secret(text: impl Into<SecretText>) -> Secret<String> {
    text.into().0
}

struct SecretText(Secret<String>);

impl From<Secret<String>> for SecretText {
    fn from(secret: Secret<String>) -> Self {
        Self(secret)
    }
}

impl From<String> for SecretText {
    fn from(text: String) -> Self {
        Self(Secret::new(text))
    }
}

fn checked(loft: Loft) -> Result<Loft, Error> {
    let mut violations = vec![];
    if loft.name.is_empty() || loft.name.len() > 64 {
        violations.push(Violation::new("/loft", "must have 1 to 64 bytes"));
    }
    if !(1..=3).contains(&loft.class) {
        violations.push(Violation::new("/class", "must be 1 to 3"));
    }
    if violations.is_empty() {
        return Ok(loft);
    }
    Err(Error::new(ErrorKind::ConfigInvalid, "the loft cannot be used").with_violations(violations))
}

fn forget_loft(schema: &mut Schema) {
    if let Some(properties) = schema.get_mut("properties").and_then(|all| all.as_object_mut()) {
        properties.remove("loft");
    }
    if let Some(required) = schema.get_mut("required").and_then(|all| all.as_array_mut()) {
        required.retain(|name| name != "loft");
    }
}

fn demand_house(schema: &mut Schema) {
    if let Some(required) = schema.get_mut("required").and_then(|all| all.as_array_mut()) {
        *required = vec!["house".into()];
    }
}

fn undescribe(schema: &mut Schema) {
    if let Some(loft) = schema.pointer_mut("/properties/loft") {
        *loft = serde_json::json!({ "type": "string" });
    }
}

fn any_class(schema: &mut Schema) {
    if let Some(class) = schema.pointer_mut("/properties/class") {
        *class = serde_json::json!({ "description": "How urgent letters are." });
    }
    schema.remove("required");
}
