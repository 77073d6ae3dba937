//! A program that embeds the client, for tests and benchmarks: it does what its first argument says.
//!
//! `HEADCOUNT_ENDPOINT` names the collector. With `SUBJECT_TELEMETRY=none` the client is not started at all, so that what
//! the client changes can be told from what it does not.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a command for tests"
)]
#![allow(unsafe_code, reason = "`fork` and the like have no safe form")]

#[cfg(unix)]
mod descriptors;
mod endings;
mod everything;
mod long;

use std::io::Write as _;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use headcount::{Telemetry, Tool};

fn start() -> Telemetry {
    if std::env::var_os("SUBJECT_TELEMETRY").is_some_and(|value| value == "none") {
        return Telemetry::off();
    }
    let mut builder = Telemetry::builder("subject", "1.2.3")
        .switch("SUBJECT_DISABLE_TELEMETRY")
        .told_user(std::env::var_os("SUBJECT_TOLD").is_none_or(|value| value == "yes"));
    if let Ok(endpoint) = std::env::var("HEADCOUNT_ENDPOINT") {
        builder = builder.endpoint(endpoint);
    }
    if let Ok(token) = std::env::var("SUBJECT_TOKEN") {
        builder = builder.ingest_token(token);
    }
    if let Some(path) = std::env::var_os("SUBJECT_TRUST") {
        builder = builder.trust(std::fs::read(path).expect("SUBJECT_TRUST names a certificate"));
    }
    if let Some(folder) = std::env::var_os("SUBJECT_HOME") {
        builder = builder.home(folder);
    }
    builder.start()
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let number = |text: &str| text.parse::<u64>().expect("a number");
    match words[..] {
        ["record", events, threads] => record(&start(), number(events), number(threads)),
        ["record-and-wait", events, threads] => {
            let telemetry = start();
            record(&telemetry, number(events), number(threads));
            println!("sent {}", telemetry.flush(Duration::from_secs(20)));
        }
        ["live", millis] => live(&start(), Duration::from_millis(number(millis))),
        // The note is visible in the program's arguments, which the client must not read.
        ["everything"] | ["everything", "note", _] => everything::record(&start(), false),
        ["everything", "share"] => everything::record(&start(), true),
        ["doubtful", tool] => {
            let telemetry = start();
            telemetry.tool_used(&Tool::new(tool), 1, None);
            telemetry.feature_used("/home/anna/acme");
            telemetry.feature_used("memory:save");
        }
        ["decide-twice"] => {
            println!("{}", start().decision());
            println!("{}", start().decision());
        }
        ["record-and-linger", millis] => {
            let telemetry = start();
            telemetry.tool_used(&unique_tool(1), 1, None);
            std::thread::sleep(Duration::from_millis(number(millis)));
        }
        ["fork-and-linger", parent, child] => {
            fork_and_linger(&start(), number(parent), number(child));
        }
        ["steady", millis] => long::steady(&start(), Duration::from_millis(number(millis))),
        ["say", word] => {
            let _path = headcount::set_consent(word == "on").expect("a word that is kept");
        }
        ["switch-in-a-run"] => long::switch_in_a_run(&start()),
        ["decide-with-children"] => long::decide_with_children(&start()),
        ["fork-in-a-run"] => fork_in_a_run(&start()),
        ["lacks-locks"] => println!("{}", headcount::Installation::all()[0].lacks_locks()),
        ["timed-drop"] => {
            let telemetry = start();
            telemetry.tool_used(&unique_tool(1), 1, None);
            let begun = Instant::now();
            drop(telemetry);
            println!("{}", begun.elapsed().as_millis());
        }
        #[cfg(unix)]
        ["children-at-their-end", children] => children_at_their_end(&start(), number(children)),
        #[cfg(unix)]
        ["close-all", folder, millis] => {
            let millis = Duration::from_millis(number(millis));
            descriptors::close_all(&start(), std::path::Path::new(folder), millis);
        }
        #[cfg(unix)]
        ["without-standard-streams"] => descriptors::without_standard_streams(start),
        ["decide"] => println!("{}", start().decision()),
        ["around"] => around(&start()),
        ["marked", events] => marked(&start(), number(events)),
        ["signals"] => signals(&start()),
        ["forks", children, events] => forks(&start(), number(children), number(events)),
        ["ending", ending] => return endings::end(&start(), ending),
        ["start-and-exit", millis] => return start_and_exit(number(millis)),
        _ => {
            eprintln!("no such thing to do: {words:?}");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

/// A tool's name that no other call of any process has, in letters: digits might be taken for a telephone number.
fn unique_tool(number: u64) -> Tool {
    let mut name = String::from("tool_");
    for mut part in [u64::from(std::process::id()), number] {
        name.push('_');
        while part > 0 {
            name.push(char::from(b'a' + (part % 26) as u8));
            part /= 26;
        }
    }
    Tool::new(name)
}

fn record(telemetry: &Telemetry, events: u64, threads: u64) {
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let _handle = scope.spawn(move || {
                for event in 0..events {
                    telemetry.tool_used(&unique_tool(thread * events + event), 1, Some("gpt-4o"));
                    // No faster than an agent: the queue must not overflow.
                    if event % 256 == 255 {
                        std::thread::sleep(Duration::from_millis(60));
                    }
                }
            });
        }
    });
    let counters = telemetry.counters();
    println!(
        "recorded {} written {} waiting {} dropped {} peak_kib {}",
        counters.recorded,
        counters.written,
        counters.waiting,
        counters.dropped,
        peak_kib()
    );
}

/// The process's largest resident memory so far, as Linux says; 0 elsewhere.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let words = line.and_then(|line| line.split_whitespace().next());
    words.and_then(|word| word.parse().ok()).unwrap_or(0)
}

/// Records until it is killed or the time is over.
fn live(telemetry: &Telemetry, time: Duration) {
    let end = Instant::now() + time;
    let mut number = 0;
    while Instant::now() < end {
        for _ in 0..20 {
            telemetry.tool_used(&unique_tool(number), 1, None);
            number += 1;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Prints the process's threads and sockets after telemetry was used.
fn around(telemetry: &Telemetry) {
    everything::record(telemetry, true);
    std::thread::sleep(Duration::from_millis(150));
    let threads = std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count);
    let sockets = std::fs::read_dir("/proc/self/fd")
        .into_iter()
        .flatten()
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .filter(|target| target.to_string_lossy().starts_with("socket:"))
        .count();
    println!("threads {threads} sockets {sockets}");
}

/// Records between two marks on standard output, once our thread is awake.
fn marked(telemetry: &Telemetry, events: u64) {
    let tool = Tool::new("search");
    telemetry.tool_used(&tool, 1, Some("gpt-4o"));
    std::thread::sleep(Duration::from_millis(100));
    println!("begin");
    for _ in 0..events {
        telemetry.tool_used(&tool, 1, Some("gpt-4o"));
    }
    println!("end");
}

/// How signals are handled in this process, as the kernel shows it, once our thread is under way.
fn signals(telemetry: &Telemetry) {
    // From a program's first extra thread on, the C library handles a signal of its own.
    let _started = std::thread::spawn(|| {}).join();
    everything::record(telemetry, false);
    std::thread::sleep(Duration::from_millis(50));
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    for line in status
        .lines()
        .filter(|line| line.starts_with("Sig") && !line.starts_with("SigQ"))
    {
        println!("{line}");
    }
}

/// A child is forked off while a crew, its tasks and a flow are at work; it ends one task by its own word, and lets go of the
/// rest.
fn fork_in_a_run(telemetry: &Telemetry) {
    let task = headcount::Task::new("Find papers");
    let run = telemetry.crew_started(&headcount::Crew::new());
    let (first, second) = (run.task_started(&task), run.task_started(&task));
    let flow = telemetry.flow_started("Flow", headcount::FlowOrigin::User);
    // SAFETY: as in `forks`.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        second.fail("ValidationError");
        drop((first, run, flow));
        // SAFETY: runs the C library's exit handlers, as a forked worker's end does.
        unsafe { libc::exit(0) };
    }
    let mut status = 0;
    // SAFETY: waits for our own child and writes to a local.
    let waited = unsafe { libc::waitpid(pid, &raw mut status, 0) };
    assert_eq!((waited, status), (pid, 0), "the child did not exit with 0");
    first.complete();
    std::mem::forget(second);
    flow.pause();
    run.complete();
}

/// Forks children that record and exit, while a thread of the parent goes on recording.
#[cfg(unix)]
fn forks(telemetry: &Telemetry, children: u64, events: u64) {
    let stop = std::sync::atomic::AtomicBool::new(false);
    let total = std::sync::atomic::AtomicU64::new(0);
    std::thread::scope(|scope| {
        let _recording = scope.spawn(|| {
            let mut number = 0;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                telemetry.tool_used(&unique_tool(number), 1, None);
                number += 1;
                std::thread::sleep(Duration::from_micros(500));
            }
            total.store(number, std::sync::atomic::Ordering::Relaxed);
        });
        let mut waiting = Vec::new();
        for child in 0..children {
            // SAFETY: the child runs code that allocates, as any child of a threaded Python or Ruby server does; glibc
            // keeps its allocator usable across `fork`.
            let pid = unsafe { libc::fork() };
            if pid == 0 {
                for event in 0..events {
                    telemetry.tool_used(&unique_tool(event), 1, None);
                }
                // SAFETY: runs the C library's exit handlers, as a forked worker's end does.
                unsafe { libc::exit(0) };
            }
            assert!(pid > 0, "fork failed");
            waiting.push(pid);
            if waiting.len() == 16 || child + 1 == children {
                for pid in waiting.drain(..) {
                    let mut status = 0;
                    // SAFETY: waits for our own child and writes to a local.
                    let waited = unsafe { libc::waitpid(pid, &raw mut status, 0) };
                    assert_eq!((waited, status), (pid, 0), "a child did not exit with 0");
                }
            }
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    let parent = total.load(std::sync::atomic::Ordering::Relaxed);
    println!("parent {parent} children {}", children * events);
}

/// Forks a child while an upload is under way; both go on for a while. Prints the child's process id.
#[cfg(unix)]
fn fork_and_linger(telemetry: &Telemetry, parent_millis: u64, child_millis: u64) {
    telemetry.tool_used(&unique_tool(1), 1, None);
    std::thread::sleep(Duration::from_millis(400));
    telemetry.tool_used(&unique_tool(2), 1, None);
    std::thread::sleep(Duration::from_millis(100));
    // SAFETY: as in `forks`.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        std::thread::sleep(Duration::from_millis(child_millis));
        // SAFETY: ends the child without the parent's destructors.
        unsafe { libc::_exit(0) };
    }
    println!("{pid}");
    std::io::stdout().flush().unwrap();
    std::thread::sleep(Duration::from_millis(parent_millis));
}

/// Children that record and exit, one after the other. The parent ends without its exit handlers.
#[cfg(unix)]
fn children_at_their_end(telemetry: &Telemetry, children: u64) {
    for child in 0..children {
        // SAFETY: as in `forks`.
        let pid = unsafe { libc::fork() };
        if pid == 0 {
            telemetry.tool_used(&unique_tool(child), 1, None);
            // SAFETY: runs the C library's exit handlers, as a forked worker's end does.
            unsafe { libc::exit(0) };
        }
        let mut status = 0;
        // SAFETY: waits for our own child and writes to a local.
        let waited = unsafe { libc::waitpid(pid, &raw mut status, 0) };
        assert_eq!((waited, status), (pid, 0), "a child did not exit with 0");
    }
    println!("ended");
    std::io::stdout().flush().unwrap();
    // SAFETY: ends this process.
    unsafe { libc::_exit(0) };
}

#[cfg(not(unix))]
fn fork_and_linger(_telemetry: &Telemetry, _parent_millis: u64, _child_millis: u64) {}

#[cfg(not(unix))]
fn forks(_telemetry: &Telemetry, _children: u64, _events: u64) {}

/// Starts, records one event of each kind, works for a while, and says how long the start took and when `main` ended:
/// whoever waits for the process sees how long its end took.
fn start_and_exit(millis: u64) -> ExitCode {
    let begun = Instant::now();
    let telemetry = start();
    let started = begun.elapsed();
    everything::record(&telemetry, false);
    std::thread::sleep(Duration::from_millis(millis));
    let now = std::time::SystemTime::now();
    let now = now.duration_since(std::time::UNIX_EPOCH).unwrap();
    println!(
        "start_nanos {} main_ended_nanos {}",
        started.as_nanos(),
        now.as_nanos()
    );
    std::io::stdout().flush().unwrap();
    // The handle outlives `main`, as one in a static does.
    std::mem::forget(telemetry);
    ExitCode::SUCCESS
}
