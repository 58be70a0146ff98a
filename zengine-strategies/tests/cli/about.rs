//! The command's descriptions of itself and of its strategies.

use serde_json::Value;

use crate::support::{WHATSAPP, command, zengine};

#[test]
fn strategies_are_listed_for_people_and_as_json_lines() {
    let list = zengine(&["strategies"], "").ended(0);
    assert!(list.out.contains(WHATSAPP) && list.out.contains("in + out"), "{list:?}");
    let lines = zengine(&["strategies", "--json"], "").ended(0).lines();
    let whatsapp = lines.iter().find(|line| line["name"] == WHATSAPP).unwrap();
    assert_eq!((&whatsapp["direction"]["inbound"], &whatsapp["direction"]["outbound"]), (&Value::Bool(true), &Value::Bool(true)));
    assert_eq!(whatsapp["channel"], "whatsapp");
}

/// The command's table of strategies has a line for every feature that is one.
#[test]
fn no_strategy_is_missing_from_the_list() {
    let manifest = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).unwrap();
    let features = manifest.split_once("\n[features]\n").unwrap().1.split_once("\n[").unwrap().0;
    let names = features.lines().filter_map(|line| Some(line.split_once(" = ")?.0)).filter(|name| !name.starts_with([' ', '#', '"', '_']));
    let others = ["default", "full", "reqwest", "sandbox", "cli"];
    let strategies: Vec<_> = names.filter(|name| !others.contains(name)).collect();
    assert!(strategies.contains(&WHATSAPP), "{strategies:?}");
    let listed: Vec<_> =
        zengine(&["strategies", "--json"], "").lines().iter().map(|line| line["name"].as_str().unwrap().to_owned()).collect();
    // Without them all, the command has those that it was built with.
    if cfg!(feature = "full") {
        let (mut listed, mut strategies) = (listed, strategies);
        listed.sort();
        strategies.sort_unstable();
        assert_eq!(listed, strategies);
    } else {
        assert!(listed.iter().all(|name| strategies.contains(&name.as_str())), "{listed:?}");
    }
}

#[test]
fn schemas_are_json_schemas_on_one_line() {
    for (of, property) in [("config", "phone_number_id"), ("message", "content"), ("instance", "verify_token")] {
        let schema = zengine(&["schema", WHATSAPP, of], "").ended(0).line();
        assert!(schema["$schema"].as_str().unwrap().contains("json-schema.org"));
        assert!(schema["properties"].get(property).is_some(), "{of}");
    }
}

#[test]
fn an_unknown_strategy_names_the_known_ones_and_the_one_that_was_meant() {
    let tried: [&[&str]; 4] = [
        &["schema", "whatsap-meta-cloud", "config"],
        &["check", "whatsap-meta-cloud", "--config", "x"],
        &["receive", "whatsap-meta-cloud", "--no-verify"],
        &["sandbox", "whatsap-meta-cloud"],
    ];
    for arguments in tried {
        let run = zengine(arguments, "").ended(2);
        assert!(run.out.is_empty() && run.err.contains("did you mean whatsapp-meta-cloud?"), "{run:?}");
    }
    let strange = zengine(&["schema", "carrier-pigeon", "config"], "").ended(2);
    assert!(strange.err.contains("known: ") && !strange.err.contains("mean"), "{strange:?}");
}

#[test]
fn help_and_version_go_to_standard_output_and_mistakes_to_standard_error() {
    let help = zengine(&["--help"], "").ended(0);
    assert!(help.out.contains("Exit codes") && help.err.is_empty(), "{help:?}");
    for command in ["strategies", "schema", "check", "send", "receive", "health", "sandbox", "sweep", "completions"] {
        assert!(help.out.contains(command), "{command}");
        assert!(zengine(&[command, "--help"], "").ended(0).out.contains("Usage: zengine"), "{command}");
    }
    let version = zengine(&["--version"], "").ended(0);
    assert_eq!(version.out.trim(), concat!("zengine ", env!("CARGO_PKG_VERSION")));
    for wrong in [&[][..], &["sned"], &["send"], &["send", WHATSAPP], &["schema", WHATSAPP, "x"], &["receive", WHATSAPP]] {
        let run = zengine(wrong, "").ended(2);
        assert!(run.out.is_empty() && !run.err.is_empty(), "{wrong:?}");
    }
}

#[test]
fn colours_are_for_terminals_and_for_those_who_insist() {
    let escape = "\u{1b}[";
    let tried: [&[&str]; 3] = [&["strategies"], &["schema", "x", "config"], &["--help"]];
    for arguments in tried {
        let plain = zengine(arguments, "");
        assert!(!plain.out.contains(escape) && !plain.err.contains(escape), "{plain:?}");
        let always = zengine(&[&["--color", "always"], arguments].concat(), "");
        assert!(always.out.contains(escape) || always.err.contains(escape), "{always:?}");
        let never = command(&[&["--color=never"], arguments].concat()).env("CLICOLOR_FORCE", "1").output().unwrap();
        assert!(!String::from_utf8([never.stdout, never.stderr].concat()).unwrap().contains(escape));
    }
}

#[test]
fn every_shell_gets_completions_that_know_the_commands() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = zengine(&["completions", shell], "").ended(0);
        assert!(script.out.contains("receive") && script.out.contains("no-verify"), "{shell}");
    }
}
