//! Phone numbers.

use std::time::Duration;

/// A business phone number of the emulator.
#[derive(Clone)]
#[must_use = "a number does nothing until it is given to the settings"]
pub struct Number {
    pub(in crate::sandbox) id: String,
    pub(in crate::sandbox) waba_id: String,
    pub(in crate::sandbox) display: String,
    pub(in crate::sandbox) name: String,
    pub(in crate::sandbox) token: String,
    pub(in crate::sandbox) token_life_ms: Option<u64>,
    pub(in crate::sandbox) fresh: bool,
    pub(in crate::sandbox) coexists: bool,
}

impl Number {
    /// Creates a number with this phone number id, in the WhatsApp Business account `waba_id`.
    ///
    /// Its access token is `sandbox-token-` plus the id, its display number 1555 plus the last seven digits of the id.
    pub fn new(phone_number_id: impl Into<String>, waba_id: impl Into<String>) -> Self {
        let id = phone_number_id.into();
        let digits: String = id.chars().filter(char::is_ascii_digit).collect();
        let display = format!("1555{:0>7}", &digits[digits.len().saturating_sub(7)..]);
        let token = format!("sandbox-token-{id}");
        Self {
            id,
            waba_id: waba_id.into(),
            display,
            name: "Sandbox Business".to_owned(),
            token,
            token_life_ms: None,
            fresh: false,
            coexists: false,
        }
    }

    setters! {
        /// Sets the display number, digits only.
        pub with_display_number(digits: impl Into<String>) => display = digits.into();
        /// Sets the verified name of the business.
        pub with_name(name: impl Into<String>) => name = name.into();
        /// Sets the access token, or API key, required in requests for this number. Numbers of Meta's own API may share one.
        pub with_token(token: impl Into<String>) => token = token.into();
        /// Sets the lifetime of the access token by the emulator's clock. Defaults to unlimited.
        pub with_token_life(life: Duration) => token_life_ms = u64::try_from(life.as_millis()).ok();
        /// Makes it a number just after signup: not verified, not registered, and its account not subscribed.
        pub fresh() => fresh = true;
        /// Makes it a number that is also in use in the WhatsApp Business app.
        pub coexisting() => coexists = true;
    }

    /// Returns the phone number id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the id of the WhatsApp Business account.
    pub fn account(&self) -> &str {
        &self.waba_id
    }

    /// Returns the access token.
    pub fn token(&self) -> &str {
        &self.token
    }
}

redacted!(Number { id, waba_id });
