//! Sending at Pigeon Post: `POST /letters`, key in `authorization`, double key in `idempotency-key`.

use std::{sync::atomic::Ordering::SeqCst, time::Duration};

use bytes::Bytes;
use futures_util::FutureExt as _;
use serde::Deserialize;
use serde_json::{Value, json};
use zengine_connector::{
    Content, ErrorKind, HealthContext, OutboundMessage, ProviderMessageId, Reach, Receipt, SendContext, SendError,
    error::Violation,
    http::{CallOptions, HttpCause, HttpError, retry_after, status_error},
    message::{
        ButtonRules, Capabilities, Checker, EmailRules, Idempotency, Interactive, Length, ListRules, MediaKind, MediaRule, Message as _,
        TextFormat,
    },
    strategy::{HealthStatus, Rate, Scopes},
};

use super::{Loft, Post};
use crate::flaw::Flaw;

const SHORT: Length = Length::chars(20);
const TEXT: Length = Length::chars(500);
const BUTTONS: ButtonRules = ButtonRules { max: 3, title: SHORT, id: Length::chars(100), body: TEXT, footer: SHORT, header: SHORT };

const MEDIA: &[MediaRule] = &[MediaRule { kind: MediaKind::Image, max_bytes: 1000, mimes: &[], caption: Some(SHORT) }];

/// Texts of 500 characters, three buttons, and pictures.
pub(crate) const CAPABILITIES: Capabilities = Capabilities::NONE.with_text(TEXT).with_buttons(BUTTONS).with_media(MEDIA);
static BOASTFUL: Capabilities = Capabilities::NONE
    .with_text(Length::chars(5000))
    .with_markdown()
    .with_buttons(BUTTONS)
    .with_list(ListRules {
        max_sections: 1,
        max_rows: 3,
        button: SHORT,
        section: SHORT,
        title: SHORT,
        description: SHORT,
        id: Length::chars(100),
        body: TEXT,
    })
    .with_media(MEDIA)
    .with_contacts(1)
    .with_location()
    .with_email(EmailRules::new(2, 1000))
    .with_quote();

static OPEN: Capabilities = CAPABILITIES.with_email(EmailRules::new(2, 1000).with_headers(&["X-*"], 5));

pub(crate) const LOUD: &str = "COO COO";
pub(crate) const HAWKS: &str = "hawks";

const LONGEST: Duration = Duration::from_secs(10);
const URL: &str = "https://pigeon.example";

/// Lofts of class 2 lose the double key.
pub(super) fn idempotency(post: &Post, loft: &Loft) -> Option<Idempotency> {
    assert!(!post.is(Flaw::PanicsOverIdempotency), "no loft has an answer");
    loft.is_careless().then_some(Idempotency::None)
}

/// The loft has its pace, and so has each dove.
pub(super) fn scopes(post: &Post, loft: &Loft, message: &OutboundMessage, scopes: &mut Scopes) {
    scopes.sender(&loft.name, Rate::per_second(1_000));
    let Some(dove) = message.recipient() else { return };
    match post.flaw {
        Flaw::ScopeChanges => scopes.recipient(&post.memory.count.fetch_add(1, SeqCst).to_string(), None),
        Flaw::TooManyScopes => (0..9).fold(scopes, |scopes, n| scopes.shared(&n.to_string(), None)),
        Flaw::SharesRecipient => scopes.shared(&dove, None),
        Flaw::OneRecipientForAll => scopes.recipient("a dove", None),
        _ => scopes.recipient(&dove, Rate::per_second(1_000)),
    };
}

/// A letter in capitals may be laughed at; one about hawks is not carried.
pub(super) fn check(post: &Post, message: &OutboundMessage) -> Result<(), Vec<Violation>> {
    let Content::Text(text) = &message.content else { return Ok(()) };
    let mut check = Checker::new();
    if !post.is(Flaw::WarningRefuses) {
        check.warning();
    }
    check.rule("text.loud").hint("write small letters").require(text.body != LOUD, "/content/body", "is all in capitals");
    let fine = text.body != HAWKS || post.is(Flaw::RefusesLate);
    check.rule("text.hawks").kind(ErrorKind::Policy).require(fine, "/content/body", "is about hawks");
    check.finish()
}

pub(super) fn capabilities(post: &Post) -> Option<&'static Capabilities> {
    match post.flaw {
        Flaw::ClaimsMore => Some(&BOASTFUL),
        Flaw::OpensHeaders => Some(&OPEN),
        _ => None,
    }
}

pub(super) async fn at_configure(post: &Post, loft: &Loft) {
    match post.flaw {
        Flaw::ConfigureCallsProvider => drop(post.http.call(get("/health", loft.api_key.expose()), CallOptions::DEFAULT).await),
        Flaw::SecretInLog => tracing::info!(key = loft.api_key.expose(), "configured"),
        Flaw::NamesLoftsInLog => drop(post.memory.seen.lock().unwrap().insert(loft.name.clone())),
        _ => {}
    }
}

/// Begins a call where none may be made, and gives it up.
pub(super) fn call_at_once(post: &Post) {
    let _ = post.http.call(get("/health", "nobody"), CallOptions::DEFAULT).now_or_never();
}

pub(super) async fn healthcheck(post: &Post, loft: &Loft, cx: &HealthContext) -> HealthStatus {
    if post.is(Flaw::AlwaysHealthy) {
        let _ = post.http.call(get("/health", loft.api_key.expose()), CallOptions::DEFAULT).await;
        return HealthStatus::Healthy;
    }
    let options = CallOptions::DEFAULT.with_timeout(LONGEST.min(cx.remaining()));
    let request = if post.is(Flaw::HealthcheckSends) {
        post_letter(json!({ "to": "opaque/oneself", "text": "ping" }).to_string(), loft.api_key.expose(), None)
    } else {
        get("/health", loft.api_key.expose())
    };
    match post.http.call(request, options).await {
        Ok(answer) if answer.status().is_success() => HealthStatus::Healthy,
        Ok(answer) if answer.status().as_u16() == 401 => HealthStatus::unhealthy("the key was refused"),
        Ok(_) => HealthStatus::unhealthy("the post office is closed"),
        Err(error) if error.cause == HttpCause::Connect => HealthStatus::unhealthy("no connection to the post office"),
        Err(_) => HealthStatus::inconclusive("the post office did not answer"),
    }
}

fn get(path: &str, key: &str) -> http::Request<Bytes> {
    http::Request::get(format!("{URL}{path}")).header("authorization", format!("Bearer {key}")).body(Bytes::new()).unwrap()
}

fn post_letter(body: String, key: &str, double: Option<&str>) -> http::Request<Bytes> {
    let mut request = http::Request::post(format!("{URL}/letters"))
        .header("authorization", format!("Bearer {key}"))
        .header("content-type", "application/json");
    if let Some(double) = double {
        request = request.header("idempotency-key", double);
    }
    request.body(body.into()).unwrap()
}

pub(super) async fn send(post: &Post, loft: &Loft, message: &OutboundMessage, cx: &SendContext) -> Result<Receipt, SendError> {
    remember_too_much(post, loft, message);
    let locked = post.memory.locked.load(SeqCst);
    if locked {
        return Err(SendError::of(ErrorKind::Busy, "the post office is locked").not_sent());
    }
    post.memory.locked.store(post.is(Flaw::LeavesMark), SeqCst);
    let sent = send_letters(post, loft, message, cx).await;
    post.memory.locked.fetch_and(post.is(Flaw::RemembersRefusal), SeqCst);
    if post.is(Flaw::RemembersRefusal) && sent.as_ref().is_err_and(|error| error.kind() == ErrorKind::Unauthorized) {
        post.memory.locked.store(true, SeqCst);
    }
    sent
}

async fn send_letters(post: &Post, loft: &Loft, message: &OutboundMessage, cx: &SendContext) -> Result<Receipt, SendError> {
    let mut receipt = None;
    let letters = letters(post, loft, message)?;
    if matches!(message.content, Content::Interactive(_)) {
        buy_stamp(post, loft, cx).await?;
    }
    for letter in letters {
        let body = drafted(post, letter).await;
        receipt = Some(call(post, loft, body, cx).await?);
    }
    receipt.ok_or_else(|| SendError::domain("there is nothing to send").not_sent())
}

/// A letter with buttons needs a stamp first.
async fn buy_stamp(post: &Post, loft: &Loft, cx: &SendContext) -> Result<(), SendError> {
    let answer = post.http.call(get("/stamp", loft.api_key.expose()), CallOptions::DEFAULT.with_timeout(LONGEST.min(cx.remaining()))).await;
    match answer {
        Ok(answer) if answer.status().is_success() => Ok(()),
        Ok(_) => Err(SendError::provider("no stamp was sold").not_sent()),
        Err(error) if post.is(Flaw::StampMaybe) => Err(error.into()),
        Err(_) => Err(SendError::provider("the stamps did not come").not_sent()),
    }
}

/// The letters of a message: one.
fn letters(post: &Post, loft: &Loft, message: &OutboundMessage) -> Result<Vec<String>, SendError> {
    let to = message.to.preferred().ok_or_else(|| SendError::of(ErrorKind::InvalidRecipient, "nobody is named").not_sent())?;
    let letter = |text: &str, buttons: Value| {
        json!({ "to": to.value(), "text": text, "buttons": buttons, "loft": loft.name, "class": loft.class }).to_string()
    };
    match &message.content {
        Content::Text(text) if post.is(Flaw::ClaimsMore) && (text.body.chars().count() > 500 || text.format != TextFormat::Plain) => {
            Err(SendError::domain("the text is too long, or not plain").not_sent())
        }
        _ if post.is(Flaw::ClaimsMore) && (message.reply_to.is_some() || !matches!(message.content, Content::Text(_))) => {
            Err(SendError::domain("pigeons carry text").not_sent())
        }
        Content::Text(text) if text.body == HAWKS => Err(SendError::of(ErrorKind::Policy, "it is about hawks").not_sent()),
        Content::Text(text) if post.is(Flaw::CutsText) => Ok(vec![letter(&pieces(&text.body)[0], Value::Null)]),
        Content::Text(text) if post.is(Flaw::SplitsText) => Ok(pieces(&text.body).iter().map(|piece| letter(piece, Value::Null)).collect()),
        Content::Text(text) => Ok(vec![letter(&text.body, Value::Null)]),
        Content::Media(media) => Ok(vec![letter(media.caption.as_deref().unwrap_or_default(), json!(media))]),
        Content::Interactive(Interactive::Buttons { body, .. }) if post.is(Flaw::DropsButtons) => Ok(vec![letter(body, Value::Null)]),
        Content::Interactive(Interactive::Buttons { header, body, footer, buttons, .. }) => {
            let all: Vec<_> = buttons.iter().map(|button| json!({ "id": button.id, "title": button.title })).collect();
            Ok(vec![letter(body, json!({ "above": header, "below": footer, "choices": all }))])
        }
        _ => Err(SendError::domain("pigeons carry text and buttons").not_sent()),
    }
}

/// A wrong way to cut: by bytes.
fn pieces(text: &str) -> Vec<String> {
    text.as_bytes().chunks(99).map(|piece| String::from_utf8_lossy(piece).into_owned()).collect()
}

/// What only a broken strategy keeps or says.
fn remember_too_much(post: &Post, loft: &Loft, message: &OutboundMessage) {
    let key = loft.api_key.expose();
    match post.flaw {
        Flaw::SecretInLog => tracing::info!(key, "sending"),
        Flaw::RecipientInLog => tracing::info!(to = message.to.preferred().map_or("", |to| to.value()), "sending"),
        Flaw::NamesLoftsInLog => tracing::info!(lofts = ?post.memory.seen.lock().unwrap(), "sending"),
        Flaw::SecretInPanic => panic!("cannot send with {key}"),
        _ => {}
    }
}

/// A wrong place for what is being sent: everybody's.
async fn drafted(post: &Post, letter: String) -> String {
    if !post.is(Flaw::SharesDraft) {
        return letter;
    }
    *post.memory.draft.lock().unwrap() = letter;
    tokio::task::yield_now().await;
    post.memory.draft.lock().unwrap().clone()
}

async fn call(post: &Post, loft: &Loft, body: String, cx: &SendContext) -> Result<Receipt, SendError> {
    let timeout = match post.flaw {
        Flaw::IgnoresDeadline => Duration::from_secs(600),
        Flaw::AssumesDelivery | Flaw::TimeoutNotSent => cx.remaining() / 2,
        Flaw::Impatient => Duration::from_secs(1),
        _ => LONGEST.min(cx.remaining()),
    };
    let options = CallOptions::DEFAULT.with_timeout(timeout);
    let key = match post.flaw {
        Flaw::CachesFirstKey => post.memory.key.lock().unwrap().get_or_insert_with(|| loft.api_key.expose().clone()).clone(),
        _ => loft.api_key.expose().clone(),
    };
    let double = match post.flaw {
        Flaw::KeyNotSent => None,
        Flaw::KeyIsMessageId => Some(cx.client_message_id().to_string()),
        Flaw::KeyPerAttempt => Some(format!("{}-{}", cx.provider_key(), post.memory.count.fetch_add(1, SeqCst))),
        _ => Some(cx.provider_key().to_string()),
    };
    let request = || {
        let mut request = post_letter(body.clone(), &key, double.as_deref());
        if post.is(Flaw::AddsHeaderLines) {
            add_lines(&mut request, &String::from_utf8_lossy(loft.webhook_secret.expose()));
        }
        request
    };
    let once = || post.http.call(request(), options);
    let mut answer = if post.is(Flaw::SpawnsSend) { in_background(post, request(), options).await } else { once().await };
    match (post.flaw, &answer) {
        (Flaw::SendsTwice, Ok(_)) | (Flaw::SendsAgainOnTimeout, Err(HttpError { cause: HttpCause::Timeout, .. })) => answer = once().await,
        (Flaw::RetriesInsideSend, Ok(got)) if got.status().is_server_error() => answer = once().await,
        _ => {}
    }
    if post.is(Flaw::AssumesDelivery) && answer.as_ref().is_err_and(|error| error.cause == HttpCause::Timeout) {
        return Ok(Receipt::unnumbered());
    }
    let answer = answer.map_err(|error| unanswered(post, error))?;
    read(post, loft, &answer, cx).await
}

/// Wrong: the lines of a secret as headers.
fn add_lines(request: &mut http::Request<Bytes>, secret: &str) {
    for (name, value) in secret.lines().filter_map(|line| line.split_once(": ")) {
        request.headers_mut().insert(http::HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
    }
}

/// Wrong: a call that nobody can stop, made again where it fails.
async fn in_background(post: &Post, request: http::Request<Bytes>, options: CallOptions) -> Result<http::Response<Bytes>, HttpError> {
    let http = std::sync::Arc::clone(&post.http);
    let calls = async move {
        match http.call(request.clone(), options).await {
            Err(_) => http.call(request, options).await,
            answer => answer,
        }
    };
    tokio::spawn(calls).await.unwrap()
}

fn unanswered(post: &Post, mut error: HttpError) -> SendError {
    match (post.flaw, error.cause) {
        (Flaw::TimeoutNotSent, HttpCause::Timeout) | (Flaw::BrokenNotSent, HttpCause::Broken | HttpCause::TooLarge) => {
            error.reach = Reach::NotSent;
        }
        (Flaw::RefusedConnectionMaybe, _) => error.reach = Reach::Maybe,
        _ => {}
    }
    error.into()
}

#[derive(Deserialize)]
struct Accepted {
    id: Option<ProviderMessageId>,
    error: Option<Refused>,
}

#[derive(Deserialize)]
struct Refused {
    code: String,
}

impl Refused {
    /// The code, where it looks like one: an answer may hold anything.
    fn code(self) -> Option<String> {
        let plain = self.code.len() <= 40 && self.code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        plain.then_some(self.code)
    }
}

async fn read(post: &Post, loft: &Loft, answer: &http::Response<Bytes>, cx: &SendContext) -> Result<Receipt, SendError> {
    let wait = match post.flaw {
        Flaw::IgnoresRetryAfter => None,
        Flaw::ReadsOnlySeconds => {
            let text = answer.headers().get("retry-after").and_then(|value| value.to_str().ok());
            text.and_then(|text| text.parse().ok()).map(Duration::from_secs)
        }
        Flaw::ReadsAnyHint => {
            let text = answer.headers().get("retry-after").and_then(|value| value.to_str().ok());
            text.map(|text| Duration::from_secs(text.parse().unwrap_or(604_800)))
        }
        _ => retry_after(answer.headers(), cx.now()),
    };
    if post.is(Flaw::SleepsInsideSend) && wait.is_some() {
        super::sleep(wait.unwrap_or_default()).await;
    }
    if post.is(Flaw::PanicsOnOddAnswer) && answer.status().is_success() {
        let value: Value = serde_json::from_slice(answer.body()).unwrap();
        return Ok(Receipt::accepted(ProviderMessageId::new(value["id"].as_str().unwrap()).unwrap()));
    }
    match post.flaw {
        Flaw::OddStatusIsSuccess if !answer.status().is_client_error() && !answer.status().is_server_error() => {
            return Ok(Receipt::unnumbered());
        }
        Flaw::ChecksContentType if answer.headers().get("content-type").is_none_or(|kind| kind != "application/json") => {
            return Err(SendError::domain("the post office speaks JSON only").processed());
        }
        Flaw::SuccessIsRefusal if answer.status().is_success() => {
            return Err(SendError::domain("the post office refused the letter").processed());
        }
        Flaw::RepeatsAnswer if !answer.status().is_success() => {
            let answer = String::from_utf8_lossy(answer.body()).into_owned();
            return Err(SendError::domain("the post office refused the letter").source(std::io::Error::other(answer)).processed());
        }
        _ => {}
    }
    if let Some((error, reach)) = status_error(answer.status(), wait) {
        let code = serde_json::from_slice::<Accepted>(answer.body()).ok().and_then(|body| body.error).and_then(Refused::code);
        return Err(refused(post, loft, answer.status().as_u16(), code.as_deref()).unwrap_or_else(|| error.reach(reach)));
    }
    match serde_json::from_slice::<Accepted>(answer.body()) {
        Ok(Accepted { error: Some(error), .. }) if !post.is(Flaw::SuccessOnErrorBody) => {
            Err(refused(post, loft, 400, error.code().as_deref())
                .unwrap_or_else(|| SendError::domain("the post office refused the letter").processed()))
        }
        Ok(Accepted { id: Some(id), .. }) => Ok(receipt(post, loft, Receipt::accepted(id))),
        Ok(_) if matches!(post.flaw, Flaw::AcceptsWithoutId | Flaw::SuccessOnErrorBody) => Ok(Receipt::unnumbered()),
        Ok(_) => Err(SendError::of(ErrorKind::Protocol, "accepted without an id").maybe()),
        Err(_) if post.is(Flaw::AcceptsWithoutId) => Ok(Receipt::unnumbered()),
        // Not with the parser's error: it repeats what it could not read.
        Err(_) => {
            let unreadable = SendError::of(ErrorKind::Protocol, "the answer cannot be read");
            Err(if post.is(Flaw::GarbageNotSent) { unreadable.not_sent() } else { unreadable.maybe() })
        }
    }
}

fn receipt(post: &Post, loft: &Loft, receipt: Receipt) -> Receipt {
    if post.is(Flaw::SecretInReceipt) { receipt.with_data(&json!({ "used": loft.api_key.expose() })).unwrap() } else { receipt }
}

/// What Pigeon Post's own codes mean, and what broken strategies make of them. `None`: the status says it all.
fn refused(post: &Post, loft: &Loft, status: u16, code: Option<&str>) -> Option<SendError> {
    let coded = |kind, message| {
        let error = SendError::of(kind, message);
        match code {
            Some(code) => error.code(code),
            None => error,
        }
    };
    Some(match (post.flaw, status, code) {
        (Flaw::BadRecipientBlamesProvider, _, Some("no_such_dove")) => coded(ErrorKind::Unavailable, "the letter did not arrive").maybe(),
        (Flaw::ClientErrorsBlameProvider, 400 | 402..=407 | 409..=428 | 430..=499, _) => {
            coded(ErrorKind::Unavailable, "the post office failed").maybe()
        }
        (Flaw::ServerErrorIsDomain, 500..=599, _) => coded(ErrorKind::InvalidContent, "the letter did not arrive").processed(),
        (Flaw::ServerErrorNotSent, 408 | 500..=599, _) | (Flaw::AuthBlamesProvider, 401, _) => {
            coded(ErrorKind::Unavailable, "the post office failed").not_sent()
        }
        (Flaw::ThrottleIsDomain, 429, _) => coded(ErrorKind::InvalidContent, "the post office refused the letter").processed(),
        (Flaw::SecretInErrorSource, 401, _) => coded(ErrorKind::Unauthorized, "the key was refused")
            .source(std::io::Error::other(format!("the key was {}", loft.api_key.expose())))
            .processed(),
        (Flaw::SecretInErrorCode, 400 | 401, _) => SendError::auth("the key was refused").code(loft.api_key.expose()).processed(),
        (_, 400..=499, Some("no_such_dove")) => coded(ErrorKind::InvalidRecipient, "no such recipient").processed(),
        (_, 400..=499, Some("dove_opted_out")) => coded(ErrorKind::OptedOut, "the recipient wants no letters").processed(),
        (_, 401, _) => coded(ErrorKind::Unauthorized, "the key was refused").processed(),
        (_, 400 | 422, _) => coded(ErrorKind::InvalidContent, "the post office refused the letter").processed(),
        _ => return None,
    })
}
