//! Numbers, their accounts, and the app's subscriptions.

use std::collections::HashMap;
use std::sync::Mutex;

use serde_json::{Map, Value, json};

use crate::sandbox::lock;
use crate::sandbox::waba::Number;

/// A callback in place of the app's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Override {
    pub(super) url: String,
    pub(super) verify_token: String,
}

/// A number and its state.
#[derive(Debug, Clone)]
pub(super) struct NumberRecord {
    pub(super) number: Number,
    pub(super) node: Map<String, Value>,
    pub(super) registered: bool,
    pub(super) pin: Option<String>,
    /// Number of consecutive wrong PINs.
    pub(super) wrong_pins: u32,
    /// The last verification code sent.
    pub(super) verification: Option<String>,
    /// Times of registrations and deregistrations, and of requests for codes, in milliseconds.
    pub(super) registrations: Vec<u64>,
    pub(super) requests: Vec<u64>,
    pub(super) callback: Option<Override>,
    /// The settings from `POST …/settings`.
    pub(super) settings: Map<String, Value>,
    /// Time of onboarding, in milliseconds: synchronisation is possible for a day.
    pub(super) onboarded_ms: u64,
    /// The requested kinds of synchronisation.
    pub(super) synced: Vec<String>,
}

/// A subscription of the app to an account.
#[derive(Debug, Clone, Default)]
pub(super) struct Subscription {
    pub(super) callback: Option<Override>,
}

#[derive(Default)]
struct Inner {
    records: HashMap<String, NumberRecord>,
    subscriptions: HashMap<String, Subscription>,
}

#[derive(Default)]
pub(super) struct Accounts(Mutex<Inner>);

impl Accounts {
    pub(super) fn clear(&self) {
        *lock(&self.0) = Inner::default();
    }

    /// Adds a number, or replaces the one with its id. Returns the token of the replaced number.
    pub(super) fn add(&self, number: Number, business_id: &str, app_id: &str, now_ms: u64) -> Option<String> {
        let inner = &mut *lock(&self.0);
        if !number.fresh {
            inner.subscriptions.entry(number.waba_id.clone()).or_default();
        }
        let record = NumberRecord {
            node: node_of(&number, business_id, app_id),
            registered: !number.fresh,
            pin: None,
            wrong_pins: 0,
            verification: None,
            registrations: Vec::new(),
            requests: Vec::new(),
            callback: None,
            settings: Map::new(),
            onboarded_ms: now_ms,
            synced: Vec::new(),
            number,
        };
        inner.records.insert(record.number.id.clone(), record).map(|old| old.number.token)
    }

    pub(super) fn record(&self, id: &str) -> Option<NumberRecord> {
        lock(&self.0).records.get(id).cloned()
    }

    pub(super) fn number(&self, id: &str) -> Option<Number> {
        lock(&self.0).records.get(id).map(|record| record.number.clone())
    }

    pub(super) fn exists(&self, id: &str) -> bool {
        lock(&self.0).records.contains_key(id)
    }

    /// Changes a number; `None` if it does not exist.
    pub(super) fn change<T>(&self, id: &str, change: impl FnOnce(&mut NumberRecord) -> T) -> Option<T> {
        lock(&self.0).records.get_mut(id).map(change)
    }

    /// The numbers for which `select` returns true, by id.
    pub(super) fn records(&self, select: impl Fn(&NumberRecord) -> bool) -> Vec<NumberRecord> {
        let mut found: Vec<_> = lock(&self.0).records.values().filter(|record| select(record)).cloned().collect();
        found.sort_by(|one, other| one.number.id.cmp(&other.number.id));
        found
    }

    /// Whether any number names this token as its own.
    pub(super) fn names(&self, token: &str) -> bool {
        lock(&self.0).records.values().any(|record| record.number.token == token)
    }

    pub(super) fn is_account(&self, id: &str) -> bool {
        let inner = lock(&self.0);
        inner.subscriptions.contains_key(id) || inner.records.values().any(|record| record.number.waba_id == id)
    }

    pub(super) fn subscription(&self, waba_id: &str) -> Option<Subscription> {
        lock(&self.0).subscriptions.get(waba_id).cloned()
    }

    pub(super) fn subscribe(&self, waba_id: &str, subscription: Subscription) {
        lock(&self.0).subscriptions.insert(waba_id.to_owned(), subscription);
    }

    pub(super) fn unsubscribe(&self, waba_id: &str) -> bool {
        lock(&self.0).subscriptions.remove(waba_id).is_some()
    }

    /// The accounts with a subscription of the app.
    pub(super) fn subscribed(&self) -> Vec<String> {
        let mut found: Vec<_> = lock(&self.0).subscriptions.keys().cloned().collect();
        found.sort();
        found
    }
}

/// The node of a healthy number, or of an unregistered one.
fn node_of(number: &Number, business_id: &str, app_id: &str) -> Map<String, Value> {
    let entity = |kind: &str, id: &str| json!({"entity_type": kind, "id": id, "can_send_message": "AVAILABLE"});
    let fresh = number.fresh;
    let node = json!({
        "id": number.id,
        "display_phone_number": format!("+{}", number.display),
        "verified_name": number.name,
        "quality_rating": if fresh { "UNKNOWN" } else { "GREEN" },
        "status": if fresh { "PENDING" } else { "CONNECTED" },
        "name_status": "APPROVED",
        "code_verification_status": if fresh { "NOT_VERIFIED" } else { "VERIFIED" },
        "platform_type": if fresh { "NOT_APPLICABLE" } else { "CLOUD_API" },
        "throughput": {"level": if fresh { "NOT_APPLICABLE" } else { "STANDARD" }},
        "account_mode": "LIVE",
        "is_on_biz_app": number.coexists,
        "whatsapp_business_manager_messaging_limit": "TIER_250",
        "health_status": {
            "can_send_message": "AVAILABLE",
            "entities": [
                entity("PHONE_NUMBER", &number.id),
                entity("WABA", &number.waba_id),
                entity("BUSINESS", business_id),
                entity("APP", app_id),
            ],
        },
    });
    node.as_object().cloned().unwrap_or_default()
}
