//! Watch messages go out and their webhooks come back, over real HTTP on loopback.
//!
//! ```sh
//! cargo run                                              # everything on loopback, nothing kept
//! cargo run -- --store demo.db --journal demo.jsonl      # keeps the store and the provider's journal between runs
//! ```
//!
//! With `WHATSAPP_ACCESS_TOKEN`, `WHATSAPP_PHONE_NUMBER_ID`, `WHATSAPP_WABA_ID`, `WHATSAPP_APP_SECRET`,
//! `WHATSAPP_VERIFY_TOKEN` and `WHATSAPP_TO` in the environment the same code talks to Meta.

use std::process::ExitCode;

use zengine_examples::quickstart::{self, Arguments};

fn main() -> ExitCode {
    let arguments = match Arguments::read(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(usage) => {
            eprintln!("{usage}");
            return ExitCode::from(2);
        }
    };
    let runtime = tokio::runtime::Runtime::new();
    match runtime.map_err(Into::into).and_then(|runtime| runtime.block_on(quickstart::run(&arguments))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("quickstart: {error}");
            ExitCode::FAILURE
        }
    }
}
