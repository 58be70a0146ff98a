//! The promises of manifests and READMEs, compared with what cargo resolves.
#![allow(clippy::expect_used)] // in the tests' helpers, where clippy's own exception does not reach

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// Features of `zengine-strategies` that are not strategies.
const NOT_STRATEGIES: [&str; 5] = ["default", "full", "reqwest", "sandbox", "cli"];

#[test]
fn rust_version_is_the_highest_of_the_dependency_tree() {
    let metadata = metadata();
    let versions: BTreeMap<(&str, &str), &str> =
        packages(&metadata).map(|p| ((text(p, "name"), text(p, "version")), p["rust_version"].as_str().unwrap_or("1.0"))).collect();
    for (package, exact) in [("zengine-connector", true), ("zengine-strategies", true), ("zengine-connector-derive", false)] {
        let tree = cargo(&["tree", "--locked", "-e", "normal", "--prefix", "none", "--format", "{p}", "--all-features", "-p", package]);
        let needed = tree
            .lines()
            .filter_map(|line| {
                let mut words = line.split_whitespace();
                Some((words.next()?, words.next()?.trim_start_matches('v')))
            })
            .filter(|(name, _)| *name != package)
            .map(|key| (minor(versions[&key]), key))
            .max()
            .expect("the tree has dependencies");
        let declared = minor(declared(&metadata, package));
        assert!(declared >= needed.0, "{package} declares 1.{declared}, but {:?} needs 1.{}", needed.1, needed.0);
        assert!(!exact || declared == needed.0, "{package} declares 1.{declared}, but its tree needs only 1.{} ({:?})", needed.0, needed.1);
    }
}

/// Keys and their intermediate states are wiped from memory when they are dropped.
#[test]
fn the_crates_that_hold_keys_wipe_them() {
    let metadata = metadata();
    let nodes = metadata["resolve"]["nodes"].as_array().expect("cargo resolves the tree");
    for name in ["chacha20poly1305", "hmac", "sha2"] {
        let ids: BTreeSet<_> = packages(&metadata).filter(|p| text(p, "name") == name).map(|p| text(p, "id")).collect();
        let wipes = |node: &&Value| node["features"].as_array().is_some_and(|features| features.iter().any(|feature| feature == "zeroize"));
        let ours = nodes.iter().filter(|node| ids.contains(text(node, "id"))).find(wipes);
        assert!(ours.is_some(), "{name} is resolved without its feature zeroize");
    }
}

#[test]
fn changelog_names_the_rust_versions() {
    let metadata = metadata();
    let changelog = read("CHANGELOG.md");
    for package in ["zengine-connector", "zengine-strategies", "zengine-connector-derive"] {
        let version = declared(&metadata, package);
        assert!(changelog.contains(version), "CHANGELOG.md does not name {version}, the rust-version of {package}");
    }
}

/// A strategy stands in these places and in no other (CONTRIBUTING.md): each names the same features, with the same modules.
#[test]
fn features_mod_lines_the_list_and_the_tables_name_the_same_strategies() {
    let metadata = metadata();
    let features = features(&metadata, "zengine-strategies");
    let full = features.get("full").expect("there is a feature `full`");
    let (readme, front, lib) = (read("zengine-strategies/README.md"), read("README.md"), read("zengine-strategies/src/lib.rs"));
    let strategies: BTreeSet<&str> =
        features.keys().map(String::as_str).filter(|f| !NOT_STRATEGIES.contains(f) && !f.starts_with('_')).collect();
    assert!(!strategies.is_empty());
    let mods = lib.split("#[cfg(feature = \"").filter_map(|rest| rest.split_once(';')?.0.split_once("\")]\npub mod "));
    let mods: BTreeSet<_> = mods.filter(|(feature, _)| !NOT_STRATEGIES.contains(feature)).collect();
    let list = lib.split_once("\nstrategies! {\n").and_then(|(_, rest)| rest.split_once("\n}")).expect("there is a list").0;
    let list: BTreeSet<_> =
        list.lines().filter_map(|line| line.trim().strip_prefix('"')?.strip_suffix(',')?.split_once("\" => ")).collect();
    let table = readme.split("\n## ").find(|section| section.starts_with("Strategies\n")).expect("there is a table");
    let rows = table.lines().filter_map(|row| row.strip_prefix("| `")?.split_once("` | `"));
    let rows: BTreeSet<_> = rows.filter_map(|(feature, rest)| Some((feature, rest.split_once("` |")?.0))).collect();
    assert_eq!(mods.iter().map(|(feature, _)| *feature).collect::<BTreeSet<_>>(), strategies, "`pub mod` lines in lib.rs, and features");
    assert_eq!(list, mods, "`strategies!` in lib.rs, and its `pub mod` lines");
    for strategy in strategies {
        assert!(full.contains(strategy), "`full` lacks {strategy}");
        assert!(has_row(&front, strategy), "the table in README.md lacks {strategy}");
    }
    assert_eq!(rows, mods, "the table in zengine-strategies/README.md, and the `pub mod` lines in lib.rs");
}

#[test]
fn every_other_feature_has_a_row_in_its_readme() {
    let metadata = metadata();
    for package in ["zengine-connector", "zengine-strategies"] {
        let readme = read(&format!("{package}/README.md"));
        for feature in features(&metadata, package).keys().filter(|f| *f != "default" && !f.starts_with('_')) {
            assert!(has_row(&readme, feature), "{package}/README.md lacks the feature {feature}");
        }
    }
}

/// The programs of the front pages: the first sends, the second receives.
#[test]
fn first_send_and_first_receive_are_short_and_the_front_page_shows_what_is_tested() {
    let strategies = read("zengine-strategies/README.md");
    let programs: Vec<_> = strategies.split("```rust\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    for (program, most_lines) in programs.iter().zip([14, 18]) {
        assert!(read("README.md").contains(program), "a program of zengine-strategies/README.md is not in README.md: {program}");
        let (lines, names) = size(program);
        assert!(lines <= most_lines && names.len() <= 9, "{lines} lines and {} names: {names:?}\n{program}", names.len());
        assert!(lines > 8 && names.len() > 4, "the program was not read: {lines} lines, {names:?}");
    }
    assert_eq!(programs.len(), 2);
}

/// The lines of a program without imports, comments, blank lines and the emulator's start, and the names of our crates in them.
fn size(program: &str) -> (usize, BTreeSet<&str>) {
    let (imports, code) = program.split_once("#[tokio::main]").expect("a whole program");
    let ours = imports.split(';').filter(|import| import.trim_start().starts_with("use zengine_")).flat_map(words);
    let code: Vec<_> = code.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//")).collect();
    let counted: Vec<_> = code.into_iter().filter(|line| !line.contains("MetaCloud::start(")).collect();
    let used: BTreeSet<_> = counted.iter().flat_map(|line| words(line)).collect();
    // The attribute is a line of its own.
    (counted.len() + 1, ours.filter(|name| name.starts_with(char::is_uppercase) && used.contains(name)).collect())
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// Whether a Markdown table has a row that begins with this word as code.
fn has_row(markdown: &str, word: &str) -> bool {
    markdown.lines().any(|line| line.starts_with(&format!("| `{word}` |")))
}

fn features(metadata: &Value, package: &str) -> BTreeMap<String, BTreeSet<String>> {
    let features = packages(metadata).find(|p| p["name"] == package).expect("the package is in the workspace")["features"].clone();
    serde_json::from_value(features).expect("features are lists of strings")
}

fn declared<'m>(metadata: &'m Value, package: &str) -> &'m str {
    text(packages(metadata).find(|p| p["name"] == package).expect("the package is in the workspace"), "rust_version")
}

fn packages(metadata: &Value) -> impl Iterator<Item = &Value> {
    metadata["packages"].as_array().into_iter().flatten()
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_else(|| panic!("`{key}` is missing"))
}

/// The `88` of `1.88` and of `1.88.0`.
fn minor(version: &str) -> u32 {
    version.split('.').nth(1).and_then(|minor| minor.parse().ok()).unwrap_or_else(|| panic!("not a Rust version: {version}"))
}

/// With every feature, for this machine only: what the full test build has downloaded anyway.
fn metadata() -> Value {
    let rustc = Command::new("rustc").arg("-vV").output().expect("rustc runs");
    let about = String::from_utf8(rustc.stdout).expect("rustc prints text");
    let host = about.lines().find_map(|line| line.strip_prefix("host: ")).expect("rustc names its host");
    serde_json::from_str(&cargo(&["metadata", "--locked", "--all-features", "--format-version", "1", "--filter-platform", host]))
        .expect("cargo prints JSON")
}

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO")).args(arguments).current_dir(workspace()).output().expect("cargo runs");
    assert!(output.status.success(), "cargo {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("cargo prints text")
}

fn read(file: &str) -> String {
    std::fs::read_to_string(workspace().join(file)).unwrap_or_else(|e| panic!("{file}: {e}"))
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate stands in the workspace").to_owned()
}
