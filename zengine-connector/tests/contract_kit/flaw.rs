//! What can be wrong with a strategy: each fault once, all of them made by one strategy.

macro_rules! flaws {
    ($($(#[doc = $what:literal])+ $name:ident,)*) => {
        /// One fault. The sound strategy has [`Flaw::None`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub(crate) enum Flaw {
            $($(#[doc = $what])+ $name,)*
        }

        impl Flaw {
            /// Every one of them.
            pub(crate) const ALL: &[Self] = &[$(Self::$name),*];
        }
    };
}

flaws! {
    /// None.
    None,

    // ---- the class of an error

    /// A 5xx is said to have sent nothing: the retry doubles.
    ServerErrorNotSent,
    /// A request that ran out of time is said to have sent nothing: the retry doubles.
    TimeoutNotSent,
    /// A connection that broke after the request is said to have sent nothing: the retry doubles.
    BrokenNotSent,
    /// A refused connection is said to have sent something: a message that could be sent at once is given up.
    RefusedConnectionMaybe,
    /// An unreadable success is said to have sent nothing: the retry doubles.
    GarbageNotSent,
    /// 429 is the message's fault: it is given up instead of sent later.
    ThrottleIsDomain,
    /// The provider's hint when to come back is dropped.
    IgnoresRetryAfter,
    /// The hint is read where it is seconds, dropped where it is a date.
    ReadsOnlySeconds,
    /// A wrong recipient is the provider's fault: one bad address opens the breaker of a healthy provider.
    BadRecipientBlamesProvider,
    /// Refused credentials are the provider's fault: retried for ever.
    AuthBlamesProvider,
    /// 200 with an error in it is a success.
    SuccessOnErrorBody,
    /// An answer without an id is a success.
    AcceptsWithoutId,
    /// An answer of another form breaks the strategy.
    PanicsOnOddAnswer,

    // ---- one message, one effect

    /// A failed call is made again inside one attempt.
    RetriesInsideSend,
    /// A call that ran out of time is made again inside one attempt.
    SendsAgainOnTimeout,
    /// It waits for the provider's hint inside the attempt.
    SleepsInsideSend,
    /// The provider knows keys, says the descriptor, and gets none.
    KeyNotSent,
    /// Every attempt has a key of its own.
    KeyPerAttempt,

    // ---- tenants

    /// The first tenant's key is used for all.
    CachesFirstKey,
    /// What is being sent lies where all calls see it.
    SharesDraft,
    /// The first tenant's webhook secret opens every tenant's door.
    CachesFirstWebhookSecret,
    /// The signature is checked with the addressed tenant's secret; whose it is, the body says.
    TenantFromBody,
    /// Everybody on the shared endpoint gets every event.
    FansOut,
    /// Events of the shared endpoint go to whoever came first.
    FirstRouteForAll,

    // ---- secrets

    /// An error's cause holds the key.
    SecretInErrorSource,
    /// An error's code holds the key.
    SecretInErrorCode,
    /// A log line holds the key.
    SecretInLog,
    /// A panic's message holds the key.
    SecretInPanic,
    /// What is kept of the provider's answer holds the key.
    SecretInReceipt,
    /// A log line holds the recipient.
    RecipientInLog,
    /// `configure` calls the provider.
    ConfigureCallsProvider,
    /// The health check sends a message.
    HealthcheckSends,

    // ---- what is sent

    /// Text is cut at a number of bytes.
    CutsText,
    /// Text is cut into pieces of a number of bytes, a message each.
    SplitsText,
    /// The table claims longer texts than `send` takes.
    ClaimsMore,
    /// Buttons are claimed and left away.
    DropsButtons,
    /// The provider may take longer than the attempt has.
    IgnoresDeadline,

    // ---- authentication

    /// A request without signature is let in.
    MissingSignatureAccepted,
    /// A signature is compared as far as it goes.
    SignaturePrefixAccepted,
    /// The prefix that names the algorithm is not looked at.
    SignatureSchemeIgnored,
    /// A signature in base64 is compared without regard to case.
    SignatureCaseIgnored,
    /// Where the secret cannot be had, everybody is let in.
    FailsOpenWithoutSecret,
    /// Where the secret cannot be had, everybody is turned away for good.
    OutageIsRefusal,
    /// What comes from any queue is believed.
    TrustsAnyRecord,
    /// `verify` sleeps, to slow attackers down.
    VerifySleeps,
    /// The signature is checked over the body without the white space around it.
    SignsTrimmed,
    /// The signature is checked over the body written anew.
    SignsReserialized,
    /// A refusal says what would have been right.
    OracleInBody,
    /// A refusal's header says what would have been right.
    OracleInHeader,
    /// A log line says what would have been right.
    OracleInLog,
    /// A signed time is never looked at.
    StaleAccepted,
    /// A redelivery is refused as a replay.
    RefusesRedelivery,
    /// The shared endpoint tries only the newest of its secrets.
    OnlyNewestSecret,
    /// The handshake answers whatever the token.
    HandshakeAnyToken,
    /// The handshake's token is compared as far as it goes.
    HandshakeTokenPrefix,
    /// The handshake's answer may be a page.
    HandshakeAsHtml,
    /// A request to nobody goes to whoever was asked for last.
    UnknownGoesToLast,
    /// `verify` calls the provider.
    VerifyCallsProvider,

    // ---- reading

    /// Only the first element of a batch is read.
    FirstOnly,
    /// Elements come out in another order.
    Reversed,
    /// One bad element costs the batch.
    BadElementKillsBatch,
    /// A bad element is left out without a word.
    BadElementDropped,
    /// A bad element makes the answer an error: the batch comes back for days.
    BadElementRefused,
    /// What is kept of a bad element are no bytes.
    BadElementLosesBytes,
    /// The path of a bad element leads to its neighbour.
    BadElementWrongPath,
    /// A body that is no webhook is answered with 200 and lost.
    GarbageLost,
    /// A signed body that is no webhook is refused: it comes back for days.
    GarbageRefused,
    /// Types that are not known are left out.
    UnknownDropped,
    /// Types that are not known are errors.
    UnknownIsError,
    /// Fields that are not known are errors.
    UnknownFieldIsError,
    /// The bytes are written anew.
    RawReserialized,
    /// The bytes of every event are the whole body.
    RawIsWholeBody,
    /// Odd JSON breaks the strategy.
    PanicsOnOddJson,
    /// A choice is its label; its id is lost.
    TitleInsteadOfId,
    /// Reactions are left out.
    ReactionsDropped,
    /// Contacts, orders and forms are left out.
    CardsDropped,
    /// Somebody without a phone number is an error.
    NeedsPhone,
    /// A long text is cut at a number of UTF-16 units, in the middle of an emoji.
    CutsInboundText,
    /// Space around a text is cut off.
    TrimsInboundText,
    /// Nobody is named as the sender.
    NobodyWrote,
    /// Everybody is named like the first sender.
    FirstSenderForAll,
    /// All people share one conversation.
    OneConversation,
    /// The provider's ids are dropped.
    NoProviderIds,
    /// The key that the provider echoes is dropped.
    EchoedKeyDropped,
    /// The time of a status is that of the message.
    StatusHasSendTime,
    /// Seconds are taken for milliseconds.
    SecondsAsMillis,
    /// A time far away breaks the strategy.
    OverflowsTime,
    /// All news of one message are one event.
    StatusDedupByTarget,
    /// `sent` is said whatever the news.
    EverythingIsSent,
    /// News for several people are told of the first of them.
    OnlyFirstRecipient,

    // ---- once

    /// A redelivered event is a new one.
    FreshDedupKey,
    /// The key is the place in the batch: a redelivery in another batch is a new event, another message an old one.
    DedupByPosition,
    /// Two messages of the same words are one.
    DedupByText,
    /// What it has read before, it leaves out: what was not stored is lost.
    ForgetsUnstored,
    /// `admit` drops what it has seen: what was not stored is lost.
    AdmitDropsSecond,

    // ---- what is said

    /// The answer repeats the request.
    EchoesBody,
    /// The answer is 200 whatever became of the events. The core does not say so.
    AlwaysSaysSuccess,
    /// A log line holds what was said.
    TextInLog,
    /// A log line holds who said it.
    SenderInLog,

    // ---- configuration

    /// The schema forgets a field that is needed.
    SchemaForgetsField,
    /// The schema allows what is not read.
    SchemaTooWide,
    /// A misspelled field is ignored.
    IgnoresUnknownFields,
    /// A secret is a text like any other.
    SecretIsPlainText,
}
