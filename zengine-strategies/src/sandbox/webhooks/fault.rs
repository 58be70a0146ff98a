//! Faults of webhook deliveries.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::Item;

/// A fault of a webhook delivery; it applies once by default.
///
/// Waits in a queue of its own until a webhook matches; by default every webhook does. A POST of several updates matches if
/// one of them does.
///
/// ```
/// use std::time::Duration;
/// use zengine_strategies::sandbox::WebhookFault;
///
/// let twice = WebhookFault::duplicate(1);
/// let out_of_order = WebhookFault::behind(2).when_member("/statuses/0/status", "sent");
/// let lost_answer = WebhookFault::ignore_answer().for_number("100200300");
/// let background = WebhookFault::drop_once().forever().with_probability(0.1);
/// # drop((twice, out_of_order, lost_answer, background));
/// ```
#[derive(Clone)]
#[must_use = "a fault has no effect until it is queued in an emulator"]
pub struct WebhookFault {
    pub(super) action: WebhookAction,
    pub(super) times: Option<u32>,
    pub(super) probability: f64,
    pub(super) number: Option<String>,
    pub(super) field: Option<String>,
    pub(super) members: Vec<(String, Value)>,
    pub(super) when: Option<Condition>,
}

type Condition = Arc<dyn Fn(&Value) -> bool + Send + Sync>;

/// The effect on a webhook.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum WebhookAction {
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
    pub(super) fn new(action: WebhookAction) -> Self {
        Self { action, times: Some(1), probability: 1.0, number: None, field: None, members: Vec::new(), when: None }
    }

    /// Delivers the webhook, then `copies` more times.
    pub fn duplicate(copies: u32) -> Self {
        Self::new(WebhookAction::Duplicate { copies, pause: Duration::ZERO })
    }

    /// Delivers the webhook, and once more after a pause by the emulator's clock.
    pub fn duplicate_after(pause: Duration) -> Self {
        Self::new(WebhookAction::Duplicate { copies: 1, pause })
    }

    /// Delivers the webhook after a pause by the emulator's clock; later webhooks overtake it.
    pub fn delay(pause: Duration) -> Self {
        Self::new(WebhookAction::Delay(pause))
    }

    /// Delivers the webhook after the next `count` webhooks, or after a second if fewer follow.
    pub fn behind(count: u32) -> Self {
        Self::new(WebhookAction::Behind(count))
    }

    /// Delivers the update in one POST with the following ones, of any number and account, `count` in total, or as many as follow
    /// within a second.
    pub fn together(count: usize) -> Self {
        Self::new(WebhookAction::Together(count.clamp(1, 1_000)))
    }

    /// Loses the first attempt; redelivery follows as after any failure.
    pub fn drop_once() -> Self {
        Self::new(WebhookAction::DropOnce)
    }

    /// Never delivers the webhook.
    pub fn lose() -> Self {
        Self::new(WebhookAction::Lose)
    }

    /// Delivers the webhook but treats the response as a failure: redelivery follows although the callback accepted it.
    pub fn ignore_answer() -> Self {
        Self::new(WebhookAction::IgnoreAnswer)
    }

    /// Closes the connection in the middle of the body; redelivery follows.
    pub fn cut() -> Self {
        Self::new(WebhookAction::Cut)
    }

    /// Signs the webhook with another secret.
    pub fn wrong_signature() -> Self {
        Self::new(WebhookAction::WrongSignature)
    }

    /// Omits the signature.
    pub fn unsigned() -> Self {
        Self::new(WebhookAction::Unsigned)
    }

    /// Changes one byte of the body after signing it.
    pub fn corrupt() -> Self {
        Self::new(WebhookAction::Corrupt)
    }

    /// Applies the fault to this many webhooks. Defaults to 1.
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// Applies the fault to every matching webhook until the faults are cleared.
    pub fn forever(mut self) -> Self {
        self.times = None;
        self
    }

    /// Applies the fault to each matching webhook with this probability, 0 to 1. The emulator's seed determines the draws.
    pub fn with_probability(mut self, probability: f64) -> Self {
        self.probability = probability;
        self
    }

    /// Matches only webhooks of this number.
    pub fn for_number(mut self, phone_number_id: impl Into<String>) -> Self {
        self.number = Some(phone_number_id.into());
        self
    }

    /// Matches only webhooks of this field, such as `messages` or `account_update`.
    pub fn for_field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// Matches only updates with this value at this JSON pointer.
    pub fn when_member(mut self, pointer: impl Into<String>, value: impl Into<Value>) -> Self {
        self.members.push((pointer.into(), value.into()));
        self
    }

    /// Matches only updates whose value satisfies the condition. It runs inside the emulator: you must not call the emulator from it.
    pub fn when(mut self, condition: impl Fn(&Value) -> bool + Send + Sync + 'static) -> Self {
        self.when = Some(Arc::new(condition));
        self
    }

    /// The name in the journal.
    pub(super) fn name(&self) -> &'static str {
        match self.action {
            WebhookAction::Duplicate { .. } => "duplicate",
            WebhookAction::Delay(_) => "delay",
            WebhookAction::Behind(_) => "behind",
            WebhookAction::Together(_) => "together",
            WebhookAction::DropOnce => "drop_once",
            WebhookAction::Lose => "lose",
            WebhookAction::IgnoreAnswer => "ignore_answer",
            WebhookAction::Cut => "cut",
            WebhookAction::WrongSignature => "wrong_signature",
            WebhookAction::Unsigned => "unsigned",
            WebhookAction::Corrupt => "corrupt",
        }
    }

    /// Whether one of these updates matches, or the fault has no conditions.
    pub(super) fn fits(&self, items: &[Item]) -> bool {
        let has_conditions = self.number.is_some() || self.field.is_some() || !self.members.is_empty() || self.when.is_some();
        !has_conditions || items.iter().any(|item| self.fits_one(item))
    }

    fn fits_one(&self, item: &Item) -> bool {
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
