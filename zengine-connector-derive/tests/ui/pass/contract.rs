//! The contract's tests stand beside the strategy, in a module with its name. A stand-in for the core's macro counts them.

use crate::acme::{AcmeConfig, OutboundMessage, Strategy};

mod core_with_contract {
    pub(crate) use zengine_connector::*;

    macro_rules! contract_tests {
        ($module:ident, $fixture:path) => {
            pub(crate) mod $module {
                use super::*;

                #[test]
                fn fixture_is_reached() {
                    assert_eq!(<$fixture>::TOKEN, "of the fixture");
                }
            }
        };
    }
    pub(crate) use contract_tests;
}

mod tests {
    pub(super) struct Fixture<T>(std::marker::PhantomData<T>);
    impl<T> Fixture<T> {
        pub(super) const TOKEN: &'static str = "of the fixture";
    }
}

#[derive(Strategy)]
#[strategy(name = "acme-contract", channel = Sms, config = AcmeConfig, outbound = OutboundMessage)]
#[strategy(contract = tests::Fixture<u8>, crate = "crate::contract::core_with_contract")]
struct SmsOfAcme;
configure!(SmsOfAcme);
send!(SmsOfAcme);

#[test]
fn module_is_named_after_the_strategy() {
    assert!(module_path!().ends_with("contract"));
    assert_eq!(SmsOfAcme::DESCRIPTOR.name, "acme-contract");
}
