//! Conversations with the customers of a provider that opens and ends them, such as a contact centre's chat.
//!
//! A conversation is one session under its customer's identity, moved by compare-and-set alone: `opening`, `open`, `ending`,
//! `ended`. One send opens it; the others wait for it in their own attempts, in the order in which they came. A second session, under
//! the hash of the provider's id, leads from an event to the customer, and outlives the conversation.
//!
//! The order of writes, and what a crash between two of them leaves:
//!
//! | order | a crash in between leaves |
//! |---|---|
//! | `opening` → entry of our key → the provider's call | an opening that lapses with its attempt; the next send resolves it |
//! | the call → entry of the provider's id → `open` | the same. An event of that id finds its customer already |
//! | entries renewed → conversation renewed | entries that live longer than needed |
//! | `ending` → the provider's call → `ended` | an ending that lapses; the next send, end or sweep makes the call again |
//!
//! Ownership is what the owner's token in the record says; a write whose answer is lost is known by its id, which the record keeps for
//! the next two dozen writes.

mod changes;
mod early;
mod ending;
mod entries;
mod join;
mod live;
mod lookup;
mod opening;
mod provider;
mod record;
mod sending;
mod step;
mod sweep;

use std::time::Duration;

use super::Sessions;
pub use ending::Ended;
pub use live::{Live, Turn};
pub use lookup::FoundConversation;
pub use provider::{ConversationProvider, Ending, OpenRequest, Opened, Resolution};
pub use record::ConversationState;
pub use sweep::SweptConversations;

/// Time that the clocks of two processes may differ, and that a write takes.
const SKEW: Duration = Duration::from_secs(2);

/// The conversations of one tenant and strategy. A cheap handle: make one per call.
///
/// ```
/// use zengine_connector::{Identity, SendError, strategy::{ConversationProvider, Conversations, OpenRequest, SendContext, conversations::{Opened, Resolution}}};
///
/// struct Desk;
///
/// impl ConversationProvider for Desk {
///     type Data = String;
///
///     async fn open(&self, opening: &OpenRequest) -> Result<Opened<String>, SendError> {
///         // POST /conversations with `opening.key` as the client token
///         Ok(Opened::new("chat-7", "token".to_owned()))
///     }
///
///     async fn resolve(&self, _: &OpenRequest) -> Result<Resolution<String>, SendError> {
///         Ok(Resolution::Repeat) // the provider knows its client tokens
///     }
/// }
///
/// async fn send(cx: &SendContext, customer: &Identity) -> Result<(), SendError> {
///     Conversations::of(cx.sessions())
///         .send(cx, customer, &Desk, |live| async move {
///             // POST /conversations/{live.id}/messages with `live.data` as the token
///             let _ = live;
///             Ok(())
///         })
///         .await
/// }
/// # let _ = send;
/// ```
#[derive(Clone)]
pub struct Conversations {
    sessions: Sessions,
    idle: Duration,
    late: Duration,
    early: bool,
}

debug_fields!(Conversations { idle, late, early });

impl Conversations {
    /// The conversations in these sessions.
    pub fn of(sessions: &Sessions) -> Self {
        let hour = Duration::from_secs(3600);
        Self { sessions: sessions.clone(), idle: 2 * hour, late: 24 * hour, early: false }
    }

    setters! {
        /// Sets the time without a message after which a conversation counts as ended, from four fifths of it on. Give a time longer
        /// than the provider's own. Defaults to 2 hours.
        with_idle(idle: Duration) => idle = idle;
        /// Sets the time for which a late event of an ended conversation still finds its customer, at least. Defaults to 24 hours.
        with_late(late: Duration) => late = late;
        /// Notes openings where [`find_or_wait`](Self::find_or_wait) sees them. For a provider whose events may come before the answer
        /// that opens their conversation; costs two writes per opening.
        with_early_events() => early = true;
    }

    /// Uses younger than this are not written down.
    fn touch_after(&self) -> Duration {
        self.idle / 5
    }
}
