//! `zengine new`: a new strategy, as a crate that changes nothing outside its folder.

mod files;
mod name;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

use clap::builder::PossibleValuesParser;
use zengine_connector::message::Channel;

use super::exit::{Exit, Failure};
use super::output::Out;

use files::Core;
use name::Name;

/// Start a strategy of your own: a crate with a working example in both directions and its tests
///
/// The new crate sends text over HTTP, receives signed webhooks, and passes the contract tests. Nothing outside its folder is
/// changed.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The name of crate, strategy and folder, in kebab case: pigeon-post
    name: String,
    /// The parent of the new folder
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    into: PathBuf,
    /// Use the core from this checkout of its repository instead of the published version
    #[arg(long, value_name = "FOLDER")]
    checkout: Option<PathBuf>,
    /// The kind of conversation
    #[arg(long, value_parser = PossibleValuesParser::new(CHANNELS.split(' ')), default_value = "messenger")]
    channel: String,
}

/// The kinds of conversation.
const CHANNELS: &str = "whatsapp webchat email sms contact-centre messenger voice push";

pub(super) fn run(arguments: &Arguments, out: &mut Out) -> Result<Exit, Failure> {
    let name = Name::new(&arguments.name, files::uses).map_err(Failure::invalid)?;
    if !arguments.into.is_dir() {
        return Err(Failure::invalid(format!("there is no folder {}", arguments.into.display())));
    }
    let folder = arguments.into.join(name.kebab());
    if !is_free(&folder)? {
        return Err(Failure::invalid(format!("{} exists and is not an empty folder", folder.display())));
    }
    let core = core(arguments.checkout.as_deref(), &arguments.into)?;
    let mut written = 0;
    let channel: Channel = serde_json::from_value(arguments.channel.replace('-', "_").into()).map_err(io::Error::from)?;
    let channel = format!("{channel:?}");
    for (path, text) in files::render(&name, &channel, &core) {
        let path = folder.join(path);
        write(&path, &text).map_err(|error| Failure::new(Exit::Broken, format!("{}: {error}", path.display())))?;
        written += 1;
    }
    let standalone = if mark_standalone(&folder)? {
        "\nThe crate lies inside a workspace and is not a member of it: see [workspace] in its Cargo.toml.\n"
    } else {
        ""
    };
    out.text(&format!(
        "Made {}, with {written} files.\n{standalone}\n  cd {}\n  cargo test\n\nThen adapt it to the provider: README.md lists the changes in order.\n",
        folder.display(),
        folder.display()
    ))?;
    Ok(Exit::Done)
}

/// Whether the folder is absent or empty.
fn is_free(folder: &Path) -> io::Result<bool> {
    match fs::read_dir(folder) {
        Ok(mut items) => Ok(items.next().is_none()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(false),
        Err(error) => Err(error),
    }
}

/// Writes a new file and creates its folders. An existing file is an error.
fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    io::Write::write_all(&mut fs::File::create_new(path)?, text.as_bytes())
}

/// The core of a checkout; relative to the new folder if the checkout's path is relative.
fn core(checkout: Option<&Path>, into: &Path) -> Result<Core, Failure> {
    let version = env!("CARGO_PKG_VERSION");
    let Some(checkout) = checkout else { return Ok(Core::Version(version)) };
    if !checkout.join("zengine-connector/Cargo.toml").is_file() {
        return Err(Failure::invalid(format!("{} is no checkout: it has no zengine-connector/Cargo.toml", checkout.display())));
    }
    let folder = checkout.canonicalize()?;
    let path =
        if checkout.is_relative() { pathdiff::diff_paths(&folder, into.canonicalize()?.join("new")).unwrap_or(folder) } else { folder };
    let path = path.to_str().ok_or_else(|| Failure::invalid("the checkout's path is not Unicode: a Cargo.toml cannot name it"))?;
    Ok(Core::Folder { path: path.replace('\\', "/").trim_end_matches('/').to_owned(), version })
}

/// Adds `[workspace]` to the manifest if the crate lies inside a workspace that does not list it, because cargo then refuses
/// it. If cargo is not available to tell, changes nothing.
fn mark_standalone(folder: &Path) -> io::Result<bool> {
    let manifest = folder.join("Cargo.toml");
    let asked = Command::new("cargo")
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1", "--manifest-path"])
        .arg(&manifest)
        .output();
    let refused = asked.is_ok_and(|answer| String::from_utf8_lossy(&answer.stderr).contains("believes it's in a workspace when it's not"));
    if refused {
        let note = "\n# The crate lies inside a workspace and is not a member of it. To make it one, list it there and delete this.\n[workspace]\n";
        io::Write::write_all(&mut fs::OpenOptions::new().append(true).open(&manifest)?, note.as_bytes())?;
    }
    Ok(refused)
}
