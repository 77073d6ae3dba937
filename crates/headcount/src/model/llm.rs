use std::sync::Arc;

/// A model and its settings (catalog category `llm`).
///
/// It has no field for an address or an API key.
///
/// ```
/// let llm = headcount::Llm::new("gpt-4o-mini").temperature(0.7).class_name("ChatOpenAI");
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Llm {
    pub(crate) name: Option<Arc<str>>,
    pub(crate) model_name: Option<Arc<str>>,
    pub(crate) model: Option<Arc<str>>,
    pub(crate) top_k: Option<f64>,
    pub(crate) temperature: Option<f64>,
    pub(crate) class_name: Option<Arc<str>>,
}

impl Llm {
    /// The model as it is requested, such as `gpt-4o-mini`. Free text of at most 128 characters (`llm.llm_model`).
    #[must_use]
    pub fn new(model: impl Into<Arc<str>>) -> Self {
        Self {
            model: Some(model.into()),
            ..Self::default()
        }
    }

    /// The name that the builder gave it. Free text of at most 128 characters (`llm.llm_name`).
    #[must_use]
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The name that its library gives it. Free text of at most 128 characters (`llm.llm_model_name`).
    #[must_use]
    pub fn model_name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.model_name = Some(name.into());
        self
    }

    /// The number of tokens to sample from: 0 to 1,000,000 (`llm.llm_top_k`).
    #[must_use]
    pub fn top_k(mut self, tokens: f64) -> Self {
        self.top_k = Some(tokens);
        self
    }

    /// The temperature: 0 to 100 (`llm.llm_temperature`).
    #[must_use]
    pub fn temperature(mut self, temperature: f64) -> Self {
        self.temperature = Some(temperature);
        self
    }

    /// The class of its client, such as `ChatOpenAI`: an identifier of at most 128 characters
    /// (`llm.llm_class_name`).
    #[must_use]
    pub fn class_name(mut self, class: impl Into<Arc<str>>) -> Self {
        self.class_name = Some(class.into());
        self
    }
}

impl From<&str> for Llm {
    fn from(model: &str) -> Self {
        Self::new(model)
    }
}
