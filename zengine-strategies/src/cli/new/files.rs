//! The files of a new strategy: the template with the names filled in.
//!
//! The template is a working strategy, `acme-chat`. `examples/acme-chat` in the repository is its output for that name, built
//! and tested like everything else; a test keeps the two equal.

use std::path::Path;

use super::name::Name;

/// Each file's path and its text for the name `acme-chat`. `Cargo.toml` has another name here, because cargo leaves folders
/// with a manifest out of the package.
pub(super) const TEMPLATE: &[(&str, &str)] = &[
    (".gitignore", include_str!("../../../template/gitignore")),
    ("Cargo.toml", include_str!("../../../template/manifest.toml")),
    ("README.md", include_str!("../../../template/README.md")),
    ("docs.md", include_str!("../../../template/docs.md")),
    ("rustfmt.toml", include_str!("../../../template/rustfmt.toml")),
    ("src/lib.rs", include_str!("../../../template/lib.rs")),
    ("src/main.rs", include_str!("../../../template/main.rs")),
    ("tests/command.rs", include_str!("../../../template/command.rs")),
    ("tests/contract.rs", include_str!("../../../template/contract.rs")),
    ("tests/fixtures/inbound/batch.expect.json", include_str!("../../../template/fixtures/batch.expect.json")),
    ("tests/fixtures/inbound/batch.in.json", include_str!("../../../template/fixtures/batch.in.json")),
    ("tests/fixtures/outbound/text.expect.json", include_str!("../../../template/fixtures/text.expect.json")),
    ("tests/fixtures/outbound/text.in.json", include_str!("../../../template/fixtures/text.in.json")),
];

/// The source of the crates of this project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Core {
    /// This version from the registry.
    Version(&'static str),
    /// The folder of a checkout, by its path in the manifest.
    Folder { path: String, version: &'static str },
}

impl Core {
    fn as_toml(&self, name: &str) -> String {
        match self {
            Self::Version(version) => format!("version = \"{version}\""),
            // A JSON string is a TOML string.
            Self::Folder { path, version } => {
                format!("version = \"{version}\", path = {}", serde_json::Value::from(format!("{path}/{name}")))
            }
        }
    }
}

/// Each file's path in the new folder, and its text.
pub(super) fn render<'a>(name: &'a Name, channel: &'a str, core: &'a Core) -> impl Iterator<Item = (&'static str, String)> + 'a {
    TEMPLATE.iter().map(move |(path, text)| {
        let text = text
            .replace("acme-chat", name.kebab())
            .replace("acme_chat", &name.snake())
            .replace("AcmeChat", &name.type_name())
            .replace("Acme Chat", &name.title())
            .replace("channel = Messenger", &format!("channel = {channel}"))
            .replace("version = \"0.0.0-core\"", &core.as_toml("zengine-connector"))
            .replace("version = \"0.0.0-strategies\"", &core.as_toml("zengine-strategies"));
        (*path, text)
    })
}

/// Whether the template's code uses a type of this name.
pub(super) fn uses(ty: &str) -> bool {
    let code = TEMPLATE.iter().filter(|(path, _)| Path::new(path).extension().is_some_and(|extension| extension == "rs"));
    let mut lines = code.flat_map(|(_, text)| text.lines()).filter(|line| !line.trim_start().starts_with("//"));
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    ty != "AcmeChat" && lines.any(|line| line.split(|c| !is_word(c)).any(|word| word == ty))
}
