//! Faults as JSON, for programs in other languages.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Fault, FaultAction, FaultResponse, Scope};
use crate::sandbox::form;

/// The JSON form of a fault in control calls. Members that its kind does not use must be absent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "an object")]
pub(in crate::sandbox) struct FaultSpec {
    fault: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pieces: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pointer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Value>,
    /// Whether the message is accepted despite the fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    accepting: Option<bool>,
    /// Of a reset: whether it happens before the body is read.
    #[serde(skip_serializing_if = "Option::is_none")]
    before_reading: Option<bool>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    times: Option<u32>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    forever: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    probability: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    edge: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    any_request: bool,
    /// Required members of the request's body, by JSON pointer.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    when: BTreeMap<String, Value>,
    /// Whether the fault has a condition in Rust; written only.
    #[serde(skip_serializing_if = "std::ops::Not::not", skip_deserializing)]
    conditional: bool,
}

/// All kinds and the members of each.
const KINDS: &[(&str, &[&str])] = &[
    ("pass", &[]),
    ("throttle", &["accepting"]),
    ("error", &["code", "status", "accepting"]),
    ("html", &["status", "accepting"]),
    ("raw", &["status", "content_type", "body", "accepting"]),
    ("unavailable", &["accepting"]),
    ("redirect", &["location", "status", "accepting"]),
    ("no_id", &[]),
    ("change", &["pointer", "value"]),
    ("remove", &["pointer"]),
    ("wrong_hash", &[]),
    ("oversize", &["bytes"]),
    ("slow", &["ms"]),
    ("drip", &["pieces", "ms"]),
    ("hang", &["accepting"]),
    ("stall", &[]),
    ("cut_body", &[]),
    ("wrong_length", &["by"]),
    ("garbage", &["accepting"]),
    ("reset", &["accepting", "before_reading"]),
    ("undeliverable", &["code"]),
];

/// Members of every kind.
const COMMON: &[&str] = &["fault", "headers", "times", "forever", "probability", "number", "edge", "path", "any_request", "when"];

impl FaultSpec {
    /// Parses a fault; the error describes the violation.
    pub(in crate::sandbox) fn read(value: &Value) -> Result<Fault, String> {
        let spec = form::read::<Self>(value)?;
        let Some((kind, own)) = KINDS.iter().find(|(kind, _)| *kind == spec.fault) else {
            let known: Vec<_> = KINDS.iter().map(|(kind, _)| *kind).collect();
            return Err(format!("`fault` must be one of {}", known.join(", ")));
        };
        if let Some(extra) =
            value.as_object().and_then(|members| members.keys().find(|key| !own.contains(&key.as_str()) && !COMMON.contains(&key.as_str())))
        {
            return Err(format!("a fault of kind `{kind}` takes no `{extra}`"));
        }
        spec.fault()
    }

    fn fault(self) -> Result<Fault, String> {
        let needs = |name: &str| format!("a fault of kind `{}` needs `{name}`", self.fault);
        let status = self.status.map(checked_status).transpose()?;
        let ms = || self.ms.map(Duration::from_millis).ok_or_else(|| needs("ms"));
        let mut fault = match self.fault.as_str() {
            "pass" => Fault::pass(),
            "throttle" => Fault::throttle(),
            "error" => {
                let code = self.code.ok_or_else(|| needs("code"))?;
                status.map_or_else(|| Fault::code(code), |status| Fault::error(code, status))
            }
            "html" => Fault::html(status.unwrap_or(502)),
            "raw" => {
                let body = match self.body.clone().ok_or_else(|| needs("body"))? {
                    Value::String(text) => text,
                    json => json.to_string(),
                };
                Fault::raw(status.unwrap_or(200), self.content_type.clone().unwrap_or_else(|| "application/json".to_owned()), body)
            }
            "unavailable" => Fault::unavailable(),
            "redirect" => {
                let mut fault = Fault::redirect(self.location.clone().ok_or_else(|| needs("location"))?);
                if let (FaultAction::Respond { response: FaultResponse::Raw { status: at, .. }, .. }, Some(status)) =
                    (&mut fault.action, status)
                {
                    *at = status;
                }
                fault
            }
            "no_id" => Fault::without_id(),
            "change" => {
                let value = self.value.clone().ok_or_else(|| needs("value"))?;
                Fault::change(self.pointer.clone().ok_or_else(|| needs("pointer"))?, value)
            }
            "remove" => Fault::remove(self.pointer.clone().ok_or_else(|| needs("pointer"))?),
            "wrong_hash" => Fault::wrong_hash(),
            "oversize" => Fault::oversize(self.bytes.ok_or_else(|| needs("bytes"))?),
            "slow" => Fault::slow(ms()?),
            "drip" => Fault::drip(self.pieces.unwrap_or(10), ms()?),
            "hang" => Fault::hang(),
            "stall" => Fault::stall_body(),
            "cut_body" => Fault::cut_body(),
            "wrong_length" => Fault::wrong_length(self.by.ok_or_else(|| needs("by"))?),
            "garbage" => Fault::garbage(),
            "reset" if self.before_reading == Some(true) && self.accepting != Some(true) => Fault::reset_before_reading(),
            "reset" => Fault::reset_after_reading(),
            _ => Fault::undeliverable(self.code.ok_or_else(|| needs("code"))?),
        };
        if self.accepting == Some(true) {
            fault = fault.accepting();
        }
        if let Some(probability) = self.probability {
            if !(0.0..=1.0).contains(&probability) {
                return Err("`probability` must be 0 to 1".to_owned());
            }
            fault.probability = probability;
        }
        if self.forever && self.times.is_some() {
            return Err("`times` and `forever` exclude each other".to_owned());
        }
        fault.times = if self.forever { None } else { Some(self.times.unwrap_or(1)) };
        fault.scope = match (self.edge, self.path.is_some() || self.any_request) {
            (Some(edge), false) => Scope::Edge(edge),
            (Some(_), true) => return Err("`edge` excludes `path` and `any_request`".to_owned()),
            (None, true) => Scope::All,
            (None, false) => fault.scope,
        };
        if let Some(pointer) = self.when.keys().chain(&self.pointer).find(|pointer| !pointer.is_empty() && !pointer.starts_with('/')) {
            return Err(format!("`{pointer}` is no JSON pointer; it must begin with /"));
        }
        fault.path = self.path;
        fault.number = self.number;
        fault.members = self.when.into_iter().collect();
        fault.headers.extend(self.headers);
        Ok(fault)
    }

    /// Converts a fault to JSON.
    pub(in crate::sandbox) fn of(fault: &Fault) -> Self {
        let millis = |duration: &Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let mut spec = Self {
            headers: fault.headers.iter().cloned().collect(),
            times: fault.times,
            forever: fault.times.is_none(),
            probability: Some(fault.probability).filter(|probability| *probability < 1.0),
            number: fault.number.clone(),
            path: fault.path.clone(),
            any_request: fault.scope == Scope::All && fault.path.is_none(),
            when: fault.members.iter().cloned().collect(),
            conditional: fault.when.is_some(),
            ..Self::default()
        };
        if let Scope::Edge(edge) = &fault.scope {
            spec.edge = Some(edge.clone());
        }
        let name = match &fault.action {
            FaultAction::Pass => "pass",
            FaultAction::Respond { response, accepted } => {
                spec.accepting = accepted.then_some(true);
                match response {
                    FaultResponse::Throttle => "throttle",
                    FaultResponse::Code { code, status } => {
                        (spec.code, spec.status) = (Some(*code), *status);
                        "error"
                    }
                    FaultResponse::Raw { status, content_type, body } => {
                        (spec.status, spec.content_type) = (Some(*status), Some(content_type.clone()));
                        spec.body = Some(body.as_str().into());
                        "raw"
                    }
                }
            }
            FaultAction::Slow(delay) => {
                spec.ms = Some(millis(delay));
                "slow"
            }
            FaultAction::Drip { pieces, pause } => {
                (spec.pieces, spec.ms) = (Some(*pieces), Some(millis(pause)));
                "drip"
            }
            FaultAction::Hang { accepted } => {
                spec.accepting = accepted.then_some(true);
                "hang"
            }
            FaultAction::Stall => "stall",
            FaultAction::CutBody => "cut_body",
            FaultAction::Length(by) => {
                spec.by = Some(*by);
                "wrong_length"
            }
            FaultAction::Garbage { accepted } => {
                spec.accepting = accepted.then_some(true);
                "garbage"
            }
            FaultAction::Reset { body_read, accepted } => {
                (spec.accepting, spec.before_reading) = (accepted.then_some(true), (!body_read).then_some(true));
                "reset"
            }
            FaultAction::Change { pointer, value } => {
                (spec.pointer, spec.value) = (Some(pointer.clone()), value.clone());
                if value.is_some() { "change" } else { "remove" }
            }
            FaultAction::WithoutId => "no_id",
            FaultAction::Oversize(bytes) => {
                spec.bytes = Some(*bytes);
                "oversize"
            }
            FaultAction::Undeliverable(code) => {
                spec.code = Some(*code);
                "undeliverable"
            }
        };
        name.clone_into(&mut spec.fault);
        spec
    }
}

fn checked_status(status: u16) -> Result<u16, String> {
    if (200..=599).contains(&status) { Ok(status) } else { Err("`status` must be 200 to 599".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_kind_reads_back_as_it_was_written() {
        for (kind, own) in KINDS {
            let mut json = json!({"fault": kind, "times": 2, "number": "1", "probability": 0.5, "headers": {"a": "b"}, "when": {"/x": 1}});
            for member in *own {
                json[*member] = match *member {
                    "accepting" | "before_reading" => continue,
                    "content_type" => json!("text/plain"),
                    "status" => json!(503),
                    "pointer" => json!("/a/0"),
                    "location" | "body" | "value" => json!("x"),
                    _ => json!(7),
                };
            }
            let fault = FaultSpec::read(&json).unwrap_or_else(|error| panic!("{kind}: {error}"));
            let again = serde_json::to_value(FaultSpec::of(&fault)).unwrap();
            let reread = FaultSpec::read(&again).unwrap_or_else(|error| panic!("{kind}: {again}: {error}"));
            assert_eq!((fault.name(), &fault.action), (reread.name(), &reread.action), "{kind}");
            assert_eq!(again, serde_json::to_value(FaultSpec::of(&reread)).unwrap());
            assert_eq!((fault.times, fault.scope.clone(), fault.number.clone()), (Some(2), reread.scope.clone(), Some("1".to_owned())));
        }
    }

    #[test]
    fn an_invalid_fault_is_refused_with_the_reason() {
        for (json, expected) in [
            (json!({"fault": "trottle"}), "must be one of pass, throttle"),
            (json!({"fault": "slow"}), "needs `ms`"),
            (json!({"fault": "throttle", "ms": 3}), "takes no `ms`"),
            (json!({"fault": "throttle", "tims": 3}), "unknown field `tims`"),
            (json!({"fault": "throttle", "times": 3, "forever": true}), "exclude each other"),
            (json!({"fault": "throttle", "probability": 1.5}), "0 to 1"),
            (json!({"fault": "error", "code": 1, "status": 99}), "200 to 599"),
            (json!({"fault": "throttle", "when": {"type": "text"}}), "no JSON pointer"),
            (json!("throttle"), "invalid type"),
        ] {
            let error = FaultSpec::read(&json).unwrap_err();
            assert!(error.contains(expected), "{json}: {error}");
        }
    }
}
