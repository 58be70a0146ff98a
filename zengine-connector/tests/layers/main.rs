//! The tower: a top folder of the core imports only those below it, and no two sibling files import each other.
//!
//! The order is ADR 0017's. Imports are read from the sources' tokens: comments, doc comments and `#[cfg(test)]` code do not
//! count, names that a module re-exports count as the module that defines them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may")]

mod imports;
mod tree;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use tree::Tree;

/// The top folders, from the ground up.
const TOWER: &[&str] = &[
    "macros",
    "sync",
    "hex",
    "secret",
    "json",
    "error",
    "runtime",
    "ids",
    "keyring",
    "http",
    "message",
    "telemetry",
    "store",
    "schema",
    "stage",
    "strategy",
    "registry",
    "verify",
    "pipeline",
    "orchestrator",
    "private",
    "prelude",
    "guide",
    "testing",
];

/// Rings of siblings that stay, with the reason. At most three.
const EXCEPTIONS: &[(&str, &[&str])] = &[
    // A fixture builds its strategy on the wire, and the wire answers as the fixture's provider.
    ("testing::contract", &["fixture", "inbound", "kit", "outbound", "wire"]),
];

fn core() -> Tree {
    Tree::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
}

fn floor(folder: &str) -> Option<usize> {
    TOWER.iter().position(|name| *name == folder)
}

/// The imports that go up, each as a line.
fn upward(tree: &Tree) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for import in tree.imports() {
        let Some(from) = import.from.first() else { continue };
        let Some(to) = import.to.first() else {
            if from != "testing" && from != "prelude" {
                found.insert(format!("{} names an item of lib.rs: crate::{}", import.from.join("::"), import.written));
            }
            continue;
        };
        match (floor(from), floor(to)) {
            (Some(above), Some(below)) if above >= below => {}
            (None, _) => drop(found.insert(format!("{from} has no floor"))),
            (_, None) => drop(found.insert(format!("{to} has no floor"))),
            _ => drop(found.insert(format!("{from} → {to}: {} imports {}", import.from.join("::"), import.to.join("::")))),
        }
    }
    found
}

/// The rings of siblings, each as a line: files or folders of one folder that lead back to each other, over any number of steps.
fn knots(tree: &Tree) -> BTreeSet<String> {
    let mut arrows: BTreeMap<String, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
    for import in tree.imports() {
        let shared = import.from.iter().zip(&import.to).take_while(|(a, b)| a == b).count();
        if shared > 0 && shared < import.from.len().min(import.to.len()) {
            let folder = arrows.entry(import.from[..shared].join("::")).or_default();
            folder.entry(import.from[shared].clone()).or_default().insert(import.to[shared].clone());
        }
    }
    let mut found = BTreeSet::new();
    for (folder, arrows) in &arrows {
        for name in arrows.keys() {
            let ring: Vec<&str> = reached(arrows, name).filter(|other| reached(arrows, other).any(|back| back == name)).collect();
            if ring.len() > 1 && !EXCEPTIONS.iter().any(|(place, names)| place == folder && *names == ring) {
                found.insert(format!("{folder}: {}", ring.join(" ↔ ")));
            }
        }
    }
    found
}

/// Everything that a file leads to, itself included where it leads back; in alphabetical order.
fn reached<'a>(arrows: &'a BTreeMap<String, BTreeSet<String>>, from: &str) -> impl Iterator<Item = &'a str> {
    let (mut seen, mut next) = (BTreeSet::new(), vec![from.to_owned()]);
    while let Some(name) = next.pop() {
        for to in arrows.get(&name).into_iter().flatten() {
            if seen.insert(to.as_str()) {
                next.push(to.clone());
            }
        }
    }
    seen.into_iter()
}

fn none(what: &str, found: &BTreeSet<String>) {
    let lines: Vec<&str> = found.iter().map(String::as_str).collect();
    assert!(lines.is_empty(), "{} {what}:\n{}", lines.len(), lines.join("\n"));
}

#[test]
fn a_folder_imports_only_those_below_it() {
    none("imports go up", &upward(&core()));
}

#[test]
fn no_two_siblings_import_each_other() {
    assert!(EXCEPTIONS.len() <= 3);
    none("knots of siblings", &knots(&core()));
}

#[test]
fn no_form_hides_an_arrow() {
    // The kit's cases share a prelude of their own.
    none("forms that hide arrows", &core().refused().filter(|line| !line.starts_with("testing")).collect());
}

#[test]
fn every_folder_has_its_floor() {
    let folders: BTreeSet<String> = core().modules().filter_map(|module| module.first().cloned()).collect();
    let floors: BTreeSet<String> = TOWER.iter().map(|&name| name.to_owned()).collect();
    assert_eq!(folders, floors);
}

/// A tree of a few files, to see that a wrong arrow is found.
fn planted(files: &[(&str, &str)]) -> Tree {
    Tree::of(files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())))
}

#[test]
fn an_arrow_that_goes_up_is_found_however_it_is_written() {
    let wrong = [
        "use crate::pipeline::Send;",
        "use crate::{error::Error, pipeline::{self, Send}};",
        "fn f() -> crate::pipeline::Send { todo!() }",
        "fn f() { g(vec![super::super::pipeline::Send]) }",
        "macro_rules! m { () => { $crate::pipeline::Send } }",
        "pub use super::Again;",
        "#[cfg(not(test))] use crate::pipeline::Send;",
        "mod inner { use super::super::super::pipeline::Send; }",
        "struct S { #[serde(with = \"crate::pipeline::send\")] field: u8 }",
        "#[cfg_attr(feature = \"x\", derive(crate::pipeline::Derive))] struct S;",
        "use zengine_connector::pipeline::Send;",
        "fn f() -> ::zengine_connector::pipeline::Send { todo!() }",
        "fn f<'a>() -> impl Sized + use<'a> { crate::pipeline::send::run() }",
        "enum E { #[cfg(test)] A, B(crate::pipeline::Send) }",
        "fn f(x: u8) { match x { #[cfg(test)] 1 => (), _ => crate::pipeline::send::run() } }",
        "use crate::pipeline as up; fn f() { up::send::run() }",
        "use crate as root; fn f() { root::pipeline::send::run() }",
    ];
    for text in wrong {
        let tree = planted(&[
            ("lib.rs", "pub mod store; pub mod pipeline; pub mod error;"),
            ("error.rs", ""),
            ("pipeline/mod.rs", "mod send; pub use send::Send;"),
            ("pipeline/send.rs", "pub struct Send;"),
            ("store/mod.rs", "mod file; use crate::pipeline::Send as Again;"),
            ("store/file.rs", text),
        ]);
        assert!(upward(&tree).iter().any(|line| line.contains("store::file")), "{text}: {:?}", upward(&tree));
    }
}

#[test]
fn what_only_tests_and_comments_name_does_not_count() {
    let right = [
        "// use crate::pipeline::Send;\n/// [`Send`](crate::pipeline::Send)\nstruct S;",
        "#[cfg(test)] mod tests { use crate::pipeline::Send; }",
        "#[cfg(test)] use crate::{pipeline::Send};",
        "#[cfg(all(test, feature = \"tokio\"))] fn f() -> crate::pipeline::Send { }",
        "const TEXT: &str = \"crate::pipeline::Send\";",
    ];
    for text in right {
        let tree = planted(&[
            ("lib.rs", "pub mod store; pub mod pipeline;"),
            ("pipeline.rs", "pub struct Send; #[cfg(test)] mod tests;"),
            ("pipeline/tests.rs", "use crate::testing::Anything;"),
            ("store.rs", text),
        ]);
        none("imports go up", &upward(&tree));
    }
}

#[test]
fn an_item_of_the_root_is_found_and_one_of_a_folder_is_not() {
    let tree =
        |text| planted(&[("lib.rs", "pub mod store; pub mod ids; pub use ids::Id;"), ("ids.rs", "pub struct Id;"), ("store.rs", text)]);
    assert_eq!(upward(&tree("use crate::Id;")).len(), 1);
    none("imports go up", &upward(&tree("use crate::ids::Id;")));
}

#[test]
fn a_knot_of_siblings_is_found_through_the_names_of_their_folder() {
    let tree = |second| {
        planted(&[
            ("lib.rs", "mod store;"),
            ("store/mod.rs", "mod a; mod b; pub use a::A; use b::B;"),
            ("store/a.rs", "use super::B; pub struct A;"),
            ("store/b.rs", second),
        ])
    };
    assert_eq!(knots(&tree("pub struct B(super::A);")), BTreeSet::from(["store: a ↔ b".to_owned()]));
    none("knots", &knots(&tree("pub struct B;")));
}

#[test]
fn a_ring_over_several_files_is_found() {
    let tree = |last| {
        planted(&[
            ("lib.rs", "mod store;"),
            ("store/mod.rs", "mod a; mod b; mod c; mod d;"),
            ("store/a.rs", "use super::b::B; pub struct A;"),
            ("store/b.rs", "use super as here; pub struct B; fn f() { here::c::run() }"),
            ("store/c.rs", last),
            ("store/d.rs", "use super::a::A;"),
        ])
    };
    assert_eq!(knots(&tree("pub fn run() { super::a::A; }")), BTreeSet::from(["store: a ↔ b ↔ c".to_owned()]));
    none("knots", &knots(&tree("pub fn run() {}")));
}

#[test]
fn forms_that_hide_arrows_are_refused() {
    for text in ["use super::*;", "pub use crate::pipeline::*;", "include!(\"other.rs\");", "#[path = \"other.rs\"] mod other;"] {
        assert_eq!(planted(&[("lib.rs", "mod store;"), ("store.rs", text)]).refused().count(), 1, "{text}");
    }
}
