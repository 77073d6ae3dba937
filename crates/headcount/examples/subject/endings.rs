//! Twelve ways in which a program ends.

use std::process::ExitCode;
use std::time::Duration;

use headcount::{Telemetry, Tool};

/// Records an event, and ends.
pub(crate) fn end(telemetry: &Telemetry, ending: &str) -> ExitCode {
    telemetry.tool_used(&Tool::new("before_the_end"), 1, None);
    // Our thread is under way, and the first upload as well.
    std::thread::sleep(Duration::from_millis(20));
    match ending {
        "return" => ExitCode::SUCCESS,
        "return-3" => ExitCode::from(3),
        "exit-0" => std::process::exit(0),
        "exit-7" => std::process::exit(7),
        "exit-in-thread" => {
            let _never = std::thread::spawn(|| std::process::exit(5)).join();
            ExitCode::SUCCESS
        }
        "panic" => panic!("on purpose"),
        "panic-in-thread" => {
            let result = std::thread::spawn(|| panic!("on purpose")).join();
            ExitCode::from(if result.is_err() { 9 } else { 0 })
        }
        "abort" => std::process::abort(),
        "sigint" => raise(libc::SIGINT),
        "sigterm" => raise(libc::SIGTERM),
        "sighup" => raise(libc::SIGHUP),
        "sigkill" => raise(libc::SIGKILL),
        _ => ExitCode::from(2),
    }
}

fn raise(signal: i32) -> ExitCode {
    // SAFETY: sends a signal to this very process.
    let _result = unsafe { libc::kill(std::process::id().cast_signed(), signal) };
    std::thread::sleep(Duration::from_secs(5));
    ExitCode::from(99)
}
