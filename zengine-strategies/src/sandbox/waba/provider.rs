//! The part that emulated WhatsApp providers play alike: accepted messages, their statuses, updates, and the review of templates.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};

use super::check::Checked;
use super::errors::GraphError;
use super::messages::{self, Message, Parsed, Recipient};
use super::payload::Status;
use super::shared::{Sending, Shared};
use super::templates::{Template, TemplateUpdate};
use super::updates::Update;
use super::{Number, ids};
use crate::sandbox::Delivery;
use crate::sandbox::provider::Engine;
use crate::sandbox::text::content_type;
use crate::sandbox::webhooks::{Callback, Item, Signature, StatusStep, WebhookFormat};

/// Default error code of a `failed` status.
const UNDELIVERABLE: i64 = 131_026;

/// The state of an emulated WhatsApp provider.
pub trait WabaState: WebhookFormat {
    fn shared(&self) -> &Arc<Shared>;
    fn number(&self, id: &str) -> Option<Number>;
    /// Whether an id is the one of a WhatsApp Business account.
    fn is_account(&self, id: &str) -> bool;
    /// The accounts that get the updates of templates of every account.
    fn subscribed(&self) -> Vec<String>;

    /// The host that hands over files, as inbound messages name it.
    fn file_root(&self, base_url: String) -> String {
        base_url
    }

    /// The callback of bytes that are no update.
    fn raw_callback(&self) -> Option<Callback> {
        self.shared().callback().map(Callback::new)
    }

    /// The updates of a changed template, one for every account that has it.
    fn items(&self, template: &Template, (field, value): &TemplateUpdate) -> Vec<Item> {
        let accounts = template.account.clone().map_or_else(|| self.subscribed(), |account| vec![account]);
        let item = |account| Item { account, sender: None, edge: (*field).to_owned(), value: value.clone() };
        accounts.into_iter().map(item).collect()
    }
}

/// An emulated WhatsApp provider with its state `S`.
pub struct WhatsApp<S> {
    pub(in crate::sandbox) state: Arc<S>,
    pub(in crate::sandbox) engine: Arc<Engine>,
}

redacted!(WhatsApp<S> {});

impl<S> Clone for WhatsApp<S> {
    fn clone(&self) -> Self {
        Self { state: Arc::clone(&self.state), engine: Arc::clone(&self.engine) }
    }
}

/// An accepted message.
#[derive(Debug)]
pub struct Accepted {
    number: Number,
    message: Message,
}

/// The answer to a call, and the message that it accepted with its id.
pub(in crate::sandbox) type CallAnswer = Checked<(Value, Option<(String, Accepted)>)>;

impl<S: WabaState> WhatsApp<S> {
    pub(in crate::sandbox) fn shared(&self) -> &Shared {
        self.state.shared()
    }

    /// A message from a number, or a read mark.
    pub(in crate::sandbox) fn accept(&self, number: Number, registered: bool, headers: &http::HeaderMap, json: &Value) -> CallAnswer {
        if !content_type(headers).to_ascii_lowercase().starts_with("application/json") || !json.is_object() {
            return Err(GraphError::bad("The request must be a JSON object with the content type application/json."));
        }
        let message = match messages::parse(json, &Sending { shared: self.shared(), registered, number: &number })? {
            Parsed::Read => return Ok((json!({"success": true}), None)),
            Parsed::Message(message) => message,
        };
        let (party, contact) = match &message.recipient {
            Recipient::Phone { input, wa_id } => (wa_id, json!({"input": input, "wa_id": wa_id, "user_id": ids::user_id(wa_id)})),
            Recipient::User { id } => (id, json!({"input": id, "user_id": id})),
            Recipient::Group { id } => (id, json!({"input": id, "wa_id": id})),
        };
        self.shared().rate_limits.admit(&self.shared().rules(), &number, party, self.engine.clock.now_ms())?;
        let wamid = self.shared().ids.message(party, true);
        let mut sent = json!({"id": wamid});
        if let Recipient::Group { id } = &message.recipient {
            sent["group_id"] = id.as_str().into();
        }
        if message.kind == "template" {
            sent["message_status"] = "accepted".into();
        }
        let answer = json!({"messaging_product": "whatsapp", "contacts": [contact], "messages": [sent]});
        Ok((answer, Some((wamid, Accepted { number, message }))))
    }

    /// Sends several updates in one POST and waits for its end.
    pub(in crate::sandbox) async fn send(&self, updates: Vec<Update>) -> Delivery {
        let base_url = self.state.file_root(self.engine.base_url());
        let found: Vec<_> = updates.into_iter().filter_map(|update| update.item(&*self.state, &base_url)).collect();
        let id = found.iter().find_map(|(_, id)| id.clone());
        if found.is_empty() {
            return Delivery::held(self.engine.clock.now_ms(), None);
        }
        self.engine.webhooks.deliver(found.into_iter().map(|(item, _)| item).collect(), id).await
    }

    /// Posts these bytes to the callback.
    pub(in crate::sandbox) async fn send_raw(&self, body: Bytes, signature: Signature) -> Delivery {
        self.engine.webhooks.deliver_raw(self.state.raw_callback(), body, signature).await
    }

    /// Sends updates in the background, one POST each, in order.
    pub(in crate::sandbox) fn notify(&self, updates: Vec<Update>) {
        if updates.is_empty() {
            return;
        }
        let (state, base_url) = (Arc::clone(&self.state), self.state.file_root(self.engine.base_url()));
        let webhooks = Arc::clone(&self.engine.webhooks);
        self.engine.webhooks.background(async move {
            for (item, _) in updates.into_iter().filter_map(|update| update.item(&*state, &base_url)) {
                webhooks.submit(item).await;
            }
        });
    }

    /// Reviews a template in the background, as configured.
    pub(in crate::sandbox) fn review(&self, template: Template) {
        let review = &self.shared().initial.review;
        let Some(verdict) = review.verdict.clone() else { return };
        let (due, clock) = (self.engine.clock.due(review.after), self.engine.clock.clone());
        let (state, webhooks) = (Arc::clone(&self.state), Arc::clone(&self.engine.webhooks));
        self.engine.webhooks.background(async move {
            clock.pause_until(due).await;
            let changed = state.shared().templates.change(
                |other| other.id == template.id && other.status == "PENDING",
                |template| match &verdict {
                    Ok(()) => template.set_status("APPROVED", None),
                    Err(reason) => template.set_status("REJECTED", Some(reason)),
                },
            );
            for item in changed.into_iter().flat_map(|(template, update)| state.items(&template, &update)) {
                webhooks.submit(item).await;
            }
        });
    }

    /// Changes a template and waits until its webhooks are delivered. `None` if there is no such template.
    pub(in crate::sandbox) async fn change_template(
        &self,
        name: &str,
        language: &str,
        change: impl FnOnce(&mut Template) -> TemplateUpdate,
    ) -> Option<Delivery> {
        let fits = |template: &Template| template.name == name && template.language == language;
        let (template, update) = self.shared().templates.change(fits, change)?;
        Some(self.engine.webhooks.deliver(self.state.items(&template, &update), None).await)
    }

    /// Sends the statuses of an accepted message in the background; with a code, that it failed.
    pub(in crate::sandbox) fn statuses(&self, (wamid, accepted): (String, Accepted), failure: Option<i64>) {
        let mut steps = self.engine.webhooks.settings().statuses;
        if failure.is_some() {
            // Sent even if the settings have no statuses: the failure would otherwise be invisible.
            let ms = steps.first().map_or(0, |step| step.ms);
            steps = vec![StatusStep { status: "failed".to_owned(), ms }];
        } else if accepted.message.kind == "reaction" {
            steps.retain(|step| step.status == "sent");
        }
        if steps.is_empty() {
            return;
        }
        let later = steps.iter().map(|step| step.status.clone()).find(|status| status != "sent" && status != "failed");
        let (shared, clock) = (Arc::clone(self.state.shared()), self.engine.clock.clone());
        let webhooks = Arc::clone(&self.engine.webhooks);
        let mut due = clock.now_ms();
        self.engine.webhooks.background(async move {
            let Accepted { number, message } = &accepted;
            for StatusStep { status, ms } in &steps {
                due = due.saturating_add(*ms);
                clock.pause_until(due).await;
                shared.record_status(&number.id, &wamid, status);
                let priced = status == "sent" || later.as_ref() == Some(status);
                let failure = (status == "failed").then_some(failure.unwrap_or(UNDELIVERABLE));
                let status = Status { number, message, wamid: &wamid, name: status, priced, failure, at_s: clock.now_s() };
                webhooks.submit(status.item()).await;
            }
        });
    }
}
