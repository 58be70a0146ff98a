//! The handle's part that every emulated WhatsApp provider has.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use super::provider::{WabaState, WhatsApp};
use super::shared::{Rules, Shared};
use super::templates::{Template, TemplateUpdate};
use super::updates::Update;
use super::{Inbound, files};
use crate::sandbox::emulator::Emulator;
use crate::sandbox::webhooks::{Callback, Signature, Webhooks};
use crate::sandbox::{Delivery, lock};

impl<S: WabaState> Emulator<WhatsApp<S>> {
    fn shared(&self) -> &Shared {
        self.handler.provider.shared()
    }

    /// Adds a template, against which sends are checked.
    pub fn add_template(&self, template: Template) {
        self.shared().templates.add(template, &self.shared().ids);
    }

    /// Sets the status of a template (`APPROVED`, `REJECTED`, `PAUSED`, `DISABLED`, …), with an optional reason, and sends the
    /// webhook. Returns `None` if there is no such template.
    pub async fn set_template_status(&self, name: &str, language: &str, status: &str, reason: Option<&str>) -> Option<Delivery> {
        let (status, reason) = (status.to_owned(), reason.map(str::to_owned));
        self.change_template(name, language, move |template| template.set_status(&status, reason.as_deref())).await
    }

    /// Sets the quality of a template (`GREEN`, `YELLOW`, `RED`, `UNKNOWN`) and sends the webhook.
    pub async fn set_template_quality(&self, name: &str, language: &str, quality: &str) -> Option<Delivery> {
        let quality = quality.to_owned();
        self.change_template(name, language, move |template| template.set_quality(&quality)).await
    }

    /// Sets the category of a template (`UTILITY`, `MARKETING`, `AUTHENTICATION`) and sends the webhook.
    pub async fn set_template_category(&self, name: &str, language: &str, category: &str) -> Option<Delivery> {
        let category = category.to_owned();
        self.change_template(name, language, move |template| template.set_category(&category)).await
    }

    async fn change_template(
        &self,
        name: &str,
        language: &str,
        change: impl FnOnce(&mut Template) -> TemplateUpdate + Send + 'static,
    ) -> Option<Delivery> {
        let (provider, name, language) = (Arc::clone(&self.handler.provider), name.to_owned(), language.to_owned());
        self.run(async move { provider.change_template(&name, &language, change).await }).await.flatten()
    }

    /// Stores a file as if a number had received it; returns its media id, valid for seven days.
    pub fn add_media(&self, phone_number_id: &str, mime: &str, bytes: impl Into<Bytes>) -> String {
        files::receive(self.shared(), phone_number_id, mime, bytes.into())
    }

    /// Returns the number of stored files.
    pub fn media_count(&self) -> usize {
        lock(&self.shared().media).len()
    }

    /// Sets the maximum messages per second of one number (130429); `None` removes the limit.
    pub fn set_throughput(&self, per_second: Option<u32>) {
        self.shared().set_rules(Rules { throughput: per_second, ..self.shared().rules() });
    }

    /// Sets the maximum management calls per hour of one account (80008); `None` removes the limit.
    pub fn set_management_limit(&self, per_hour: Option<u32>) {
        self.shared().set_rules(Rules { management_limit: per_hour, ..self.shared().rules() });
    }

    /// Enforces or removes the limit per number and person (131056).
    pub fn set_pair_limit(&self, enforced: bool) {
        self.shared().set_rules(Rules { pair_limit: enforced, ..self.shared().rules() });
    }

    /// Sets the http address of the callback.
    pub fn set_callback(&self, url: impl Into<String>) {
        self.shared().set_callback(Some(url.into()));
    }

    /// Sets the webhooks and their delivery from now on.
    pub fn set_webhooks(&self, webhooks: Webhooks) {
        self.handler.engine.webhooks.set(webhooks);
    }

    /// Sends a person's message to a number and opens the customer service window. Waits until it is delivered or given up,
    /// unless a [`WebhookFault`](crate::sandbox::WebhookFault) delays it.
    pub async fn send_inbound(&self, phone_number_id: &str, message: impl Into<Inbound>) -> Delivery {
        self.send_updates([Update::message(phone_number_id, message)]).await
    }

    /// Sends messages of several people to several numbers in one POST. Unknown numbers are left out; if none remains, nothing
    /// is posted and the delivery has 0 attempts.
    pub async fn send_inbound_batch<'a>(&self, messages: impl IntoIterator<Item = (&'a str, Inbound)>) -> Delivery {
        self.send_updates(messages.into_iter().map(|(number, message)| Update::message(number, message))).await
    }

    /// Sends messages, statuses and other fields of several numbers and accounts in one POST: one entry per account, one
    /// change per update. Updates for another callback are posted separately; the delivery is then that of the last POST.
    ///
    /// ```
    /// # use zengine_strategies::sandbox::meta_cloud::{Inbound, MetaCloud, Update};
    /// # async fn mixed(meta: &MetaCloud) {
    /// meta.send_updates([
    ///     Update::message("100200300", Inbound::text("15551230001", "Hi!")),
    ///     Update::status("100200300", "wamid.A", "delivered", "15551230002"),
    ///     Update::message("100200400", Inbound::text("15551230003", "Hello")),
    ///     Update::status("100200400", "wamid.B", "read", "15551230004"),
    /// ])
    /// .await;
    /// # }
    /// ```
    pub async fn send_updates(&self, updates: impl IntoIterator<Item = Update>) -> Delivery {
        let provider = Arc::clone(&self.handler.provider);
        let updates: Vec<_> = updates.into_iter().collect();
        self.run(async move { provider.send(updates).await }).await.unwrap_or_else(|| Delivery::held(self.now_ms(), None))
    }

    /// Sends a value of any webhook field, such as `account_update` or `smb_message_echoes`. For an existing number, absent
    /// `messaging_product` and `metadata` are added if the field has them.
    pub async fn send_field(&self, phone_number_id: &str, field: &str, value: impl Into<Value>) -> Delivery {
        self.send_updates([Update::field(phone_number_id, field, value)]).await
    }

    /// Posts these bytes unchanged, with a valid signature.
    pub async fn send_raw_webhook(&self, body: impl Into<Bytes>) -> Delivery {
        self.send_raw(body.into(), Signature::Valid).await
    }

    /// Posts these bytes with a signature by another secret.
    pub async fn send_wrongly_signed_webhook(&self, body: impl Into<Bytes>) -> Delivery {
        self.send_raw(body.into(), Signature::Wrong).await
    }

    /// Posts these bytes without a signature.
    pub async fn send_unsigned_webhook(&self, body: impl Into<Bytes>) -> Delivery {
        self.send_raw(body.into(), Signature::Absent).await
    }

    /// Returns the signed request that delivers a person's message, without sending it: for tests that hand it to a host in the
    /// same process. `None` if the emulator has no such number.
    pub fn inbound_request(&self, phone_number_id: &str, message: impl Into<Inbound>) -> Option<http::Request<Bytes>> {
        let state = &*self.handler.provider.state;
        let (item, _) = Update::message(phone_number_id, message).item(state, &state.file_root(self.base_url()))?;
        // Handed over in process, so it needs no address.
        let callback = state.address(&item).unwrap_or_else(|| Callback::new(String::new()));
        let mut request = http::Request::new(state.encode(vec![item]));
        *request.method_mut() = http::Method::POST;
        *request.headers_mut() = state.headers(&callback, request.body(), Signature::Valid);
        Some(request)
    }

    async fn send_raw(&self, body: Bytes, signature: Signature) -> Delivery {
        let (provider, sent) = (Arc::clone(&self.handler.provider), body.clone());
        let delivered = self.run(async move { provider.send_raw(sent, signature).await }).await;
        delivered.unwrap_or_else(|| Delivery::held(self.now_ms(), None))
    }
}
