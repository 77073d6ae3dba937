//! How telemetry is started.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::sync::Arc;

use crate::consent::{self, Decision, Mode, Reason};
use crate::folders::Folders;
use crate::ledger::Fate;
use crate::lifetime::Lifetime;
use crate::model::{Keyer, Runtime};
use crate::recorder::Recorder;
use crate::settings::{self, Settings};
use crate::surroundings::Surroundings;
use crate::upload::{Endpoint, EndpointError, Trust};
use crate::{Telemetry, installation, platform, upload};

/// What a framework says about itself and about telemetry. Made by [`Telemetry::builder`].
#[derive(Debug, Clone)]
pub struct Builder {
    framework: String,
    version: String,
    runtime: Runtime,
    runtime_version: Option<String>,
    endpoint: Option<String>,
    switches: Vec<String>,
    replaces: Option<String>,
    trust: Vec<Vec<u8>>,
    home: Option<PathBuf>,
    told: bool,
    disabled: bool,
}

impl Builder {
    pub(crate) fn new(framework: String, version: String) -> Self {
        Self {
            framework,
            version,
            runtime: Runtime::Rust,
            runtime_version: None,
            endpoint: None,
            switches: Vec::new(),
            replaces: None,
            trust: Vec::new(),
            home: None,
            told: false,
            disabled: false,
        }
    }

    /// The collector's address: `https://host[:port][/path]`, or `http://` for one on this machine. Without it, events
    /// are recorded and never sent. No variable of the environment changes it.
    #[must_use]
    pub fn endpoint(mut self, address: impl Into<String>) -> Self {
        self.endpoint = Some(address.into());
        self
    }

    /// What the framework runs on, with its version. Rust of no version if nothing is said.
    #[must_use]
    pub fn runtime(mut self, runtime: Runtime, version: impl Into<String>) -> Self {
        self.runtime = runtime;
        self.runtime_version = Some(version.into());
        self
    }

    /// A variable of the framework's own that switches telemetry off, such as `MYFRAMEWORK_DISABLE_TELEMETRY`. It counts
    /// as well as `OTEL_SDK_DISABLED`, `HEADCOUNT_DISABLED` and `DO_NOT_TRACK`, which always do.
    #[must_use]
    pub fn switch(mut self, variable: impl Into<String>) -> Self {
        self.switches.push(variable.into());
        self
    }

    /// Names a telemetry that the framework has of its own and that is silent while this one runs, such as `CrewAI's own
    /// telemetry`, so that nothing is sent twice. `headcount status` shows it to whoever wonders where that went. One line
    /// of at most 128 characters.
    #[must_use]
    pub fn replaces(mut self, telemetry: impl Into<String>) -> Self {
        self.replaces = Some(telemetry.into());
        self
    }

    /// One more certificate authority, as DER: for a collector with certificates of one's own.
    #[must_use]
    pub fn trust(mut self, certificate: impl Into<Vec<u8>>) -> Self {
        self.trust.push(certificate.into());
        self
    }

    /// Keeps everything in this folder instead of the person's own: for tests, and for programs that are given a folder of
    /// their own. The person's word counts all the same; the commands (`headcount status` and the like) do not look there. A
    /// path that is not absolute is passed over.
    #[must_use]
    pub fn home(mut self, folder: impl Into<PathBuf>) -> Self {
        self.home = Some(folder.into());
        self
    }

    /// Says that the framework has told its user, in its own way, what is collected and how to turn it off. Without
    /// this nothing is sent before the notice was shown on a terminal in an earlier run.
    #[must_use]
    pub fn told_user(mut self, told: bool) -> Self {
        self.told = told;
        self
    }

    /// Turns telemetry off in code.
    #[must_use]
    pub fn disabled(mut self, disabled: bool) -> Self {
        self.disabled = disabled;
        self
    }

    /// Starts. Decides whether anything may be recorded, and shows the notice if this is the first run; no thread is
    /// started before the first event, and nothing is sent before our own thread does.
    #[must_use]
    pub fn start(self) -> Telemetry {
        platform::without_size_signal(|| self.decide())
    }

    fn decide(self) -> Telemetry {
        let variable = |name: &str| std::env::var_os(name);
        if !settings::is_framework_name(&self.framework) {
            return Telemetry::off_because(Decision {
                mode: Mode::Off,
                reason: Reason::NotUnderstood,
                source: "the framework's name".to_owned(),
            });
        }
        let folders = Folders::find(variable);
        let folders = match &self.home {
            Some(home) => folders.within(home),
            None => folders,
        };
        let version = settings::clean_version(&self.version);
        let endpoint = match &self.endpoint {
            Some(text) => Endpoint::parse(text).map_err(Some),
            None => Err(None),
        };
        let collector = endpoint.as_ref().ok().map(Endpoint::mark);
        let sender = consent::Sender {
            framework: &self.framework,
            version: &version,
            collector: collector.as_deref(),
        };
        let surroundings = consent::Surroundings::read(variable, &self.switches, &folders, sender);
        let mut decision = consent::resolve(&surroundings.inputs(self.disabled, self.told, false));
        if decision.reason == Reason::CannotTell
            && let Some(folder) = folders.framework(&self.framework)
            && consent::tell(&self.framework, &folder)
        {
            decision = consent::resolve(&surroundings.inputs(self.disabled, false, true));
        }
        if decision.mode == Mode::Off {
            // Of an off in a file that is taken back later nobody may know: what it is to stop is deleted here and now.
            if surroundings.is_off_in_a_file()
                && let Some(folder) = folders.framework(&self.framework)
            {
                let _given_up = upload::empty(&folder, Fate::TurnedOff);
            }
            return Telemetry::off_because(decision);
        }
        self.begin(version, endpoint, folders, decision)
    }

    fn begin(
        self,
        version: String,
        endpoint: Result<Endpoint, Option<EndpointError>>,
        folders: Folders,
        decision: Decision,
    ) -> Telemetry {
        let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let cpus = std::thread::available_parallelism().map_or(0, usize::from);
        let interactive = std::io::stdin().is_terminal() || std::io::stderr().is_terminal();
        let secret = installation::secret(folders.framework(&self.framework).as_deref());
        let settings = Arc::new(Settings {
            framework: self.framework,
            version,
            runtime: self.runtime,
            runtime_version: self
                .runtime_version
                .map(|version| settings::clean_version(&version))
                .filter(|version| !version.is_empty()),
            switches: self.switches,
            replaces: self.replaces.as_deref().map(settings::clean_line),
            told: self.told,
            endpoint,
            trust: Trust(self.trust),
            folders,
            surroundings: Surroundings::look(is_set, interactive, cpus),
            keyer: Keyer::new(&secret),
        });
        platform::watch_forks();
        installation::remember(&settings);
        let recorder = Recorder::new(Arc::clone(&settings), decision.mode);
        Telemetry::new(Lifetime::begin(settings, recorder), decision)
    }
}
