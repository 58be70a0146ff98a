//! The `zengine` command for this strategy: `cargo run --features cli -- help`.

use std::process::ExitCode;

use http::Response;
use serde::Deserialize;
use zengine_connector::schemars;
use zengine_strategies::cli::{self, CliContext, CliStrategy, Strategies};

use acme_chat::AcmeChat;

/// Settings of the host: the member `instance` of the command's file.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Instance {
    /// The provider's address.
    base_url: String,
}

fn main() -> ExitCode {
    let strategy = CliStrategy::new(async |instance: Instance, cx: CliContext| Ok(AcmeChat::new(cx.http(), instance.base_url)));
    let strategy = strategy.with_dry_run(|_| Response::new(r#"{"id":"dry-run"}"#.into()));
    cli::run(&Strategies::new().with(strategy).named("acme-chat", env!("CARGO_PKG_VERSION")))
}
