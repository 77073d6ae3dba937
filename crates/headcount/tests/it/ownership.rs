//! A folder that belongs to another user, as after a run under `sudo`: nothing is recorded, and the decision says why.
#![allow(unsafe_code, reason = "who a thread is has no safe form")]
#![cfg(target_os = "linux")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::support::{is_child, wait_until};
use headcount::{ConsentReason, Installation, Mode, Telemetry};

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// Runs `run` on a thread that is another user (`nobody`) to the file system.
fn as_another_user<R: Send>(run: impl FnOnce() -> R + Send) -> R {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            // SAFETY: changes only this thread's user for file access; the thread ends with this closure. If it is not
            // permitted, the user stays the same.
            unsafe { libc::setfsuid(65_534) };
            run()
        });
        thread.join().unwrap()
    })
}

#[test]
fn a_folder_of_another_user_means_off_and_is_named() {
    if !is_child("ownership::a_folder_of_another_user_means_off_and_is_named") {
        return;
    }
    for closed in ["state", "state/framework"] {
        let home = tempfile::tempdir().unwrap();
        set_mode(home.path(), 0o755);
        std::fs::create_dir_all(home.path().join("state/framework")).unwrap();
        let folder = home.path().join(closed);
        set_mode(&folder, 0o000);
        let (decision, shown) = as_another_user(|| {
            let telemetry = Telemetry::builder("framework", "1")
                .home(home.path())
                .endpoint("http://127.0.0.1:9")
                .told_user(true)
                .start();
            telemetry.feature_used("memory:save");
            let installations = Installation::all_in(home.path());
            let shown: Vec<_> = installations.iter().map(Installation::decision).collect();
            (telemetry.decision().clone(), shown)
        });
        set_mode(&folder, 0o755);
        assert_eq!(
            (decision.mode, decision.reason),
            (Mode::Off, ConsentReason::Unreadable)
        );
        assert!(decision.source.ends_with("state/framework"), "{decision}");
        // A folder whose names cannot be read cannot be listed.
        let expected = match closed {
            "state" => vec![],
            _ => vec![decision],
        };
        assert_eq!(shown, expected, "{closed}");
        let left = std::fs::read_dir(home.path().join("state/framework")).unwrap();
        assert_eq!(left.count(), 0);
    }
}

/// Events are kept in memory, and sent from there.
#[test]
fn a_read_only_folder_does_not_mean_off() {
    if !is_child("ownership::a_read_only_folder_does_not_mean_off") {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("state/framework");
    std::fs::create_dir_all(&folder).unwrap();
    for path in [home.path(), &folder] {
        set_mode(path, 0o555);
    }
    let (decision, counters) = as_another_user(|| {
        let telemetry = Telemetry::builder("framework", "1")
            .home(home.path())
            .told_user(true)
            .start();
        telemetry.feature_used("memory:save");
        wait_until("the event to be written", || {
            telemetry.counters().waiting == 0
        });
        (telemetry.decision().clone(), telemetry.counters())
    });
    for path in [home.path(), &folder] {
        set_mode(path, 0o755);
    }
    assert_eq!(decision.mode, Mode::On, "{decision}");
    assert_eq!((counters.recorded, counters.dropped), (1, 0));
}
