//! A host program that closes descriptors which it did not open, as a program does that turns itself into a service, and then
//! opens files of its own under the same numbers.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use headcount::Telemetry;

use super::unique_tool;

/// More than the client ever has open.
const FILES: usize = 32;
const LINE: &[u8] = b"a line of the host program\n";

/// Closes every descriptor after `before`, opens files in `folder`, goes on recording, and prints what happened to the files.
pub(crate) fn close_all(telemetry: &Telemetry, folder: &Path, before: Duration) {
    telemetry.tool_used(&unique_tool(1), 1, None);
    std::thread::sleep(before);
    for descriptor in 3..256 {
        // SAFETY: closes any number; the files of this program that are open by now are never used again.
        let _result = unsafe { libc::close(descriptor) };
    }
    let open = |number: usize| {
        let mut options = File::options();
        let options = options.read(true).write(true).create(true).truncate(true);
        let file = options.open(folder.join(number.to_string())).unwrap();
        file.lock().unwrap();
        file
    };
    let files: Vec<File> = (0..FILES).map(open).collect();
    for number in 2..40 {
        telemetry.tool_used(&unique_tool(number), 1, None);
        std::thread::sleep(Duration::from_millis(50));
    }
    // SAFETY: as in `forks`.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let closed = files.iter().filter(|file| file.metadata().is_err()).count();
        // SAFETY: ends the child without the parent's destructors.
        unsafe { libc::_exit(i32::try_from(closed).unwrap_or(i32::MAX)) };
    }
    let mut status = 0;
    // SAFETY: waits for our own child and writes to a local.
    let _waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
    println!("closed in a child {}", libc::WEXITSTATUS(status));
    for (number, file) in files.iter().enumerate() {
        println!("{number} {}", harm(file, &folder.join(number.to_string())));
    }
    // Drops no file: the client must not have closed any.
    std::mem::forget(files);
}

/// What happened to one of the host program's files: `fine`, or a description.
fn harm(mut file: &File, path: &Path) -> String {
    use std::io::Write as _;
    if let Err(error) = file.write_all(LINE) {
        return format!("cannot be written: {error}");
    }
    let content = std::fs::read(path).unwrap();
    if content != LINE {
        return format!("holds {} bytes", content.len());
    }
    match File::open(path).unwrap().try_lock() {
        Err(std::fs::TryLockError::WouldBlock) => "fine".to_owned(),
        _ => "is not locked any more".to_owned(),
    }
}

/// Closes the standard streams except the output, records, and prints which descriptors below 3 are open then.
pub(crate) fn without_standard_streams(start: impl FnOnce() -> Telemetry) {
    for descriptor in [0, 2] {
        // SAFETY: nothing of this program uses these streams from here on.
        let _result = unsafe { libc::close(descriptor) };
    }
    let telemetry = start();
    let mut used = Vec::new();
    for number in 0..60 {
        telemetry.tool_used(&unique_tool(number), 1, None);
        std::thread::sleep(Duration::from_millis(10));
        for descriptor in [0, 2] {
            // SAFETY: looks at a number, whoever owns it.
            if unsafe { libc::fcntl(descriptor, libc::F_GETFD) } >= 0 && !used.contains(&descriptor)
            {
                used.push(descriptor);
            }
        }
    }
    println!("used {used:?}");
}
