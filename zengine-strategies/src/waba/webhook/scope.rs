//! The owner of a change, and the common context of its elements.

use std::{borrow::Cow, cell::Cell, rc::Rc};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use sha2::{Digest, Sha256};
use zengine_connector::ids::RouteKey;
use zengine_connector::message::{IdentityKind, Party, ProviderError};
use zengine_connector::strategy::RoutedEvent;
use zengine_connector::{ConversationId, Event, Identity, ProviderMessageId};

use super::reason;
use crate::waba::identity::{Contact, Contacts, Keys, Names, address, name, spelled};
use crate::waba::json::{Object, ValueRef};
use crate::waba::problem;
use crate::waba::text::joined;

/// Fields about an account, whose change is one event as a whole.
#[rustfmt::skip]
pub(super) const ACCOUNT_FIELDS: &[&str] = &[
    "account_alerts", "account_review_update", "account_settings_update", "account_update", "business_capability_update",
    "business_status_update", "business_username_update", "business_username_updates", "flows", "partner_solutions",
    "payment_configuration_update", "phone_number_name_update", "phone_number_quality_update", "security", "tracking_events",
];

/// Fields about one template.
pub(super) fn is_of_template(field: &str) -> bool {
    field.starts_with("message_template_") || field.starts_with("template_")
}

/// How the elements of a change arrived.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// As they happen.
    Live,
    /// As a copy, while another application owns the conversation.
    Standby,
    /// As part of an older conversation that was handed over.
    History,
}

/// The members of an account's element of `entry`.
pub(super) struct WebhookEntry<'a> {
    pub(super) id: Option<Cow<'a, str>>,
    pub(super) time_ms: Option<i64>,
}

/// Longest id of a number or account that keys hold as it is, in bytes. Meta's have some twenty digits.
const LONG_ID: usize = 64;

/// The owner of changes: a number, or an account.
pub(super) struct Owner<'a> {
    number: Option<Cow<'a, str>>,
    account: Option<Cow<'a, str>>,
    /// The business's number, digits: distinguishes directions, never tenants.
    display: Option<Cow<'a, str>>,
    is_of_account: bool,
    routes: Vec<RouteKey>,
    business: Option<Party>,
    /// The digest of an id that is long: every key holds it.
    long_id: Option<String>,
}

impl<'a> Owner<'a> {
    /// The owner of a change. What is said of an account concerns all its numbers; anything else that names a number belongs to that
    /// number alone, because the account may have numbers of other tenants.
    fn new(number: Option<Cow<'a, str>>, account: Option<Cow<'a, str>>, display: Option<Cow<'a, str>>, is_of_account: bool) -> Self {
        let by_number = || number.as_deref().map(|id| RouteKey::new("phone_number_id", id));
        let by_account = || account.as_deref().map(|id| RouteKey::new("waba_id", id));
        let route = if is_of_account { by_account().or_else(by_number) } else { by_number().or_else(by_account) };
        let business = business(number.as_deref(), display.as_deref());
        let long_id = number.as_deref().or(account.as_deref()).filter(|id| id.len() > LONG_ID).map(|id| digest(&[id], str::to_owned));
        Self { number, account, display, is_of_account, routes: Vec::from_iter(route), business, long_id }
    }

    /// The id within which other ids are unique.
    fn id(&self) -> &str {
        self.long_id.as_deref().or(self.number.as_deref()).or(self.account.as_deref()).unwrap_or("-")
    }
}

/// The common context of the elements of one change.
pub(super) struct Scope<'a> {
    pub(super) field: Cow<'a, str>,
    pub(super) mode: Mode,
    contacts: Contacts<'a>,
    /// Whether all elements are messages from one number.
    one_sender: bool,
    /// Errors beside the elements.
    errors: Option<ValueRef<'a>>,
    /// Whether an element took them.
    taken: Cell<bool>,
    /// The list with the one call that ended or failed, to which they belong.
    errors_of: Option<&'static str>,
    pub(super) time_ms: Option<i64>,
    owner: Rc<Owner<'a>>,
}

impl<'a> Scope<'a> {
    /// `last` is the owner of the change before, which is reused if it is the same.
    pub(super) fn new(
        field: Cow<'a, str>,
        mode: Mode,
        entry: &WebhookEntry<'a>,
        value: &Object<'a>,
        last: &mut Option<Rc<Owner<'a>>>,
    ) -> Self {
        let metadata = value.object("metadata").unwrap_or_default();
        let number = of_number(&field, &metadata, value, "phone_number_id");
        let account = account_id(&field, entry, value);
        let display = of_number(&field, &metadata, value, "display_phone_number");
        let is_of_account = is_of_account(&field, number.is_some());
        let key = (&number, &account, &display, is_of_account);
        let of = |last: &Owner<'_>| (&last.number, &last.account, &last.display, last.is_of_account) == key;
        let same = last.as_ref().filter(|last| of(last)).map(Rc::clone);
        let owner = same.unwrap_or_else(|| Rc::new(Owner::new(number, account, display, is_of_account)));
        *last = Some(Rc::clone(&owner));
        // Members may be repeated, so every one of a name counts.
        let copies = || value.get_all("standby").filter(|_| mode == Mode::Standby).filter_map(ValueRef::object);
        let errors = value.get("errors").or_else(|| copies().find_map(|copy| copy.get("errors")));
        let contacts = value.get_all("contacts").chain(copies().flat_map(|copy| copy.get_all("contacts")));
        Self {
            mode,
            contacts: Contacts::read(contacts.filter_map(ValueRef::elements).flatten()),
            one_sender: field == "messages" && is_from_one_number(value),
            errors,
            taken: Cell::new(false),
            errors_of: if field == "calls" && errors.is_some() { list_of_ended(value) } else { None },
            time_ms: entry.time_ms,
            owner,
            field,
        }
    }

    /// The errors beside the elements, for the one element that they explain. They are handed out once: a second copy of them is
    /// never made.
    pub(super) fn take_errors(&self) -> Vec<ProviderError> {
        if self.taken.get() {
            return vec![];
        }
        let errors: Vec<_> = self.errors.and_then(ValueRef::elements).into_iter().flatten().map(problem::one).collect();
        self.taken.set(!errors.is_empty());
        errors
    }

    /// The errors beside the elements, if they are those of this call, an element of `list`.
    pub(super) fn take_errors_of_call(&self, list: &str, call: &Object<'_>) -> Vec<ProviderError> {
        if self.errors_of == Some(list) && is_end_of_call(call) { self.take_errors() } else { vec![] }
    }

    /// Whether an element took these errors as its own.
    pub(super) fn has_taken(&self, errors: ValueRef<'_>) -> bool {
        self.taken.get() && self.errors.is_some_and(|own| std::ptr::eq(own.as_json(), errors.as_json()))
    }

    /// Whether the business wrote or called, as far as the numbers say: ids beside a number are the person's in both directions,
    /// because a business has none. `with` is the other side of the conversation, if it is known.
    pub(super) fn is_from_business(&self, obj: &Object<'_>, with: &Names<'_>) -> Option<bool> {
        let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect();
        let business = Names { phone: self.owner.display.as_deref().map(|display| Cow::Owned(digits(display))), ..Names::default() };
        let (from, to) = (Names::read(obj, &Keys::FROM), Names::read(obj, &Keys::TO));
        match (from.is_same_number(&business), to.is_same_number(&business)) {
            (Some(true), _) => Some(true),
            (_, Some(true)) => Some(false),
            _ => from.is_same_number(with).map(|is_same| !is_same),
        }
    }

    /// An event of this change.
    pub(super) fn event(&self, event: Event, dedup: String) -> RoutedEvent {
        let mut routed = RoutedEvent::new(event, dedup, Bytes::new());
        routed.routes.clone_from(&self.owner.routes);
        routed.fan_out = self.owner.is_of_account;
        routed.context.standby = self.mode == Mode::Standby;
        routed.context.history = self.mode == Mode::History;
        routed.occurred_at_ms = self.time_ms;
        routed
    }

    /// An event to the business, about an object that may tell its time.
    pub(super) fn business_event(&self, event: Event, dedup: String, obj: &Object<'_>) -> RoutedEvent {
        let mut routed = self.event(event, dedup);
        routed.to = self.business();
        let time_ms = || obj.object("metadata")?.time_ms("timestamp");
        routed.occurred_at_ms = obj.time_ms("timestamp").or_else(time_ms).or(self.time_ms);
        routed
    }

    /// An event without an id from a person to the business.
    pub(super) fn person_event(&self, event: Event, raw: ValueRef<'_>, obj: &Object<'_>, person: &Object<'_>, alone: bool) -> RoutedEvent {
        let names = Names::read(person, &Keys::PERSON);
        let mut routed = self.business_event(event, self.by_bytes(raw), obj);
        routed.from = names.party(self.contact(&names, alone));
        routed.conversation = self.conversation(&routed.from.ids);
        routed
    }

    /// An event of an unknown kind.
    pub(super) fn unknown(&self, provider_type: impl Into<String>, raw: ValueRef<'_>) -> RoutedEvent {
        self.event(Event::Unknown { provider_type: provider_type.into() }, self.by_bytes(raw))
    }

    /// The dedup key of an element with an id: kind, number, id and further parts that distinguish events. A copy that arrived
    /// in another mode has a key of its own.
    pub(super) fn by_id(&self, kind: &str, id: &str, more: &[&str]) -> String {
        let parts = [self.prefix(), kind, "|", self.owner.id(), "|", id];
        let length = parts.iter().chain(more).map(|part| part.len()).sum::<usize>() + more.len();
        let mut key = String::with_capacity(length);
        key.extend(parts);
        for part in more {
            key.push('|');
            key.push_str(part);
        }
        key
    }

    /// The dedup key of an element without an id: owner, field, time and bytes.
    pub(super) fn by_bytes(&self, raw: ValueRef<'_>) -> String {
        let time = self.time_ms.map(|time| time.to_string()).unwrap_or_default();
        digest(&[raw.as_json()], |digest| [self.prefix(), &self.field, "|", self.owner.id(), "|", &time, "|", digest].concat())
    }

    /// The dedup key of a status: a message has one of each state and member.
    pub(super) fn by_status(&self, id: &str, status: &str, participant: Option<&Identity>) -> String {
        let participant = participant.map(Identity::value).unwrap_or_default();
        [self.prefix(), "status|", id, "|", status, "|", participant].concat()
    }

    fn prefix(&self) -> &'static str {
        match self.mode {
            Mode::Live => "",
            Mode::Standby => "standby|",
            Mode::History => "history|",
        }
    }

    /// The id of the WhatsApp Business account, if the change names one.
    pub(super) fn account(&self) -> Option<&str> {
        self.owner.account.as_deref()
    }

    /// The business's side.
    pub(super) fn business(&self) -> Vec<Party> {
        self.owner.business.iter().cloned().collect()
    }

    /// The contact that is the person.
    pub(super) fn contact(&self, names: &Names<'_>, alone: bool) -> Option<&Contact<'a>> {
        self.contacts.of(names, alone || self.one_sender)
    }

    /// The conversation with a person or group. Other modules print conversation ids, so the id holds a digest of the person, which
    /// does not tell the number. It has no key: a guess of the number can be confirmed.
    /// The number comes first, in one spelling: scoped ids come and go while they are rolled out, and older conversations have
    /// none.
    pub(super) fn conversation(&self, ids: &[Identity]) -> Option<ConversationId> {
        let of = |kinds: &[IdentityKind]| ids.iter().find(|id| kinds.contains(&id.kind()));
        let number = of(&[IdentityKind::Phone, IdentityKind::WaId]);
        let id = of(&[IdentityKind::Group]).or(number).or_else(|| of(&[IdentityKind::Bsuid])).or_else(|| ids.first())?;
        let ns = id.ns().map_or(["", ""], |ns| [ns, ":"]);
        let (kind, area, rest) = match spelled(id.value()) {
            (area, rest) if number == Some(id) => ("phone", area, rest),
            _ => (id.kind().as_str(), "", id.value()),
        };
        let urn = [kind, ":", ns[0], ns[1], area, rest];
        digest(&urn, |digest| joined(&[self.owner.id(), ".", digest], |id| ConversationId::new(id))).ok()
    }
}

/// Whether all elements are messages from one number, whose person the only contact then is.
fn is_from_one_number(value: &Object<'_>) -> bool {
    let messages = value.get_all("messages").filter_map(ValueRef::elements).flatten();
    let mut numbers = messages.map(|raw| raw.object().and_then(|obj| name(&obj, "from")));
    let first = numbers.next().flatten();
    first.is_some() && numbers.all(|number| number == first) && value.get("statuses").is_none()
}

/// The list with the one call that ended or failed; `None` if there are several. A status may say the same of it again.
fn list_of_ended(value: &Object<'_>) -> Option<&'static str> {
    let of = |list| value.get_all(list).filter_map(ValueRef::elements).flatten().filter_map(ValueRef::object).filter(is_end_of_call);
    let mut ended = ["calls", "statuses"].into_iter().flat_map(|list| of(list).map(move |call| (list, name(&call, "id"))));
    let (first, id) = ended.next()?;
    ended.all(|(list, again)| list != first && id.is_some() && again == id).then_some(first)
}

/// Whether a call ended or failed, which errors beside it explain.
fn is_end_of_call(call: &Object<'_>) -> bool {
    let has_failed = |raw| reason::words(raw).any(|word| word.eq_ignore_ascii_case("failed"));
    call.string("event").as_deref() == Some("terminate") || call.get("status").is_some_and(has_failed)
}

/// A provider's id, if it is valid.
pub(super) fn provider_id(id: Option<&str>) -> Vec<ProviderMessageId> {
    id.and_then(|id| ProviderMessageId::new(id).ok()).into_iter().collect()
}

/// Lends the first 16 bytes of the SHA-256 of a text, which is given in parts, in base64url.
pub(super) fn digest<T>(parts: &[&str], lend: impl FnOnce(&str) -> T) -> T {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    let mut room = [0; 22];
    // 16 bytes are 22 characters, which are ASCII.
    let _ = URL_SAFE_NO_PAD.encode_slice(&hash.finalize()[..16], &mut room);
    lend(std::str::from_utf8(&room).unwrap_or_default())
}

/// A member of the number that a change belongs to. Its id is never read from the displayed number, whose spelling varies.
fn of_number<'a>(field: &str, metadata: &Object<'a>, value: &Object<'a>, member: &str) -> Option<Cow<'a, str>> {
    name(metadata, member).or_else(|| match field {
        "messaging_handovers" => name(&value.object("recipient")?, member),
        "account_settings_update" => name(&value.object("phone_number_settings")?, member),
        _ => None,
    })
}

/// The id of the WhatsApp Business account. In notices to partners, `entry[].id` is a business portfolio and `waba_info` names
/// the account; `0` in samples is no account.
fn account_id<'a>(field: &str, entry: &WebhookEntry<'a>, value: &Object<'a>) -> Option<Cow<'a, str>> {
    let named = || value.object("waba_info").and_then(|info| name(&info, "waba_id"));
    let id = match field {
        "partner_solutions" => named(),
        "account_update" if value.string("event").is_some_and(|event| event.starts_with("PARTNER_")) => named(),
        "account_update" => named().or_else(|| entry.id.clone()),
        _ => entry.id.clone(),
    };
    id.filter(|id| id != "0")
}

/// Whether a change is about the account and so about every number of it. Anything else may be about a person.
fn is_of_account(field: &str, names_number: bool) -> bool {
    let is_settings_of_number = field == "account_settings_update" && names_number;
    is_of_template(field) || ACCOUNT_FIELDS.contains(&field) && !is_settings_of_number
}

fn business(phone_number_id: Option<&str>, display: Option<&str>) -> Option<Party> {
    let ids = [phone_number_id.and_then(|id| Identity::opaque("phone_number_id", id).ok()), display.and_then(address)];
    let ids: Vec<_> = ids.into_iter().flatten().collect();
    (!ids.is_empty()).then(|| Party::of_all(ids))
}
