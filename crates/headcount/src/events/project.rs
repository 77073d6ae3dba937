//! Features of the framework, and projects that are created with it (categories `feature_usage`, `trace_sharing`,
//! `project`, `template`).

use crate::fields::{feature_usage, project, template};
use crate::model::{ProjectEvent, ProjectKind};
use crate::record::Event;
use crate::telemetry::Telemetry;

impl Telemetry {
    /// A feature was used, such as `memory:save`: an identifier of at most 128 characters.
    pub fn feature_used(&self, feature: &str) {
        self.use_feature(Some(feature));
    }

    pub(super) fn use_feature(&self, feature: Option<&str>) {
        self.record(
            || Event::now("Feature Usage"),
            |span| span.identifier(feature_usage::FEATURE, feature),
        );
    }

    /// An evaluation compared `models`. `authenticated` tells whether the user was signed in.
    pub fn evaluation_used(&self, feature: &str, authenticated: bool, models: &[&str]) {
        self.evaluation(Some(feature), Some(authenticated), Some(models));
    }

    pub(super) fn evaluation(
        &self,
        feature: Option<&str>,
        authenticated: Option<bool>,
        models: Option<&[&str]>,
    ) {
        self.record(
            || Event::now("Feature Usage"),
            |span| {
                span.identifier(feature_usage::FEATURE, feature);
                span.boolean(feature_usage::AUTHENTICATED, authenticated);
                if let Some(models) = models {
                    span.free_text(feature_usage::MODELS, models.join(",").as_str());
                    span.integer(feature_usage::MODELS_COUNT, models.len() as i64);
                }
            },
        );
    }

    /// A project was created. `project` never leaves this machine: `project.project_id` is a keyed hash of it.
    pub fn project_created(&self, kind: ProjectKind, project: Option<&str>) {
        self.create_project(Some(kind), project);
    }

    pub(super) fn create_project(&self, kind: Option<ProjectKind>, project: Option<&str>) {
        let id = self
            .keyer()
            .and_then(|keyer| project.map(|project| keyer.project(project)));
        self.record(
            || Event::now("Project"),
            |span| {
                span.enumerated(project::EVENT, ProjectEvent::Created.as_str());
                span.enumerated(project::KIND, kind.map(|kind| kind.as_str()));
                span.keyed_hash(project::PROJECT_ID, id);
            },
        );
    }

    /// A published template was installed. Free text of at most 128 characters.
    pub fn template_installed(&self, template: &str) {
        self.install_template(Some(template));
    }

    pub(super) fn install_template(&self, template: Option<&str>) {
        self.record(
            || Event::now("Project"),
            |span| {
                span.enumerated(project::EVENT, ProjectEvent::TemplateInstalled.as_str());
                span.free_text(template::TEMPLATE_NAME, template);
            },
        );
    }
}
