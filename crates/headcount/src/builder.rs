//! Configuration and start of telemetry.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::sync::Arc;

use crate::consent::{self, ConsentReason, Decision, Mode};
use crate::model::{Keyer, Runtime};
use crate::platform::{self, Folders};
use crate::record::{HostEnvironment, Resource};
use crate::settings::{self, Settings};
use crate::spool::{DeliveryStatus, discard_all};
use crate::telemetry::Telemetry;
use crate::upload::{Endpoint, EndpointError, IngestToken, Trust};
use crate::worker::{Pipeline, Session};
use crate::{activity, erasure, installation};

impl Telemetry {
    /// Begins to configure telemetry for a framework: its name (letters, digits, `_`, `.`, `-`, at most 32) and its version.
    pub fn builder(framework: impl Into<String>, version: impl Into<String>) -> Builder {
        Builder::new(framework.into(), version.into())
    }
}

/// The configuration of a framework's telemetry. Created by [`Telemetry::builder`].
#[derive(Debug, Clone)]
pub struct Builder {
    framework: String,
    version: String,
    runtime: Runtime,
    runtime_version: Option<String>,
    endpoint: Option<String>,
    ingest_token: Option<Result<IngestToken, EndpointError>>,
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
            ingest_token: None,
            switches: Vec::new(),
            replaces: None,
            trust: Vec::new(),
            home: None,
            told: false,
            disabled: false,
        }
    }

    /// The collector's address: `https://host[:port][/path]`, or `http://` for one on this machine. Without it, events are
    /// recorded but never sent. No environment variable changes it.
    #[must_use]
    pub fn endpoint(mut self, address: impl Into<String>) -> Self {
        self.endpoint = Some(address.into());
        self
    }

    /// The token for a collector that takes telemetry only with one (`headcount serve --require-ingest-token`): 1 to 512 visible ASCII
    /// characters, or nothing is sent and [`Telemetry::endpoint_error`] says so. It is sent to the endpoint alone, and kept in memory
    /// alone. A token in a program that everybody can read is no secret.
    #[must_use]
    pub fn ingest_token(mut self, token: impl Into<String>) -> Self {
        self.ingest_token = Some(IngestToken::read(token.into()));
        self
    }

    /// The language runtime and its version. Rust without a version by default.
    #[must_use]
    pub fn runtime(mut self, runtime: Runtime, version: impl Into<String>) -> Self {
        self.runtime = runtime;
        self.runtime_version = Some(version.into());
        self
    }

    /// An environment variable of the framework that switches telemetry off, such as `MYFRAMEWORK_DISABLE_TELEMETRY`, in
    /// addition to `OTEL_SDK_DISABLED`, `HEADCOUNT_DISABLED` and `DO_NOT_TRACK`.
    #[must_use]
    pub fn switch(mut self, variable: impl Into<String>) -> Self {
        self.switches.push(variable.into());
        self
    }

    /// Names the framework's own telemetry that is silent while this one runs, so that nothing is sent twice; for example
    /// `CrewAI's own telemetry`. `headcount status` shows it. One line of at most 128 characters.
    #[must_use]
    pub fn replaces(mut self, telemetry: impl Into<String>) -> Self {
        self.replaces = Some(telemetry.into());
        self
    }

    /// Adds a certificate authority, for a collector with a private CA: one in DER, or one or several in PEM. If none can be read,
    /// nothing is sent over HTTPS, and [`Telemetry::endpoint_error`] says so.
    #[must_use]
    pub fn trust(mut self, certificate: impl Into<Vec<u8>>) -> Self {
        self.trust.push(certificate.into());
        self
    }

    /// Keeps everything in this folder instead of the user's: for tests, and for programs with a folder of their own. The user's
    /// consent setting still counts. Commands such as `headcount status` do not look there. A relative path is ignored.
    #[must_use]
    pub fn home(mut self, folder: impl Into<PathBuf>) -> Self {
        self.home = Some(folder.into());
        self
    }

    /// States that the framework has informed its user what is collected and how to turn it off. Otherwise nothing is sent until
    /// the notice was shown on a terminal in an earlier run.
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

    /// Starts telemetry: decides whether anything may be recorded, and shows the notice in the first run. No thread is started
    /// before the first event, and only the client's own threads send.
    #[must_use]
    pub fn start(self) -> Telemetry {
        platform::without_size_signal(|| self.decide())
    }

    fn decide(self) -> Telemetry {
        let variable = |name: &str| std::env::var_os(name);
        if !settings::is_framework_name(&self.framework) {
            return Telemetry::off_because(Decision {
                mode: Mode::Off,
                reason: ConsentReason::NotUnderstood,
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
        let sources = consent::Sources::read(variable, &self.switches, &folders, sender);
        let mut decision = consent::resolve(&sources.inputs(self.disabled, self.told, false));
        if decision.reason == ConsentReason::CannotTell
            && let Some(folder) = folders.framework(&self.framework)
            && consent::show(&self.framework, &folder)
        {
            decision = consent::resolve(&sources.inputs(self.disabled, false, true));
        }
        if decision.mode == Mode::Off {
            // The file may say on again before any other run notices, so the events that wait are removed now.
            if sources.is_off_in_a_file()
                && let Some(folder) = folders.framework(&self.framework)
            {
                discard_all(&folder, DeliveryStatus::TurnedOff);
                activity::forget(&folder);
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
        let (trust, endpoint) = match (Trust::read(&self.trust), endpoint) {
            (Ok(trust), endpoint) => (trust, endpoint),
            (Err(error), Ok(endpoint)) if endpoint.is_tls => (Trust::default(), Err(Some(error))),
            (Err(_), endpoint) => (Trust::default(), endpoint),
        };
        let (ingest_token, endpoint) = match self.ingest_token.transpose() {
            Ok(token) => (token, endpoint),
            Err(error) => (None, endpoint.and(Err(Some(error)))),
        };
        let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let cpus = std::thread::available_parallelism().map_or(0, usize::from);
        let interactive = std::io::stdin().is_terminal() || std::io::stderr().is_terminal();
        let secret = erasure::secret(folders.framework(&self.framework).as_deref());
        let resource = Arc::new(Resource {
            framework: self.framework,
            version,
            runtime: self.runtime,
            runtime_version: self
                .runtime_version
                .map(|version| settings::clean_version(&version))
                .filter(|version| !version.is_empty()),
            host: HostEnvironment::detect(is_set, interactive, cpus),
        });
        let settings = Arc::new(Settings {
            resource,
            switches: self.switches,
            replaces: self.replaces.as_deref().map(settings::clean_line),
            told: self.told,
            endpoint,
            ingest_token,
            trust,
            folders,
            keyer: Keyer::new(&secret),
        });
        platform::watch_forks();
        installation::remember(&settings);
        let pipeline = Pipeline::new(Arc::clone(&settings), decision.mode);
        Telemetry::new(Session::begin(settings, pipeline), decision)
    }
}
