//! The results of the events of one request.

use bytes::Bytes;

use super::{Principal, RawPayload};
use crate::message::{Content, Participant};

/// The results of the events of one request; they decide the answer.
#[derive(Clone)]
#[non_exhaustive]
pub struct Handled {
    /// The credentials that authenticated the request.
    pub principal: Principal,
    /// The bytes, with the notes of `verify`.
    pub payload: Option<RawPayload>,
    /// Events that are stored, now or by an earlier delivery.
    pub accepted: usize,
    /// Events and elements that can never be handled; they are kept as dead letters.
    pub poisoned: usize,
    /// Events that must be delivered again.
    pub unstored: usize,
    /// Events that came under the dedup key of another one, by the strategy's own keys: not handled. Only on a synchronous channel; on
    /// one that acknowledges, they are kept as dead letters and counted as poisoned.
    pub conflict: Vec<String>,
    /// The number of events that were under work when the other side's cursor was made, and that are neither stored nor under
    /// work now: their process died, or released them. The other side must send them again.
    pub resend: usize,
    /// Replies that are ready.
    pub replies: Vec<ReplyMessage>,
    /// Whether a handler is still running, for this or another request: poll with the cursor.
    pub pending: bool,
    /// The cursor from which a poll continues.
    pub cursor: Option<String>,
}

// Without dedup keys and cursors, which may name a person.
debug_fields!(Handled {
    principal,
    payload,
    accepted,
    poisoned,
    unstored,
    conflicts: |it| it.conflict.len(),
    resend,
    replies: |it| it.replies.len(),
    pending
});

impl Handled {
    /// Creates a value without results. The core makes it; for tests of a strategy's `respond`, set the fields.
    ///
    /// ```
    /// use zengine_connector::strategy::{Handled, Principal};
    ///
    /// let mut handled = Handled::new(Principal::Shared);
    /// handled.unstored = 1;
    /// assert_eq!(handled.acknowledge().status(), 503);
    /// ```
    pub fn new(principal: Principal) -> Self {
        Self {
            principal,
            payload: None,
            accepted: 0,
            poisoned: 0,
            unstored: 0,
            conflict: vec![],
            resend: 0,
            replies: vec![],
            pending: false,
            cursor: None,
        }
    }

    /// The plain acknowledgement: 503 if something must be delivered again, 409 if another event has the key of one, else 200.
    pub fn acknowledge(&self) -> http::Response<Bytes> {
        let mut response = http::Response::new(Bytes::new());
        if self.unstored > 0 {
            *response.status_mut() = http::StatusCode::SERVICE_UNAVAILABLE;
        } else if !self.conflict.is_empty() {
            *response.status_mut() = http::StatusCode::CONFLICT;
        }
        response
    }

    /// Whether a success says no more than is true.
    pub(crate) fn may_succeed(&self) -> bool {
        self.unstored == 0 && self.conflict.is_empty()
    }
}

/// A reply on a synchronous channel.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ReplyMessage {
    /// Its id in the conversation.
    pub id: String,
    /// The content.
    pub content: Content,
    /// The author, if the host names one.
    pub author: Option<Participant>,
}

impl ReplyMessage {
    /// A reply and its id in the conversation.
    pub fn new(id: impl Into<String>, content: Content) -> Self {
        Self { id: id.into(), content, author: None }
    }

    setters! {
        /// Names the author.
        with_author(author: impl Into<Participant>) => author = Some(author.into());
    }
}

/// A note for [`Verified::with`](super::Verified::with) on a synchronous channel: the cursor up to which the other side
/// has seen replies. The response then begins after it; without it, after what was handed out before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyCursor(pub String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_81_debug_of_results_holds_no_key_no_cursor_and_no_reply() {
        let mut handled = Handled::new(Principal::Shared);
        (handled.conflict, handled.cursor) = (vec!["canary".to_owned()], Some("canary".to_owned()));
        handled.replies.push(ReplyMessage::new("canary", Content::text("canary")));
        let shown = format!("{handled:?}");
        assert!(shown.contains("conflicts: 1") && shown.contains("replies: 1") && !shown.contains("canary"), "{shown}");
    }
}
