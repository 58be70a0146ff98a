//! The loopback HTTP server under every emulator. It can do what a server should not: fall silent, cut an answer short,
//! reset a connection, refuse new ones.

use std::future::poll_fn;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Response, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};

use super::clock;

/// A future that owns what it needs.
pub(super) type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A request whose body has not been read yet.
pub(super) struct Request {
    pub(super) head: Parts,
    body: Incoming,
}

impl Request {
    /// Reads the body, of at most `limit` bytes.
    pub(super) async fn read(self, limit: usize) -> Result<(Parts, Bytes), Unreadable> {
        match Limited::new(self.body, limit).collect().await {
            Ok(body) => Ok((self.head, body.to_bytes())),
            Err(error) if error.is::<LengthLimitError>() => Err(Unreadable::TooLong),
            Err(_) => Err(Unreadable::Gone),
        }
    }
}

/// Why a body could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unreadable {
    TooLong,
    /// The client went away before it had sent everything.
    Gone,
}

/// What becomes of a request.
#[derive(Debug)]
pub(super) enum Reply {
    Whole(Response<Bytes>),
    /// Announces the whole length, sends half of the body, closes the connection.
    Cut(Response<Bytes>),
    /// Closes the connection with a TCP reset.
    Reset,
    /// Never answers; the connection stays open until the client gives up.
    Silence,
}

/// Answers one request.
pub(super) type Handler = Arc<dyn Fn(Request) -> Boxed<Reply> + Send + Sync>;

enum Command {
    Refuse(oneshot::Sender<io::Result<()>>),
    Accept(oneshot::Sender<io::Result<()>>),
}

/// A running server on a thread of its own. Dropping it stops it.
#[derive(Debug)]
pub(super) struct Server {
    address: SocketAddr,
    commands: Option<mpsc::UnboundedSender<Command>>,
    runtime: Handle,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Binds to 127.0.0.1; port 0 takes a free one.
    pub(super) fn start(port: u16, handler: Handler) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (commands, orders) = mpsc::unbounded_channel();
        let spawner = runtime.handle().clone();
        let thread =
            thread::Builder::new().name("zengine-sandbox".to_owned()).spawn(move || runtime.block_on(accept(listener, orders, handler)))?;
        Ok(Self { address, commands: Some(commands), runtime: spawner, thread: Some(thread) })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The runtime of the server, for work that goes on beside requests.
    pub(super) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// Closes the port: the next connection is refused. Requests under way are answered.
    pub(super) async fn refuse(&self) -> io::Result<()> {
        self.order(Command::Refuse).await
    }

    /// Opens the port again.
    pub(super) async fn accept(&self) -> io::Result<()> {
        self.order(Command::Accept).await
    }

    async fn order(&self, command: impl FnOnce(oneshot::Sender<io::Result<()>>) -> Command) -> io::Result<()> {
        let (done, told) = oneshot::channel();
        let stopped = || io::Error::other("the emulator has stopped");
        self.commands.as_ref().ok_or_else(stopped)?.send(command(done)).map_err(|_| stopped())?;
        told.await.map_err(|_| stopped())?
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.commands = None;
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != thread::current().id()
        {
            // A panic over there has been printed by its own thread.
            let _ = thread.join();
        }
    }
}

/// Accepts until the handle is dropped.
async fn accept(listener: std::net::TcpListener, mut orders: mpsc::UnboundedReceiver<Command>, handler: Handler) {
    let Ok(address) = listener.local_addr() else { return };
    let mut listener = TcpListener::from_std(listener).ok();
    let closing = watch::Sender::new(0_u32);
    loop {
        let connection = async {
            match &listener {
                Some(listener) => listener.accept().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            order = orders.recv() => match order {
                None => return,
                Some(Command::Refuse(done)) => {
                    listener = None;
                    closing.send_modify(|times| *times += 1);
                    // The caller may have stopped waiting.
                    let _ = done.send(Ok(()));
                }
                Some(Command::Accept(done)) => {
                    let bound = if listener.is_some() { Ok(()) } else { TcpListener::bind(address).await.map(|again| listener = Some(again)) };
                    let _ = done.send(bound);
                }
            },
            accepted = connection => match accepted {
                Ok((stream, _)) => drop(tokio::spawn(serve(stream, Arc::clone(&handler), closing.subscribe()))),
                // Out of file handles, most likely: some may be free again soon.
                Err(_) => clock::pause(Duration::from_millis(10)).await,
            },
        }
    }
}

async fn serve(stream: TcpStream, handler: Handler, mut closing: watch::Receiver<u32>) {
    // Without this, small answers wait for the client's delayed acknowledgement.
    let _ = stream.set_nodelay(true);
    let reset = Arc::new(AtomicBool::new(false));
    let service = {
        let reset = Arc::clone(&reset);
        service_fn(move |request: http::Request<Incoming>| {
            let (handler, reset) = (Arc::clone(&handler), Arc::clone(&reset));
            let (head, body) = request.into_parts();
            let answer: Boxed<io::Result<Response<Answer>>> = Box::pin(async move {
                match handler(Request { head, body }).await {
                    Reply::Whole(response) => Ok(response.map(Answer::whole)),
                    Reply::Cut(response) => Ok(cut(response)),
                    Reply::Silence => std::future::pending().await,
                    Reply::Reset => {
                        reset.store(true, Ordering::Release);
                        Err(io::ErrorKind::ConnectionReset.into())
                    }
                }
            });
            answer
        })
    };
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    loop {
        tokio::select! {
            _ = poll_fn(|context| connection.poll_without_shutdown(context)) => break,
            Ok(()) = closing.changed() => Pin::new(&mut connection).graceful_shutdown(),
        }
    }
    let stream = connection.into_parts().io.into_inner();
    if reset.load(Ordering::Acquire) {
        // Closing is then a reset instead of a polite end.
        let _ = stream.set_zero_linger();
    }
}

fn cut(response: Response<Bytes>) -> Response<Answer> {
    let (mut head, body) = response.into_parts();
    head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    let announced = body.len() as u64;
    Response::from_parts(head, Answer { rest: Some(body.slice(..body.len() / 2)), announced, cut: Some(false) })
}

/// The body of an answer: one piece, and an error behind it where it is to be cut.
struct Answer {
    rest: Option<Bytes>,
    announced: u64,
    /// `Some` for a body that ends in an error; true once the piece before has had its chance to leave.
    cut: Option<bool>,
}

impl Answer {
    fn whole(bytes: Bytes) -> Self {
        let announced = bytes.len() as u64;
        Self { rest: Some(bytes).filter(|bytes| !bytes.is_empty()), announced, cut: None }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if let Some(piece) = self.rest.take() {
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        match self.cut {
            None => Poll::Ready(None),
            Some(true) => Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into()))),
            Some(false) => {
                // Pending makes hyper flush what it has.
                self.cut = Some(true);
                context.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_none() && self.cut.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.announced)
    }
}
