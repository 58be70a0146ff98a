//! The message of a signup to the browser when it ends.

use serde_json::Value;

use super::{items, text};

/// The result of an Embedded Signup, as its window reports it to the page (`WA_EMBEDDED_SIGNUP`). It comes from the browser,
/// so it proves nothing: only the grants of the token count ([`TokenInfo`](super::TokenInfo)).
///
/// ```
/// use zengine_strategies::whatsapp_meta_cloud::{Signup, SignupEvent};
///
/// let signup = Signup::read(r#"{"type":"WA_EMBEDDED_SIGNUP","event":"FINISH","version":3,
///     "data":{"phone_number_id":"100200300","waba_id":"900100"}}"#).ok_or("not a signup")?;
/// assert_eq!((signup.event, signup.waba_id.as_deref()), (SignupEvent::Finished, Some("900100")));
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Signup {
    /// The kind of result.
    pub event: SignupEvent,
    /// The phone number id; absent for coexistence and for accounts without a number: list the account's numbers.
    pub phone_number_id: Option<String>,
    /// The WhatsApp Business account.
    pub waba_id: Option<String>,
    /// The business portfolio.
    pub business_id: Option<String>,
    /// Of a cancelled one: the step at which the person stopped.
    pub current_step: Option<String>,
    /// Of a failed one: Meta's id of the error.
    pub error_id: Option<String>,
    /// Meta's id of the session.
    pub session_id: Option<String>,
    /// Of version 4: ad accounts.
    pub ad_account_ids: Vec<String>,
    /// Of version 4: pages.
    pub page_ids: Vec<String>,
    /// Of version 4: datasets.
    pub dataset_ids: Vec<String>,
}

/// The kind of result of a signup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum SignupEvent {
    /// Done, with a number: register it within 14 days.
    Finished,
    /// Done, without a number.
    FinishedWithoutNumber,
    /// Done, with access to the API only.
    FinishedApiAccess,
    /// Done, and the number stays in the WhatsApp Business app: you must not register it; synchronise it within 24 hours.
    FinishedPhoneApp,
    /// The person cancelled.
    Cancelled,
    /// Meta reports an error.
    Failed,
    /// An unknown word.
    #[default]
    Other,
}

impl Signup {
    /// Reads the message; `None` if it is not a signup's.
    pub fn read(message: &str) -> Option<Self> {
        let message: Value = serde_json::from_str(message).ok()?;
        if message.get("type").and_then(Value::as_str) != Some("WA_EMBEDDED_SIGNUP") {
            return None;
        }
        let none = Value::Null;
        let data = message.get("data").unwrap_or(&none);
        let ids = |key: &str| items(data, key).iter().filter_map(Value::as_str).map(str::to_owned).collect();
        let event = match message.get("event").and_then(Value::as_str).unwrap_or_default() {
            "FINISH" => SignupEvent::Finished,
            "FINISH_ONLY_WABA" => SignupEvent::FinishedWithoutNumber,
            "FINISH_GRANT_ONLY_API_ACCESS" => SignupEvent::FinishedApiAccess,
            "FINISH_WHATSAPP_BUSINESS_APP_ONBOARDING" => SignupEvent::FinishedPhoneApp,
            "CANCEL" if data.get("error_id").or_else(|| data.get("error_message")).is_some() => SignupEvent::Failed,
            "CANCEL" => SignupEvent::Cancelled,
            "ERROR" => SignupEvent::Failed,
            _ => SignupEvent::Other,
        };
        let (ad_account_ids, page_ids, dataset_ids) = (ids("ad_account_ids"), ids("page_ids"), ids("dataset_ids"));
        let mut signup = Self { event, ad_account_ids, page_ids, dataset_ids, ..Self::default() };
        members!(signup, text(data): phone_number_id, waba_id, business_id, current_step, error_id, session_id);
        Some(signup)
    }
}

redacted!(Signup { event, waba_id });

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_end_of_a_signup_is_read() {
        let read = |event: &str, data: &str| {
            Signup::read(&format!(r#"{{"type":"WA_EMBEDDED_SIGNUP","event":"{event}","version":3,"data":{data}}}"#)).unwrap()
        };
        let phone_app = read("FINISH_WHATSAPP_BUSINESS_APP_ONBOARDING", r#"{"waba_id":"9"}"#);
        assert_eq!(
            (phone_app.event, phone_app.waba_id.as_deref(), phone_app.phone_number_id),
            (SignupEvent::FinishedPhoneApp, Some("9"), None)
        );
        assert_eq!(read("CANCEL", r#"{"current_step":"PHONE"}"#).event, SignupEvent::Cancelled);
        assert_eq!(read("CANCEL", r#"{"error_message":"m","error_id":7}"#).event, SignupEvent::Failed);
        assert_eq!(read("FINISH_ONLY_WABA", "{}").event, SignupEvent::FinishedWithoutNumber);
        assert_eq!(read("NEW", "null").event, SignupEvent::Other);
        assert_eq!(read("FINISH", r#"{"page_ids":["1",2]}"#).page_ids, ["1"]);
        for odd in ["", "[]", r#"{"type":"OTHER"}"#] {
            assert_eq!(Signup::read(odd), None);
        }
    }
}
