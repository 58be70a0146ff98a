//! The webhooks of Pigeon Post: `{"letters": [{"id", "loft", "kind", "at": seconds, …}]}`.

use std::{collections::HashMap, sync::atomic::Ordering::SeqCst};

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use zengine_connector::{
    Content, ConversationId, Event, Identity, ProviderMessageId,
    ids::RouteKey,
    message::{
        ContactCard, Contacts, ElementError, Failure, FlowReply, InteractiveReply, Order, OrderItem, Party, Reaction, ReplySource, State,
        Status,
    },
    strategy::{ProviderKey, RawPayload, RoutedEvent},
};

use super::Post;
use crate::flaw::Flaw;

#[derive(Deserialize)]
pub(super) struct Webhook<'a> {
    #[serde(borrow)]
    letters: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Letter {
    id: String,
    loft: String,
    kind: String,
    at: i64,
    #[serde(default)]
    from: Option<Writer>,
    #[serde(default)]
    text: String,
    #[serde(default)]
    button: Option<Named>,
    #[serde(default)]
    reaction: Option<Reacted>,
    #[serde(default)]
    names: Vec<String>,
    #[serde(default)]
    goods: Vec<Goods>,
    #[serde(default)]
    form: Option<String>,
    #[serde(default)]
    news: Option<News>,
}

const KNOWN_FIELDS: &[&str] = &["id", "loft", "kind", "at", "from", "text", "button", "reaction", "names", "goods", "form", "news"];

#[derive(Deserialize)]
struct Writer {
    dove: String,
    #[serde(default)]
    phone: Option<String>,
}

#[derive(Deserialize)]
struct Named {
    id: String,
    title: String,
}

#[derive(Deserialize)]
struct Reacted {
    to: String,
    #[serde(default)]
    emoji: Option<String>,
}

#[derive(Deserialize)]
struct Goods {
    sku: String,
    quantity: u32,
}

#[derive(Deserialize)]
struct News {
    of: String,
    state: State,
    sent_at: i64,
    #[serde(rename = "for")]
    people: Vec<String>,
    /// The reason of a failed delivery: `gone`, `away`, or `listed` if it was not carried.
    #[serde(default)]
    why: Option<String>,
    /// The idempotency key that the letter was sent with.
    #[serde(default)]
    key: Option<String>,
}

pub(super) fn normalize(post: &Post, payload: &RawPayload) -> Vec<Result<RoutedEvent, ElementError>> {
    let webhook = serde_json::from_slice::<Webhook<'_>>(payload.body());
    if post.is(Flaw::PanicsOnOddJson) {
        let odd: Value = serde_json::from_slice(payload.body()).unwrap();
        assert!(odd["letters"].is_array(), "a webhook has letters");
    }
    let letters = match webhook {
        Ok(webhook) => webhook.letters,
        Err(_) if post.is(Flaw::GarbageLost) => return vec![],
        Err(_) => {
            let bytes = if post.is(Flaw::BadElementLosesBytes) { Bytes::new() } else { payload.body().clone() };
            return vec![Err(ElementError::new("", "not a webhook of the post office", bytes))];
        }
    };
    let mut events: Vec<_> = letters.iter().enumerate().flat_map(|(n, raw)| letter(post, payload, n, raw)).collect();
    match post.flaw {
        Flaw::FirstOnly => events.truncate(1),
        Flaw::Reversed => events.reverse(),
        Flaw::BadElementDropped => events.retain(Result::is_ok),
        Flaw::BadElementKillsBatch if events.iter().any(Result::is_err) => {
            events = vec![Err(ElementError::new("", "a letter cannot be read", payload.body().clone()))];
        }
        Flaw::ForgetsUnstored => events.retain(|event| match event {
            Ok(event) => post.memory.seen.lock().unwrap().insert(event.dedup.clone()),
            Err(_) => true,
        }),
        _ => {}
    }
    events
}

/// The events of one letter: none where a broken strategy leaves it out, several where it is about several people.
fn letter(post: &Post, payload: &RawPayload, n: usize, raw: &RawValue) -> Vec<Result<RoutedEvent, ElementError>> {
    let bytes = match post.flaw {
        Flaw::RawReserialized => serde_json::from_str::<Value>(raw.get()).map_or(Bytes::new(), |value| value.to_string().into()),
        Flaw::RawIsWholeBody => payload.body().clone(),
        _ => payload.slice_of(raw.get()),
    };
    let wrong = |reason| {
        let place = if post.is(Flaw::BadElementWrongPath) { n + 1 } else { n };
        let bytes = if post.is(Flaw::BadElementLosesBytes) { Bytes::new() } else { payload.slice_of(raw.get()) };
        vec![Err(ElementError::new(format!("/letters/{place}"), reason, bytes))]
    };
    if post.is(Flaw::UnknownFieldIsError) {
        let fields = serde_json::from_str::<HashMap<String, Value>>(raw.get()).unwrap_or_default();
        if fields.keys().any(|field| !KNOWN_FIELDS.contains(&field.as_str())) {
            return wrong("a field that is not known");
        }
    }
    let Ok(letter) = serde_json::from_str::<Letter>(raw.get()) else { return wrong("not a letter") };
    if let (Flaw::NeedsPhone, Some(Writer { phone: None, .. })) = (post.flaw, &letter.from) {
        return wrong("nobody can be called back");
    }
    match post.flaw {
        Flaw::TextInLog => tracing::info!(text = letter.text, "a letter"),
        Flaw::SenderInLog => tracing::info!(from = letter.from.as_ref().map(|from| from.dove.as_str()), "a letter"),
        _ => {}
    }
    let people = letter.news.as_ref().map_or(1, |news| if post.is(Flaw::OnlyFirstRecipient) { 1 } else { news.people.len() });
    match (0..people).map(|who| event(post, &letter, who)).collect::<Option<Vec<_>>>() {
        Some(events) => events.into_iter().map(|event| Ok(routed(post, &letter, event, n, bytes.clone()))).collect(),
        None if post.is(Flaw::UnknownIsError) => wrong("a kind that is not known"),
        None => vec![],
    }
}

/// What happened. `None` where a broken strategy has no eye for it.
fn event(post: &Post, letter: &Letter, who: usize) -> Option<Event> {
    let content = match letter.kind.as_str() {
        "text" if post.is(Flaw::CutsInboundText) => {
            let units: Vec<u16> = letter.text.encode_utf16().take(31).collect();
            Content::text(String::from_utf16_lossy(&units))
        }
        "text" if post.is(Flaw::TrimsInboundText) => Content::text(letter.text.trim()),
        "text" => Content::text(letter.text.clone()),
        "button" => {
            let button = letter.button.as_ref()?;
            if post.is(Flaw::TitleInsteadOfId) {
                Content::text(button.title.clone())
            } else {
                let reply = InteractiveReply::new(button.id.clone(), ReplySource::Button).with_title(button.title.clone());
                Content::InteractiveReply(reply)
            }
        }
        "reaction" if post.is(Flaw::ReactionsDropped) => return None,
        "reaction" => {
            let reaction = letter.reaction.as_ref()?;
            Content::Reaction(Reaction::new(reaction.to.clone(), reaction.emoji.clone()))
        }
        "contacts" | "order" | "form" if post.is(Flaw::CardsDropped) => return None,
        "contacts" => Content::Contacts(Contacts::new(letter.names.iter().map(|name| card(name)).collect())),
        "order" => {
            let mut order = Order::default();
            order.items = letter.goods.iter().map(|goods| OrderItem::new(goods.sku.clone(), goods.quantity, None)).collect();
            Content::Order(order)
        }
        "form" => Content::FlowReply(FlowReply::new(None, letter.form.clone()?)),
        "news" => return Some(Event::Status(status(post, letter, letter.news.as_ref()?, who))),
        _ if matches!(post.flaw, Flaw::UnknownDropped | Flaw::UnknownIsError) => return None,
        unknown => return Some(Event::Unknown { provider_type: unknown.to_owned() }),
    };
    Some(Event::message(content))
}

/// Seconds to milliseconds; a time nobody will see stays a time.
fn ms(post: &Post, seconds: i64) -> i64 {
    if post.is(Flaw::OverflowsTime) { 1000 * seconds } else { seconds.saturating_mul(1000) }
}

fn card(name: &str) -> ContactCard {
    ContactCard::named(name)
}

fn status(post: &Post, letter: &Letter, news: &News, who: usize) -> Status {
    let mut status = Status::new(news.of.clone(), if post.is(Flaw::EverythingIsSent) { State::Sent } else { news.state });
    status.at_ms = Some(ms(post, if post.is(Flaw::StatusHasSendTime) { news.sent_at } else { letter.at }));
    status.failure = news.why.as_deref().map(|why| match why {
        "listed" if !post.is(Flaw::SuppressionDropped) => Failure::suppressed(),
        why => Failure::new(Some(why != "away" || post.is(Flaw::FailuresAreFinal))),
    });
    status.recipient = news.people.get(who).and_then(|dove| Identity::opaque("pigeon", dove).ok()).into_iter().collect();
    status
}

fn routed(post: &Post, letter: &Letter, event: Event, n: usize, raw: Bytes) -> RoutedEvent {
    let dedup = match (post.flaw, &event) {
        (Flaw::FreshDedupKey, _) => format!("{}", post.memory.count.fetch_add(1, SeqCst)),
        (Flaw::DedupByProcess, _) => format!("{}|{:p}", letter.id, std::sync::Arc::as_ptr(&post.memory)),
        (Flaw::DedupByPosition, _) => format!("{n}"),
        (Flaw::DedupByText, Event::Message { .. }) => format!("text|{}", letter.text),
        (Flaw::StatusDedupByTarget, Event::Status(status)) => format!("news|{}", status.target),
        (_, Event::Status(status)) => {
            let who = status.recipient.first().map_or("", |dove| dove.value());
            format!("news|{}|{}|{who}", letter.id, status.state.as_str())
        }
        _ => format!("letter|{}", letter.id),
    };
    let time = match &event {
        Event::Status(status) => status.at_ms,
        _ if post.is(Flaw::SecondsAsMillis) => Some(letter.at),
        _ => Some(ms(post, letter.at)),
    };
    let mut routed = RoutedEvent::new(event, dedup, raw);
    routed.occurred_at_ms = time;
    routed.reference = letter.news.as_ref().and_then(|news| news.key.clone()).map(ProviderKey::echoed);
    routed.provider_ids = ProviderMessageId::new(&letter.id).into_iter().collect();
    let (loft, office) = (RouteKey::new("loft", &letter.loft), RouteKey::new("office", "main"));
    routed.routes = match post.flaw {
        Flaw::FansOut => vec![office],
        Flaw::FirstRouteForAll => {
            let mut first = post.memory.route.lock().unwrap();
            vec![RouteKey::new("loft", first.get_or_insert_with(|| letter.loft.clone()))]
        }
        _ => vec![loft],
    };
    routed.fan_out = post.is(Flaw::FansOut);
    if let Some(from) = &letter.from {
        let opaque = Identity::opaque("pigeon", &from.dove).ok();
        let phone = from.phone.as_deref().and_then(|phone| Identity::phone(phone).ok());
        routed.from = Party::of_all(phone.into_iter().chain(opaque));
        routed.conversation = ConversationId::new(format!("{}/{}", letter.loft, from.dove)).ok();
    }
    match post.flaw {
        Flaw::MissingSender => routed.from = Party::default(),
        Flaw::FirstSenderForAll => routed.from = post.memory.sender.lock().unwrap().get_or_insert_with(|| routed.from.clone()).clone(),
        Flaw::OneConversation => routed.conversation = ConversationId::new(&letter.loft).ok(),
        Flaw::NoProviderIds => routed.provider_ids = vec![],
        Flaw::EchoedKeyDropped => routed.reference = None,
        _ => {}
    }
    routed
}
