//! A folder that belongs to somebody else, as after one run under `sudo`: nothing is recorded, and it is said why.
#![allow(unsafe_code, reason = "who a thread is has no safe form")]
#![cfg(target_os = "linux")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use headcount::{Installation, Mode, Reason, Telemetry};

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// Runs the test named `test` again in a process of its own, where `HEADCOUNT_HOME` is a folder that everybody may read: the
/// choice of the person who runs these tests does not count. `false` in that process.
fn runs_elsewhere(test: &str) -> bool {
    const MARK: &str = "HEADCOUNT_TEST_OWNERSHIP";
    if std::env::var_os(MARK).is_some() {
        return false;
    }
    let person = tempfile::tempdir().unwrap();
    set_mode(person.path(), 0o755);
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("ownership::{test}")])
        .env("HEADCOUNT_HOME", person.path())
        .env(MARK, "1")
        .status();
    assert!(status.unwrap().success());
    true
}

/// Runs `run` as a user who is not the folder's: a thread of its own is, to the file system, nobody.
fn as_somebody_else<R: Send>(run: impl FnOnce() -> R + Send) -> R {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            // SAFETY: changes nothing but whom the file system takes this thread for, which ends with this closure. Where
            // that is not allowed the thread stays who it is, and no more privileged than that.
            let _before = unsafe { libc::setfsuid(65_534) };
            run()
        });
        thread.join().unwrap()
    })
}

#[test]
fn a_folder_that_is_somebody_elses_is_off_and_named() {
    if runs_elsewhere("a_folder_that_is_somebody_elses_is_off_and_named") {
        return;
    }
    for closed in ["state", "state/framework"] {
        let home = tempfile::tempdir().unwrap();
        set_mode(home.path(), 0o755);
        std::fs::create_dir_all(home.path().join("state/framework")).unwrap();
        let folder = home.path().join(closed);
        set_mode(&folder, 0o000);
        let (decision, shown) = as_somebody_else(|| {
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
            (Mode::Off, Reason::Unreadable)
        );
        assert!(decision.source.ends_with("state/framework"), "{decision}");
        // In a folder of which not even the names can be read nothing can be listed.
        let expected = match closed {
            "state" => vec![],
            _ => vec![decision],
        };
        assert_eq!(shown, expected, "{closed}");
        let left = std::fs::read_dir(home.path().join("state/framework")).unwrap();
        assert_eq!(left.count(), 0);
    }
}

/// One that may be read and not written to: what is recorded waits in memory, and goes out from there.
#[test]
fn a_folder_that_may_only_be_read_is_no_reason_to_be_off() {
    if runs_elsewhere("a_folder_that_may_only_be_read_is_no_reason_to_be_off") {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("state/framework");
    std::fs::create_dir_all(&folder).unwrap();
    for path in [home.path(), &folder] {
        set_mode(path, 0o555);
    }
    let (decision, books) = as_somebody_else(|| {
        let telemetry = Telemetry::builder("framework", "1")
            .home(home.path())
            .told_user(true)
            .start();
        telemetry.feature_used("memory:save");
        while telemetry.books().waiting > 0 {
            std::thread::yield_now();
        }
        (telemetry.decision().clone(), telemetry.books())
    });
    for path in [home.path(), &folder] {
        set_mode(path, 0o755);
    }
    assert_eq!(decision.mode, Mode::On, "{decision}");
    assert_eq!((books.recorded, books.dropped), (1, 0));
}
