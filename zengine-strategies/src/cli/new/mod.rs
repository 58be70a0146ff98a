//! `zengine new`: a strategy of one's own, as a crate that edits nothing elsewhere.

mod files;
mod name;

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    exit::{Exit, Failure},
    output::Out,
};

use files::Core;
use name::Name;

/// Start a strategy of your own: a crate with a working example in both directions and its tests
///
/// It sends text over HTTP and receives signed webhooks, and passes the contract tests as it stands. Nothing outside the
/// new folder is changed.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The name of crate, strategy and folder, in kebab case: pigeon-post
    name: String,
    /// Where the new folder goes
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    into: PathBuf,
    /// Take the core from this checkout of its repository, instead of the published version
    #[arg(long, value_name = "FOLDER")]
    checkout: Option<PathBuf>,
    /// The kind of conversation
    #[arg(long, value_enum, default_value_t = Channel::Messenger)]
    channel: Channel,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Channel {
    Whatsapp,
    Webchat,
    Email,
    Sms,
    ContactCentre,
    Messenger,
    Voice,
    Push,
}

impl Channel {
    /// The core's name of it.
    fn variant(self) -> &'static str {
        match self {
            Self::Whatsapp => "WhatsApp",
            Self::Webchat => "Webchat",
            Self::Email => "Email",
            Self::Sms => "Sms",
            Self::ContactCentre => "ContactCentre",
            Self::Messenger => "Messenger",
            Self::Voice => "Voice",
            Self::Push => "Push",
        }
    }
}

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
    for (path, text) in files::render(&name, arguments.channel.variant(), &core) {
        let path = folder.join(path);
        write(&path, &text).map_err(|error| Failure::new(Exit::Broken, format!("{}: {error}", path.display())))?;
        written += 1;
    }
    let standalone = if mark_standalone(&folder)? {
        "\nIt stands inside a workspace and is no member of it: see [workspace] in its Cargo.toml.\n"
    } else {
        ""
    };
    out.text(&format!(
        "Made {}, with {written} files.\n{standalone}\n  cd {}\n  cargo test\n\nThen make it the provider's: README.md says what to change in which order.\n",
        folder.display(),
        folder.display()
    ))?;
    Ok(Exit::Done)
}

/// Nothing is there, or an empty folder.
fn is_free(folder: &Path) -> io::Result<bool> {
    match fs::read_dir(folder) {
        Ok(mut items) => Ok(items.next().is_none()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(false),
        Err(error) => Err(error),
    }
}

/// A file in folders of its own. One that is there already is an error, whoever made it.
fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    io::Write::write_all(&mut fs::File::create_new(path)?, text.as_bytes())
}

/// The core of a checkout, seen from the new folder where the checkout was named relatively.
fn core(checkout: Option<&Path>, into: &Path) -> Result<Core, Failure> {
    let version = env!("CARGO_PKG_VERSION");
    let Some(checkout) = checkout else { return Ok(Core::Version(version)) };
    let folder = checkout.join("zengine-connector");
    if !folder.join("Cargo.toml").is_file() {
        return Err(Failure::invalid(format!("{} is no checkout: it has no zengine-connector/Cargo.toml", checkout.display())));
    }
    let folder = folder.canonicalize()?;
    let path = if checkout.is_relative() { Path::new("..").join(relative_path(&into.canonicalize()?, &folder)) } else { folder };
    let path = path.to_str().ok_or_else(|| Failure::invalid("the checkout's path is not Unicode: a Cargo.toml cannot name it"))?;
    Ok(Core::Folder { path: path.replace('\\', "/"), version })
}

/// The way from one folder to another; both are absolute.
fn relative_path(from: &Path, to: &Path) -> PathBuf {
    let shared = from.components().zip(to.components()).take_while(|(a, b)| a == b).count();
    if shared == 0 {
        return to.to_owned();
    }
    from.components().skip(shared).map(|_| std::path::Component::ParentDir).chain(to.components().skip(shared)).collect()
}

/// Inside a workspace that does not count it in, cargo refuses a crate unless it says that it stands alone. Only cargo
/// knows; where it cannot be asked, nothing is changed.
fn mark_standalone(folder: &Path) -> io::Result<bool> {
    let manifest = folder.join("Cargo.toml");
    let asked = Command::new("cargo")
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1", "--manifest-path"])
        .arg(&manifest)
        .output();
    let refused = asked.is_ok_and(|answer| String::from_utf8_lossy(&answer.stderr).contains("believes it's in a workspace when it's not"));
    if refused {
        let note = "\n# It stands inside a workspace and is no member of it. To make it one, list it there and delete this.\n[workspace]\n";
        io::Write::write_all(&mut fs::OpenOptions::new().append(true).open(&manifest)?, note.as_bytes())?;
    }
    Ok(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_between_folders_goes_up_and_down() {
        let between = |from: &str, to: &str| relative_path(Path::new(from), Path::new(to)).display().to_string();
        assert_eq!(between("/a/examples", "/a/core"), "../core");
        assert_eq!(between("/a", "/a/core"), "core");
        assert_eq!(between("/a/b/c", "/x"), "../../../x");
    }
}
