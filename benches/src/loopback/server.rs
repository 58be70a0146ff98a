//! A provider in a process of its own, which accepts every message.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Stdio},
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use zengine_connector::BoxError;

use super::cores::on_second_core;

/// The argument that makes this program the server.
pub(crate) const SERVE: &str = "serve";

/// The server's process, ended when the value is dropped.
pub(super) struct Server {
    process: Child,
    url: String,
}

impl Server {
    pub(super) fn start() -> Result<Self, BoxError> {
        let mut command = on_second_core(&std::env::current_exe()?);
        let mut process = command.arg(SERVE).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut address = String::new();
        BufReader::new(process.stdout.take().ok_or("no output")?).read_line(&mut address)?;
        Ok(Self { url: format!("http://{}", address.trim()), process })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The provider's answer to an accepted message.
const ANSWER: &str = r#"{"messaging_product":"whatsapp","contacts":[{"input":"16505550001","wa_id":"16505550001"}],"messages":[{"id":"wamid.HBgLMTY1MDU1NTAwMDEVAgARGBI3QTkyRjY4QUVDRTg0NkM3AA=="}]}"#;

/// Prints its address, then accepts every message until its standard input ends.
pub(crate) fn serve() -> Result<(), BoxError> {
    // A parent that dies takes its server with it.
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_line(&mut String::new());
        std::process::exit(0);
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?);
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(accept)));
        }
    })
}

async fn accept(request: http::Request<Incoming>) -> Result<http::Response<Full<Bytes>>, hyper::Error> {
    request.into_body().collect().await?;
    let mut answer = http::Response::new(Full::new(Bytes::from_static(ANSWER.as_bytes())));
    answer.headers_mut().insert("content-type", http::HeaderValue::from_static("application/json"));
    Ok(answer)
}
