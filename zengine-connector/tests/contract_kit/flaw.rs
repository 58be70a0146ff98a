//! The flaws of a strategy: each fault once, all in one strategy.

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

    /// A 5xx counts as not sent: the retry duplicates.
    ServerErrorNotSent,
    /// A request that timed out counts as not sent: the retry duplicates.
    TimeoutNotSent,
    /// A connection that broke after the request counts as not sent: the retry duplicates.
    BrokenNotSent,
    /// A refused connection counts as maybe sent: a message that could be sent at once is given up.
    RefusedConnectionMaybe,
    /// An unreadable success counts as not sent: the retry duplicates.
    GarbageNotSent,
    /// A 429 is the message's fault: the message is given up instead of sent later.
    ThrottleIsDomain,
    /// The provider's `Retry-After` hint is dropped.
    IgnoresRetryAfter,
    /// A hint in seconds is read, a date is dropped.
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

    /// Any other 4xx is the provider's fault: one bad address opens the breaker of a healthy provider.
    ClientErrorsBlameProvider,
    /// A 5xx is the message's fault: the message is given up instead of sent later.
    ServerErrorIsDomain,
    /// Whatever is no 4xx or 5xx is a success.
    OddStatusIsSuccess,
    /// A success of another content type is a refusal.
    ChecksContentType,
    /// Every success is a refusal.
    SuccessIsRefusal,
    /// No answer in time is a success.
    AssumesDelivery,
    /// Any hint that is no number of seconds is a week.
    ReadsAnyHint,
    /// A call before the one that sends counts as maybe sent: the message is given up.
    StampMaybe,
    /// The client gets a second.
    Impatient,

    // ---- one message, one effect

    /// The call is made in a task of its own, and again if it fails: dropping the send does not stop it.
    SpawnsSend,
    /// Every call is made twice.
    SendsTwice,
    /// `check` calls the provider.
    CheckCallsProvider,
    /// The idempotency key is the caller's id: that of two tenants may be the same.
    KeyIsMessageId,
    /// A mark that is set before a call is removed only after it: a dropped send leaves it.
    LeavesMark,

    /// A failed call is made again inside one attempt.
    RetriesInsideSend,
    /// A call that ran out of time is made again inside one attempt.
    SendsAgainOnTimeout,
    /// The attempt waits for the provider's hint.
    SleepsInsideSend,
    /// The descriptor declares idempotency keys, and none is sent.
    KeyNotSent,
    /// Every attempt has its own key.
    KeyPerAttempt,

    // ---- tenants

    /// The first tenant's key is used for all.
    CachesFirstKey,
    /// One tenant's refused credentials stop all tenants.
    RemembersRefusal,
    /// The message being sent is shared by all calls.
    SharesDraft,
    /// The first tenant's webhook secret is accepted for every tenant.
    CachesFirstWebhookSecret,
    /// The signature is checked with the addressed tenant's secret, but the body chooses the tenant.
    TenantFromBody,
    /// Every tenant of the shared endpoint gets every event.
    FansOut,
    /// Events of the shared endpoint go to the first tenant.
    FirstRouteForAll,

    // ---- routes

    /// A route is the tenant's webhook secret.
    RouteIsSecret,
    /// A route is a hash of the tenant's webhook secret.
    RouteIsHashOfSecret,
    /// A route holds the tenant's webhook secret.
    RouteHoldsSecret,
    /// A route of the sample tenant holds its webhook secret.
    SampleRouteHoldsSecret,
    /// All tenants have one route, which does not say so.
    RouteOfAllTenants,
    /// A route follows from the configuration by which no request finds the tenant.
    RouteOfNoRequest,

    // ---- secrets

    /// An error's cause holds the key.
    SecretInErrorSource,
    /// An error's code holds the key.
    SecretInErrorCode,
    /// A log line holds the key.
    SecretInLog,
    /// A panic's message holds the key.
    SecretInPanic,
    /// The receipt holds the key.
    SecretInReceipt,
    /// An error's cause holds the provider's answer.
    RepeatsAnswer,
    /// A log line about one tenant names the others.
    NamesLoftsInLog,
    /// The lines of a secret become headers.
    AddsHeaderLines,
    /// A log line holds the recipient.
    RecipientInLog,
    /// `configure` calls the provider.
    ConfigureCallsProvider,
    /// The constructor calls the provider.
    NewCallsProvider,
    /// The health check sends a message.
    HealthcheckSends,

    /// A health check always succeeds.
    AlwaysHealthy,

    // ---- what is sent

    /// Text is cut at a number of bytes.
    CutsText,
    /// Text is cut into pieces of a number of bytes, a message each.
    SplitsText,
    /// The tenants' capability table lists more than `send` accepts.
    ClaimsMore,
    /// A recipient's scope has another key each time.
    ScopeChanges,
    /// A call has more scopes than one may have.
    TooManyScopes,
    /// A scope that tenants share is a recipient's.
    SharesRecipient,
    /// All recipients are one scope.
    OneRecipientForAll,
    /// Any header field that begins with `X-` may be set, also those that steer the provider.
    OpensHeaders,
    /// Buttons are listed and dropped.
    DropsButtons,
    /// The question for a tenant's protection breaks the strategy.
    PanicsOverIdempotency,
    /// A warning refuses the message.
    WarningRefuses,
    /// `check` finds nothing; the attempt refuses.
    RefusesLate,
    /// The provider may take longer than the attempt has.
    IgnoresDeadline,

    // ---- authentication

    /// A request without a signature is admitted.
    MissingSignatureAccepted,
    /// Any signature is accepted.
    AnySignatureAccepted,
    /// A part of the token in the address is accepted.
    UrlTokenPrefix,
    /// Refusals lock the sender out.
    LocksOut,
    /// A prefix of a signature is accepted.
    SignaturePrefixAccepted,
    /// The prefix that names the algorithm is ignored.
    SignatureSchemeIgnored,
    /// A signature in base64 is compared without regard to case.
    SignatureCaseIgnored,
    /// Without the secret every request is admitted.
    FailsOpenWithoutSecret,
    /// Without the secret every request is refused for good.
    OutageIsRefusal,
    /// A record of any queue is trusted.
    TrustsAnyRecord,
    /// `verify` sleeps, to slow attackers down.
    VerifySleeps,
    /// The signature is checked over the body without the white space around it.
    SignsTrimmed,
    /// The signature is checked over the reserialized body.
    SignsReserialized,
    /// The body of a refusal holds the right signature.
    OracleInBody,
    /// A header of a refusal holds the right signature.
    OracleInHeader,
    /// `finish` adds its header to some refusals only.
    FinishesSome,
    /// What is under work is a failure.
    PendingIsFailure,
    /// A fingerprint is another one with each delivery.
    FingerprintChanges,
    /// `finish` breaks over a refusal.
    FinishPanics,
    /// `finish` sets the length of the body.
    FinishSetsLength,
    /// A log line holds the right signature.
    OracleInLog,
    /// A signed time is ignored.
    StaleAccepted,
    /// A redelivery is refused as a replay.
    RefusesRedelivery,
    /// The shared endpoint tries only the newest of its secrets.
    OnlyNewestSecret,
    /// The handshake answers whatever the token.
    HandshakeAnyToken,
    /// A prefix of the handshake's token is accepted.
    HandshakeTokenPrefix,
    /// The handshake's response may be HTML.
    HandshakeAsHtml,
    /// A request to an unknown address goes to the tenant that was looked up last.
    UnknownGoesToLast,
    /// `verify` calls the provider.
    VerifyCallsProvider,

    // ---- reading

    /// Only the first element of a batch is read.
    FirstOnly,
    /// Elements come out in another order.
    Reversed,
    /// One bad element loses the batch.
    BadElementKillsBatch,
    /// A bad element is dropped silently.
    BadElementDropped,
    /// A bad element makes the answer an error: the batch comes back for days.
    BadElementRefused,
    /// The bytes of a bad element are lost.
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
    /// The bytes are reserialized.
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
    /// A sender without a phone number is an error.
    NeedsPhone,
    /// A long text is cut at a number of UTF-16 units, in the middle of an emoji.
    CutsInboundText,
    /// Space around a text is cut off.
    TrimsInboundText,
    /// The sender is missing.
    MissingSender,
    /// Every sender is named like the first one.
    FirstSenderForAll,
    /// All senders share one conversation.
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
    /// All statuses of one message are one event.
    StatusDedupByTarget,
    /// Every status becomes `sent`.
    EverythingIsSent,
    /// Every failure is final.
    FailuresAreFinal,
    /// A suppressed message is reported as an ordinary failure.
    SuppressionDropped,
    /// A status of several recipients names the first only.
    OnlyFirstRecipient,

    // ---- deduplication

    /// A redelivered event is a new one.
    FreshDedupKey,
    /// The key differs between processes: a redelivery to another one is a new event.
    DedupByProcess,
    /// The key is the place in the batch: a redelivery in another batch is a new event, another message an old one.
    DedupByPosition,
    /// Two messages with equal text are one.
    DedupByText,
    /// An event normalized before is dropped: an event that was not stored is lost.
    ForgetsUnstored,
    /// `admit` drops events it has seen: an event that was not stored is lost.
    AdmitDropsSecond,

    // ---- responses and logs

    /// The answer repeats the request.
    EchoesBody,
    /// The response is 200 whatever the result of the events. The core overrides it.
    AlwaysSaysSuccess,
    /// A log line holds the text.
    TextInLog,
    /// A log line holds the sender.
    SenderInLog,

    // ---- configuration

    /// The schema lacks a required field.
    SchemaForgetsField,
    /// The schema accepts what the type refuses.
    SchemaTooWide,
    /// A misspelled field is ignored.
    IgnoresUnknownFields,
    /// A secret is a text like any other.
    SecretIsPlainText,
    /// Fields have no description.
    SchemaUndescribed,
    /// The schema requires a field that does not exist.
    SchemaDemandsMore,
    /// Anything is a configuration.
    AnyConfig,
    /// `configure` does not check ranges.
    SkipsChecks,
    /// Anything is a message.
    AnyMessage,

    // ---- asking the provider, and sessions

    /// A look-up finds nothing: what arrived is sent again.
    LookupMisses,
    /// A look-up finds the newest message, whatever was asked.
    LookupFindsAny,
    /// A failed look-up found nothing.
    LookupErrorIsNotFound,
    /// A session that cannot be written after the send hides it: the retry duplicates.
    SessionHidesSend,
    /// A mark that a session is under work is left where its store fails.
    SessionStaysLocked,
    /// `admit` drops an event whose session cannot be read.
    AdmitDropsWithoutSession,

    // ---- conversations

    /// The serial number of an event is counted here.
    CountsSequence,
    /// Later events have lower serial numbers.
    SequenceFalls,
    /// A start is raised for every message.
    RaisesEachTime,
    /// A raised start names no customer.
    RaisesWithoutCustomer,

    /// Every send without an open conversation opens one.
    OpensForEach,
    /// The turn ends before the message is sent.
    LeavesBeforeSend,
    /// An opening that failed is said of the message.
    OpeningFailsMessage,
    /// A lost race of the session store is a refusal.
    LostRaceIsRefusal,
    /// A conversation that is gone stays the customer's.
    NeverReopens,
    /// A conversation that was ended stays open here.
    KeepsEnded,
    /// Events of a conversation that is not the customer's present one are dropped.
    DropsLate,
    /// Events of any conversation are taken.
    TakesForeign,
    /// A lock in the sessions has no end.
    LocksForGood,
    /// A log line holds the conversation's token.
    TokenInConversationLog,

    // ---- synchronous replies, media, records

    /// The response holds the first reply only.
    FirstReplyOnly,
    /// A poll begins at the first reply every time.
    PollsFromTheStart,
    /// A poll needs no token.
    PollsUnchecked,
    /// Media is fetched with the first tenant's key.
    MediaWithFirstKey,
    /// The page of a refused download is the media.
    MediaErrorIsContent,
    /// A handle of media may be an address.
    MediaAnyAddress,
    /// A record is delivered to the handler again and again.
    RecordsAreNew,
    /// A record of any source is trusted by the end of its name.
    TrustsAnySource,

    // ---- the fixture

    /// All sample tenants are the same.
    SameTenants,
    /// Sample messages hold words of their own.
    OwnWords,
}
