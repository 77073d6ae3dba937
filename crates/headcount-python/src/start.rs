use headcount as client;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyTuple};

use crate::boundary::contain_panic;
use crate::handle::Telemetry;
use crate::reading::{Given, Reader, Unknown, text_of};

/// The most switches or certificates that are read.
const MAX_ITEMS: usize = 64;

/// Starts telemetry for a framework: its name (letters, digits, ``_``, ``.``, ``-``, at most 32) and its version.
///
/// ``endpoint`` is the collector's address, ``https://host[:port][/path]``, or ``http://`` for one on this machine. Without it,
/// events are recorded but never sent. ``switches`` are environment variables of the framework that switch telemetry off, in
/// addition to ``OTEL_SDK_DISABLED``, ``HEADCOUNT_DISABLED`` and ``DO_NOT_TRACK``. ``trust`` adds certificate authorities, as
/// bytes in DER or PEM; ``endpoint_error`` says if one cannot be read.
/// ``home`` is a folder for all files instead of the user's. ``told_user=True`` states that the framework has informed its user
/// what is collected and how to turn it off; otherwise nothing is sent until the notice was shown in an earlier run.
/// ``disabled=True`` turns telemetry off, and so does any other value but ``False``. ``replaces`` names the framework's own
/// telemetry that is silent meanwhile; ``headcount status`` shows it.
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
    // The client stays off for a framework without a name.
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
        for switch in reader.texts(switches, MAX_ITEMS).unwrap_or_default() {
            builder = builder.switch(switch);
        }
    }
    for certificate in reader.blocks(trust, MAX_ITEMS).unwrap_or_default() {
        builder = builder.trust(certificate);
    }
    if let Some(home) = reader.path(home)? {
        builder = builder.home(home);
    }
    let telemetry = py
        .detach(|| contain_panic(|| Some(builder.start())))
        .unwrap_or_else(client::Telemetry::off);
    telemetry.refuse_values(reader.refused());
    if telemetry.is_recording() {
        // Only processes that end without exit handlers need this module, so its failure is ignored. An error that is no
        // `Exception`, such as `KeyboardInterrupt`, is passed on.
        if let Err(error) = py.import("headcount._processes")
            && !error.is_instance_of::<PyException>(py)
        {
            return Err(error);
        }
    }
    Ok(Telemetry::new(telemetry))
}

/// Whether the framework turns telemetry off. A value that cannot be understood counts as off.
fn is_disabled(disabled: Given<'_, '_>, switches: Given<'_, '_>) -> bool {
    let is_off = match disabled {
        None => false,
        Some(disabled) => !disabled
            .cast::<PyBool>()
            .is_ok_and(|disabled| !disabled.is_true()),
    };
    let mut unclear = Reader::default();
    if switches.is_some_and(|switches| text_of(switches).is_none()) {
        let _ = unclear.texts(switches, MAX_ITEMS);
    }
    is_off || unclear.refused() > 0
}
