//! The moment at which a request begins to leave.
//!
//! hyper asks a body whether it is empty (`is_end_stream`) after it has taken the request over to a connection and right
//! before it writes the head; layers above ask at most for the length. So the body itself keeps the record: as long as
//! it has not been asked or read, nothing was sent. The tests of the adapter check this for requests with and without a
//! body. Giving a call up changes the record first: a body that was given up ends the request with an error when it is
//! asked later, before the head is flushed, so "not sent" stays true.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

const WAITING: u8 = 0;
const LEFT: u8 = 1;
const GIVEN_UP: u8 = 2;

/// Whether a request has begun to leave. Shared by the hops of one call.
#[derive(Clone, Debug, Default)]
pub(super) struct Departure(Arc<AtomicU8>);

impl Departure {
    /// The request may leave unless the call was given up.
    fn begin(&self) -> bool {
        self.enter(LEFT)
    }

    /// Gives the call up; `true` if nothing was sent, which then stays so.
    pub(super) fn give_up(&self) -> bool {
        self.enter(GIVEN_UP)
    }

    /// Whether this is the state from now on: the first that is entered stays.
    fn enter(&self, state: u8) -> bool {
        self.0.compare_exchange(WAITING, state, Ordering::AcqRel, Ordering::Acquire).map_or_else(|entered| entered == state, |_| true)
    }
}

/// A body that records when it leaves.
#[derive(Debug)]
pub(super) struct DepartingBody {
    rest: Bytes,
    departure: Departure,
}

impl DepartingBody {
    pub(super) fn new(body: Bytes, departure: Departure) -> Self {
        Self { rest: body, departure }
    }
}

impl Body for DepartingBody {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        if !self.departure.begin() {
            return Poll::Ready(Some(Err("the call was given up before it was sent")));
        }
        let rest = std::mem::take(&mut self.rest);
        Poll::Ready((!rest.is_empty()).then(|| Ok(Frame::data(rest))))
    }

    fn is_end_stream(&self) -> bool {
        // A body that was given up must be polled, so that it can end the request.
        self.departure.begin() && self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poll(body: &mut DepartingBody) -> Option<Result<Bytes, &'static str>> {
        let mut cx = Context::from_waker(std::task::Waker::noop());
        match Pin::new(body).poll_frame(&mut cx) {
            Poll::Ready(frame) => frame.map(|frame| frame.map(|frame| frame.into_data().unwrap())),
            Poll::Pending => panic!("the body is in memory"),
        }
    }

    #[test]
    fn asking_the_body_whether_it_is_empty_or_reading_it_counts_as_leaving() {
        let looks: [fn(&mut DepartingBody); 2] = [
            |body| drop(poll(body)),
            |body| {
                body.is_end_stream();
            },
        ];
        for look in looks {
            for text in ["", "x"] {
                let departure = Departure::default();
                let mut body = DepartingBody::new(text.into(), departure.clone());
                look(&mut body);
                assert!(!departure.give_up());
            }
        }
    }

    #[test]
    fn what_was_given_up_never_leaves() {
        for text in ["", "x"] {
            let departure = Departure::default();
            let mut body = DepartingBody::new(text.into(), departure.clone());
            assert!(departure.give_up() && departure.give_up());
            assert!(!body.is_end_stream());
            assert!(matches!(poll(&mut body), Some(Err("the call was given up before it was sent"))));
            assert!(departure.give_up());
        }
    }

    #[test]
    fn the_body_arrives_whole_and_once() {
        let mut body = DepartingBody::new("abc".into(), Departure::default());
        assert_eq!(body.size_hint().exact(), Some(3));
        assert!(!body.is_end_stream());
        assert_eq!(poll(&mut body).unwrap().unwrap(), "abc");
        assert!(body.is_end_stream() && poll(&mut body).is_none());
    }
}
