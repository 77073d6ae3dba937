# What CI runs, by parts. `just --list` shows them; each line also works by hand.

cargo_deny := "0.20.2"

# Everything that must hold before a change lands
ci:
    .ci/run

# The README's test command
test:
    cargo test --release --workspace

# Tests of one crate: just test-of headcount-wire
test-of crate:
    cargo test --release -p {{ crate }}

# Formatting and lints
lint:
    cargo fmt --all --check
    cargo clippy --release --workspace --all-targets --features headcount-fuzz/targets -- -D warnings

# The crates' documentation
doc:
    RUSTDOCFLAGS=-Dwarnings cargo doc --release --workspace --no-deps

# Files that follow from others: TELEMETRY.md, the privacy reviewer's pack and the client's fields from the catalog, and the reports' expected answers
generate:
    UPDATE_TELEMETRY=1 cargo test --release --quiet -p headcount-catalog --test it published
    UPDATE_PRIVACY=1 cargo test --release --quiet -p headcount-privacy --test it published
    UPDATE_FIELDS=1 cargo test --release --quiet -p headcount --test it fields
    HEADCOUNT_WRITE_EXPECTED=1 cargo test --release --quiet -p headcount-reports

# Licences, duplicates and sources of dependencies: as .ci/run checks them, then by cargo-deny itself
deny:
    .ci/dependencies
    cargo deny --version | grep -x 'cargo-deny {{ cargo_deny }}' || cargo install --locked cargo-deny@{{ cargo_deny }}
    cargo deny check licenses bans sources
    cargo deny --locked --manifest-path tests/rust-exporter/Cargo.toml --config deny.toml check licenses bans sources

# Known vulnerabilities of dependencies. Not in .ci/run: the advisory database is a Git repository, and CI reaches registries
advisories:
    cargo deny --version | grep -x 'cargo-deny {{ cargo_deny }}' || cargo install --locked cargo-deny@{{ cargo_deny }}
    cargo deny check advisories

# Import circles between files of one crate: just circles crates/headcount-wire
circles *crates:
    .ci/circles {{ crates }}

# Every end-to-end suite in full; .ci/run runs `crewai` and `web` in short
end-to-end: client python-client python crewai tables operations rust-exporter oidc web bucket

# The stock Python exporters and real CrewAI against this build
python:
    cargo build --release
    tests/python/run

# `headcount.crewai` with four releases of CrewAI against this build
crewai:
    cargo build --release
    tests/python-crewai/run

# Faults against whole processes, replayable from the seed: just torture 42, just torture 42 kill damage:7
torture seed *kinds:
    cargo build --release
    tests/torture/run {{ seed }} {{ kinds }}

# The tables under deltalake and ClickHouse
tables:
    cargo build --release
    tests/tables/run --all

# What counting CrewAI costs, beside CrewAI's own telemetry (bench/RESULTS.md)
bench-crewai what="all":
    bench/crewai/run {{ what }}

# The stock Rust exporters against this build
rust-exporter:
    cargo build --release
    tests/rust-exporter/run

# Builds the fuzz targets; fuzz/README.md says how to run one
fuzz:
    cd fuzz && CARGO_PROFILE_RELEASE_STRIP=none RUSTC_BOOTSTRAP=1 cargo fuzz build --features run --sanitizer none

# What operators are given, judged by others: metrics, alerts, dashboard, unit, bill of materials
operations:
    cargo build --release
    tests/operations/run

# The bill of materials of the program (CycloneDX) to target/sbom.cdx.json
sbom:
    packaging/sbom

# A collector with a week of sample traffic
demo:
    cargo run --release -- serve & sleep 2; cargo run --release -- demo; wait

# The client for Python: its wheel in the oldest and the newest Python at hand
python-client:
    cargo build --release
    tests/python-client/run

# Its figures
bench-python *what:
    bench/python/run {{ what }}

# The client's figures, beside others of its kind (bench/RESULTS.md)
bench-client what="all":
    bench/client/run {{ what }}

# What the operating system sees of a program that embeds the client
client:
    tests/client/run

# Sign-in with a real identity provider
oidc:
    cargo build --release
    tests/oidc/run

# Backups in a bucket of a real S3 server, with a faulty proxy between
bucket *what:
    cargo build --release
    tests/bucket/run {{ what }}

# The dashboard in a real browser, and the API under a fuzzer of its description
web:
    cargo build --release
    tests/web/run
