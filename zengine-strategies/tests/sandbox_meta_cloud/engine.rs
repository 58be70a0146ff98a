//! The engine under every emulator knows no provider, and its control calls are documented.

use std::path::{Path, PathBuf};

use http::Request;
use http_body_util::Full;
use serde_json::Value;
use zengine_strategies::sandbox::dialog360::{self, Dialog360Api};

use crate::support::{Client, start};

/// Words of providers, which stand in the providers' own folders only.
const WORDS: &[&str] = &[
    "phone_number_id",
    "wamid",
    "wa_id",
    "waba",
    "whatsapp",
    "meta_cloud",
    "metacloud",
    "graph",
    "facebook",
    "fb_",
    "\"hub.",
    "appsecret",
    "131_",
    "130_",
    "d360",
    "360dialog",
    "five9",
    "twilio",
];

/// Folders of providers.
const PROVIDERS: &[&str] = &["dialog360", "meta_cloud", "waba"];

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if !PROVIDERS.iter().any(|provider| path.ends_with(provider)) {
                files(&path, found);
            }
        } else {
            found.push(path);
        }
    }
}

#[test]
fn the_engine_names_no_providers_word() {
    let mut found = Vec::new();
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/sandbox"), &mut found);
    assert!(found.len() > 20, "{found:?}");
    for path in found {
        let text = std::fs::read_to_string(&path).unwrap();
        // Examples in comments and tests may name a provider, and the folder's root its modules.
        let code = text.split("#[cfg(test)]").next().unwrap().lines().map(str::trim);
        for line in code.filter(|line| !line.starts_with("//") && !PROVIDERS.iter().any(|name| line.ends_with(&format!("mod {name};")))) {
            let lower = line.to_ascii_lowercase();
            let word = WORDS.iter().find(|word| lower.contains(**word));
            assert_eq!(word, None, "{}: {line}", path.display());
        }
    }
}

/// The docs before, within and behind the marks of a table.
fn split<'a>(docs: &'a str, name: &str) -> (&'a str, &'a str, &'a str) {
    let mark = format!("<!-- {name} -->\n");
    let start = docs.find(&mark).unwrap() + mark.len();
    let end = start + docs[start..].find("<!-- end -->").unwrap();
    (&docs[..start], &docs[start..end], &docs[end..])
}

#[tokio::test]
async fn the_docs_list_the_control_calls_of_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/emulators.md");
    let Ok(mut docs) = std::fs::read_to_string(&path) else { return };
    let (meta, dialog) = (start(), Dialog360Api::start(dialog360::Settings::new()).unwrap());
    let tables = [
        ("common calls", true, meta.base_url()),
        ("calls of whatsapp-meta-cloud", false, meta.base_url()),
        ("calls of whatsapp-360dialog", false, dialog.base_url()),
    ];
    for (name, common, base_url) in tables {
        let request = Request::get(format!("{base_url}/_sandbox")).body(Full::default()).unwrap();
        let index = Client::new().send(request).await.unwrap().json();
        let rows = index["calls"].as_array().unwrap().iter().filter(|call| call["common"] == common);
        let text = |call: &Value, member: &str| call[member].as_str().unwrap().to_owned();
        let row = |call: &Value| format!("| `{}` | {} | {} |\n", text(call, "call"), text(call, "takes"), text(call, "does"));
        let rows = rows.map(row).collect::<Vec<_>>().concat();
        let made = format!("| call | body or query | does |\n|---|---|---|\n{rows}");
        if std::env::var_os("BLESS").is_some() {
            let (before, _, behind) = split(&docs, name);
            docs = format!("{before}{made}{behind}");
            std::fs::write(&path, &docs).unwrap();
        }
        assert_eq!(made, split(&docs, name).1, "BLESS=1 writes the table anew");
    }
}
