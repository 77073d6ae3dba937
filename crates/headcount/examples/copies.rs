//! Checks that values which are not recorded are not copied: content of a crew that does not share, or while telemetry is off,
//! and an error class that is too long. The integration test `copies` runs it.
//!
//! It is a program of its own because its allocator counts the bytes that each thread asks for. `HEADCOUNT_HOME` names its
//! folder.

#![allow(unsafe_code, reason = "an allocator has no safe form")]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a command for tests"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use headcount::{Crew, FlowOrigin, Task, Telemetry};

/// The system's allocator, which counts the bytes that each thread asks for.
struct Counting;

thread_local! {
    static ASKED_FOR: Cell<usize> = const { Cell::new(0) };
}

fn count(bytes: usize) {
    // A thread that ends may allocate after this is gone.
    let _ = ASKED_FOR.try_with(|asked| asked.set(asked.get() + bytes));
}

// SAFETY: every call is the system allocator's own; the count allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count(new_size);
        // SAFETY: as above.
        unsafe { System.realloc(block, layout, new_size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How many bytes this thread asks for in `run`.
fn asked_for(run: impl FnOnce()) -> usize {
    let before = ASKED_FOR.get();
    run();
    ASKED_FOR.get() - before
}

/// Of no use to anybody who does not copy it.
const GIANT: usize = 32 << 20;
/// A span or two, the switches as they are read, a folder's name.
const LITTLE: usize = 64 << 10;

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("not-recorded") => not_recorded(),
        Some("after-an-off") => after_an_off(),
        other => {
            eprintln!("unknown check: {other:?}");
            return ExitCode::from(2);
        }
    }
    println!("checked");
    ExitCode::SUCCESS
}

fn not_recorded() {
    let on = Telemetry::builder("copies", "1").start();
    assert!(on.is_recording());
    let giant = "x".repeat(GIANT);
    let task = Task::new("Find papers");
    let crew = |share: bool| Crew::new().task(task.clone()).share_crew(share);
    for (telemetry, share) in [(&Telemetry::off(), true), (&on, false)] {
        let asked = asked_for(|| {
            let run = telemetry.crew_started(&crew(share));
            let doing = run.task_started(&task);
            doing.share_input(giant.as_str());
            doing.complete_with(giant.as_str());
            run.task_started(&task).fail(&giant);
            run.complete_with(giant.as_str());
            let flow = telemetry.flow_started("Flow", FlowOrigin::User);
            flow.method_failed(&giant);
            flow.complete();
        });
        assert!(asked < LITTLE, "{asked} bytes, with share_crew({share})");
    }
    // Shared content is copied, which shows that the counter works.
    let run = on.crew_started(&crew(true));
    let doing = run.task_started(&task);
    assert!(asked_for(|| doing.share_input(giant.as_str())) >= GIANT);
    assert!(asked_for(|| doing.complete_with(giant.as_str())) >= GIANT);
    run.complete();
}

/// A crew that shares, of a telemetry that was turned off while it was at work.
fn after_an_off() {
    let home = PathBuf::from(std::env::var_os("HEADCOUNT_HOME").unwrap());
    let telemetry = Telemetry::builder("copies", "1").start();
    let task = Task::new("Find papers");
    let run = telemetry.crew_started(&Crew::new().task(task.clone()).share_crew(true));
    let doing = run.task_started(&task);
    std::fs::write(home.join("consent"), "off\n").unwrap();
    let end = Instant::now() + Duration::from_secs(30);
    while telemetry.is_recording() {
        assert!(Instant::now() < end, "telemetry is still on");
        headcount::write_all_to_spool();
        std::thread::sleep(Duration::from_millis(10));
    }
    let giant = "x".repeat(GIANT);
    let asked = asked_for(|| {
        doing.share_input(giant.as_str());
        doing.complete_with(giant.as_str());
        run.complete_with(giant.as_str());
    });
    assert!(asked < LITTLE, "{asked} bytes");
}
