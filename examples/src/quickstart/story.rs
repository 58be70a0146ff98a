//! The story: what is sent, what goes wrong, what comes back.

use std::time::Duration;

use zengine_connector::{
    BoxError, ClientMessageId, Content, OutboundMessage, Outcome, SendOptions, TenantId,
    message::{Button, Header, Interactive, ListRow, ListSection, Media, MediaKind, Template},
    pipeline::DeferredReason,
};
use zengine_strategies::sandbox::{
    Fault,
    meta_cloud::{Inbound, MetaCloud},
};

use super::host::Host;
use crate::provider::{Customer, STRATEGY};

/// Tells it.
///
/// # Errors
/// If a send is refused before anything is sent: a mistake of this program.
pub(super) async fn tell(host: &Host) -> Result<(), BoxError> {
    let teller = Teller { host };
    println!("{}", if host.kept { "This store was used before: what is settled is replayed, not sent again." } else { "A new store." });
    match &host.provider.emulator {
        Some(emulator) => teller.on_loopback(emulator).await,
        None => teller.at_meta().await,
    }
}

struct Teller<'a> {
    host: &'a Host,
}

impl Teller<'_> {
    async fn on_loopback(&self, emulator: &MetaCloud) -> Result<(), BoxError> {
        let [acme, globex] = self.host.provider.customers.as_slice() else { return Err("the story needs two tenants".into()) };
        self.messages(&[acme, globex]).await?;
        self.repeated(acme, emulator).await?;
        self.throttled(acme, emulator).await?;
        self.in_doubt(globex, emulator).await?;
        self.maintenance(globex, emulator).await?;
        self.answered(acme, emulator).await;
        emulator.settle().await;
        self.statuses();
        self.failures().await?;
        let journal = emulator.journal();
        println!("\nThe provider saw {} requests in this run and took {} messages.", journal.request_count(), journal.accepted_count());
        Ok(())
    }

    async fn at_meta(&self) -> Result<(), BoxError> {
        for customer in &self.host.provider.customers {
            let template = Template::new("hello_world", "en_US");
            self.say(customer, "template", &OutboundMessage::new(customer.to.clone(), Content::Template(template))).await?;
        }
        println!("\nWaiting a minute for webhooks.");
        self.wait(Duration::from_secs(60)).await;
        self.statuses();
        Ok(())
    }

    async fn messages(&self, customers: &[&Customer]) -> Result<(), BoxError> {
        println!("\n1. Two tenants send a text, a template, a list, buttons and a picture.");
        for customer in customers {
            for (name, content) in contents() {
                self.say(customer, name, &OutboundMessage::new(customer.to.clone(), content)).await?;
            }
        }
        Ok(())
    }

    async fn repeated(&self, customer: &Customer, emulator: &MetaCloud) -> Result<(), BoxError> {
        println!("\n2. The same id again: one call to the provider, one message.");
        let before = emulator.journal().request_count();
        self.say(customer, "text", &OutboundMessage::text(customer.to.clone(), "Your order is on its way.")).await?;
        println!("   calls to the provider: {}", emulator.journal().request_count() - before);
        Ok(())
    }

    async fn throttled(&self, customer: &Customer, emulator: &MetaCloud) -> Result<(), BoxError> {
        println!("\n3. The provider is busy twice (130429) and then takes it.");
        let text = "Two doors were closed before this one.";
        if self.is_open(customer, "throttled").await? {
            emulator.fail_next(Fault::throttle().times(2).when(move |body| body["text"]["body"] == text));
        }
        self.say(customer, "throttled", &OutboundMessage::text(customer.to.clone(), text)).await
    }

    async fn in_doubt(&self, customer: &Customer, emulator: &MetaCloud) -> Result<(), BoxError> {
        println!("\n4. A 503 after the whole message was read: it may have gone out, so it is not sent again.");
        let text = "Did this one arrive?";
        if self.is_open(customer, "in-doubt").await? {
            emulator.fail_next(Fault::unavailable().when(move |body| body["text"]["body"] == text));
        }
        let before = emulator.journal().request_count();
        let message = OutboundMessage::text(customer.to.clone(), text);
        self.say(customer, "in-doubt", &message).await?;
        self.say(customer, "in-doubt", &message).await?;
        println!("   calls to the provider: {}", emulator.journal().request_count() - before);
        Ok(())
    }

    async fn maintenance(&self, customer: &Customer, emulator: &MetaCloud) -> Result<(), BoxError> {
        println!("\n5. The number is in maintenance (131057): failures in a row open the breaker, a probe closes it.");
        let text = "Back from maintenance.";
        let message = OutboundMessage::text(customer.to.clone(), text);
        if !self.is_open(customer, "maintenance").await? {
            return self.say(customer, "maintenance", &message).await;
        }
        emulator.fail_always(Fault::code(131_057).when(move |body| body["text"]["body"] == text));
        for _ in 0..6 {
            let before = emulator.journal().request_count();
            let outcome = self.send(customer, "maintenance", &message).await?;
            report(&customer.tenant, "maintenance", &outcome);
            match outcome {
                Outcome::Deferred(deferred) if deferred.reason == DeferredReason::BreakerOpen => {
                    println!("   the breaker is open; calls to the provider: {}", emulator.journal().request_count() - before);
                    emulator.clear_faults();
                    self.wait(deferred.retry_after).await;
                    return self.say(customer, "maintenance", &message).await;
                }
                Outcome::Deferred(_) => {}
                _ => break,
            }
        }
        emulator.clear_faults();
        Ok(())
    }

    async fn answered(&self, customer: &Customer, emulator: &MetaCloud) {
        println!("\n6. A customer writes; the host's handler answers.");
        let message = Inbound::text(customer.to.value().trim_start_matches('+'), "Where is my order?").with("id", "wamid.UVVJQ0tTVEFSVA==");
        let delivery = emulator.send_inbound(&customer.phone_number_id, message).await;
        println!("   the webhook was answered with {}", delivery.status.map_or_else(|| "nothing".to_owned(), |status| status.to_string()));
        for line in self.host.news.written() {
            println!("   {line}");
        }
    }

    fn statuses(&self) {
        println!("\nWhat the signed webhooks told of our messages:");
        for (id, states) in self.host.news.statuses() {
            let states: Vec<_> = states.iter().map(|state| state.as_str()).collect();
            println!("   {id:<24} {}", states.join(" → "));
        }
    }

    /// Dead letters, to be looked at.
    async fn failures(&self) -> Result<(), BoxError> {
        println!("\nKept as dead letters, not sent again on their own:");
        for letter in self.host.store.dead_letters().list(None, 100).await?.letters {
            let id = letter.client_message_id.as_ref().map_or("(inbound)", ClientMessageId::as_str);
            let why = letter.last_error.as_ref().map_or("", |error| error.message.as_str());
            println!("   {id:<24} {}: {why}", letter.outcome);
        }
        Ok(())
    }

    /// Whether a message is not settled yet, so that its staged fault still makes sense.
    async fn is_open(&self, customer: &Customer, name: &str) -> Result<bool, BoxError> {
        let id = id(customer, name)?;
        Ok(self.host.orchestrator.outcome(&customer.tenant, STRATEGY, &id).await?.is_none())
    }

    async fn send(&self, customer: &Customer, name: &str, message: &OutboundMessage) -> Result<Outcome, BoxError> {
        let options = SendOptions::new().within(Duration::from_secs(10));
        Ok(self.host.orchestrator.send_with(&customer.tenant, STRATEGY, id(customer, name)?, message, options).await?)
    }

    async fn say(&self, customer: &Customer, name: &str, message: &OutboundMessage) -> Result<(), BoxError> {
        let outcome = self.send(customer, name, message).await?;
        report(&customer.tenant, name, &outcome);
        Ok(())
    }

    #[allow(clippy::disallowed_methods, reason = "a story takes real time")]
    async fn wait(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

/// The same ids in every run: on the same store they are the same messages.
fn id(customer: &Customer, name: &str) -> Result<ClientMessageId, BoxError> {
    Ok(ClientMessageId::new(format!("{}-{name}", customer.tenant))?)
}

fn report(tenant: &TenantId, name: &str, outcome: &Outcome) {
    let detail = match outcome {
        Outcome::Delivered(end) => {
            let id = end.provider_id().map_or_else(String::new, |id| format!("{:.16}…", id.as_str()));
            if end.attempts == 1 { id } else { format!("{id} after {} attempts", end.attempts) }
        }
        Outcome::Failed(end) => end.error.to_string(),
        Outcome::Unknown(end) => format!("may have arrived, kept as dead letter {:.10}…", end.failure_id.as_str()),
        Outcome::Deferred(end) => {
            let code = end.error.as_ref().and_then(|error| error.provider_code()).map_or_else(String::new, |code| format!(" ({code})"));
            format!("{}{code}, come back in {} ms", end.reason.as_str(), end.retry_after.as_millis())
        }
    };
    let replayed = if outcome.is_replayed() { " (replayed)" } else { "" };
    println!("   {:<7} {name:<12} {}{replayed}  {detail}", tenant.as_str(), outcome.as_str());
}

fn contents() -> Vec<(&'static str, Content)> {
    let rows = vec![ListRow::new("m", "Morning"), ListRow::new("a", "Afternoon")];
    let list = Interactive::List {
        header: Some(Header::Text { text: "Delivery".into() }),
        body: "When shall we come?".into(),
        footer: None,
        button: "Choose".into(),
        sections: vec![ListSection { title: None, rows }],
    };
    let buttons = Interactive::Buttons {
        header: None,
        body: "Was everything all right?".into(),
        footer: None,
        buttons: vec![Button::new("yes", "Yes"), Button::new("no", "No")],
    };
    let picture = Media::link(MediaKind::Image, "https://example.org/parcel.jpg").with_caption("Your parcel");
    vec![
        ("text", Content::text("Your order is on its way.")),
        ("template", Content::Template(Template::new("order_ready", "en_US").with_body(["Ana", "17"]))),
        ("list", Content::Interactive(list)),
        ("buttons", Content::Interactive(buttons)),
        ("image", Content::Media(picture)),
    ]
}
