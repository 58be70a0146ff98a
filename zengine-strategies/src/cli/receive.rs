//! `zengine receive`.

use std::{net::IpAddr, path::PathBuf};

use http::{HeaderName, HeaderValue, Method, Request, Uri};
use zengine_connector::error::Violation;
use zengine_connector::json::Limits;
use zengine_connector::message::ElementError;
use zengine_connector::orchestrator::{InboundSettings, Preview};
use zengine_connector::private::on_one_line;
use zengine_connector::store::Memory;
use zengine_connector::strategy::{InboundRequest, RawPayload, VerifyError};
use zengine_connector::{Error, InboundEvent, TenantId};

use super::exit::{Exit, Failure};
use super::file::{File, Needs};
use super::host::Host;
use super::input::{self, Input};
use super::output::Out;
use super::strategy::{CliContext, CliStrategy, Strategies, instance_secret};

/// Maximum length of a body to verify, in bytes: the core's own limit.
const VERIFIED: u64 = 4 << 20;
/// Maximum length of a stored payload, in bytes.
const STORED: usize = 64 << 20;

/// Turn a request of a provider into events, as a host would
///
/// The body comes from standard input, exactly as received. Each event is one JSON line, and so is each element that cannot
/// be read or belongs to no tenant (`"type":"element_error"`). A handshake prints the response body instead. A refused
/// request exits 3 with the reason on standard error. Nothing is stored.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The strategy's name; `zengine strategies` lists them
    strategy: String,
    /// The file with instance, config, secrets and routes; required without --no-verify
    #[arg(long, value_name = "FILE", required_unless_present = "no_verify")]
    config: Option<PathBuf>,
    /// The tenant of events that match no route. Without it such events are element errors, unless the file has no routes at
    /// all
    #[arg(long)]
    tenant: Option<TenantId>,
    /// The request's method
    #[arg(long, value_name = "M", default_value = "POST")]
    method: Method,
    /// The request's path, with its query
    #[arg(long, value_name = "P", default_value = "/")]
    path: Uri,
    /// A header of the request; repeatable
    #[arg(long, value_name = "K: V", value_parser = header)]
    header: Vec<(HeaderName, HeaderValue)>,
    /// The address of the request's sender
    #[arg(long, value_name = "IP")]
    peer: Option<IpAddr>,
    /// Skip verification of the body. Needs no file; the tenant defaults to `unverified`
    #[arg(long)]
    no_verify: bool,
}

fn header(text: &str) -> Result<(HeaderName, HeaderValue), &'static str> {
    let (name, value) = text.split_once(':').ok_or("a header reads `Name: value`")?;
    let name = name.trim().parse().map_err(|_| "this is not the name of a header")?;
    let value = value.trim().parse().map_err(|_| "this is not the value of a header")?;
    Ok((name, value))
}

pub(super) async fn run(arguments: Arguments, strategies: &Strategies, out: &mut Out) -> Result<Exit, Failure> {
    let strategy = strategies.find(&arguments.strategy)?;
    let file = match &arguments.config {
        Some(path) => File::read(path, strategy, Needs::Nothing).await?,
        None => File { instance: serde_json::json!({}), ..File::default() },
    };
    let limit = if arguments.no_verify { STORED as u64 } else { VERIFIED };
    let Input::Whole(body) = input::read(limit, "the body of a request")? else { return Err(rejected(strategy, VerifyError::TooLarge)) };
    if arguments.no_verify {
        unverified(&arguments, strategy, &file, body, out).await
    } else {
        verified(arguments, strategy, &file, body, out).await
    }
}

async fn unverified(arguments: &Arguments, strategy: &CliStrategy, file: &File, body: Vec<u8>, out: &mut Out) -> Result<Exit, Failure> {
    let tenant = arguments.tenant.clone().map_or_else(|| TenantId::new("unverified"), Ok)?;
    // Whoever looks at a stored payload wants all of it.
    let json = Limits { body_bytes: STORED, ..Limits::DEFAULT };
    let host = host(strategy, file, &tenant, InboundSettings { json, max_elements: usize::MAX, ..InboundSettings::default() }).await?;
    let events = host.orchestrator.preview_unverified(strategy.name(), &RawPayload::unverified(body), &tenant).await?;
    print(&events, out)
}

async fn verified(arguments: Arguments, strategy: &CliStrategy, file: &File, body: Vec<u8>, out: &mut Out) -> Result<Exit, Failure> {
    // Without routes there is only one tenant, which owns every event.
    let unrouted = match (arguments.tenant, file.routes.is_empty()) {
        (Some(tenant), _) => Some(tenant),
        (None, true) => Some(TenantId::new(super::host::TENANT)?),
        (None, false) => None,
    };
    let mut request = Request::new(body.into());
    (*request.method_mut(), *request.uri_mut()) = (arguments.method, arguments.path);
    for (name, value) in arguments.header {
        request.headers_mut().append(name, value);
    }
    let mut request = InboundRequest::http(request);
    if let Some(peer) = arguments.peer {
        request = request.with_peer(peer);
    }
    let tenant = unrouted.clone().map_or_else(|| TenantId::new(super::host::TENANT), Ok)?;
    let host = host(strategy, file, &tenant, InboundSettings::default()).await?;
    match host.orchestrator.preview(strategy.name(), &request, unrouted.as_ref()).await? {
        Preview::Events(events) => print(&events, out),
        Preview::Reply(response) => {
            // It may repeat what the request holds, which must not drive a terminal or forge a line.
            let body = String::from_utf8_lossy(response.body());
            out.bytes((on_one_line(body.strip_suffix('\n').unwrap_or(&body)) + "\n").as_bytes())?;
            Ok(Exit::Done)
        }
        Preview::Refused(refused) => Err(rejected(strategy, refused)),
        _ => Ok(Exit::Done),
    }
}

async fn host<'a>(strategy: &'a CliStrategy, file: &File, tenant: &TenantId, inbound: InboundSettings) -> Result<Host<'a>, Failure> {
    Host::new(strategy, file, tenant, CliContext::offline(), Memory::new(), |builder| builder.inbound(inbound)).await
}

fn print(events: &[Result<InboundEvent, ElementError>], out: &mut Out) -> Result<Exit, Failure> {
    for event in events {
        match event {
            Ok(event) => out.json(event),
            Err(error) => out.json(error),
        }?;
    }
    Ok(Exit::Done)
}

/// Failure of a refused request; never reveals the expected value.
fn rejected(strategy: &CliStrategy, refused: VerifyError) -> Failure {
    match refused {
        VerifyError::Unavailable(error) => set_up(strategy, error),
        refused => {
            let credentials = refused.credentials().map(|fault| format!(" (credentials: {})", fault.as_str())).unwrap_or_default();
            let (status, reason) = (refused.status().as_u16(), refused.reason());
            Failure::new(Exit::Rejected, format!("the request is rejected with {status}: {reason}{credentials}"))
        }
    }
}

/// Failure to decide for lack of configuration: reported as a violation of the file where possible.
fn set_up(strategy: &CliStrategy, error: Error) -> Failure {
    let secret = error.context("secret").unwrap_or_default();
    match strategy.secrets.iter().find(|member| instance_secret(member) == secret) {
        Some(member) => Failure::violations(vec![Violation::new(format!("/instance/{member}"), "is needed to verify this request")]),
        None => error.into(),
    }
}
