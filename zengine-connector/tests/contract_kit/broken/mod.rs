//! Every fault that the kit must catch, and the case that catches it: the case fails over the broken strategy, names the
//! fault, and passes over the sound one. Each case of the contract has one.

mod conversing;
mod reading;
mod receiving;
mod sending;
mod set_up;

use std::collections::BTreeSet;

use zengine_connector::testing::contract::{Fixture, Verdict, case_names, verdict};

use crate::flaw::Flaw;

/// Checks that a case fails over a broken strategy, with these words, and passes over the sound one.
fn caught<Broken: Fixture, Sound: Fixture>(case: &str, words: &str) {
    if case.contains("pairs") && std::env::var_os("BLESS").is_some() {
        return; // would write the wrong results
    }
    match verdict::<Broken>(case) {
        Verdict::Failed(said) => assert!(said.contains(words), "{case} fails, but does not say {words:?}:\n{said}"),
        other => panic!("{case} does not catch the fault: {other:?}"),
    }
    assert_eq!(verdict::<Sound>(case), Verdict::Passed, "{case} also fails over the sound strategy");
}

/// Generates tests of faults from the test's name, the flaw, its fixture and the sound one, and the cases that catch it, each
/// with a part of its message.
macro_rules! broken {
    ($($name:ident: $flaw:ident in $broken:ident, sound $sound:ident { $($case:ident $words:literal)+ })*) => {
        $(
            #[test]
            fn $name() {
                $(super::caught::<
                    crate::fixture::$broken<{ crate::flaw::Flaw::$flaw as usize }>,
                    crate::fixture::$sound<0>,
                >(stringify!($case), $words);)+
            }
        )*

        /// The faults of this module.
        pub(super) const CAUGHT: &[crate::flaw::Flaw] = &[$(crate::flaw::Flaw::$flaw),*];

        /// The cases that catch them.
        pub(super) const CASES: &[&str] = &[$($(stringify!($case)),+),*];
    };
}
use broken;

/// Faults that the core makes harmless.
const HARMLESS: &[Flaw] = &[Flaw::None, Flaw::AlwaysSaysSuccess];

#[test]
fn every_fault_has_a_test() {
    let caught: BTreeSet<_> =
        [conversing::CAUGHT, sending::CAUGHT, receiving::CAUGHT, reading::CAUGHT, set_up::CAUGHT].concat().into_iter().collect();
    let missing: Vec<_> = Flaw::ALL.iter().filter(|flaw| !HARMLESS.contains(flaw) && !caught.contains(flaw)).collect();
    assert!(missing.is_empty(), "faults that no test proves to be caught: {missing:?}");
}

#[test]
fn every_case_is_shown_to_fail() {
    let shown: BTreeSet<_> =
        [conversing::CASES, sending::CASES, receiving::CASES, reading::CASES, set_up::CASES].concat().into_iter().collect();
    let never: Vec<_> = case_names().filter(|case| !shown.contains(case)).collect();
    assert!(never.is_empty(), "cases that no planted fault makes fail: {never:?}");
}
