//! The messages for an author's mistakes, recorded: every file of `ui/` must fail to compile, with the message beside it.
//!
//! The compiler words its messages anew with each release, so they are compared only under the release they were recorded with; under
//! another, each case must still fail. `TRYBUILD=overwrite cargo test -p zengine-connector-derive --test ui` records them.
//!
//! The cases stand here and not beside the core's traits, because they are then compiled against the core alone, whatever features
//! the rest of the workspace is tested with.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

const RECORDED_WITH: &str = "rustc 1.95.0";
const CASES: &str = "tests/ui/*.rs";
const COPIES: &str = "ZENGINE_UI_COPIES";

#[test]
fn mistakes_are_explained() {
    if let Some(copies) = env::var_os(COPIES) {
        return trybuild::TestCases::new().compile_fail(Path::new(&copies).join("*.rs"));
    }
    let version = version().unwrap();
    if version.starts_with(RECORDED_WITH) {
        return trybuild::TestCases::new().compile_fail(CASES);
    }
    println!("messages were recorded with {RECORDED_WITH}; with {version} only that each case fails is checked");
    // Where no message is recorded, a case passes by failing to compile: copies without the messages are run by this same test.
    let status = Command::new(env::current_exe().unwrap())
        .args(["--exact", "mistakes_are_explained", "--nocapture"])
        .env(COPIES, copies_without_messages().unwrap())
        .env("TRYBUILD", "overwrite")
        .status()
        .unwrap();
    assert!(status.success(), "a case compiles");
}

fn version() -> io::Result<String> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("--version").output()?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn copies_without_messages() -> io::Result<PathBuf> {
    let to = Path::new(env!("CARGO_TARGET_TMPDIR")).join("ui");
    let _ = fs::remove_dir_all(&to);
    copy_sources(Path::new("tests/ui"), &to)?;
    Ok(to)
}

fn copy_sources(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_sources(&entry.path(), &target)?;
        } else if target.extension().is_some_and(|e| e == "rs") {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
