use headcount as client;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::{quoted, set, shown};
use crate::reading::{Given, Reader, Unknown};

/// A model and its settings. Never an address or a key: there is no place for them.
///
/// ``model`` is the model as it is asked for, ``name`` what its builder called it, ``model_name`` what its library calls it.
///
/// >>> import headcount
/// >>> headcount.Llm("gpt-4o-mini", temperature=0.7, class_name="ChatOpenAI")
/// Llm(model="gpt-4o-mini", temperature=0.7, class_name="ChatOpenAI")
#[pyclass(frozen, weakref, module = "headcount")]
pub(crate) struct Llm {
    pub(crate) inner: client::Llm,
    pub(crate) refused: u64,
    shown: String,
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
        let mut inner = client::Llm::default();
        let (model, name) = (reader.text(model), reader.text(name));
        let (model_name, class_name) = (reader.text(model_name), reader.text(class_name));
        let (top_k, temperature) = (reader.number(top_k), reader.number(temperature));
        if let Some(model) = model {
            inner = client::Llm::new(model);
        }
        inner = set(inner, name, client::Llm::name);
        inner = set(inner, model_name, client::Llm::model_name);
        inner = set(inner, top_k, client::Llm::top_k);
        inner = set(inner, temperature, client::Llm::temperature);
        inner = set(inner, class_name, client::Llm::class_name);
        Self {
            inner,
            refused: reader.refused(),
            shown: shown(
                "Llm",
                &[
                    ("model", quoted(model)),
                    ("name", quoted(name)),
                    ("model_name", quoted(model_name)),
                    ("top_k", top_k.map(|number| format!("{number:?}"))),
                    (
                        "temperature",
                        temperature.map(|number| format!("{number:?}")),
                    ),
                    ("class_name", quoted(class_name)),
                ],
            ),
        }
    }

    fn __repr__(&self) -> &str {
        &self.shown
    }
}
