//! `llms.txt` and the page of each strategy under `docs/strategies/`, for people and for coding assistants. Both are made from the
//! READMEs, the strategies' own docs, descriptors and schemas: `BLESS=1 cargo test --workspace --all-features --test pages` writes
//! them anew.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a page that cannot be made fails the test")]

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

const SITE: &str = "https://github.com/zengine/zengine-connector/blob/main";

#[test]
fn each_strategy_has_the_page_that_its_sources_make() {
    for strategy in strategies() {
        compare(&format!("docs/strategies/{}.md", name(&strategy)), &page(&strategy));
    }
    let listed = fs::read_dir(repository().join("docs/strategies")).unwrap().count();
    assert_eq!(listed, strategies().len(), "a page in docs/strategies belongs to no strategy");
}

#[test]
fn llms_txt_says_what_the_front_page_says() {
    compare("llms.txt", &llms());
}

fn page(strategy: &Value) -> String {
    let name = name(strategy);
    let docs = read(&format!("zengine-strategies/src/{}/docs.md", name.replace('-', "_")));
    let of = |which| pretty(&zengine(&["schema", name, which]));
    let mut page = format!(
        "<!-- Made from the strategy's docs, descriptor and schemas by zengine-strategies/tests/pages.rs. -->\n\n# {name}\n\n> {}\n\n",
        strategy["summary"].as_str().unwrap()
    );
    page += "| fact | |\n|---|---|\n";
    writeln!(page, "| cargo feature of `zengine-strategies`, and registered name | `{name}` |").unwrap();
    writeln!(page, "| module | `zengine_strategies::{}` |", name.replace('-', "_")).unwrap();
    for fact in ["channel", "direction", "idempotency", "reply"] {
        writeln!(page, "| {fact} | `{}` |", plain(&strategy[fact])).unwrap();
    }
    write!(page, "\n{}\n", demoted(&docs).trim_end()).unwrap();
    write!(page, "\n## Schema of a tenant's configuration\n\n```json\n{}\n```\n", of("config")).unwrap();
    write!(page, "\n## Schema of the host's settings\n\n```json\n{}\n```\n", of("instance")).unwrap();
    let message = of("message");
    if format!("{message}\n") == read("docs/schemas/outbound-message.json") {
        page += "\n## Schema of a message\n\nThe canonical one: [outbound-message.json](../schemas/outbound-message.json).\n";
    } else {
        write!(page, "\n## Schema of a message\n\n```json\n{message}\n```\n").unwrap();
    }
    page
}

/// Markdown with its headings one level lower, code that rustdoc takes for Rust named so, and without links to items.
fn demoted(docs: &str) -> String {
    let (mut text, mut is_code) = (String::new(), false);
    for line in docs.lines() {
        let fence = line.starts_with("```");
        let opens_rust = fence && !is_code && line == "```";
        is_code ^= fence;
        match (opens_rust, line.starts_with('#') && !is_code) {
            (true, _) => text += "```rust",
            (_, true) => write!(text, "#{line}").unwrap(),
            _ if is_code => text += line,
            _ => text += &line.replace("[`", "`").replace("`]", "`"),
        }
        text.push('\n');
    }
    text
}

fn llms() -> String {
    let readme = read("README.md");
    let between = |from: &str, to: &str| {
        let rest = &readme[readme.find(from).unwrap_or_else(|| panic!("README.md lacks {from}"))..];
        rest[..rest.find(to).unwrap_or_else(|| panic!("README.md lacks {to}"))].trim().to_owned()
    };
    let mut text =
        "# zengine-connector\n\n> One send, one receive, any messaging channel: a Rust SDK with written delivery semantics.\n\n".to_owned();
    text += &linked(&between("**One send", "A team that needs"));
    write!(text, "\n\n{}\n\n{}\n", linked(&between("## Send", "## Receive")), linked(&between("## Receive", "## What the quickstart")))
        .unwrap();
    let core = read("zengine-connector/README.md");
    let front =
        &core[core.find("Five nouns:").expect("the core's front page")..core.find("## A strategy").expect("its section for authors")];
    let shown = front.lines().filter(|line| !line.starts_with("# "));
    write!(text, "\n## The core\n\n{}\n", shown.collect::<Vec<_>>().join("\n").replace("\n## ", "\n### ").trim_end()).unwrap();
    text += "\n## Guides\n\n";
    for row in read("docs/README.md").lines().filter(|line| line.starts_with("| ") && line.contains("](")) {
        let mut cells = row.trim_matches('|').split(" | ").map(str::trim);
        let (wish, what) = (cells.next().unwrap(), cells.next().unwrap());
        writeln!(text, "- {}: {wish}", linked(&what.replace("](", "](docs/").replace("docs/../", ""))).unwrap();
    }
    text += "\n## Strategies\n\n";
    for strategy in strategies() {
        let name = name(&strategy);
        writeln!(text, "- [{name}]({SITE}/docs/strategies/{name}.md): {}", strategy["summary"].as_str().unwrap()).unwrap();
    }
    let features = &core[core.find("## Features").expect("a section")..core.find("## Where to go").expect("the last section")];
    write!(text, "\n{}\n", features.replace("## Features", "## Features of the core").trim_end()).unwrap();
    text
}

/// Markdown whose links lead to the site from anywhere.
fn linked(markdown: &str) -> String {
    let mut parts = markdown.split("](");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let is_elsewhere = part.starts_with("http") || part.starts_with('#');
        write!(text, "]({}{part}", if is_elsewhere { String::new() } else { format!("{SITE}/") }).unwrap();
    }
    text
}

fn strategies() -> Vec<Value> {
    let lines = zengine(&["strategies", "--json"]);
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn name(strategy: &Value) -> &str {
    strategy["name"].as_str().unwrap()
}

/// A value as a person reads it: `in + out` members as words.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(members) => {
            let shown = members.iter().filter(|(_, value)| **value != Value::Bool(false)).map(|(key, value)| match value {
                Value::Bool(_) => key.clone(),
                other => format!("{key}: {}", plain(other)),
            });
            shown.collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}

fn pretty(json: &str) -> String {
    format!("{:#}", serde_json::from_str::<Value>(json).unwrap())
}

fn zengine(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_zengine")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn compare(path: &str, made: &str) {
    let file = repository().join(path);
    if std::env::var_os("BLESS").is_some() {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, made).unwrap();
    }
    let committed = fs::read_to_string(&file).unwrap_or_default();
    assert!(committed == made, "{path} is not what its sources make; run with BLESS=1 and look at the difference");
}

fn read(path: &str) -> String {
    fs::read_to_string(repository().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}
