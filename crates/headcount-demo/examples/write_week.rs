//! Writes a week of traffic as raw OTLP bodies, one file each, for `headcount ingest` or a look with other tools.
//!
//! `cargo run --release -p headcount-demo --example write_week -- FOLDER`

use std::time::SystemTime;

use headcount_demo::{DEFAULT_CREWS, Week};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("name a folder to write to")?;
    std::fs::create_dir_all(&folder)?;
    for (number, body) in Week::new(1, SystemTime::now(), DEFAULT_CREWS).enumerate() {
        std::fs::write(format!("{folder}/{number:05}.bin"), body.bytes)?;
    }
    Ok(())
}
