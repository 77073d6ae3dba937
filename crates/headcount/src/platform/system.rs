//! The operating system, as a crew that shares describes it.

use super::os::names;

/// The operating system of a crew that shares (catalog category `environment`).
#[derive(Debug, Clone)]
pub(crate) struct System {
    pub(crate) platform: String,
    pub(crate) system: String,
    pub(crate) release: String,
    pub(crate) version: String,
    pub(crate) cpus: i64,
}

/// Reads the system's description, without the host name, which can identify a person.
pub(crate) fn system() -> System {
    let [system, release, version, machine] = names().unwrap_or_else(|| {
        let system = std::env::consts::OS.to_owned();
        [
            system,
            String::new(),
            String::new(),
            std::env::consts::ARCH.to_owned(),
        ]
    });
    let cpus = std::thread::available_parallelism().map_or(0, usize::from);
    System {
        platform: format!("{system}-{release}-{machine}"),
        system,
        release,
        version,
        cpus: cpus as i64,
    }
}
