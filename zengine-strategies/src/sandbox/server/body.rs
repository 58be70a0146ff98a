//! Response bodies, complete or deliberately broken.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderValue, Response, header};
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::mpsc;

/// A body sent in chunks; it ends when the sender is dropped.
#[derive(Debug)]
pub(in crate::sandbox) struct ChunkedBody {
    pub(in crate::sandbox) chunks: mpsc::Receiver<Bytes>,
    /// The announced length; without one, the body uses chunked encoding.
    pub(in crate::sandbox) length: Option<u64>,
}

pub(super) enum ResponseBody {
    Whole(Option<Bytes>),
    /// Announces more than it sends, then fails or stalls.
    Half {
        rest: Option<Bytes>,
        announced: u64,
        flushed: bool,
        stalls: bool,
    },
    Stream(ChunkedBody),
}

impl ResponseBody {
    pub(super) fn whole(bytes: Bytes) -> Self {
        Self::Whole(Some(bytes).filter(|bytes| !bytes.is_empty()))
    }

    pub(super) fn half(response: Response<Bytes>, stalls: bool) -> Response<Self> {
        let (mut head, body) = response.into_parts();
        head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        let announced = body.len() as u64;
        Response::from_parts(head, Self::Half { rest: Some(body.slice(..body.len() / 2)), announced, flushed: false, stalls })
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match &mut *self {
            Self::Whole(rest) => Poll::Ready(rest.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Stream(stream) => stream.chunks.poll_recv(context).map(|chunk| chunk.map(|bytes| Ok(Frame::data(bytes)))),
            Self::Half { rest, flushed, stalls, .. } => match rest.take().filter(|chunk| !chunk.is_empty()) {
                Some(chunk) => Poll::Ready(Some(Ok(Frame::data(chunk)))),
                None if *stalls => Poll::Pending,
                None if *flushed => Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into()))),
                None => {
                    // Pending makes hyper flush its buffer.
                    *flushed = true;
                    context.waker().wake_by_ref();
                    Poll::Pending
                }
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(rest) => SizeHint::with_exact(rest.as_ref().map_or(0, Bytes::len) as u64),
            Self::Half { announced, .. } => SizeHint::with_exact(*announced),
            Self::Stream(ChunkedBody { length: Some(length), .. }) => SizeHint::with_exact(*length),
            Self::Stream(_) => SizeHint::default(),
        }
    }
}
