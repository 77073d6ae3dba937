use headcount as client;
use pyo3::prelude::*;

/// The decision whether telemetry is on, and why. ``str()`` gives the text that ``python -m headcount status`` shows.
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

/// The mode's name.
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
            client::ConsentReason::SwitchedOff => "switched_off",
            client::ConsentReason::NotUnderstood => "not_understood",
            client::ConsentReason::Unreadable => "unreadable",
            client::ConsentReason::Gone => "gone",
            client::ConsentReason::ToldJustNow => "told_just_now",
            client::ConsentReason::CannotTell => "cannot_tell",
            client::ConsentReason::SwitchedOn => "switched_on",
            client::ConsentReason::Told => "told",
            _ => "other",
        }
    }

    /// The input that decided: a variable, a file, ``"code"``, ``"collector"`` or ``"notice"``.
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
