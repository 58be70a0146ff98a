//! Pigeon Post, a provider that does not exist, and the strategies that talk to it: sound, or with one [`Flaw`].
//!
//! | strategy | directions | endpoint |
//! |---|---|---|
//! | [`Pigeon`] | out and in | one address and one secret per loft |
//! | [`PigeonOut`] | out | |
//! | [`PigeonLedger`] | out | a provider that can be asked; sessions |
//! | [`PigeonCards`] | in | one address with a token per loft; forms and queries instead of JSON |
//! | [`PigeonHub`] | in | one address and one secret for all; each letter names its loft |

mod cards;
mod config;
mod inbound;
mod ledger;
mod letters;
mod outbound;

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64},
    },
    time::Duration,
};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use zengine_connector::{
    Configure, ConfigureContext, Error, EventContext, HealthContext, HttpClient, InboundContext, InboundEvent, InboundStrategy,
    OutboundMessage, OutboundStrategy, Receipt, Secret, SendContext, SendError, Strategy,
    error::Violation,
    ids::RouteKey,
    message::{Capabilities, ElementError, Idempotency, Message, Party},
    schemars::{self, JsonSchema},
    strategy::{
        Admit, FinalResponse, Handled, HealthStatus, InboundRequest, Lookup, MediaFile, MediaRequest, RawPayload, RequestHead, RoutedEvent,
        Scopes, Verified, VerifyError,
    },
};

pub(crate) use self::{
    config::{AnyConfig, DemandingConfig, ForgetfulConfig, LenientConfig, PigeonConfig, PlainConfig, UndescribedConfig, WideConfig},
    inbound::{HUB_SECRET, HUB_SIGNATURE, SIGNATURE, SIGNATURE_HEADER, TIME_HEADER},
    outbound::{CAPABILITIES, HAWKS, LOUD},
};
use crate::flaw::Flaw;

/// What all strategies of Pigeon Post share.
#[derive(Clone, Debug)]
pub(crate) struct Post {
    http: Arc<dyn HttpClient>,
    flaw: Flaw,
    /// What only broken strategies remember.
    memory: Arc<Memory>,
}

#[derive(Debug, Default)]
struct Memory {
    key: Mutex<Option<String>>,
    webhook_secret: Mutex<Option<Vec<u8>>>,
    draft: Mutex<String>,
    route: Mutex<Option<String>>,
    sender: Mutex<Option<Party>>,
    seen: Mutex<HashSet<String>>,
    count: AtomicU64,
    locked: AtomicBool,
}

impl Post {
    pub(crate) fn new(http: Arc<dyn HttpClient>, flaw: Flaw) -> Self {
        let post = Self { http, flaw, memory: Arc::default() };
        if flaw == Flaw::NewCallsProvider {
            outbound::call_at_once(&post);
        }
        post
    }

    fn is(&self, flaw: Flaw) -> bool {
        self.flaw == flaw
    }
}

/// What is kept of a tenant.
#[derive(Debug)]
pub(crate) struct Loft {
    name: String,
    class: u8,
    api_key: Secret<String>,
    webhook_secret: Secret<Vec<u8>>,
    handshake_token: Secret<Vec<u8>>,
}

impl Loft {
    const fn is_careless(&self) -> bool {
        self.class == 2
    }
}

#[allow(clippy::disallowed_methods, reason = "a fault that sleeps where nothing may")]
async fn sleep(time: Duration) {
    tokio::time::sleep(time).await;
}

macro_rules! pigeon {
    ($strategy:ident, $config:ty) => {
        impl $strategy {
            pub(crate) fn new(http: Arc<dyn HttpClient>, flaw: Flaw) -> Self {
                Self(Post::new(http, flaw))
            }
        }

        impl Configure<$config> for $strategy {
            type Tenant = Loft;

            async fn configure(&self, config: $config, _: &ConfigureContext) -> Result<Loft, Error> {
                let loft = config.into_loft(self.0.is(Flaw::SkipsChecks))?;
                outbound::at_configure(&self.0, &loft).await;
                Ok(loft)
            }

            async fn healthcheck(&self, loft: &Loft, cx: &HealthContext) -> HealthStatus {
                outbound::healthcheck(&self.0, loft, cx).await
            }
        }
    };
    ($strategy:ident, $config:ty, outbound) => {
        impl OutboundStrategy<$config, OutboundMessage> for $strategy {
            async fn send(&self, loft: &Loft, message: &OutboundMessage, cx: &SendContext) -> Result<Receipt, SendError> {
                outbound::send(&self.0, loft, message, cx).await
            }

            fn check(&self, _: &Loft, message: &OutboundMessage) -> Result<(), Vec<Violation>> {
                if self.0.is(Flaw::CheckCallsProvider) {
                    outbound::call_at_once(&self.0);
                }
                outbound::check(&self.0, message)
            }

            fn capabilities<'t>(&self, _: &'t Loft) -> Option<&'t Capabilities> {
                outbound::capabilities(&self.0)
            }

            fn idempotency(&self, loft: &Loft, _: &OutboundMessage) -> Option<Idempotency> {
                outbound::idempotency(&self.0, loft)
            }

            fn scopes(&self, loft: &Loft, message: &OutboundMessage, scopes: &mut Scopes) {
                outbound::scopes(&self.0, loft, message, scopes);
            }
        }
    };
    ($strategy:ident, $config:ty, inbound $verify:ident) => {
        impl InboundStrategy<$config> for $strategy {
            async fn verify(&self, request: &InboundRequest, cx: &InboundContext<Loft>) -> Result<Verified, VerifyError> {
                inbound::$verify(&self.0, request, cx).await
            }

            fn routes(&self, config: &$config) -> Vec<RouteKey> {
                config.routes(self.0.flaw)
            }

            fn normalize(&self, payload: &RawPayload) -> Vec<Result<RoutedEvent, ElementError>> {
                letters::normalize(&self.0, payload)
            }

            async fn admit(&self, _: &Loft, event: &mut InboundEvent, _: &EventContext) -> Result<Admit, Error> {
                Ok(inbound::admit(&self.0, event))
            }

            async fn respond(&self, request: &InboundRequest, handled: &Handled, _: Option<&Loft>) -> http::Response<Bytes> {
                inbound::respond(&self.0, request, handled)
            }

            async fn finish(&self, _: &RequestHead, _: &InboundContext<Loft>, response: &mut FinalResponse<'_>) {
                inbound::finish(&self.0, response);
            }
        }
    };
}

/// Sends and receives.
#[derive(Debug, Strategy)]
#[strategy(name = "pigeon", channel = Messenger, config = PigeonConfig, outbound = OutboundMessage, inbound)]
#[strategy(capabilities = CAPABILITIES, idempotency = native(3_600_000))]
pub(crate) struct Pigeon(Post);

pigeon!(Pigeon, PigeonConfig);
pigeon!(Pigeon, PigeonConfig, outbound);
pigeon!(Pigeon, PigeonConfig, inbound verify_own);

/// Sends, at a provider that offers nothing against doubles.
#[derive(Debug, Strategy)]
#[strategy(name = "pigeon-out", channel = Messenger, config = PigeonConfig, outbound = OutboundMessage, capabilities = CAPABILITIES)]
pub(crate) struct PigeonOut(Post);

pigeon!(PigeonOut, PigeonConfig);
pigeon!(PigeonOut, PigeonConfig, outbound);

/// Sends, can be asked for a letter, and counts its letters in a session.
#[derive(Debug, Strategy)]
#[strategy(name = "pigeon-ledger", channel = Messenger, config = PigeonConfig, outbound = OutboundMessage)]
#[strategy(capabilities = CAPABILITIES, idempotency = queryable(2_000))]
pub(crate) struct PigeonLedger(Post);

pigeon!(PigeonLedger, PigeonConfig);

impl OutboundStrategy<PigeonConfig, OutboundMessage> for PigeonLedger {
    async fn send(&self, loft: &Loft, message: &OutboundMessage, cx: &SendContext) -> Result<Receipt, SendError> {
        ledger::send(&self.0, loft, message, cx).await
    }

    fn check(&self, _: &Loft, message: &OutboundMessage) -> Result<(), Vec<Violation>> {
        outbound::check(&self.0, message)
    }

    async fn lookup(&self, loft: &Loft, _: &OutboundMessage, cx: &SendContext) -> Result<Lookup, SendError> {
        ledger::lookup(&self.0, loft, cx).await
    }
}

/// Receives for all lofts at one address.
#[derive(Debug, Strategy)]
#[strategy(name = "pigeon-hub", channel = Messenger, config = PigeonConfig, inbound)]
pub(crate) struct PigeonHub(Post);

pigeon!(PigeonHub, PigeonConfig);
pigeon!(PigeonHub, PigeonConfig, inbound verify_hub);

/// Receives what is not JSON.
#[derive(Debug, Strategy)]
#[strategy(name = "pigeon-cards", channel = Messenger, config = PigeonConfig, inbound, reply = synchronous(2_000), capabilities = CAPABILITIES)]
pub(crate) struct PigeonCards(Post);

pigeon!(PigeonCards, PigeonConfig);

impl InboundStrategy<PigeonConfig> for PigeonCards {
    async fn verify(&self, request: &InboundRequest, cx: &InboundContext<Loft>) -> Result<Verified, VerifyError> {
        cards::verify(&self.0, request, cx).await
    }

    fn takes_json(&self) -> bool {
        false
    }

    fn normalize(&self, payload: &RawPayload) -> Vec<Result<RoutedEvent, ElementError>> {
        cards::normalize(&self.0, payload)
    }

    async fn admit(&self, _: &Loft, event: &mut InboundEvent, cx: &EventContext) -> Result<Admit, Error> {
        cards::admit(&self.0, event, cx).await
    }

    async fn respond(&self, _: &InboundRequest, handled: &Handled, _: Option<&Loft>) -> http::Response<Bytes> {
        cards::respond(&self.0, handled)
    }

    async fn media(&self, loft: &Loft, request: &MediaRequest, _: &EventContext) -> Result<MediaFile, SendError> {
        cards::media(&self.0, loft, &request.handle).await
    }
}

macro_rules! misconfigured {
    ($($(#[doc = $what:literal])+ $strategy:ident $name:literal $config:ty;)*) => {$(
        $(#[doc = $what])+
        #[derive(Debug, Strategy)]
        #[strategy(name = $name, channel = Messenger, config = $config, outbound = OutboundMessage, capabilities = CAPABILITIES)]
        pub(crate) struct $strategy(Post);

        pigeon!($strategy, $config);
        pigeon!($strategy, $config, outbound);
    )*};
}

misconfigured! {
    /// With [`Flaw::SchemaForgetsField`].
    Forgetful "pigeon-forgetful" ForgetfulConfig;
    /// With [`Flaw::SchemaTooWide`].
    Wide "pigeon-wide" WideConfig;
    /// With [`Flaw::IgnoresUnknownFields`].
    Lenient "pigeon-lenient" LenientConfig;
    /// With [`Flaw::SecretIsPlainText`].
    Plain "pigeon-plain" PlainConfig;
    /// With [`Flaw::SchemaUndescribed`].
    Undescribed "pigeon-undescribed" UndescribedConfig;
    /// With [`Flaw::SchemaDemandsMore`].
    Demanding "pigeon-demanding" DemandingConfig;
    /// With [`Flaw::AnyConfig`].
    Any "pigeon-any" AnyConfig;
}

/// Sends anything, with [`Flaw::AnyMessage`].
#[derive(Debug, Strategy)]
#[strategy(name = "pigeon-anything", channel = Messenger, config = PigeonConfig, outbound = AnyMessage)]
pub(crate) struct Anything(Post);

pigeon!(Anything, PigeonConfig);

/// Whatever it is.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(crate) struct AnyMessage(serde_json::Value);

impl Message for AnyMessage {}

impl OutboundStrategy<PigeonConfig, AnyMessage> for Anything {
    async fn send(&self, loft: &Loft, message: &AnyMessage, cx: &SendContext) -> Result<Receipt, SendError> {
        let Ok(message) = serde_json::from_value(message.0.clone()) else {
            return Err(SendError::domain("pigeons carry text and buttons").not_sent());
        };
        outbound::send(&self.0, loft, &message, cx).await
    }
}
