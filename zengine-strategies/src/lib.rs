#![doc = include_str!("../README.md")]
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
