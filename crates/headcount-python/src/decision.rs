use headcount as client;
use pyo3::prelude::*;

/// What was decided about telemetry, and what decided it. ``str()`` says it as ``python -m headcount status`` does.
#[pyclass(frozen, eq, module = "headcount")]
#[derive(PartialEq, Eq)]
pub(crate) struct Decision {
    inner: client::Decision,
}

impl Decision {
    pub(crate) fn new(inner: client::Decision) -> Self {
        Self { inner }
    }
}

/// The mode's word.
pub(crate) fn mode(mode: client::Mode) -> &'static str {
    match mode {
        client::Mode::Off => "off",
        client::Mode::Local => "local",
        client::Mode::On => "on",
    }
}

#[pymethods]
impl Decision {
    /// ``"off"``, ``"local"`` (recorded on this machine, nothing sent) or ``"on"``.
    #[getter]
    fn mode(&self) -> &'static str {
        mode(self.inner.mode)
    }

    /// Why: ``"switched_off"``, ``"not_understood"``, ``"unreadable"``, ``"gone"``, ``"told_just_now"``, ``"cannot_tell"``,
    /// ``"switched_on"`` or ``"told"``.
    #[getter]
    fn reason(&self) -> &'static str {
        match self.inner.reason {
            client::Reason::SwitchedOff => "switched_off",
            client::Reason::NotUnderstood => "not_understood",
            client::Reason::Unreadable => "unreadable",
            client::Reason::Gone => "gone",
            client::Reason::ToldJustNow => "told_just_now",
            client::Reason::CannotTell => "cannot_tell",
            client::Reason::SwitchedOn => "switched_on",
            client::Reason::Told => "told",
            _ => "other",
        }
    }

    /// What said so: a variable, a file, ``"code"``, ``"collector"`` or ``"notice"``.
    #[getter]
    fn source(&self) -> &str {
        &self.inner.source
    }

    fn __str__(&self) -> String {
        self.inner.to_string()
    }

    fn __repr__(&self) -> String {
        format!(
            "Decision(mode={:?}, reason={:?}, source={:?})",
            self.mode(),
            self.reason(),
            self.inner.source
        )
    }
}
