//! The host's handler of events.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use zengine_connector::{
    Content, Event, HandlerContext, HandlerError, InboundEvent,
    message::{Standing, State, Transition, merge},
    orchestrator::InboundHandler,
};

/// The events that webhooks brought so far.
#[derive(Clone, Debug, Default)]
pub(super) struct ReceivedEvents(Arc<Mutex<Received>>);

#[derive(Debug, Default)]
struct Received {
    statuses: BTreeMap<String, Vec<Standing>>,
    written: Vec<String>,
}

impl ReceivedEvents {
    fn received(&self) -> std::sync::MutexGuard<'_, Received> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How far each message came, by our own ids.
    pub(super) fn statuses(&self) -> BTreeMap<String, Vec<State>> {
        let states = |standings: &Vec<Standing>| standings.iter().map(|standing| standing.state).collect();
        self.received().statuses.iter().map(|(id, standings)| (id.clone(), states(standings))).collect()
    }

    /// Messages of customers, as lines to print.
    pub(super) fn written(&self) -> Vec<String> {
        self.received().written.clone()
    }

    /// Keeps a status only if it is news: late ones never take a read mark back.
    fn status(&self, id: String, news: Standing) {
        let mut received = self.received();
        let known = received.statuses.entry(id).or_default();
        if known.last().is_none_or(|last| merge(last, &news) == Transition::Advance) {
            known.push(news);
        }
    }
}

impl InboundHandler for ReceivedEvents {
    async fn handle(&self, event: InboundEvent, cx: HandlerContext) -> Result<(), HandlerError> {
        match event.event {
            Event::Status(status) => {
                let news = status.standing();
                let id = status.client_message_id.map_or(status.target, |id| id.to_string());
                self.status(id, news);
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
