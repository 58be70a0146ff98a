//! Faults of requests.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::rule::{FaultKind, FaultRule, pointer};
use crate::sandbox::provider::ms;

/// A fault of a request at the provider; it applies once by default.
///
/// Waits in the emulator's queue until a request matches; faults are tried in the order of the queue. Unless a method below
/// changes that, a fault matches every request that sends a message.
///
/// A fault that *accepts* the message applies only to requests that the provider would accept; an invalid request gets its
/// ordinary refusal and consumes the fault.
///
/// | effect | fault |
/// |---|---|
/// | an error response | [`throttle`](Self::throttle), [`code`](Self::code), [`error`](Self::error), [`unavailable`](Self::unavailable), [`html`](Self::html), [`redirect`](Self::redirect), [`raw`](Self::raw) |
/// | a broken success response | [`error_in_200`](Self::error_in_200), [`without_id`](Self::without_id), [`change`](Self::change), [`remove`](Self::remove), [`wrong_hash`](Self::wrong_hash), [`oversize`](Self::oversize) |
/// | a slow response or none | [`slow`](Self::slow), [`drip`](Self::drip), [`hang`](Self::hang), [`hang_after_accepting`](Self::hang_after_accepting), [`stall_body`](Self::stall_body) |
/// | a broken connection | [`reset_before_reading`](Self::reset_before_reading), [`reset_after_reading`](Self::reset_after_reading), [`reset_after_accepting`](Self::reset_after_accepting), [`cut_body`](Self::cut_body), [`wrong_length`](Self::wrong_length), [`garbage`](Self::garbage) |
/// | a failure reported later by webhook | [`undeliverable`](Self::undeliverable) |
/// | none: an ordinary request in a script | [`pass`](Self::pass) |
///
/// ```
/// use std::time::Duration;
/// use zengine_strategies::sandbox::Fault;
///
/// let busy = Fault::throttle().times(2).with_header("retry-after", "1").for_sender("100200300");
/// let lost = Fault::hang_after_accepting();
/// let slow = Fault::slow(Duration::from_millis(300)).when(|body| body["type"] == "template");
/// let background = Fault::error(131_000, 500).forever().with_probability(0.05);
/// # drop((busy, lost, slow, background));
/// ```
pub type Fault = FaultRule<RequestFaultKind>;

/// The effect on a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case", deny_unknown_fields)]
pub enum RequestFaultKind {
    Pass {},
    Throttle {},
    Error {
        #[serde(deserialize_with = "text_or_number")]
        code: String,
        /// Defaults to the code's usual one.
        #[serde(skip_serializing_if = "Option::is_none")]
        status: Option<u16>,
    },
    Unavailable {},
    Html {
        /// Defaults to 502.
        #[serde(skip_serializing_if = "Option::is_none")]
        status: Option<u16>,
    },
    Redirect {
        location: String,
        /// Defaults to 302.
        #[serde(skip_serializing_if = "Option::is_none")]
        status: Option<u16>,
    },
    Raw {
        /// Defaults to 200.
        #[serde(skip_serializing_if = "Option::is_none")]
        status: Option<u16>,
        /// Defaults to JSON.
        #[serde(skip_serializing_if = "Option::is_none")]
        content_type: Option<String>,
        /// A text, or JSON.
        body: Value,
    },
    NoId {},
    Change {
        pointer: String,
        value: Value,
    },
    Remove {
        pointer: String,
    },
    WrongHash {},
    Oversize {
        bytes: u64,
    },
    Slow {
        ms: u64,
    },
    Drip {
        #[serde(default = "ten")]
        pieces: u32,
        ms: u64,
    },
    Hang {},
    Stall {},
    CutBody {},
    WrongLength {
        by: i64,
    },
    Garbage {},
    Reset {
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        before_reading: bool,
    },
    Undeliverable {
        #[serde(deserialize_with = "text_or_number")]
        code: String,
    },
}

fn ten() -> u32 {
    10
}

/// A provider's code: a text, or a number as its digits.
fn text_or_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "`code` must be a text or a whole number")]
    enum Code {
        Text(String),
        Number(i64),
    }
    Ok(match Code::deserialize(deserializer)? {
        Code::Text(text) => text,
        Code::Number(number) => number.to_string(),
    })
}

impl FaultKind for RequestFaultKind {
    const WHAT: &'static str = "fault";
    const COMMON: &'static [&'static str] =
        &["times", "forever", "probability", "sender", "edge", "path", "any_request", "accepting", "headers", "when"];

    fn edge(&self) -> Option<&'static str> {
        match self {
            Self::WrongHash {} => Some("media_url"),
            Self::Oversize { .. } => Some("media_download"),
            _ => None,
        }
    }

    fn check(&self) -> Result<(), String> {
        match self {
            Self::Error { status: Some(status), .. }
            | Self::Html { status: Some(status) }
            | Self::Redirect { status: Some(status), .. }
            | Self::Raw { status: Some(status), .. }
                if !(200..=599).contains(status) =>
            {
                Err("`status` must be 200 to 599".to_owned())
            }
            Self::Change { pointer: at, .. } | Self::Remove { pointer: at } => pointer(at),
            _ => Ok(()),
        }
    }
}

#[allow(clippy::needless_pass_by_value, reason = "a code is given as it is written: 131000 or \"Throttling\"")]
impl Fault {
    constructors! {
        /// Lets a request through unchanged. For scripts, such as one that fails the third request but not the first two.
        pub pass() => Self::new(RequestFaultKind::Pass {});
        /// Refuses with the provider's "too many requests".
        pub throttle() => Self::new(RequestFaultKind::Throttle {});
        /// Refuses with a provider's error code, a number or a text, and this HTTP status.
        pub error(code: impl ToString, status: u16) => Self::new(RequestFaultKind::Error { code: code.to_string(), status: Some(status) });
        /// Refuses with a provider's error code, a number or a text, and its usual HTTP status.
        pub code(code: impl ToString) => Self::new(RequestFaultKind::Error { code: code.to_string(), status: None });
        /// Responds 200 with the provider's error body; the message is not accepted.
        pub error_in_200(code: impl ToString) => Self::error(code, 200);
        /// Responds with an HTML page, as a proxy in front of the provider does.
        pub html(status: u16) => Self::new(RequestFaultKind::Html { status: Some(status) });
        /// Responds 302 with this `Location`.
        pub redirect(location: impl Into<String>) => Self::new(RequestFaultKind::Redirect { location: location.into(), status: None });
        /// Responds 503 after reading the body; the message is not accepted. The client cannot tell.
        pub unavailable() => Self::new(RequestFaultKind::Unavailable {});
        /// Responds 503 although the message is accepted and will be delivered.
        pub unavailable_after_accepting() => Self::unavailable().accepting();
        /// Accepts at once and responds as usual after `delay`.
        pub slow(delay: Duration) => Self::new(RequestFaultKind::Slow { ms: ms(delay) });
        /// Accepts at once and responds in `pieces` pieces, at least 1, with a pause before each.
        pub drip(pieces: u32, pause: Duration) => Self::new(RequestFaultKind::Drip { pieces, ms: ms(pause) });
        /// Reads the request and never responds; the message is not accepted.
        pub hang() => Self::new(RequestFaultKind::Hang {});
        /// Accepts the message and never responds.
        pub hang_after_accepting() => Self::hang().accepting();
        /// Accepts the message and ends the response in the middle of its body.
        pub cut_body() => Self::new(RequestFaultKind::CutBody {});
        /// Accepts the message, sends the head and half of the body, then stalls with the connection open.
        pub stall_body() => Self::new(RequestFaultKind::Stall {});
        /// Accepts the message and responds with a `Content-Length` that is off by `by` bytes, then closes the connection.
        pub wrong_length(by: i64) => Self::new(RequestFaultKind::WrongLength { by });
        /// Reads the request, then responds with bytes that are not HTTP; the message is not accepted.
        pub garbage() => Self::new(RequestFaultKind::Garbage {});
        /// Accepts the message, and removes the member at this JSON pointer from the response.
        pub remove(pointer: impl Into<String>) => Self::new(RequestFaultKind::Remove { pointer: pointer.into() });
        /// Accepts the message and responds with success, but without the message's id.
        pub without_id() => Self::new(RequestFaultKind::NoId {});
        /// Announces media with a wrong digest. Matches look-ups of media (edge `media_url`).
        pub wrong_hash() => Self::new(RequestFaultKind::WrongHash {});
        /// Sends this many bytes more than the file has, without announcing a length. Matches downloads (edge `media_download`).
        pub oversize(bytes: u64) => Self::new(RequestFaultKind::Oversize { bytes });
        /// Resets the connection before reading the body. A condition on the body makes it [`reset_after_reading`](Self::reset_after_reading).
        pub reset_before_reading() => Self::new(RequestFaultKind::Reset { before_reading: true });
        /// Reads the request, then resets the connection; the message is not accepted.
        pub reset_after_reading() => Self::new(RequestFaultKind::Reset { before_reading: false });
        /// Accepts the message, then resets the connection.
        pub reset_after_accepting() => Self::reset_after_reading().accepting();
        /// Accepts the message; its status webhooks then report a failure with this code, a number or a text.
        pub undeliverable(code: impl ToString) => Self::new(RequestFaultKind::Undeliverable { code: code.to_string() });
    }

    /// Responds with these bytes.
    pub fn raw(status: u16, content_type: impl Into<String>, body: impl Into<String>) -> Self {
        let (content_type, body) = (Some(content_type.into()), body.into().into());
        Self::new(RequestFaultKind::Raw { status: Some(status), content_type, body })
    }

    /// Accepts the message, and sets `value` at this JSON pointer of the response.
    ///
    /// ```
    /// use zengine_strategies::sandbox::Fault;
    ///
    /// let held = Fault::change("/messages/0/message_status", "held_for_quality_assessment");
    /// # drop(held);
    /// ```
    pub fn change(pointer: impl Into<String>, value: impl Into<Value>) -> Self {
        Self::new(RequestFaultKind::Change { pointer: pointer.into(), value: value.into() })
    }

    setters! {
        /// Accepts (and delivers) the message despite the fault's response.
        pub accepting() => common.accepting = true;
        /// Matches any kind of request whose path contains `part`.
        pub on_path(part: impl Into<String>) => common.path = Some(part.into());
        /// Matches any kind of request.
        pub on_any_request() => common.any_request = true;
    }

    /// Adds a header to the fault's response.
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.common.headers.insert(name.into(), value.into());
        self
    }

    /// The headers to add to the response.
    pub(in crate::sandbox) fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.common.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether the message is accepted despite the fault.
    pub(in crate::sandbox) fn accepts(&self) -> bool {
        use RequestFaultKind::{Error, Garbage, Hang, Html, Raw, Redirect, Reset, Throttle, Unavailable};
        let refuses = matches!(
            self.kind,
            Throttle {} | Error { .. } | Unavailable {} | Html { .. } | Redirect { .. } | Raw { .. } | Hang {} | Garbage {} | Reset { .. }
        );
        self.common.accepting || !refuses
    }

    /// Whether it applies before the body is read.
    pub(super) fn plays_before_body(&self) -> bool {
        matches!(self.kind, RequestFaultKind::Reset { before_reading: true }) && !self.common.accepting && !self.reads_body()
    }
}
