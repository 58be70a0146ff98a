//! The rule of a fault: its effect, and the requests or webhooks that it applies to.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::sandbox::form;

/// A fault of the kind `K`, and the requests or webhooks that it applies to; once by default.
///
/// [`Fault`](super::Fault) and [`WebhookFault`](super::WebhookFault) are its two forms. As JSON it is one object: the kind
/// under `fault`, the kind's own members and the common ones beside it; unknown members are refused.
///
/// ```
/// use zengine_strategies::sandbox::{Fault, WebhookFault};
///
/// let busy: Fault = serde_json::from_str(r#"{"fault": "throttle", "times": 2}"#)?;
/// let late: WebhookFault = serde_json::from_str(r#"{"fault": "delay", "ms": 500, "sender": "100200300"}"#)?;
/// # drop((busy, late));
/// assert!(serde_json::from_str::<Fault>(r#"{"fault": "throttle", "ms": 500}"#).is_err());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "Box<RawValue>", bound(deserialize = "K: FaultKind"))]
#[must_use = "a fault has no effect until it is queued in an emulator"]
pub struct FaultRule<K> {
    #[serde(flatten)]
    pub(in crate::sandbox) kind: K,
    #[serde(flatten)]
    pub(super) common: Common,
}

/// The members that do not depend on the kind.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Common {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) times: Option<u32>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    forever: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    probability: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sender: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    edge: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) path: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) any_request: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) accepting: bool,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) headers: BTreeMap<String, String>,
    /// Required members of the body, by JSON pointer.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    when: BTreeMap<String, Value>,
    /// A condition in Rust, of which JSON only shows the existence.
    #[serde(rename = "conditional", skip_deserializing, skip_serializing_if = "Option::is_none", serialize_with = "exists")]
    condition: Option<Condition>,
}

type Condition = Arc<dyn Fn(&Value) -> bool + Send + Sync>;

#[allow(clippy::ref_option, reason = "serde gives the field as it is")]
fn exists<S: Serializer>(_: &Option<Condition>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bool(true)
}

/// The kinds of fault of one queue, told apart in JSON by the member `fault`.
pub trait FaultKind: Serialize + DeserializeOwned {
    /// The name of such a fault in errors.
    const WHAT: &'static str;
    /// The common members that apply.
    const COMMON: &'static [&'static str];

    /// The edge of requests that it matches unless the rule names another; `None` for the usual ones.
    fn edge(&self) -> Option<&'static str> {
        None
    }

    /// Checks the members that the types leave open.
    ///
    /// # Errors
    ///
    /// The violated rule.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }
}

impl<K: FaultKind> TryFrom<Box<RawValue>> for FaultRule<K> {
    type Error = String;

    fn try_from(json: Box<RawValue>) -> Result<Self, String> {
        let mut members: Map<_, _> = form::read(&form::json(json.get())?)?;
        let common: Map<_, _> = K::COMMON.iter().filter_map(|name| members.remove_entry(*name)).collect();
        let members = Value::from(members);
        let kind: K = form::read(&members).map_err(|error| explained::<K>(members["fault"].as_str(), error))?;
        kind.check()?;
        let common: Common = form::read(&common.into())?;
        if common.probability.is_some_and(|probability| !(0.0..=1.0).contains(&probability)) {
            return Err("`probability` must be 0 to 1".to_owned());
        }
        for (one, other, both) in [
            ("times", "forever", common.times.is_some() && common.forever),
            ("edge", "any_request", common.edge.is_some() && common.any_request),
        ] {
            if both {
                return Err(format!("`{one}` and `{other}` exclude each other"));
            }
        }
        common.when.keys().try_for_each(|key| pointer(key))?;
        Ok(Self { kind, common })
    }
}

/// The error of a kind's own members, in the words of the kind.
fn explained<K: FaultKind>(kind: Option<&str>, error: String) -> String {
    let Some(kind) = kind else { return error };
    let named = |prefix: &str| error.strip_prefix(prefix)?.split('`').next();
    match (named("missing field `"), named("unknown field `")) {
        (Some(name), _) => format!("a {} of kind `{kind}` needs `{name}`", K::WHAT),
        (_, Some(name)) => format!("a {} of kind `{kind}` takes no `{name}`; all kinds take {}", K::WHAT, K::COMMON.join(", ")),
        _ => error,
    }
}

/// Checks a JSON pointer.
pub(super) fn pointer(text: &str) -> Result<(), String> {
    if text.is_empty() || text.starts_with('/') { Ok(()) } else { Err(format!("`{text}` is no JSON pointer; it must begin with /")) }
}

/// The properties of a request or a webhook, the body left out.
#[derive(Debug, Clone, Copy)]
pub(in crate::sandbox) struct Target<'a> {
    /// Whether rules without an edge match it.
    pub(in crate::sandbox) usual: bool,
    pub(in crate::sandbox) edge: &'a str,
    pub(in crate::sandbox) sender: Option<&'a str>,
    pub(in crate::sandbox) path: &'a str,
}

impl<K> FaultRule<K> {
    pub(super) fn new(kind: K) -> Self {
        Self { kind, common: Common::default() }
    }

    /// Applies the fault to this many requests or webhooks. Defaults to 1.
    pub fn times(mut self, times: u32) -> Self {
        (self.common.times, self.common.forever) = (Some(times), false);
        self
    }

    /// Applies the fault to everything that matches until the faults are cleared.
    pub fn forever(mut self) -> Self {
        (self.common.times, self.common.forever) = (None, true);
        self
    }

    setters! {
        /// Applies the fault to each match with this probability, 0 to 1. The emulator's seed determines the draws.
        pub with_probability(probability: f64) => common.probability = Some(probability);
        /// Matches only requests or webhooks of this sending number or account.
        pub for_sender(sender: impl Into<String>) => common.sender = Some(sender.into());
        /// Matches only if the request's JSON body, or the webhook's update, satisfies the condition. It runs inside the emulator:
        /// you must not call the emulator from it.
        pub when(condition: impl Fn(&Value) -> bool + Send + Sync + 'static) => common.condition = Some(Arc::new(condition));
    }

    /// Matches requests of this kind instead of sends (`media_upload`, `oauth`, …), or webhooks with this kind of update
    /// (`messages`, …). Each emulator's documentation lists its kinds.
    pub fn on_edge(mut self, edge: impl Into<String>) -> Self {
        (self.common.edge, self.common.any_request) = (Some(edge.into()), false);
        self
    }

    /// Matches only if the request's body, or the webhook's update, has this value at this JSON pointer.
    pub fn when_member(mut self, pointer: impl Into<String>, value: impl Into<Value>) -> Self {
        self.common.when.insert(pointer.into(), value.into());
        self
    }

    /// How often it still applies; `None` for ever.
    pub(super) fn left(&self) -> Option<u32> {
        if self.common.forever { None } else { Some(self.common.times.unwrap_or(1)) }
    }

    pub(super) fn probability(&self) -> f64 {
        self.common.probability.unwrap_or(1.0)
    }

    /// Whether it depends on the body.
    pub(super) fn reads_body(&self) -> bool {
        self.common.condition.is_some() || !self.common.when.is_empty()
    }

    /// Whether the body matches.
    pub(super) fn agrees(&self, body: &Value) -> bool {
        let mut members = self.common.when.iter();
        members.all(|(pointer, value)| body.pointer(pointer) == Some(value))
            && self.common.condition.as_ref().is_none_or(|condition| condition(body))
    }
}

impl<K: FaultKind> FaultRule<K> {
    /// The name of the kind, as in JSON.
    pub(in crate::sandbox) fn name(&self) -> String {
        serde_json::to_value(&self.kind).ok().and_then(|kind| Some(kind.get("fault")?.as_str()?.to_owned())).unwrap_or_default()
    }

    /// Whether everything but the body matches.
    pub(super) fn fits(&self, target: Target<'_>) -> bool {
        let common = &self.common;
        let anywhere = common.any_request || common.path.is_some();
        let edge = common.edge.as_deref().or_else(|| self.kind.edge().filter(|_| !anywhere));
        edge.map_or(anywhere || target.usual, |edge| target.edge == edge)
            && common.sender.as_deref().is_none_or(|sender| target.sender == Some(sender))
            && common.path.as_deref().is_none_or(|part| target.path.contains(part))
    }

    /// Whether everything matches.
    pub(super) fn is_unconditional(&self) -> bool {
        self.common.sender.is_none() && self.common.edge.is_none() && !self.reads_body()
    }
}

impl<K: FaultKind> fmt::Debug for FaultRule<K> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Conditions and bodies may hold personal messages.
        formatter
            .debug_struct("FaultRule")
            .field("fault", &self.name())
            .field("times", &self.left())
            .field("probability", &self.probability())
            .field("sender", &self.common.sender)
            .field("conditional", &self.reads_body())
            .finish_non_exhaustive()
    }
}
