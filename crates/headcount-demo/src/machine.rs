//! The machine that runs a crew, and the attributes that newer releases add to every span for it.

use crate::draft::Content;
use crate::random::Rng;
use crate::release::Release;

/// The environment of a process.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    pub(crate) python: &'static str,
    pub(crate) coding_agent: &'static str,
    pub(crate) runtime_context: &'static str,
    pub(crate) cpu_band: &'static str,
    pub(crate) cpus: i64,
    /// Empty where the project's file has none.
    pub(crate) project_id: String,
    pub(crate) platform: &'static Platform,
}

/// The values of Python's `platform` module.
#[derive(Debug)]
pub(crate) struct Platform {
    pub(crate) platform: &'static str,
    pub(crate) release: &'static str,
    pub(crate) system: &'static str,
    pub(crate) version: &'static str,
}

const PLATFORMS: &[&Platform] = &[
    &Platform {
        platform: "Linux-6.8.0-48-generic-x86_64-with-glibc2.39",
        release: "6.8.0-48-generic",
        system: "Linux",
        version: "#48-Ubuntu SMP PREEMPT_DYNAMIC",
    },
    &Platform {
        platform: "macOS-15.1-arm64-arm-64bit",
        release: "24.1.0",
        system: "Darwin",
        version: "Darwin Kernel Version 24.1.0",
    },
    &Platform {
        platform: "Windows-11-10.0.26100-SP0",
        release: "11",
        system: "Windows",
        version: "10.0.26100",
    },
];

const CPU_BANDS: &[((i64, &str), u32)] = &[
    ((2, "1-2"), 5),
    ((4, "3-4"), 6),
    ((8, "5-8"), 9),
    ((12, "9-16"), 8),
    ((24, "17-32"), 2),
    ((64, "33+"), 1),
];

impl Machine {
    pub(crate) fn generate(release: Release, rng: &mut Rng) -> Self {
        let (cpus, cpu_band) = rng.weighted(CPU_BANDS);
        let pythons: &[&'static str] = if release.since(1, 0, 0) {
            &["3.10.14", "3.11.9", "3.12.7", "3.12.7", "3.13.1"]
        } else {
            &["3.10.12", "3.11.7", "3.11.7", "3.12.3"]
        };
        Self {
            python: rng.pick(pythons),
            coding_agent: rng.weighted(&[
                ("unknown", 22),
                ("claude_code", 6),
                ("cursor", 5),
                ("codex", 3),
                ("gemini_cli", 1),
                ("cline", 1),
                ("other", 1),
            ]),
            runtime_context: rng.weighted(&[
                ("container", 10),
                ("interactive", 9),
                ("vscode_terminal", 7),
                ("non_interactive", 6),
                ("notebook", 5),
                ("ci", 4),
                ("serverless", 2),
                ("jetbrains_terminal", 2),
                ("paas", 1),
                ("hosted_ide", 1),
                ("unknown", 1),
            ]),
            cpu_band,
            cpus,
            project_id: if rng.random_bool(0.4) {
                rng.uuid()
            } else {
                String::new()
            },
            platform: rng.pick(PLATFORMS),
        }
    }

    /// The attributes that every span has.
    pub(crate) fn common_attributes(&self, release: Release) -> Vec<(&'static str, Content)> {
        let mut common_attributes: Vec<(&'static str, Content)> = Vec::with_capacity(4);
        if release.since(1, 15, 11) {
            common_attributes.push(("coding_agent", self.coding_agent.into()));
        }
        if release.since(1, 15, 14) {
            common_attributes.push(("runtime_context", self.runtime_context.into()));
        }
        if release.since(1, 15, 19) {
            common_attributes.push(("cpu_band", self.cpu_band.into()));
        }
        // Absent when unknown until 1.15.17, empty since.
        if release.since(1, 15, 18) || release.since(1, 15, 14) && !self.project_id.is_empty() {
            common_attributes.push(("project_id", self.project_id.clone().into()));
        }
        common_attributes
    }

    /// The five keys that describe the computer.
    pub(crate) fn platform_attributes(&self) -> Vec<(&'static str, Content)> {
        vec![
            ("platform", self.platform.platform.into()),
            ("platform_release", self.platform.release.into()),
            ("platform_system", self.platform.system.into()),
            ("platform_version", self.platform.version.into()),
            ("cpus", Content::Integer(self.cpus)),
        ]
    }
}
