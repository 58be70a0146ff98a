//! What the emulator knows: numbers, tokens, templates, media, open windows, faults, journal.

use std::collections::HashMap;
use std::io;
use std::sync::Mutex;

use serde_json::{Map, Value, json};

use super::check::{At, Checked};
use super::errors::GraphError;
use super::ids::Ids;
use super::media::Media;
use super::messages::Recipient;
use super::pace::Pace;
use super::settings::{Number, Rules, Settings};
use super::signature::{hex, hmac_sha256};
use super::templates::Template;
use crate::sandbox::{clock, faults::Faults, journal::Journal, lock};

/// The customer service window, in milliseconds.
const WINDOW_MS: u64 = 24 * 60 * 60 * 1_000;

/// A number and the fields of its node.
type Known = (Number, Map<String, Value>);

/// The number that sent a message, and the statuses so far with their times in milliseconds.
type Reported = (String, Vec<(String, u64)>);

pub(super) struct State {
    pub(super) app_secret: String,
    pub(super) verify_token: String,
    pub(super) rules: Rules,
    pub(super) faults: Faults,
    pub(super) journal: Journal,
    pub(super) ids: Ids,
    pub(super) pace: Pace,
    wa_ids: HashMap<String, String>,
    numbers: Mutex<HashMap<String, Known>>,
    templates: Mutex<Vec<Template>>,
    pub(super) media: Mutex<HashMap<String, Media>>,
    /// When a person last wrote to a number.
    windows: Mutex<HashMap<(String, String), u64>>,
    /// Statuses that were reported, by message id, for look-ups.
    history: Mutex<HashMap<String, Reported>>,
}

impl State {
    pub(super) fn new(settings: &Settings) -> io::Result<Self> {
        let state = Self {
            app_secret: settings.app_secret.clone(),
            verify_token: settings.verify_token.clone(),
            rules: settings.rules,
            faults: Faults::new(settings.seed),
            journal: Journal::open(settings.journal.as_deref())?,
            ids: Ids::new(),
            pace: Pace::new(settings.rules.per_second, settings.rules.pairs_limited),
            wa_ids: settings.wa_ids.iter().cloned().collect(),
            numbers: Mutex::default(),
            templates: Mutex::new(settings.templates.clone()),
            media: Mutex::default(),
            windows: Mutex::default(),
            history: Mutex::default(),
        };
        for number in &settings.numbers {
            state.add_number(number.clone());
        }
        Ok(state)
    }

    pub(super) fn add_number(&self, number: Number) {
        let fields = node_of(&number);
        lock(&self.numbers).insert(number.id.clone(), (number, fields));
    }

    pub(super) fn add_template(&self, template: Template) {
        lock(&self.templates).push(template);
    }

    pub(super) fn templates(&self) -> Vec<Template> {
        lock(&self.templates).clone()
    }

    pub(super) fn number(&self, id: &str) -> Option<Number> {
        lock(&self.numbers).get(id).map(|(number, _)| number.clone())
    }

    pub(super) fn numbers_of(&self, waba_id: &str) -> Vec<Known> {
        let mut found: Vec<_> = lock(&self.numbers).values().filter(|(number, _)| number.waba_id == waba_id).cloned().collect();
        found.sort_by(|one, other| one.0.id.cmp(&other.0.id));
        found
    }

    /// The fields of a number's node, for health look-ups.
    pub(super) fn node(&self, id: &str) -> Option<Map<String, Value>> {
        lock(&self.numbers).get(id).map(|(_, fields)| fields.clone())
    }

    pub(super) fn set_node_field(&self, id: &str, field: &str, value: Value) {
        if let Some((_, fields)) = lock(&self.numbers).get_mut(id) {
            fields.insert(field.to_owned(), value);
        }
    }

    pub(super) fn set_token(&self, id: &str, token: String) {
        if let Some((number, _)) = lock(&self.numbers).get_mut(id) {
            number.token = token;
        }
    }

    /// Checks a token and its proof; returns whether the token is the one of any number.
    pub(super) fn authenticate(&self, token: Option<&str>, proof: Option<&str>) -> Checked<String> {
        let token = token.filter(|token| lock(&self.numbers).values().any(|(number, _)| number.token == *token));
        let token = token.ok_or_else(GraphError::unauthorized)?;
        match proof {
            Some(proof) if hex(&hmac_sha256(&self.app_secret, token.as_bytes())) != proof => {
                Err(GraphError::bad("Invalid appsecret_proof provided in the API argument"))
            }
            None if self.rules.proof_required => Err(GraphError::bad("API calls from the server require an appsecret_proof argument")),
            _ => Ok(token.to_owned()),
        }
    }

    /// The number, if the token may use it.
    pub(super) fn number_for(&self, token: &str, id: &str) -> Checked<Number> {
        self.number(id).filter(|number| number.token == token).ok_or_else(|| GraphError::no_object(id))
    }

    pub(super) fn open_window(&self, number: &str, person: &str) {
        lock(&self.windows).insert((number.to_owned(), person.to_owned()), clock::now_ms());
    }

    /// The WhatsApp id of a phone number: nearly always its digits.
    pub(super) fn wa_id(&self, digits: String) -> String {
        self.wa_ids.get(&digits).cloned().unwrap_or(digits)
    }

    /// Rules on who may be written to.
    pub(super) fn may_send(&self, number: &str, recipient: &Recipient, kind: &str) -> Checked {
        let person = match recipient {
            Recipient::Phone { wa_id, .. } => wa_id,
            Recipient::User { id } => id,
            Recipient::Group { .. } => return Ok(()),
        };
        if self.number(number).is_some_and(|own| own.display == *person) {
            return Err(GraphError::new(131_021));
        }
        if self.rules.window_enforced && kind != "template" {
            let opened = lock(&self.windows).get(&(number.to_owned(), person.clone())).copied().unwrap_or(0);
            if clock::now_ms().saturating_sub(opened) > WINDOW_MS {
                return Err(GraphError::because(
                    131_047,
                    "Message failed to send because more than 24 hours have passed since the customer last replied to this number.",
                ));
            }
        }
        Ok(())
    }

    /// Rules on media sent by id.
    pub(super) fn may_use_media(&self, at: &At<'_>, id: &str, kind: &str, number: &str) -> Checked {
        match lock(&self.media).get(id) {
            Some(media) if media.owner != number => Err(at.invalid("the media belongs to another number")),
            Some(media) if !media.is_of(kind) => Err(at.invalid("the media is of another type")),
            None if self.rules.known_media_only => Err(at.invalid("no media has this id")),
            _ => Ok(()),
        }
    }

    pub(super) fn record_status(&self, number: &str, wamid: &str, status: &str) {
        let mut history = lock(&self.history);
        history.entry(wamid.to_owned()).or_insert_with(|| (number.to_owned(), Vec::new())).1.push((status.to_owned(), clock::now_ms()));
    }

    /// The statuses of a message of this number, oldest first.
    pub(super) fn statuses_of(&self, number: &str, wamid: &str) -> Option<Vec<(String, u64)>> {
        lock(&self.history).get(wamid).filter(|(owner, _)| owner == number).map(|(_, statuses)| statuses.clone())
    }
}

/// The node of a healthy number.
fn node_of(number: &Number) -> Map<String, Value> {
    let entity = |kind: &str, id: &str| json!({"entity_type": kind, "id": id, "can_send_message": "AVAILABLE"});
    let node = json!({
        "id": number.id,
        "display_phone_number": format!("+{}", number.display),
        "verified_name": number.name,
        "quality_rating": "GREEN",
        "status": "CONNECTED",
        "name_status": "APPROVED",
        "code_verification_status": "VERIFIED",
        "platform_type": "CLOUD_API",
        "throughput": {"level": "STANDARD"},
        "account_mode": "LIVE",
        "is_on_biz_app": false,
        "health_status": {
            "can_send_message": "AVAILABLE",
            "entities": [
                entity("PHONE_NUMBER", &number.id),
                entity("WABA", &number.waba_id),
                entity("BUSINESS", "700100"),
                entity("APP", "800100"),
            ],
        },
    });
    match node {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}
