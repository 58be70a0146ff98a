//! Fixtures of the pigeons: one for each strategy, with a flaw as a number.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    time::Duration,
};

use bytes::Bytes;
use serde_json::{Value, json};
use zengine_connector::{
    Content, ErrorKind, Identity, OutboundMessage, Reach, Secret,
    message::{Button, Interactive},
    strategy::InboundRequest,
    testing::contract::{self, Call, Delivery, ErrorRow, Expected, Fixture, Handshake, Inbound, Outbound, Sample, SampleTenant, Wire},
    verify::HmacSha256,
};

pub(crate) use crate::desk::Desk;
use crate::{
    flaw::Flaw,
    pigeon::{
        Any, Anything, Demanding, Forgetful, HAWKS, HUB_SECRET, HUB_SIGNATURE, LOUD, Lenient, Pigeon, PigeonCards, PigeonHub, PigeonLedger,
        PigeonOut, Plain, SIGNATURE, SIGNATURE_HEADER, TIME_HEADER, Undescribed, Wide,
    },
};

const HUB_VALUE: &str = "canary-hub-signing-secret";

fn flaw(number: usize) -> Flaw {
    Flaw::ALL[number]
}

fn loft(n: usize) -> String {
    format!("loft-{n}")
}

/// The n-th tenant of every pigeon.
fn tenant(n: usize, flaw: Flaw) -> SampleTenant {
    let n = if flaw == Flaw::SameTenants { 0 } else { n };
    SampleTenant::new(json!({
        "loft": loft(n),
        "class": if n == 2 { 2 } else { 1 },
        "api_key": { "secret": "account", "key": "api_key" },
        "webhook_secret": { "secret": "webhook" },
        "handshake_token": { "secret": "handshake" },
    }))
    .secret("account", json!({ "api_key": format!("canary-api-key-{n}") }).to_string())
    .secret("webhook", webhook_secret(n))
    .secret("handshake", handshake_token(n))
    .route("url_token", loft(n))
    .route("loft", loft(n))
    .route("office", "main")
    .route("hook", if flaw == Flaw::SampleRouteHoldsSecret { webhook_secret(n) } else { loft(n) })
}

fn webhook_secret(n: usize) -> String {
    format!("canary-webhook-secret-{n}")
}

fn handshake_token(n: usize) -> String {
    format!("canary-handshake-token-{n}")
}

fn dove(sample: &Sample) -> Identity {
    Identity::opaque("pigeon", &sample.word("dove")).unwrap()
}

/// The outbound half of every pigeon that sends.
fn outbound(flaw: Flaw) -> Outbound {
    let buttons = Interactive::Buttons {
        header: None,
        body: Sample::new(3).text(),
        footer: None,
        buttons: vec![Button::new("yes", "Yes"), Button::new("no", "No")],
    };
    let code = |status, code: &str| contract::json(status, &json!({ "error": { "code": code } }));
    let message = move |sample: &Sample| match flaw {
        Flaw::OwnWords => OutboundMessage::text(Identity::opaque("pigeon", &format!("dove-{}", sample.n())).unwrap(), "hello"),
        _ => OutboundMessage::text(dove(sample), sample.text()),
    };
    Outbound::new(message)
        .pairs(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/contract_kit/pairs/outbound"))
        .warned(&OutboundMessage::text(dove(&Sample::new(3)), LOUD))
        .refused(&OutboundMessage::text(dove(&Sample::new(3)), HAWKS))
        .also(&OutboundMessage::new(dove(&Sample::new(3)), Content::Interactive(buttons)))
        .provider(answer)
        .error_table([
            ErrorRow::new(code(400, "no_such_dove"), ErrorKind::InvalidRecipient, Reach::Processed).code("no_such_dove"),
            ErrorRow::new(code(403, "dove_opted_out"), ErrorKind::OptedOut, Reach::Processed).code("dove_opted_out"),
            ErrorRow::new(code(422, "too_heavy"), ErrorKind::InvalidContent, Reach::Processed).code("too_heavy"),
            ErrorRow::new(code(200, "no_such_dove"), ErrorKind::InvalidRecipient, Reach::Processed).code("no_such_dove"),
            ErrorRow::new(code(401, "bad_key"), ErrorKind::Unauthorized, Reach::Processed).code("bad_key"),
            ErrorRow::new(code(429, "slow"), ErrorKind::RateLimited, Reach::NotSent)
                .header("retry-after", "7")
                .retry_after(Duration::from_secs(7)),
            ErrorRow::new(contract::text(502, "bad gateway"), ErrorKind::Unavailable, Reach::Maybe),
        ])
}

fn answer(call: &Call<'_>) -> http::Response<Bytes> {
    match call.path() {
        "/ledger" => {
            let key = call.request().uri().query().and_then(|query| query.strip_prefix("key=")).unwrap_or_default();
            let mut letters = call.accepted().iter().enumerate().filter(|(_, request)| request.uri().path() == "/letters");
            let found =
                letters.rfind(|(_, request)| key.is_empty() || request.headers().get("idempotency-key").is_some_and(|sent| sent == key));
            contract::json(200, &json!({ "found": found.map(|(_, request)| letter_id(request)) }))
        }
        "/letters" => contract::json(200, &json!({ "id": letter_id(call.request()) })),
        _ => contract::json(200, &json!({ "open": true })),
    }
}

/// Every letter has an id of its own, made of its key.
fn letter_id(request: &http::Request<Bytes>) -> String {
    let key = request.headers().get("idempotency-key").and_then(|key| key.to_str().ok()).unwrap_or_default();
    let mut hash = DefaultHasher::new();
    (key, request.body()).hash(&mut hash);
    format!("letter-{:x}", hash.finish())
}

/// A letter without its content.
fn envelope(sample: &Sample, kind: &str) -> Value {
    let from = json!({ "dove": sample.word("dove"), "phone": sample.phone() });
    json!({ "id": sample.word("letter"), "loft": "?", "kind": kind, "at": sample.at_ms() / 1000, "from": from })
}

fn with(mut letter: Value, member: &str, value: Value) -> Value {
    letter[member] = value;
    letter
}

fn text(sample: &Sample) -> Value {
    with(envelope(sample, "text"), "text", sample.text().into())
}

fn expected(sample: &Sample, expected: &Expected<'_>) -> Option<Value> {
    Some(match expected {
        Expected::Choice { id, title } => with(envelope(sample, "button"), "button", json!({ "id": id, "title": title })),
        Expected::Reaction { target, emoji } => with(envelope(sample, "reaction"), "reaction", json!({ "to": target, "emoji": emoji })),
        Expected::Contact { name } => with(envelope(sample, "contacts"), "names", json!([name])),
        Expected::Order { sku, quantity } => with(envelope(sample, "order"), "goods", json!([{ "sku": sku, "quantity": quantity }])),
        Expected::Form { answers } => with(envelope(sample, "form"), "form", (*answers).into()),
        Expected::WithoutPhone => with(text(sample), "from", json!({ "dove": sample.word("dove") })),
        Expected::Echo { target, key } => {
            let news = json!({ "of": target, "state": "delivered", "sent_at": 0, "for": [sample.word("dove")], "key": key });
            with(envelope(sample, "news"), "news", news)
        }
        Expected::Failure { target, permanent, suppressed, recipient } => {
            let why = if *suppressed { "listed" } else { ["away", "gone"][usize::from(*permanent)] };
            with(envelope(sample, "news"), "news", json!({ "of": target, "state": "failed", "sent_at": 0, "for": [recipient], "why": why }))
        }
        Expected::Status { target, state, sent_at_ms, recipients } => {
            let news = json!({ "of": target, "state": state, "sent_at": sent_at_ms / 1000, "for": recipients });
            let mut letter = with(envelope(sample, "news"), "news", news);
            letter.as_object_mut()?.remove("from");
            letter
        }
        _ => return None,
    })
}

/// Writes the loft's name into its letters.
fn addressed(elements: impl IntoIterator<Item = (usize, Value)>) -> Value {
    let letters = elements.into_iter().map(|(n, mut letter)| {
        if let Some(letter) = letter.as_object_mut() {
            letter.insert("loft".to_owned(), loft(n).into());
        }
        letter
    });
    json!({ "letters": letters.collect::<Vec<_>>() })
}

fn signed(path: &str, (form, secret): (HmacSha256, &str), delivery: &Delivery) -> http::Request<Bytes> {
    let time = (delivery.now_ms / 1000).to_string();
    let secret = Secret::new(secret.as_bytes().to_vec());
    http::Request::post(path)
        .header(SIGNATURE_HEADER, form.sign(&[time.as_bytes(), b".", &delivery.body].concat(), &secret))
        .header(TIME_HEADER, time)
        .body(delivery.body.clone())
        .unwrap()
}

fn handshake(path: &str, token: &str) -> Handshake {
    let ask = |token: &str| http::Request::get(format!("{path}?token={token}&challenge=1158201444")).body(Bytes::new()).unwrap();
    Handshake::new(ask(token), "1158201444").wrong(ask("a-guess"))
}

fn inbound(request: impl Fn(&Delivery) -> http::Request<Bytes> + Send + Sync + 'static) -> Inbound {
    Inbound::new(text, |n, elements| addressed(elements.into_iter().map(|element| (n, element))), request)
        .signature(SIGNATURE_HEADER)
        .signature(TIME_HEADER)
        .unknown([with(envelope(&Sample::new(5), "hologram"), "loft", loft(0).into())])
        .expected(expected)
        .pairs(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/contract_kit/pairs/inbound"))
}

/// [`Pigeon`] with the flaw of a number; 0 is none.
pub(crate) struct Both<const FLAW: usize>;

impl<const FLAW: usize> Fixture for Both<FLAW> {
    type Strategy = Pigeon;

    fn strategy(wire: &Wire) -> Pigeon {
        Pigeon::new(wire.http(), flaw(FLAW))
    }

    fn tenant(n: usize) -> SampleTenant {
        tenant(n, flaw(FLAW))
    }

    fn outbound() -> Option<Outbound> {
        Some(outbound(flaw(FLAW)))
    }

    fn inbound() -> Option<Inbound> {
        let path = |n| format!("/{}", loft(n));
        Some(
            inbound(move |delivery| signed(&path(delivery.tenant), (SIGNATURE, &webhook_secret(delivery.tenant)), delivery))
                .handshake(move |n| handshake(&path(n), &handshake_token(n))),
        )
    }
}

/// [`PigeonCards`] with the flaw of a number.
pub(crate) struct Cards<const FLAW: usize>;

impl<const FLAW: usize> Fixture for Cards<FLAW> {
    type Strategy = PigeonCards;

    fn strategy(wire: &Wire) -> PigeonCards {
        PigeonCards::new(wire.http(), flaw(FLAW))
    }

    fn tenant(n: usize) -> SampleTenant {
        tenant(n, flaw(FLAW))
    }

    fn inbound() -> Option<Inbound> {
        let signed = |delivery: &Delivery, mut request: http::Request<Bytes>| {
            let token = handshake_token(delivery.tenant);
            *request.uri_mut() = request.uri().to_string().replace("TOKEN", &token).parse().unwrap();
            request
        };
        let polls = |n: usize, sample: &Sample, previous: &http::Response<Bytes>| {
            let after = serde_json::from_slice::<Value>(previous.body()).unwrap_or_default()["after"].as_str().unwrap_or("0").to_owned();
            let (loft, token, from) = (loft(n), handshake_token(n), sample.word("dove"));
            http::Request::get(format!("/{loft}/{token}/replies?from={from}&after={after}")).body(Bytes::new()).unwrap()
        };
        let file = |call: &Call<'_>| match call.path() {
            "/files/file-1" => contract::text(200, "a feather"),
            _ => contract::text(404, "no such file"),
        };
        let inbound = Inbound::requests(card, signed).pairs(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/contract_kit/pairs/cards"));
        let record =
            |delivery: &Delivery| InboundRequest::trusted(format!("pigeon/{}", loft(delivery.tenant)), "r-1", delivery.body.clone());
        Some(inbound.polls(polls).media("file-1", "a feather", file).records(record))
    }
}

/// The request of a card without its token.
fn card(n: usize, sample: &Sample, expected: &Expected<'_>) -> Option<http::Request<Bytes>> {
    let path = format!("/{}/TOKEN", loft(n));
    let (at, encoded) = (sample.at_ms() / 1000, |text: &str| text.bytes().fold(String::new(), |all, byte| all + &format!("%{byte:02x}")));
    match expected {
        Expected::Text => {
            let (id, from, text) = (sample.word("card"), sample.word("dove"), encoded(&sample.text()));
            http::Request::post(path).body(format!("id={id}&from={from}&text={text}&at={at}").into()).ok()
        }
        Expected::Status { target, state, recipients: [_], .. } => {
            http::Request::get(format!("{path}?of={target}&state={}&at={at}", state.as_str())).body(Bytes::new()).ok()
        }
        _ => None,
    }
}

/// [`PigeonHub`] with the flaw of a number.
pub(crate) struct Hub<const FLAW: usize>;

impl<const FLAW: usize> Fixture for Hub<FLAW> {
    type Strategy = PigeonHub;

    fn strategy(wire: &Wire) -> PigeonHub {
        PigeonHub::new(wire.http(), flaw(FLAW))
    }

    fn tenant(n: usize) -> SampleTenant {
        tenant(n, flaw(FLAW))
    }

    fn application_secrets() -> Vec<(String, String)> {
        vec![(HUB_SECRET.to_owned(), HUB_VALUE.to_owned())]
    }

    fn inbound() -> Option<Inbound> {
        Some(
            inbound(|delivery| signed("/", (HUB_SIGNATURE, HUB_VALUE), delivery)).mixed(addressed).handshake(|_| handshake("/", HUB_VALUE)),
        )
    }
}

macro_rules! sends {
    ($($fixture:ident $strategy:ident)*) => {$(
        /// A pigeon that only sends, with the flaw of a number.
        pub(crate) struct $fixture<const FLAW: usize>;

        impl<const FLAW: usize> Fixture for $fixture<FLAW> {
            type Strategy = $strategy;

            fn strategy(wire: &Wire) -> $strategy {
                $strategy::new(wire.http(), flaw(FLAW))
            }

            fn tenant(n: usize) -> SampleTenant {
                tenant(n, flaw(FLAW))
            }

            fn outbound() -> Option<Outbound> {
                Some(outbound(flaw(FLAW)))
            }
        }
    )*};
}

sends! { Out PigeonOut  Ledger PigeonLedger  OfForgetful Forgetful  OfWide Wide  OfLenient Lenient  OfPlain Plain  OfUndescribed Undescribed  OfDemanding Demanding  OfAny Any  OfAnything Anything }
