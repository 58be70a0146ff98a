//! The inputs that the derive accepts, and the code that it writes; `ui.rs` has the refused ones.

#[macro_use]
#[path = "ui/acme/mod.rs"]
mod acme;
#[path = "ui/pass/contract.rs"]
mod contract;
#[path = "ui/pass/crate_path.rs"]
mod crate_path;
#[path = "ui/pass/generic.rs"]
mod generic;
#[path = "ui/pass/inbound_only.rs"]
mod inbound_only;
#[path = "ui/pass/outbound_only.rs"]
mod outbound_only;

#[test]
fn strategies_of_all_shapes_stand_in_one_registry() {
    let registry = acme::StrategyRegistry::builder()
        .register(outbound_only::AcmeChat)
        .register(inbound_only::AcmeHook)
        .register(generic::Generic { clients: [1_u8] })
        .register(crate_path::ByMacro)
        .build()
        .unwrap();
    let names: Vec<&str> = registry.descriptors().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["acme-chat", "acme-generic", "acme-hook", "acme-macro"]);
}
