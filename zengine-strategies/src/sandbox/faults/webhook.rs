//! Faults of webhook deliveries.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::rule::{FaultKind, FaultRule};
use crate::sandbox::provider::ms;

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
/// let lost_answer = WebhookFault::ignore_answer().for_sender("100200300");
/// let background = WebhookFault::drop_once().forever().with_probability(0.1);
/// # drop((twice, out_of_order, lost_answer, background));
/// ```
pub type WebhookFault = FaultRule<WebhookFaultKind>;

/// The effect on a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case", deny_unknown_fields)]
pub enum WebhookFaultKind {
    Duplicate {
        #[serde(default = "one")]
        copies: u32,
        #[serde(default)]
        ms: u64,
    },
    Delay {
        ms: u64,
    },
    Behind {
        count: u32,
    },
    Together {
        count: usize,
    },
    DropOnce {},
    Lose {},
    IgnoreAnswer {},
    Cut {},
    WrongSignature {},
    Unsigned {},
    Corrupt {},
}

fn one() -> u32 {
    1
}

impl FaultKind for WebhookFaultKind {
    const WHAT: &'static str = "webhook fault";
    const COMMON: &'static [&'static str] = &["times", "forever", "probability", "sender", "edge", "when"];
}

impl WebhookFault {
    constructors! {
        /// Delivers the webhook, then `copies` more times.
        pub duplicate(copies: u32) => Self::new(WebhookFaultKind::Duplicate { copies, ms: 0 });
        /// Delivers the webhook, and once more after a pause by the emulator's clock.
        pub duplicate_after(pause: Duration) => Self::new(WebhookFaultKind::Duplicate { copies: 1, ms: ms(pause) });
        /// Delivers the webhook after a pause by the emulator's clock; later webhooks overtake it.
        pub delay(pause: Duration) => Self::new(WebhookFaultKind::Delay { ms: ms(pause) });
        /// Delivers the webhook after the next `count` webhooks, or after a second if fewer follow.
        pub behind(count: u32) => Self::new(WebhookFaultKind::Behind { count });
        /// Delivers the update in one POST with the following ones, of any sender and account, `count` in total, 1 to 1,000, or as
        /// many as follow within a second.
        pub together(count: usize) => Self::new(WebhookFaultKind::Together { count });
        /// Loses the first attempt; redelivery follows as after any failure.
        pub drop_once() => Self::new(WebhookFaultKind::DropOnce {});
        /// Never delivers the webhook.
        pub lose() => Self::new(WebhookFaultKind::Lose {});
        /// Delivers the webhook but treats the response as a failure: redelivery follows although the callback accepted it.
        pub ignore_answer() => Self::new(WebhookFaultKind::IgnoreAnswer {});
        /// Closes the connection in the middle of the body; redelivery follows.
        pub cut() => Self::new(WebhookFaultKind::Cut {});
        /// Signs the webhook with another secret.
        pub wrong_signature() => Self::new(WebhookFaultKind::WrongSignature {});
        /// Omits the signature.
        pub unsigned() => Self::new(WebhookFaultKind::Unsigned {});
        /// Changes one byte of the body after signing it.
        pub corrupt() => Self::new(WebhookFaultKind::Corrupt {});
    }
}
