//! The cores that client and server run on, where the machine has two and `taskset` is installed.

use std::process::{Command, Stdio};

/// A command of this program that runs on the second core.
pub(super) fn on_second_core(program: &std::path::Path) -> Command {
    if !can_pin() {
        return Command::new(program);
    }
    let mut command = Command::new("taskset");
    command.args(["-c", "1"]).arg(program);
    command
}

/// The main thread and threads that start later stay on the first core until the value is dropped. Threads that run already are
/// not moved.
pub(super) struct Pinned;

impl Pinned {
    pub(super) fn to_first_core() -> Option<Self> {
        (can_pin() && set("0")).then_some(Self)
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        set("0-1023");
    }
}

fn can_pin() -> bool {
    std::thread::available_parallelism().is_ok_and(|cores| cores.get() > 1)
        && Command::new("taskset").arg("--version").stdout(Stdio::null()).status().is_ok_and(|status| status.success())
}

fn set(cores: &str) -> bool {
    let this = std::process::id().to_string();
    Command::new("taskset").args(["-cp", cores, &this]).stdout(Stdio::null()).status().is_ok_and(|status| status.success())
}
