//! Webhook faults as JSON, for programs in other languages.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::fault::{WebhookAction, WebhookFault};
use crate::sandbox::form;

/// The JSON form of a webhook fault in control calls.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "an object")]
pub(in crate::sandbox) struct WebhookFaultSpec {
    fault: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    copies: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    times: Option<u32>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    forever: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    probability: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    when: BTreeMap<String, Value>,
    /// Whether the fault has a condition in Rust; written only.
    #[serde(skip_serializing_if = "std::ops::Not::not", skip_deserializing)]
    conditional: bool,
}

impl WebhookFaultSpec {
    /// Parses a fault; the error describes the violation.
    pub(in crate::sandbox) fn read(value: &Value) -> Result<WebhookFault, String> {
        let spec = form::read::<Self>(value)?;
        let needs = |name: &str| format!("a webhook fault of kind `{}` needs `{name}`", spec.fault);
        let pause = spec.ms.map(Duration::from_millis);
        let count = || spec.count.ok_or_else(|| needs("count"));
        let takes: &[&str] = match spec.fault.as_str() {
            "duplicate" => &["copies", "ms"],
            "delay" => &["ms"],
            "behind" | "together" => &["count"],
            _ => &[],
        };
        for (name, present) in [("copies", spec.copies.is_some()), ("ms", pause.is_some()), ("count", spec.count.is_some())] {
            if present && !takes.contains(&name) {
                return Err(format!("a webhook fault of kind `{}` takes no `{name}`", spec.fault));
            }
        }
        let mut fault = match spec.fault.as_str() {
            "duplicate" => {
                WebhookFault::new(WebhookAction::Duplicate { copies: spec.copies.unwrap_or(1), pause: pause.unwrap_or_default() })
            }
            "delay" => WebhookFault::delay(pause.ok_or_else(|| needs("ms"))?),
            "behind" => WebhookFault::behind(count()?),
            "together" => WebhookFault::together(usize::try_from(count()?).unwrap_or(usize::MAX)),
            "drop_once" => WebhookFault::drop_once(),
            "lose" => WebhookFault::lose(),
            "ignore_answer" => WebhookFault::ignore_answer(),
            "cut" => WebhookFault::cut(),
            "wrong_signature" => WebhookFault::wrong_signature(),
            "unsigned" => WebhookFault::unsigned(),
            "corrupt" => WebhookFault::corrupt(),
            _ => {
                return Err("`fault` must be one of duplicate, delay, behind, together, drop_once, lose, ignore_answer, cut, \
                            wrong_signature, unsigned, corrupt"
                    .to_owned());
            }
        };
        if let Some(probability) = spec.probability {
            if !(0.0..=1.0).contains(&probability) {
                return Err("`probability` must be 0 to 1".to_owned());
            }
            fault.probability = probability;
        }
        if spec.forever && spec.times.is_some() {
            return Err("`times` and `forever` exclude each other".to_owned());
        }
        if let Some(pointer) = spec.when.keys().find(|pointer| !pointer.is_empty() && !pointer.starts_with('/')) {
            return Err(format!("`{pointer}` is no JSON pointer; it must begin with /"));
        }
        fault.times = if spec.forever { None } else { Some(spec.times.unwrap_or(1)) };
        fault.number = spec.number;
        fault.field = spec.field;
        fault.members = spec.when.into_iter().collect();
        Ok(fault)
    }

    /// Converts a fault to JSON.
    pub(in crate::sandbox) fn of(fault: &WebhookFault) -> Self {
        let millis = |duration: Duration| Some(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)).filter(|ms| *ms > 0);
        let (copies, ms, count) = match fault.action {
            WebhookAction::Duplicate { copies, pause } => (Some(copies), millis(pause), None),
            WebhookAction::Delay(pause) => (None, Some(millis(pause).unwrap_or(0)), None),
            WebhookAction::Behind(count) => (None, None, Some(count)),
            WebhookAction::Together(count) => (None, None, u32::try_from(count).ok()),
            _ => (None, None, None),
        };
        Self {
            fault: fault.name().to_owned(),
            copies,
            ms,
            count,
            times: fault.times,
            forever: fault.times.is_none(),
            probability: Some(fault.probability).filter(|probability| *probability < 1.0),
            number: fault.number.clone(),
            field: fault.field.clone(),
            when: fault.members.iter().cloned().collect(),
            conditional: fault.when.is_some(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_kind_reads_back_as_it_was_written() {
        for fault in [
            WebhookFault::duplicate(2),
            WebhookFault::duplicate_after(Duration::from_millis(5)).forever(),
            WebhookFault::delay(Duration::from_millis(7)).with_probability(0.25),
            WebhookFault::behind(3).for_number("1").for_field("calls"),
            WebhookFault::together(4).when_member("/a", "b"),
            WebhookFault::drop_once(),
            WebhookFault::lose(),
            WebhookFault::ignore_answer(),
            WebhookFault::cut(),
            WebhookFault::wrong_signature(),
            WebhookFault::unsigned(),
            WebhookFault::corrupt().times(9),
        ] {
            let spec = WebhookFaultSpec::of(&fault);
            let again = WebhookFaultSpec::read(&serde_json::to_value(&spec).unwrap()).unwrap();
            assert_eq!((again.action, WebhookFaultSpec::of(&again)), (fault.action, spec));
        }
        for (json, expected) in [
            (json!({"fault": "x"}), "must be one of"),
            (json!({"fault": "delay"}), "needs `ms`"),
            (json!({"fault": "lose", "count": 1}), "takes no `count`"),
        ] {
            assert!(WebhookFaultSpec::read(&json).unwrap_err().contains(expected));
        }
    }
}
