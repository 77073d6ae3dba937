//! The class of an error. Its message is never read.

use pyo3::exceptions::PyBaseException;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

use crate::reading::{Given, Reader, text_of};

/// `type.__dict__["__name__"].__get__`: reads a class's name without running its metaclass, which is the host's code.
static NAME: PyOnceLock<Option<Py<PyAny>>> = PyOnceLock::new();

/// The name of a class.
pub(crate) fn class_name(class: &Bound<'_, PyType>) -> Option<String> {
    let py = class.py();
    let find = || -> PyResult<Py<PyAny>> {
        let members = py.get_type::<PyType>().getattr("__dict__")?;
        Ok(members.get_item("__name__")?.getattr("__get__")?.unbind())
    };
    let read = NAME.get_or_init(py, || find().ok()).as_ref()?;
    let name = read.bind(py).call1((class,)).ok()?;
    text_of(&name).map(str::to_owned)
}

/// An error's class: its name, the class itself, or an instance of it.
pub(crate) fn error_type(reader: &mut Reader, given: Given<'_, '_>) -> Option<String> {
    let given = given?;
    if let Ok(class) = given.cast::<PyType>() {
        return class_name(class);
    }
    if given.is_instance_of::<PyBaseException>() {
        return class_name(&given.get_type());
    }
    reader.text(Some(given)).map(str::to_owned)
}

/// The class of the exception that ends a `with` block, from the three arguments of `__exit__`; `None` if there is none.
pub(crate) fn raised(exit: &[Bound<'_, PyAny>]) -> Option<Option<String>> {
    let kind = exit.iter().take(2).find(|part| !part.is_none())?;
    let name = match kind.cast::<PyType>() {
        Ok(class) => class_name(class),
        Err(_) => class_name(&kind.get_type()),
    };
    Some(name)
}
