# The daily commands; `just` lists them. https://just.systems

# Lists the commands.
default:
    @just --list

# Everything that must be green before a change lands, or only the stages named.
ci *stages:
    .ci/run {{stages}}

# Every test, or those whose name holds a text: `just test rule_31`.
test name="":
    cargo test --workspace --all-features -- {{name}}

# Formats and lints.
lint:
    cargo fmt --all
    cargo clippy --workspace --all-targets --all-features -- -D warnings

# Checks one crate, fast.
check crate="zengine-connector":
    cargo check -p {{crate}} --all-features --tests

# The documentation of all crates, as docs.rs shows it.
docs:
    cargo doc --workspace --no-deps --all-features --open

# Writes anew what is made from the sources: JSON Schemas, pages of strategies, llms.txt. Look at the difference.
bless:
    BLESS=1 cargo test --workspace --all-features --test schemas --test pages
    git diff --stat docs llms.txt

# Times, allocations and instructions. Compare ratios of one run only.
bench:
    cargo run --release -p zengine-benches

# Lines of code per folder, before and after.
lines from="main":
    .ci/lines {{from}}

# Fuzzes the reader of untrusted JSON.
fuzz seconds="600":
    cargo +nightly fuzz run json -- -max_total_time={{seconds}} -max_len=4096

# Random faults over the public API, for as many seeds per class of idempotency as wanted.
seeds count="10000":
    ZENGINE_SEEDS={{count}} cargo test --workspace --all-features --test pipeline rule_19_random

# Threaded sends with dropped callers on the embedded store: 100,000 of them.
soak:
    ZENGINE_SOAK=12500 cargo test --workspace --all-features --test pipeline rule_31_callers
