//! What the webhooks told: the host's handler.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use zengine_connector::{
    Content, Event, HandlerContext, HandlerError, InboundEvent,
    message::{State, Transition, merge},
    orchestrator::InboundHandler,
};

/// What the webhooks told so far.
#[derive(Clone, Debug, Default)]
pub(super) struct News(Arc<Mutex<Received>>);

#[derive(Debug, Default)]
struct Received {
    statuses: BTreeMap<String, Vec<State>>,
    written: Vec<String>,
}

impl News {
    fn received(&self) -> std::sync::MutexGuard<'_, Received> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How far each message came, by our own ids.
    pub(super) fn statuses(&self) -> BTreeMap<String, Vec<State>> {
        self.received().statuses.clone()
    }

    /// What people wrote, in lines to print.
    pub(super) fn written(&self) -> Vec<String> {
        self.received().written.clone()
    }

    /// Keeps a status only if it is news: late ones never take a read mark back.
    fn status(&self, id: String, state: State) {
        let mut received = self.received();
        let known = received.statuses.entry(id).or_default();
        if known.last().is_none_or(|last| merge(*last, state) == Transition::Advance) {
            known.push(state);
        }
    }
}

impl InboundHandler for News {
    async fn handle(&self, event: InboundEvent, cx: HandlerContext) -> Result<(), HandlerError> {
        match event.event {
            Event::Status(status) => {
                let id = status.client_message_id.map_or(status.target, |id| id.to_string());
                self.status(id, status.state);
            }
            Event::Message { content } => {
                let said = match &content {
                    Content::Text(text) => format!("\"{}\"", text.body),
                    other => other.kind().to_owned(),
                };
                let reply = cx.reply(0, Content::text("It is on its way.")).await;
                let reply = reply.as_ref().map_or("not answered", |outcome| outcome.as_str());
                self.received().written.push(format!("{} received {said}; reply {reply}", event.tenant));
            }
            _ => {}
        }
        Ok(())
    }
}
