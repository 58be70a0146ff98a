//! Faults on the way of a webhook.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Item;
use crate::sandbox::lock;
use crate::sandbox::random::Random;

/// Something that goes wrong with a webhook on its way, once unless told otherwise.
///
/// It waits in a queue of its own until a webhook fits it; without further words every webhook does. For a POST of several
/// updates it is enough that one fits.
///
/// ```
/// use std::time::Duration;
/// use zengine_strategies::sandbox::WebhookFault;
///
/// let twice = WebhookFault::duplicate(1);
/// let out_of_order = WebhookFault::behind(2).when_member("/statuses/0/status", "sent");
/// let lost_answer = WebhookFault::ignore_answer().for_number("100200300");
/// let weather = WebhookFault::drop_once().forever().with_probability(0.1);
/// # drop((twice, out_of_order, lost_answer, weather));
/// ```
#[derive(Clone)]
#[must_use = "a fault does nothing until an emulator is told to play it"]
pub struct WebhookFault {
    pub(super) action: Action,
    times: Option<u32>,
    probability: f64,
    number: Option<String>,
    field: Option<String>,
    members: Vec<(String, Value)>,
    when: Option<Condition>,
}

type Condition = Arc<dyn Fn(&Value) -> bool + Send + Sync>;

/// What happens to a webhook.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Action {
    Duplicate { copies: u32, pause: Duration },
    Delay(Duration),
    Behind(u32),
    Together(usize),
    DropOnce,
    Lose,
    IgnoreAnswer,
    Cut,
    WrongSignature,
    Unsigned,
    Corrupt,
}

impl WebhookFault {
    fn new(action: Action) -> Self {
        Self { action, times: Some(1), probability: 1.0, number: None, field: None, members: Vec::new(), when: None }
    }

    /// Delivers it, and then `copies` times again.
    pub fn duplicate(copies: u32) -> Self {
        Self::new(Action::Duplicate { copies, pause: Duration::ZERO })
    }

    /// Delivers it, and once more after a pause by the emulator's clock.
    pub fn duplicate_after(pause: Duration) -> Self {
        Self::new(Action::Duplicate { copies: 1, pause })
    }

    /// Delivers it after a pause by the emulator's clock; later webhooks overtake it.
    pub fn delay(pause: Duration) -> Self {
        Self::new(Action::Delay(pause))
    }

    /// Delivers it behind the next `count` webhooks; where fewer come within a second, after that.
    pub fn behind(count: u32) -> Self {
        Self::new(Action::Behind(count))
    }

    /// Collects it and the updates that follow, of any number and account, until there are `count`, in one POST; where fewer
    /// come within a second, those.
    pub fn together(count: usize) -> Self {
        Self::new(Action::Together(count.clamp(1, 1_000)))
    }

    /// Loses the first attempt on the way; redelivery follows as after any failure.
    pub fn drop_once() -> Self {
        Self::new(Action::DropOnce)
    }

    /// Never delivers it.
    pub fn lose() -> Self {
        Self::new(Action::Lose)
    }

    /// Delivers it, but takes the answer for a failure: it is delivered again although it was taken.
    pub fn ignore_answer() -> Self {
        Self::new(Action::IgnoreAnswer)
    }

    /// Breaks the connection in the middle of the body; redelivery follows.
    pub fn cut() -> Self {
        Self::new(Action::Cut)
    }

    /// Signs it with another secret.
    pub fn wrong_signature() -> Self {
        Self::new(Action::WrongSignature)
    }

    /// Leaves the signature out.
    pub fn unsigned() -> Self {
        Self::new(Action::Unsigned)
    }

    /// Changes one byte of the body behind the signature.
    pub fn corrupt() -> Self {
        Self::new(Action::Corrupt)
    }

    /// Plays it on this many webhooks.
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// Plays it on every webhook that fits, until the faults are cleared.
    pub fn forever(mut self) -> Self {
        self.times = None;
        self
    }

    /// Plays it with this probability (0 to 1) on each webhook that fits. The draws follow from the emulator's seed.
    pub fn with_probability(mut self, probability: f64) -> Self {
        self.probability = probability;
        self
    }

    /// Fits only webhooks of this number.
    pub fn for_number(mut self, phone_number_id: impl Into<String>) -> Self {
        self.number = Some(phone_number_id.into());
        self
    }

    /// Fits only webhooks of this field, as in `messages` or `account_update`.
    pub fn for_field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// Fits only webhooks whose value has this at this JSON pointer.
    pub fn when_member(mut self, pointer: impl Into<String>, value: impl Into<Value>) -> Self {
        self.members.push((pointer.into(), value.into()));
        self
    }

    /// Fits only webhooks whose value fulfils the condition. It runs inside the emulator and must not call it.
    pub fn when(mut self, condition: impl Fn(&Value) -> bool + Send + Sync + 'static) -> Self {
        self.when = Some(Arc::new(condition));
        self
    }

    /// The name under which the journal lists it.
    pub(super) fn name(&self) -> &'static str {
        match self.action {
            Action::Duplicate { .. } => "duplicate",
            Action::Delay(_) => "delay",
            Action::Behind(_) => "behind",
            Action::Together(_) => "together",
            Action::DropOnce => "drop_once",
            Action::Lose => "lose",
            Action::IgnoreAnswer => "ignore_answer",
            Action::Cut => "cut",
            Action::WrongSignature => "wrong_signature",
            Action::Unsigned => "unsigned",
            Action::Corrupt => "corrupt",
        }
    }

    fn fits(&self, item: &Item) -> bool {
        self.number.as_deref().is_none_or(|number| item.number.as_deref() == Some(number))
            && self.field.as_deref().is_none_or(|field| item.field == field)
            && self.members.iter().all(|(pointer, value)| item.value.pointer(pointer) == Some(value))
            && self.when.as_ref().is_none_or(|condition| condition(&item.value))
    }
}

impl fmt::Debug for WebhookFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("WebhookFault")
            .field("action", &self.action)
            .field("times", &self.times)
            .field("probability", &self.probability)
            .field("number", &self.number)
            .field("field", &self.field)
            .field("conditional", &(self.when.is_some() || !self.members.is_empty()))
            .finish_non_exhaustive()
    }
}

/// The queue of an emulator.
#[derive(Debug)]
pub(super) struct WebhookFaults {
    seed: u64,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    waiting: VecDeque<(WebhookFault, Random)>,
    count: u64,
}

impl WebhookFaults {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, inner: Mutex::default() }
    }

    pub(super) fn push(&self, fault: WebhookFault) {
        if fault.times == Some(0) {
            return;
        }
        let inner = &mut *lock(&self.inner);
        // Other draws than those of the request faults of the same seed.
        let random = Random::stream(!self.seed, inner.count);
        inner.count += 1;
        inner.waiting.push_back((fault, random));
    }

    pub(super) fn clear(&self) {
        lock(&self.inner).waiting.clear();
    }

    pub(super) fn reset(&self) {
        *lock(&self.inner) = Inner::default();
    }

    pub(super) fn waiting(&self) -> Vec<WebhookFault> {
        lock(&self.inner).waiting.iter().map(|(fault, _)| fault.clone()).collect()
    }

    /// Takes the first fault that fits.
    pub(super) fn take(&self, items: &[Item]) -> Option<WebhookFault> {
        let queue = &mut lock(&self.inner).waiting;
        let at = queue
            .iter_mut()
            .position(|(fault, random)| items.iter().any(|item| fault.fits(item)) && random.fraction() < fault.probability)?;
        let fault = queue[at].0.clone();
        match queue[at].0.times.as_mut() {
            Some(left) if *left <= 1 => drop(queue.remove(at)),
            Some(left) => *left -= 1,
            None => {}
        }
        Some(fault)
    }
}

/// A webhook fault as a control call writes it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::sandbox) struct WebhookSpec {
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
    /// Shown, never read: the fault has a condition in Rust.
    #[serde(skip_serializing_if = "std::ops::Not::not", skip_deserializing)]
    conditional: bool,
}

impl WebhookSpec {
    /// Reads a fault; the error says what is wrong with it.
    pub(in crate::sandbox) fn read(value: &Value) -> Result<WebhookFault, String> {
        let spec = Self::deserialize(value).map_err(|error| error.to_string())?;
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
            "duplicate" => WebhookFault::new(Action::Duplicate { copies: spec.copies.unwrap_or(1), pause: pause.unwrap_or_default() }),
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

    /// A fault as JSON.
    pub(in crate::sandbox) fn of(fault: &WebhookFault) -> Self {
        let millis = |duration: Duration| Some(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)).filter(|ms| *ms > 0);
        let (copies, ms, count) = match fault.action {
            Action::Duplicate { copies, pause } => (Some(copies), millis(pause), None),
            Action::Delay(pause) => (None, Some(millis(pause).unwrap_or(0)), None),
            Action::Behind(count) => (None, None, Some(count)),
            Action::Together(count) => (None, None, u32::try_from(count).ok()),
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

    fn item(number: &str) -> Item {
        Item { account: "1".to_owned(), number: Some(number.to_owned()), field: "messages".to_owned(), value: json!({"a": 1}) }
    }

    #[test]
    fn faults_fit_and_end_as_told() {
        let faults = WebhookFaults::new(1);
        faults.push(WebhookFault::lose().for_number("2").for_field("messages").when_member("/a", 1).times(2));
        assert!(faults.take(&[item("1")]).is_none());
        assert!(faults.take(&[item("1"), item("2")]).is_some(), "one of several is enough");
        assert!(faults.take(&[item("2")]).is_some());
        assert!(faults.take(&[item("2")]).is_none());
        faults.push(WebhookFault::lose().forever().with_probability(0.5));
        let draws = |faults: &WebhookFaults| (0..64).map(|_| faults.take(&[item("1")]).is_some()).collect::<Vec<_>>();
        let again = WebhookFaults::new(1);
        again.push(WebhookFault::lose().times(0));
        again.push(WebhookFault::cut());
        again.clear();
        again.push(WebhookFault::lose().forever().with_probability(0.5));
        assert_eq!(draws(&faults), draws(&again), "the same seed and place in the script");
    }

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
            let spec = WebhookSpec::of(&fault);
            let again = WebhookSpec::read(&serde_json::to_value(&spec).unwrap()).unwrap();
            assert_eq!((again.action, WebhookSpec::of(&again)), (fault.action, spec));
        }
        for (json, expected) in [
            (json!({"fault": "x"}), "must be one of"),
            (json!({"fault": "delay"}), "needs `ms`"),
            (json!({"fault": "lose", "count": 1}), "takes no `count`"),
        ] {
            assert!(WebhookSpec::read(&json).unwrap_err().contains(expected));
        }
    }
}
