//! What the derive accepts and what it writes; what it refuses is in `ui.rs`.

#[macro_use]
#[path = "ui/acme/mod.rs"]
mod acme;
#[path = "ui/pass/crate_path.rs"]
mod crate_path;
#[path = "ui/pass/generic.rs"]
mod generic;
#[path = "ui/pass/inbound_only.rs"]
mod inbound_only;
#[path = "ui/pass/outbound_only.rs"]
mod outbound_only;
