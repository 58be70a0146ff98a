//! Meta's error responses.

use bytes::Bytes;
use http::Response;
use serde_json::{Value, json};

use crate::sandbox::provider::{Refusal, add_header, page};

/// An error: the content of the error body.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::sandbox) struct GraphError {
    pub(in crate::sandbox) code: i64,
    pub(in crate::sandbox) status: u16,
    subcode: Option<i64>,
    message: Option<String>,
    details: Option<String>,
    /// The account with an exhausted quota, and the minutes until calls are allowed again.
    usage: Option<(String, u64)>,
}

impl GraphError {
    /// An error with the code's usual HTTP status.
    pub(in crate::sandbox) fn new(code: i64) -> Self {
        Self { code, status: usual(code).0, subcode: None, message: None, details: None, usage: None }
    }

    pub(in crate::sandbox) fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    pub(in crate::sandbox) fn with_subcode(mut self, subcode: i64) -> Self {
        self.subcode = Some(subcode);
        self
    }

    setters! {
        /// Adds the quota header of management calls.
        pub(in crate::sandbox) with_usage(account: &str, minutes: u64) => usage = Some((account.to_owned(), minutes));
        /// Replaces the code's usual text.
        pub(in crate::sandbox) with_message(message: impl Into<String>) => message = Some(message.into());
    }

    fn with_details(mut self, details: impl Into<String>) -> Self {
        self.details = Some(details.into());
        self
    }

    constructors! {
        /// 131008: a required parameter is missing.
        pub(in crate::sandbox) missing(path: &str) => Self::new(131_008).with_details(format!("The parameter {path} is required."));
        /// 131009: a parameter has a value that is not allowed.
        pub(in crate::sandbox) invalid(path: &str, why: &str) => Self::new(131_009).with_details(format!("{path}: {why}"));
        /// 100: an unknown parameter, or a malformed request.
        pub(in crate::sandbox) bad(details: impl Into<String>) => Self::new(100).with_details(details);
        /// An error with details.
        pub(in crate::sandbox) because(code: i64, details: impl Into<String>) => Self::new(code).with_details(details);
        /// 190: no token, or an invalid one.
        pub(in crate::sandbox) unauthorized() => Self::new(190).with_message("Invalid OAuth access token - Cannot parse access token");
    }

    /// 100 with subcode 33: no such object for this token.
    pub(in crate::sandbox) fn no_object(id: &str) -> Self {
        let message = format!(
            "Unsupported request. Object with ID '{id}' does not exist, cannot be loaded due to missing permissions, or does not support this operation"
        );
        Self { subcode: Some(33), message: Some(message), ..Self::new(100) }
    }

    /// A refusal by the engine.
    pub(in crate::sandbox) fn of_engine(refusal: Refusal<'_>) -> Self {
        match refusal {
            Refusal::TooLong => Self::bad("The request is too large.").with_status(413),
            Refusal::JournalFailed => Self::because(131_000, "The emulator cannot write its journal."),
            Refusal::Throttled => Self::because(130_429, "Message failed to send because there were too many messages."),
            Refusal::Code { code, status } => {
                let error = Self::because(number_of(code), "Error injected by the emulator.");
                status.map_or(error.clone(), |status| error.with_status(status))
            }
        }
    }

    /// 2500: an unknown path.
    pub(in crate::sandbox) fn unknown_path(path: &str) -> Self {
        Self { message: Some(format!("Unknown path components: {path}")), ..Self::new(2500) }
    }

    /// The error in a response of `debug_token`.
    pub(in crate::sandbox) fn in_debug(&self) -> Value {
        let mut error = json!({"code": self.code, "message": self.message.as_deref().unwrap_or(usual(self.code).1)});
        if let Some(subcode) = self.subcode {
            error["subcode"] = subcode.into();
        }
        error
    }

    /// The body of the response. `trace` is the support reference.
    pub(in crate::sandbox) fn body(&self, trace: &str) -> Value {
        let (_, title) = usual(self.code);
        let message = match (&self.message, self.code) {
            (Some(message), _) => message.clone(),
            (None, 190) => title.to_owned(),
            (None, code) => format!("(#{code}) {title}"),
        };
        let kind = if self.code == 100 && self.subcode == Some(33) { "GraphMethodException" } else { "OAuthException" };
        let mut error = json!({"message": message, "type": kind, "code": self.code, "fbtrace_id": trace});
        if let Some(subcode) = self.subcode {
            error["error_subcode"] = subcode.into();
        }
        if let Some(details) = &self.details {
            error["error_data"] = json!({"messaging_product": "whatsapp", "details": details});
        }
        if let (Some(2_388_000..=2_388_999), Some(details)) = (self.subcode, &self.details) {
            // What is wrong with a template is told to people.
            error["error_user_title"] = title.into();
            error["error_user_msg"] = details.as_str().into();
        }
        if matches!(self.code, 1 | 2 | 4) {
            error["is_transient"] = true.into();
        }
        json!({"error": error})
    }

    /// The entry of `errors` in a webhook.
    pub(in crate::sandbox) fn in_webhook(code: i64) -> Value {
        let (_, title) = usual(code);
        json!({
            "code": code,
            "title": title,
            "message": title,
            "error_data": {"details": format!("{title}.")},
            "href": "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/",
        })
    }

    pub(in crate::sandbox) fn answer(&self, trace: &str) -> Response<Bytes> {
        let mut response = json_answer(self.status, &self.body(trace));
        if let Some((account, minutes)) = &self.usage {
            let usage = json!({account: [{"type": "whatsapp", "call_count": 100, "total_cputime": 25, "total_time": 25,
                "estimated_time_to_regain_access": minutes}]});
            add_header(&mut response, "x-business-use-case-usage", &usage.to_string());
        }
        if self.code == 190 {
            add_header(&mut response, "www-authenticate", "OAuth \"Facebook Platform\" \"invalid_token\"");
        }
        response
    }
}

/// Whether a code has Graph's form.
pub(in crate::sandbox) fn is_code(code: &str) -> bool {
    code.parse::<i64>().is_ok()
}

/// A code of a fault as Graph's number; other texts are its unknown error.
pub(in crate::sandbox) fn number_of(code: &str) -> i64 {
    code.parse().unwrap_or(1)
}

/// A JSON response with the Graph API's headers.
pub(in crate::sandbox) fn json_answer(status: u16, body: &Value) -> Response<Bytes> {
    let mut response = page(status, "application/json; charset=UTF-8", body.to_string());
    add_header(&mut response, "facebook-api-version", "v26.0");
    response
}

/// HTTP status and title from Meta's error page, one line of `codes.txt` each; 400 and a generic title for other codes.
fn usual(code: i64) -> (u16, &'static str) {
    let mut known = include_str!("codes.txt").lines().filter_map(|line| {
        let (number, rest) = line.split_once(' ')?;
        let (status, title) = rest.split_once(' ')?;
        (number.parse() == Ok(code)).then_some((status.parse().ok()?, title))
    });
    let other = if (200..=299).contains(&code) { (403, "API Permission") } else { (400, "An error occurred") };
    known.next().unwrap_or(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_have_the_shape_of_the_error_page() {
        let body = GraphError::missing("text['body']").body("Atrace");
        assert_eq!(
            body,
            json!({"error": {
                "message": "(#131008) Required parameter is missing", "type": "OAuthException", "code": 131_008,
                "error_data": {"messaging_product": "whatsapp", "details": "The parameter text['body'] is required."},
                "fbtrace_id": "Atrace"
            }})
        );
        assert_eq!(GraphError::new(132_001).status, 404);
        assert_eq!(GraphError::no_object("1").body("A")["error"]["error_subcode"], 33);
        let of_template = GraphError::because(100, "Too many templates.").with_subcode(2_388_019).body("A");
        assert_eq!(of_template["error"]["error_user_msg"], "Too many templates.");
        assert_eq!(of_template["error"]["error_subcode"], 2_388_019);
    }
}
