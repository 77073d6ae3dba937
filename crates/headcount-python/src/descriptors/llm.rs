use std::sync::Arc;

use headcount as client;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::{quoted, set, shown};
use crate::reading::{Given, Reader, Unknown};

/// A model and its settings. There is no parameter for an address or an API key.
///
/// ``model`` is the model as it is requested, ``name`` the builder's name for it, ``model_name`` its library's name.
///
/// >>> import headcount
/// >>> headcount.Llm("gpt-4o-mini", temperature=0.7, class_name="ChatOpenAI")
/// Llm(model="gpt-4o-mini", temperature=0.7, class_name="ChatOpenAI")
#[pyclass(frozen, weakref, module = "headcount")]
pub(crate) struct Llm {
    pub(crate) inner: client::Llm,
    pub(crate) refused: u64,
    values: Values,
}

/// The values that `repr` shows. They are formatted only when `repr` is called.
struct Values {
    model: Option<Arc<str>>,
    name: Option<Arc<str>>,
    model_name: Option<Arc<str>>,
    top_k: Option<f64>,
    temperature: Option<f64>,
    class_name: Option<Arc<str>>,
}

#[pymethods]
impl Llm {
    #[new]
    #[pyo3(
        signature = (model=None, *extra, name=None, model_name=None, top_k=None, temperature=None, class_name=None, **unknown),
        text_signature = "(model=None, *, name=None, model_name=None, top_k=None, temperature=None, class_name=None)"
    )]
    #[allow(clippy::too_many_arguments, reason = "they have names in Python")]
    fn new(
        model: Given<'_, '_>,
        extra: &Bound<'_, PyTuple>,
        name: Given<'_, '_>,
        model_name: Given<'_, '_>,
        top_k: Given<'_, '_>,
        temperature: Given<'_, '_>,
        class_name: Given<'_, '_>,
        unknown: Option<Unknown<'_, '_>>,
    ) -> Self {
        let mut reader = Reader::new(extra, unknown);
        let values = Values {
            model: reader.kept_text(model),
            name: reader.kept_text(name),
            model_name: reader.kept_text(model_name),
            top_k: reader.number(top_k),
            temperature: reader.number(temperature),
            class_name: reader.kept_text(class_name),
        };
        let mut inner = match &values.model {
            Some(model) => client::Llm::new(Arc::clone(model)),
            None => client::Llm::default(),
        };
        inner = set(inner, values.name.clone(), client::Llm::name);
        inner = set(inner, values.model_name.clone(), client::Llm::model_name);
        inner = set(inner, values.top_k, client::Llm::top_k);
        inner = set(inner, values.temperature, client::Llm::temperature);
        inner = set(inner, values.class_name.clone(), client::Llm::class_name);
        Self {
            inner,
            refused: reader.refused(),
            values,
        }
    }

    fn __repr__(&self) -> String {
        let values = &self.values;
        let number = |number: Option<f64>| number.map(|number| format!("{number:?}"));
        shown(
            "Llm",
            &[
                ("model", quoted(values.model.as_deref())),
                ("name", quoted(values.name.as_deref())),
                ("model_name", quoted(values.model_name.as_deref())),
                ("top_k", number(values.top_k)),
                ("temperature", number(values.temperature)),
                ("class_name", quoted(values.class_name.as_deref())),
            ],
        )
    }
}
