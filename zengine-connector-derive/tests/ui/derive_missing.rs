//! Registering a struct without the derive names the attribute to add.

#[macro_use]
mod acme;
use acme::*;

struct AcmeChat;
configure!(AcmeChat);
send!(AcmeChat);

fn main() {
    let _ = StrategyRegistry::builder().register(AcmeChat);
}
