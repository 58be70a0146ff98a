//! A provider of chats, and sends to it.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt::Write as _,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zengine_connector::{
    ClientMessageId, ErrorKind, Identity, SendError, StrategyName, TenantId,
    message::EndReason,
    runtime::Clock,
    store::Memory,
    strategy::{
        ConversationProvider, ConversationState, Conversations, OpenRequest,
        conversations::{Ending, Live, Opened, Resolution},
    },
    testing::{Contexts, Faults, SimClock},
};

/// How the provider answers one opening.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer {
    /// After a time.
    Slow(Duration),
    /// The call does not leave.
    NotSent,
    /// It refuses.
    Refused,
    /// It opens, and the answer is lost.
    Lost,
    /// It opens, and never answers.
    Hang,
}

/// How the provider answers one end.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Close {
    /// It ends the conversation.
    Done,
    /// It ends it later, and says so.
    Within(Duration),
    /// It ends it later, says so, and takes messages until then.
    Reachable(Duration),
    /// The call does not leave.
    NotSent,
    /// It refuses.
    Refused,
    /// It ends it, and the answer is lost.
    Lost,
    /// It never answers, and ends nothing.
    Hang,
}

/// How the strategy resolves an opening whose end is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resolve {
    /// The provider knows client tokens.
    Repeat,
    /// The provider can be asked.
    LookUp,
    /// It cannot be known.
    Abandon,
    /// The question has no answer.
    Silent,
}

/// The provider's state.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    /// Openings that took effect: our key, and the provider's id.
    pub(crate) opened: Vec<(String, String)>,
    /// Calls that open.
    pub(crate) calls: usize,
    /// Messages that arrived: the conversation and the text.
    pub(crate) messages: Vec<(String, String)>,
    pub(crate) closed: Vec<String>,
    /// Calls that end: the conversation and the reason.
    pub(crate) ends: Vec<(String, EndReason)>,
    pub(crate) closings: VecDeque<Close>,
    pub(crate) answers: VecDeque<Answer>,
    pub(crate) resolutions: Vec<(u64, String)>,
    /// The times since an earlier call that `open` and `resolve` were told.
    pub(crate) since: Vec<Option<Duration>>,
    /// Openings while another conversation of the customer was open.
    pub(crate) doubled: usize,
    /// The provider forgets its client tokens, although the strategy counts on them.
    pub(crate) forgetful: bool,
    /// The time of an answer to a message, and to the question about an opening.
    pub(crate) slow_post: Duration,
    pub(crate) slow_resolve: Duration,
    pub(crate) by_key: BTreeMap<String, String>,
    /// The customer of each conversation.
    customers: BTreeMap<String, Identity>,
    /// The generation of each customer's first opening.
    first: BTreeMap<String, u64>,
}

/// The strategy's data: a token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Token {
    pub(crate) token: String,
}

#[derive(Clone)]
pub(crate) struct World {
    pub(crate) desk: Arc<Mutex<Desk>>,
    pub(crate) clock: Arc<SimClock>,
    pub(crate) contexts: Contexts,
    pub(crate) resolve: Resolve,
    pub(crate) early: bool,
}

impl World {
    pub(crate) fn new() -> Self {
        let clock = Arc::new(SimClock::new());
        let contexts = Contexts::new(TenantId::new("acme").unwrap(), StrategyName::new("desk").unwrap(), Arc::clone(&clock) as _)
            .with_time_left(Duration::from_secs(10));
        Self { desk: Arc::default(), clock, contexts, resolve: Resolve::Repeat, early: false }
    }

    /// The same stores and provider, seen from another process.
    pub(crate) fn other_process(&self) -> Self {
        Self { contexts: self.contexts.other_process(), ..self.clone() }
    }

    pub(crate) fn resolving(self, resolve: Resolve) -> Self {
        Self { resolve, ..self }
    }

    pub(crate) fn next(&self, answer: Answer) {
        self.desk.lock().unwrap().answers.push_back(answer);
    }

    pub(crate) fn conversations(&self) -> Conversations {
        let conversations = Conversations::of(self.contexts.sessions());
        if self.early { conversations.with_early_events() } else { conversations }
    }

    /// The place of a life among those of its customer, from 1.
    pub(crate) fn life(&self, customer: &Identity, generation: u64) -> u64 {
        let first = self.desk.lock().unwrap().first.get(&customer.to_string()).copied();
        first.map_or(generation, |first| generation - first + 1)
    }

    /// The state of a customer's conversation, and the place of its life.
    pub(crate) async fn state(&self, customer: &Identity) -> (ConversationState, u64) {
        let (state, generation) = self.conversations().state(customer).await.unwrap();
        (state, self.life(customer, generation))
    }

    /// Sends a text to a customer, in one attempt. Returns the place of the life that it went through.
    pub(crate) async fn send(&self, customer: &Identity, text: &str) -> Result<u64, SendError> {
        let cx = self.contexts.send(ClientMessageId::new(text).unwrap());
        let generation = self.conversations().send(&cx, customer, self, |live| self.post(live, text.to_owned())).await?;
        Ok(self.life(customer, generation))
    }

    /// Sends in a task of its own, which begins before this returns.
    pub(crate) async fn spawn(&self, text: &str) -> tokio::task::JoinHandle<Result<u64, SendError>> {
        let (world, text) = (self.clone(), text.to_owned());
        let task = tokio::spawn(async move { world.send(&customer(), &text).await });
        self.clock.sleep(Duration::from_millis(1)).await;
        task
    }

    async fn post(&self, live: Live<Token>, text: String) -> Result<u64, SendError> {
        let slow = self.desk.lock().unwrap().slow_post;
        self.clock.sleep(slow.max(Duration::from_millis(20))).await;
        assert_eq!(live.data.token, format!("canary-token-{}", live.id), "the data of another conversation");
        let mut desk = self.desk.lock().unwrap();
        if desk.closed.contains(&live.id) {
            return Err(SendError::of(ErrorKind::SessionClosed, "unknown conversation").processed());
        }
        desk.messages.push((live.id, text));
        Ok(live.generation)
    }

    pub(crate) fn texts(&self) -> Vec<String> {
        self.desk.lock().unwrap().messages.iter().map(|(_, text)| text.clone()).collect()
    }

    pub(crate) fn ids(&self) -> Vec<String> {
        self.desk.lock().unwrap().opened.iter().map(|(_, id)| id.clone()).collect()
    }

    /// The same provider over a store of its own with faults.
    pub(crate) fn faulty() -> (Self, Faults) {
        let (world, faults) = (Self::new(), Faults::new());
        let contexts = world.contexts.clone().with_session_store(faults.sessions(Memory::new().sessions()));
        (Self { contexts, ..world }, faults)
    }

    /// Ends the customer's conversation, with this answer of the provider.
    pub(crate) async fn end(&self, close: Close) -> Result<bool, SendError> {
        self.desk.lock().unwrap().closings.push_back(close);
        let ended = self.conversations().end(&customer(), EndReason::Customer, self).await;
        self.desk.lock().unwrap().closings.clear();
        ended
    }

    fn told(&self, opening: &OpenRequest) {
        let since = opening.last_call.map(|last| self.clock.now().duration_since(last).unwrap_or_default());
        self.desk.lock().unwrap().since.push(since);
    }

    /// The provider ends a conversation.
    pub(crate) fn close(&self, id: &str) {
        self.desk.lock().unwrap().closed.push(id.to_owned());
    }
}

impl Desk {
    /// Opens, or finds what this client token opened.
    fn open(&mut self, opening: &OpenRequest, knows_tokens: bool) -> String {
        if let Some(id) = self.by_key.get(&opening.key).filter(|_| knows_tokens && !self.forgetful) {
            return id.clone();
        }
        let id = format!("canary-id-{}", self.opened.len() + 1);
        let another = |(open, of): (&String, &Identity)| *of == opening.customer && !self.closed.contains(open);
        self.doubled += usize::from(self.customers.iter().any(another));
        self.customers.insert(id.clone(), opening.customer.clone());
        self.opened.push((opening.key.clone(), id.clone()));
        self.by_key.insert(opening.key.clone(), id.clone());
        id
    }
}

fn opened(id: String) -> Opened<Token> {
    let token = format!("canary-token-{id}");
    Opened::new(id, Token { token })
}

impl ConversationProvider for World {
    type Data = Token;

    async fn open(&self, opening: &OpenRequest) -> Result<Opened<Token>, SendError> {
        self.told(opening);
        let answer = {
            let mut desk = self.desk.lock().unwrap();
            desk.calls += 1;
            desk.first.entry(opening.customer.to_string()).or_insert(opening.generation);
            desk.answers.pop_front().unwrap_or(Answer::Slow(Duration::from_millis(300)))
        };
        let open = || self.desk.lock().unwrap().open(opening, self.resolve == Resolve::Repeat);
        match answer {
            Answer::Slow(time) => {
                let id = open();
                self.clock.sleep(time).await;
                Ok(opened(id))
            }
            Answer::NotSent => {
                self.clock.sleep(Duration::from_millis(100)).await;
                Err(SendError::provider("no connection").not_sent())
            }
            Answer::Refused => Err(SendError::of(ErrorKind::InvalidRecipient, "no agents").processed()),
            Answer::Lost => {
                open();
                self.clock.sleep(Duration::from_millis(100)).await;
                Err(SendError::provider("the connection broke").maybe())
            }
            Answer::Hang => {
                open();
                std::future::pending().await
            }
        }
    }

    async fn close(&self, live: &Live<Token>, reason: EndReason) -> Result<Ending, SendError> {
        assert!(live.data.token.starts_with(&format!("canary-token-{}", live.id)), "the data of another conversation");
        let answer = {
            let mut desk = self.desk.lock().unwrap();
            desk.ends.push((live.id.clone(), reason));
            let answer = desk.closings.pop_front().unwrap_or(Close::Done);
            if matches!(answer, Close::Done | Close::Lost) && !desk.closed.contains(&live.id) {
                desk.closed.push(live.id.clone());
            }
            answer
        };
        match answer {
            Close::Done => Ok(Ending::Done),
            Close::Within(time) => Ok(Ending::Within(time)),
            Close::Reachable(time) => Ok(Ending::Reachable(time)),
            Close::NotSent => Err(SendError::provider("no connection").not_sent()),
            Close::Refused => Err(SendError::domain("unknown conversation").processed()),
            Close::Lost => Err(SendError::provider("the connection broke").maybe()),
            Close::Hang => std::future::pending().await,
        }
    }

    async fn resolve(&self, opening: &OpenRequest) -> Result<Resolution<Token>, SendError> {
        self.told(opening);
        if self.resolve == Resolve::Silent {
            return std::future::pending().await;
        }
        let slow = self.desk.lock().unwrap().slow_resolve;
        self.clock.sleep(slow).await;
        let mut desk = self.desk.lock().unwrap();
        desk.resolutions.push((opening.generation, opening.key.clone()));
        Ok(match self.resolve {
            Resolve::Repeat => Resolution::Repeat,
            Resolve::Abandon | Resolve::Silent => Resolution::Abandon,
            Resolve::LookUp => match desk.by_key.get(&opening.key) {
                Some(id) => Resolution::Found(opened(id.clone())),
                None => Resolution::NotOpened,
            },
        })
    }
}

pub(crate) fn customer() -> Identity {
    Identity::phone("+15551230001").unwrap()
}

/// The key of a customer's session.
pub(crate) fn conversation_key(customer: &Identity) -> String {
    let mut framed = vec![];
    for part in [customer.kind().as_str(), customer.ns().unwrap_or_default(), customer.value()] {
        framed.extend((part.len() as u64).to_be_bytes());
        framed.extend(part.as_bytes());
    }
    hashed("conversation/", framed)
}

/// A prefix and a hash in hexadecimal digits.
pub(crate) fn hashed(prefix: &str, content: impl AsRef<[u8]>) -> String {
    Sha256::digest(content).iter().fold(prefix.to_owned(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Whether an error defers the send: it did not leave, and nothing is said against it.
pub(crate) fn is_deferred(error: &SendError) -> bool {
    error.kind() == ErrorKind::Busy && error.is_safe_to_resend()
}
