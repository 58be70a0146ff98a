//! The `zengine` command.

fn main() -> std::process::ExitCode {
    zengine_strategies::cli::main()
}
