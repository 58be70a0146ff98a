//! Guides, in the order in which a host meets them; the same pages stand in the repository under `zengine-connector/guide`.

/// One module per page. The links of the pages are relative, for people who read the repository; here the definitions of `links.md`
/// come first and win.
macro_rules! guides {
    ($($(#[$doc:meta])* $name:ident = $file:literal;)+) => {$(
        $(#[$doc])*
        ///
        #[doc = include_str!("../guide/links.md")]
        #[doc = ""]
        #[doc = include_str!($file)]
        pub mod $name {}
    )+};
}

guides! {
    /// Messages and events.
    model = "../guide/model.md";
    /// A tenant's configuration, secrets and routes; the host's settings.
    configuration = "../guide/configuration.md";
    /// Running it: outcomes, dead letters, webhooks, sweeps.
    operating = "../guide/operating.md";
    /// One process, several, Lambda; what to alarm on.
    deploying = "../guide/deploying.md";
    /// Log lines and metrics.
    logging = "../guide/logging.md";
    /// The delivery rules and the state of each.
    semantics = "../guide/semantics.md";
    /// The stored and published forms.
    formats = "../guide/formats.md";
    /// A channel of your own.
    writing_a_strategy = "../guide/writing-a-strategy.md";
    /// The contract of strategies.
    testing_a_strategy = "../guide/testing-a-strategy.md";
    /// A store of your own.
    writing_a_store = "../guide/writing-a-store.md";
}
