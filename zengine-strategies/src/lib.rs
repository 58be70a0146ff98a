// Its examples need these features.
#![cfg_attr(all(feature = "reqwest", feature = "sandbox", feature = "whatsapp-meta-cloud"), doc = include_str!("../README.md"))]
#![cfg_attr(
    not(all(feature = "reqwest", feature = "sandbox", feature = "whatsapp-meta-cloud")),
    doc = "Messaging strategies for `zengine-connector`, one cargo feature each. Its README is this page when all features are on."
)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "sandbox")]
mod private_file;
#[cfg(feature = "sandbox")]
pub mod sandbox;
#[cfg(feature = "whatsapp-meta-cloud")]
mod waba;
#[cfg(feature = "whatsapp-meta-cloud")]
pub mod whatsapp_meta_cloud;
