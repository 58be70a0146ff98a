//! `zengine new`, as a process: what it writes, and what it refuses to write.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

fn zengine(arguments: &[&str], folder: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_zengine")).arg("new").args(arguments).current_dir(folder).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().canonicalize().unwrap()
}

/// The files below a folder by their paths in it, without what cargo makes.
fn files(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
            if name == "target" || name == "Cargo.lock" {
            } else if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(name, fs::read_to_string(path).unwrap());
            }
        }
    }
    found
}

/// With `BLESS=1` in the environment the example is written anew.
#[test]
fn the_example_is_what_comes_out_for_its_name() {
    let example = repository().join("examples/acme-chat");
    let folder = tempfile::tempdir().unwrap();
    let checkout = repository();
    let made = zengine(&["acme-chat", "--checkout", checkout.to_str().unwrap()], folder.path());
    assert!(made.status.success(), "{}", said(&made));
    let mut made = files(&folder.path().join("acme-chat"));
    // Seen from examples/, the checkout is the folder above; the option itself has tests below.
    let manifest = made.get_mut("Cargo.toml").unwrap();
    let crates = format!("path = \"{}/zengine-", checkout.display());
    assert_eq!(manifest.matches(&crates).count(), 3, "{manifest}");
    *manifest = manifest.replace(&crates, "path = \"../../zengine-");
    if std::env::var_os("BLESS").is_some_and(|value| value == "1") {
        for (name, text) in &made {
            fs::write(example.join(name), text).unwrap();
        }
    }
    let committed = files(&example);
    for name in made.keys().chain(committed.keys()) {
        assert_eq!(
            committed.get(name),
            made.get(name),
            "{name}: the template and examples/acme-chat differ; BLESS=1 writes the example anew"
        );
    }
}

#[test]
fn a_new_strategy_bears_its_own_name_everywhere_and_needs_the_published_core() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("neighbour"), "untouched").unwrap();
    let made = zengine(&["pigeon-post-2", "--channel", "contact-centre"], folder.path());
    assert_eq!(made.status.code(), Some(0), "{}", said(&made));
    assert!(String::from_utf8_lossy(&made.stdout).contains("cargo test"));
    let all = files(folder.path());
    assert_eq!(all["neighbour"], "untouched");
    let own = files(&folder.path().join("pigeon-post-2"));
    assert!(own["src/lib.rs"].contains("idempotency = none"), "a new strategy promises nothing for its provider");
    assert_eq!(own.len() + 1, all.len());
    for (name, text) in &own {
        assert!(!text.to_lowercase().contains("acme"), "{name}");
        assert!(text.ends_with('\n'), "{name}");
    }
    assert!(own["src/lib.rs"].contains("name = \"pigeon-post-2\", channel = ContactCentre, config = PigeonPost2Config"));
    assert!(own["tests/contract.rs"].contains("use pigeon_post_2::PigeonPost2;"));
    let core = format!("zengine-connector = {{ version = \"{}\", ", env!("CARGO_PKG_VERSION"));
    assert_eq!(own["Cargo.toml"].matches(&core).count(), 2, "{}", own["Cargo.toml"]);
}

#[test]
fn a_checkout_named_relatively_is_named_relatively_in_the_manifest() {
    let folder = tempfile::tempdir().unwrap();
    let core = folder.path().join("sdk/zengine-connector");
    fs::create_dir_all(&core).unwrap();
    fs::create_dir(folder.path().join("work")).unwrap();
    let refused = zengine(&["pigeon-post", "--checkout", "sdk"], folder.path());
    assert_eq!(refused.status.code(), Some(2));
    assert!(said(&refused).contains("sdk is no checkout"), "{}", said(&refused));
    fs::write(core.join("Cargo.toml"), "").unwrap();
    let made = zengine(&["pigeon-post", "--checkout", "sdk", "--into", "work"], folder.path());
    assert!(made.status.success(), "{}", said(&made));
    let manifest = fs::read_to_string(folder.path().join("work/pigeon-post/Cargo.toml")).unwrap();
    assert_eq!(manifest.matches("path = \"../../sdk/zengine-connector\"").count(), 2, "{manifest}");
}

#[test]
fn inside_a_workspace_that_does_not_know_it_the_crate_stands_alone() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("Cargo.toml");
    let stands_alone = |members: &str, name: &str| {
        fs::write(&root, format!("[workspace]\nresolver = \"3\"\nmembers = [{members}]\n")).unwrap();
        let made = zengine(&[name], folder.path());
        assert!(made.status.success(), "{}", said(&made));
        let before = fs::read_to_string(&root).unwrap();
        assert!(before.contains("[workspace]"), "the workspace is not edited");
        fs::read_to_string(folder.path().join(name).join("Cargo.toml")).unwrap().contains("\n[workspace]\n")
    };
    assert!(stands_alone("", "pigeon-post"));
    assert!(!stands_alone("\"carrier-*\"", "carrier-mail"));
}

#[test]
fn what_cannot_be_made_is_refused_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("taken")).unwrap();
    fs::write(folder.path().join("taken/notes"), "mine").unwrap();
    fs::write(folder.path().join("a-file"), "mine").unwrap();
    let before = files(folder.path());
    for (arguments, why) in [
        (&["PigeonPost"][..], "try pigeon-post"),
        (&["../pigeon"], "kebab case"),
        (&["3d-chat"], "begin with a letter"),
        (&["whatsapp-meta-cloud"], "is a strategy of zengine-strategies"),
        (&["match"], "a crate cannot be named match"),
        (&["serde"], "a crate cannot be named serde"),
        (&["receipt"], "the type would be named Receipt"),
        (&["taken"], "taken exists and is not an empty folder"),
        (&["a-file"], "a-file exists and is not an empty folder"),
        (&["pigeon-post", "--into", "nowhere"], "there is no folder nowhere"),
        (&["pigeon-post", "--channel", "telegraph"], "invalid value 'telegraph'"),
    ] {
        let refused = zengine(arguments, folder.path());
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}: {}", said(&refused));
        assert!(said(&refused).contains(why), "{arguments:?}: {}", said(&refused));
        assert!(refused.stdout.is_empty());
    }
    assert_eq!(files(folder.path()), before);
    // An empty folder of that name is as good as none.
    fs::create_dir(folder.path().join("pigeon-post")).unwrap();
    assert!(zengine(&["pigeon-post"], folder.path()).status.success());
}

/// Not only the strategies that are written: the planned ones, too, are no names for others.
#[test]
fn the_names_of_this_project_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let readme = fs::read_to_string(repository().join("README.md")).unwrap();
    let names = readme.split_once("## Strategies").unwrap().1.split_once("## Features").unwrap().0;
    let names: Vec<_> = names.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    assert_eq!(names.len(), 8);
    for name in names {
        assert_eq!(zengine(&[name], folder.path()).status.code(), Some(2), "{name}");
    }
}
