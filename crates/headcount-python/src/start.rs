use headcount as client;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyTuple};

use crate::boundary::quiet;
use crate::handle::Telemetry;
use crate::reading::{Given, Reader, Unknown, text_of};

/// More switches or certificates than this are nobody's.
const MOST: usize = 64;

/// Starts telemetry for a framework: its name (letters, digits, ``_``, ``.``, ``-``, at most 32) and its version.
///
/// ``endpoint`` is the collector's address, ``https://host[:port][/path]``, or ``http://`` for one on this machine; without it
/// events are recorded and never sent. ``switches`` are variables of the framework's own that switch telemetry off, beside
/// ``OTEL_SDK_DISABLED``, ``HEADCOUNT_DISABLED`` and ``DO_NOT_TRACK``. ``trust`` holds further certificate authorities, as DER.
/// ``home`` keeps everything in this folder instead of the person's own. ``told_user=True`` says that the framework has told
/// its user what is collected and how to turn it off; without it nothing is sent before the notice was shown in an earlier
/// run. ``disabled=True`` turns telemetry off; so does anything else but ``False``, for what cannot be understood is off.
/// ``replaces`` names a telemetry of the framework's own that is silent meanwhile, for ``headcount status``.
///
/// >>> import headcount
/// >>> telemetry = headcount.start("my-framework", "1.2.3", disabled=True)
/// >>> telemetry.is_recording
/// False
#[pyfunction]
#[pyo3(
    signature = (
        framework=None, version=None, *extra, endpoint=None, switches=None, trust=None, home=None, told_user=None,
        disabled=None, replaces=None, **unknown
    ),
    text_signature = "(framework, version, *, endpoint=None, switches=(), trust=(), home=None, told_user=False, disabled=False, replaces=None)"
)]
#[allow(clippy::too_many_arguments, reason = "they have names in Python")]
pub(crate) fn start(
    py: Python<'_>,
    framework: Given<'_, '_>,
    version: Given<'_, '_>,
    extra: &Bound<'_, PyTuple>,
    endpoint: Given<'_, '_>,
    switches: Given<'_, '_>,
    trust: Given<'_, '_>,
    home: Given<'_, '_>,
    told_user: Given<'_, '_>,
    disabled: Given<'_, '_>,
    replaces: Given<'_, '_>,
    unknown: Option<Unknown<'_, '_>>,
) -> PyResult<Telemetry> {
    let mut reader = Reader::new(extra, unknown);
    // A framework that does not say its name is turned down by the client.
    let framework = reader.needed_text(framework).unwrap_or_default();
    let version = reader.needed_text(version).unwrap_or_default();
    let runtime = Python::version_str()
        .split_whitespace()
        .next()
        .unwrap_or_default();
    let mut builder = client::Telemetry::builder(framework, version)
        .runtime(client::Runtime::Python, runtime)
        .told_user(reader.boolean(told_user) == Some(true))
        .disabled(is_disabled(disabled, switches));
    if let Some(endpoint) = reader.text(endpoint) {
        builder = builder.endpoint(endpoint);
    }
    if let Some(replaces) = reader.text(replaces) {
        builder = builder.replaces(replaces);
    }
    if let Some(switch) = switches.and_then(text_of) {
        builder = builder.switch(switch);
    } else {
        for switch in reader.texts(switches, MOST).unwrap_or_default() {
            builder = builder.switch(switch);
        }
    }
    for certificate in reader.blocks(trust, MOST).unwrap_or_default() {
        builder = builder.trust(certificate);
    }
    if let Some(home) = reader.path(home)? {
        builder = builder.home(home);
    }
    let telemetry = py
        .detach(|| quiet(|| Some(builder.start())))
        .unwrap_or_else(client::Telemetry::off);
    telemetry.refuse_values(reader.refused());
    if telemetry.is_recording() {
        // Only what ends without running any handler needs it; where it is not to be had, nothing else is different.
        // But the host's wish to end, which is no `Exception`, is not ours to swallow.
        if let Err(error) = py.import("headcount._processes")
            && !error.is_instance_of::<PyException>(py)
        {
            return Err(error);
        }
    }
    Ok(Telemetry::new(telemetry))
}

/// Whether the framework says off, or may have wanted to: an opt-out that cannot be understood is one.
fn is_disabled(disabled: Given<'_, '_>, switches: Given<'_, '_>) -> bool {
    let is_off = match disabled {
        None => false,
        Some(disabled) => !disabled
            .cast::<PyBool>()
            .is_ok_and(|disabled| !disabled.is_true()),
    };
    let mut unclear = Reader::default();
    if switches.is_some_and(|switches| text_of(switches).is_none()) {
        let _switches = unclear.texts(switches, MOST);
    }
    is_off || unclear.refused() > 0
}
