// Its examples need these features.
#![cfg_attr(all(feature = "reqwest", feature = "sandbox", feature = "whatsapp-meta-cloud"), doc = include_str!("../README.md"))]
#![cfg_attr(
    not(all(feature = "reqwest", feature = "sandbox", feature = "whatsapp-meta-cloud")),
    doc = "Messaging strategies for `zengine-connector`, one cargo feature each. Its README is this page when all features are on."
)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[macro_use]
mod macros;

#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "sandbox")]
mod private_file;
#[cfg(feature = "sandbox")]
pub mod sandbox;
#[cfg(any(feature = "whatsapp-360dialog", feature = "whatsapp-meta-cloud"))]
#[cfg_attr(
    not(all(feature = "whatsapp-360dialog", feature = "whatsapp-meta-cloud")),
    allow(dead_code, unreachable_pub, unused_imports, reason = "parts of the other provider's")
)]
mod waba;
#[cfg(feature = "whatsapp-360dialog")]
pub mod whatsapp_360dialog;
#[cfg(feature = "whatsapp-meta-cloud")]
pub mod whatsapp_meta_cloud;

/// The strategies, by feature and module: one line each, which puts a strategy and its emulator into the command.
macro_rules! strategies {
    ($($feature:literal => $module:ident),* $(,)?) => {
        #[cfg(feature = "cli")]
        const SHIPPED: &[fn() -> cli::CliStrategy] = &[$(#[cfg(feature = $feature)] $module::cli::strategy),*];
    };
}
strategies! {
    "whatsapp-meta-cloud" => whatsapp_meta_cloud,
    "whatsapp-360dialog" => whatsapp_360dialog,
}
