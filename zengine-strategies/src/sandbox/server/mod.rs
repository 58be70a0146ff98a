//! The loopback HTTP server of every emulator. On request it misbehaves: it stalls, truncates a response, resets a
//! connection, or refuses new ones.

mod body;

use std::future::poll_fn;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http::request::Parts;
use http_body_util::{BodyExt, Either, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};

pub(super) use self::body::ChunkedBody;
use self::body::ResponseBody;
use super::{clock, lock};

pub(super) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A request with an unread body.
pub(super) struct Request {
    pub(super) head: Parts,
    pub(super) body: Either<Incoming, Full<Bytes>>,
}

impl Request {
    /// Reads the body, at most `limit` bytes.
    pub(super) async fn read(self, limit: usize) -> Result<(Parts, Bytes), ReadError> {
        match Limited::new(self.body, limit).collect().await {
            Ok(body) => Ok((self.head, body.to_bytes())),
            Err(error) if error.is::<LengthLimitError>() => Err(ReadError::TooLong),
            Err(_) => Err(ReadError::Disconnected),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadError {
    TooLong,
    /// The client disconnected before the end of the body.
    Disconnected,
}

#[derive(Debug)]
pub(super) enum Reply {
    Whole(Response<Bytes>),
    /// Announces the full length, sends half of the body, closes the connection.
    Cut(Response<Bytes>),
    /// Announces the full length, sends half of the body, then stalls.
    Stall(Response<Bytes>),
    Stream(Response<ChunkedBody>),
    /// Writes these bytes, which need not be HTTP, and closes the connection.
    RawBytes(Bytes),
    /// Closes the connection with a TCP reset.
    Reset,
    /// Never responds; the connection stays open until the client gives up.
    Silence,
}

/// Handles one request.
pub(super) type HandlerFn = Arc<dyn Fn(Request) -> BoxFuture<'static, Reply> + Send + Sync>;

type ResultSender = oneshot::Sender<io::Result<()>>;

#[derive(Debug)]
enum Command {
    /// Refuses connections, until `Accept` or for a duration.
    Refuse(Option<Duration>, ResultSender),
    Accept(ResultSender),
}

/// Opens and closes the port of a server. Does not keep the server alive.
#[derive(Debug, Clone)]
pub(super) struct PortGate(mpsc::WeakUnboundedSender<Command>);

impl PortGate {
    /// The gate of an emulator without a port.
    pub(super) fn absent() -> Self {
        Self(mpsc::unbounded_channel().0.downgrade())
    }

    /// Closes the port, until [`accept`](Self::accept) or for a duration of real time. Requests in progress are answered.
    pub(super) async fn refuse(&self, time: Option<Duration>) -> io::Result<()> {
        self.run(|sender| Command::Refuse(time, sender)).await
    }

    pub(super) async fn accept(&self) -> io::Result<()> {
        self.run(Command::Accept).await
    }

    async fn run(&self, command: impl FnOnce(ResultSender) -> Command) -> io::Result<()> {
        let (sender, result) = oneshot::channel();
        let stopped = || io::Error::other("the emulator has stopped");
        self.0.upgrade().ok_or_else(stopped)?.send(command(sender)).map_err(|_| stopped())?;
        result.await.map_err(|_| stopped())?
    }
}

/// A running server on its own thread. Dropping it stops the server.
#[derive(Debug)]
pub(super) struct Server {
    commands: Option<mpsc::UnboundedSender<Command>>,
    runtime: Handle,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Binds to 127.0.0.1; port 0 takes a free one. `handler` builds the handler from the address.
    pub(super) fn start(port: u16, handler: impl FnOnce(SocketAddr, PortGate) -> HandlerFn) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (commands, receiver) = mpsc::unbounded_channel();
        let spawner = runtime.handle().clone();
        let handler = handler(address, PortGate(commands.downgrade()));
        let thread = thread::Builder::new()
            .name("zengine-sandbox".to_owned())
            .spawn(move || runtime.block_on(accept(listener, receiver, handler)))?;
        Ok(Self { commands: Some(commands), runtime: spawner, thread: Some(thread) })
    }

    /// The runtime of the server, for background work.
    pub(super) fn runtime(&self) -> &Handle {
        &self.runtime
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.commands = None;
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != thread::current().id()
        {
            // The thread has printed its own panic.
            let _ = thread.join();
        }
    }
}

/// Accepts until the handle is dropped.
async fn accept(listener: std::net::TcpListener, mut commands: mpsc::UnboundedReceiver<Command>, handler: HandlerFn) {
    let Ok(address) = listener.local_addr() else { return };
    let mut listener = TcpListener::from_std(listener).ok();
    let closing = watch::Sender::new(0_u32);
    let (mut refusals, reopen) = (0_u64, mpsc::unbounded_channel());
    let (reopener, mut reopened) = reopen;
    loop {
        let connection = async {
            match &listener {
                Some(listener) => listener.accept().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            command = commands.recv() => match command {
                None => return,
                Some(Command::Refuse(time, sender)) => {
                    listener = None;
                    refusals += 1;
                    closing.send_modify(|times| *times += 1);
                    if let Some(time) = time {
                        let (reopener, refusal) = (reopener.clone(), refusals);
                        drop(tokio::spawn(async move {
                            clock::sleep(time).await;
                            // The server may have stopped.
                            let _ = reopener.send(refusal);
                        }));
                    }
                    // The caller may have stopped waiting.
                    let _ = sender.send(Ok(()));
                }
                Some(Command::Accept(sender)) => {
                    let bound = if listener.is_some() { Ok(()) } else { TcpListener::bind(address).await.map(|again| listener = Some(again)) };
                    let _ = sender.send(bound);
                }
            },
            // A later refusal, or an explicit reopening, supersedes the end of an earlier one.
            Some(refusal) = reopened.recv(), if listener.is_none() => if refusal == refusals {
                if let Ok(again) = TcpListener::bind(address).await {
                    listener = Some(again);
                } else {
                    clock::sleep(Duration::from_millis(10)).await;
                    let _ = reopener.send(refusal);
                }
            },
            accepted = connection => match accepted {
                Ok((stream, _)) => drop(tokio::spawn(serve(stream, Arc::clone(&handler), closing.subscribe()))),
                // Probably out of file handles: retry soon.
                Err(_) => clock::sleep(Duration::from_millis(10)).await,
            },
        }
    }
}

/// An end of a connection outside of HTTP.
enum ConnectionEnd {
    Reset,
    RawBytes(Bytes),
}

async fn serve(stream: TcpStream, handler: HandlerFn, mut closing: watch::Receiver<u32>) {
    // Without this, small responses wait for the client's delayed acknowledgement.
    let _ = stream.set_nodelay(true);
    let end = Arc::new(Mutex::new(None));
    let service = {
        let end = Arc::clone(&end);
        service_fn(move |request: http::Request<Incoming>| {
            let (handler, end) = (Arc::clone(&handler), Arc::clone(&end));
            let (head, body) = request.into_parts();
            let answer: BoxFuture<'static, io::Result<Response<ResponseBody>>> = Box::pin(async move {
                let last = match handler(Request { head, body: Either::Left(body) }).await {
                    Reply::Whole(response) => return Ok(response.map(ResponseBody::whole)),
                    Reply::Cut(response) => return Ok(ResponseBody::half(response, false)),
                    Reply::Stall(response) => return Ok(ResponseBody::half(response, true)),
                    Reply::Stream(response) => return Ok(response.map(ResponseBody::Stream)),
                    Reply::Silence => std::future::pending().await,
                    Reply::Reset => ConnectionEnd::Reset,
                    Reply::RawBytes(bytes) => ConnectionEnd::RawBytes(bytes),
                };
                *lock(&end) = Some(last);
                Err(io::ErrorKind::ConnectionReset.into())
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
    let mut stream = connection.into_parts().io.into_inner();
    let end = lock(&end).take();
    match end {
        // Closing now sends a reset.
        Some(ConnectionEnd::Reset) => drop(stream.set_zero_linger()),
        Some(ConnectionEnd::RawBytes(bytes)) => {
            // The client may have disconnected.
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
        None => {}
    }
}
