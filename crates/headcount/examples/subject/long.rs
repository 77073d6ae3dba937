//! Programs during whose life something changes: a switch, the network, their own children.

use std::io::Write as _;
use std::process::Command;
use std::time::{Duration, Instant};

use headcount::{Crew, FlowOrigin, Task, Telemetry, Tool};

/// Records an event every five milliseconds, and writes a line after each: how many there were, and what may happen.
pub(crate) fn steady(telemetry: &Telemetry, time: Duration) {
    let end = Instant::now() + time;
    let mut stdout = std::io::stdout();
    for number in 1.. {
        telemetry.tool_used(&Tool::new("steady"), 1, None);
        writeln!(stdout, "{number} {:?}", telemetry.mode()).unwrap();
        if Instant::now() >= end {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A switch is set while a crew is at work; the crew ends as if nothing had happened.
pub(crate) fn switch_in_a_run(telemetry: &Telemetry) {
    let run = telemetry.crew_started(&Crew::new());
    let flow = telemetry.flow_started("Flow", FlowOrigin::User);
    let which = std::env::var("SUBJECT_SWITCHES_AT").unwrap_or_default();
    let task = Task::new("Find papers");
    let doing = (which != "task").then(|| run.task_started(&task));
    // SAFETY: our own thread is the only other one, and it reads no variable.
    unsafe { std::env::set_var("HEADCOUNT_DISABLED", "1") };
    match which.as_str() {
        "task" => std::mem::forget(run.task_started(&task)),
        "end-of-task" => doing.unwrap().complete(),
        "end-of-crew" => run.complete(),
        "end-of-flow" => flow.complete(),
        _ => {
            let _sent = telemetry.flush(Duration::ZERO);
        }
    }
    println!("{:?}", telemetry.mode());
}

/// Decides, and has what it starts decide: directly, through a shell, and apart from everything it belongs to.
pub(crate) fn decide_with_children(telemetry: &Telemetry) {
    println!("{}", telemetry.decision());
    let program = std::env::current_exe().unwrap();
    let program = program.display();
    let shell = |script: String| Command::new("sh").args(["-c", &script]).status().unwrap();
    let _status = shell(format!("{program} decide; :"));
    let _status = shell(format!("sh -c '{program} decide; :'; :"));
    let _status = shell(format!("setsid -f sh -c 'sleep 0.2; {program} decide; :'"));
    std::thread::sleep(Duration::from_millis(1_500));
}
