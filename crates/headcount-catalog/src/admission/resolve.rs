//! Facts beyond a span's own attributes: its versions, whether its crew shares, whether it repeats another span.

use super::program::Action;
use super::span::{Context, SpanRun};
use super::survey::Survey;
use super::value::{VERSION_LENGTH, clean_version};
use super::window::{CrewFacts, Identity, VersionText};
use crate::dialect::Version;
use crate::record::Fingerprint;

impl<'a> SpanRun<'a, '_> {
    /// A version that the span itself carries.
    fn own_version(&mut self, field: Option<usize>) -> (VersionText, Option<Version>) {
        let Some(text) = field.and_then(|field| self.text(field)) else {
            return Default::default();
        };
        if let Some((last, version, compared)) = self.last_version
            && last == text
        {
            return (version, compared);
        }
        let Ok(public) = clean_version(text.into(), VERSION_LENGTH) else {
            return Default::default();
        };
        let version = VersionText::new(&public);
        let compared = Version::parse(&public);
        // Comparing a long one (its label) with the next span's would cost its length for each span of a resource.
        if text.len() <= 2 * VERSION_LENGTH {
            self.last_version = Some((text, version, compared));
        }
        (version, compared)
    }

    /// The framework's or the runtime's name, where an attribute states a valid one.
    fn stated_name(&self, context: &Context<'_, 'a>, field: Option<usize>) -> Option<&'a str> {
        let field = field?;
        match &context.program.members.fields[field].action {
            Action::Framework(rule) | Action::Runtime(rule) => self
                .cleaner
                .read_name(rule, self.values[field]?)
                .ok()
                .flatten(),
            _ => None,
        }
    }

    /// Whether `text` is the version that was read last, and so a valid one.
    pub(super) fn is_last_version(&self, text: &str) -> bool {
        self.last_version.is_some_and(|(last, ..)| last == text)
    }

    /// Finds the span's framework, its versions and whether its content may be kept (promise 2): by the span itself, by its crew, and,
    /// for the versions alone, by what the whole request agrees on.
    pub(super) fn resolve(&mut self, context: &Context<'_, 'a>, survey: &mut Survey) {
        let program = context.program;
        self.facts.framework = self.stated_name(context, program.framework);
        if self.facts.framework.is_none()
            && let Some(whole) = &context.whole
        {
            self.facts.framework = whole.decision.framework;
        }
        self.facts.runtime = self.stated_name(context, program.runtime);
        self.refusals
            .set_sender(self.facts.framework, self.facts.runtime);
        let (mut own, compared) = self.own_version(program.version);
        if own.is_none()
            && let Some(whole) = &context.whole
            && let Some(text) = whole.framework_version()
            && let Ok(public) = clean_version(text.into(), VERSION_LENGTH)
        {
            own = VersionText::new(&public);
        }
        let claims_version = program
            .version
            .is_some_and(|field| self.values[field].is_some());
        let own_runtime = match program.runtime_version {
            Some(field) => self.text(field),
            None => None,
        };
        let crew = self.crew(context);
        let crew_facts = match crew {
            Some(crew) => survey.crew(self.window, crew),
            None => CrewFacts::default(),
        };
        let values = &self.values;
        self.facts.proven = program.consent.as_ref().is_some_and(|consent| {
            let has = |field: usize| program.is_marked(field, values[field]);
            consent.is_proven(compared, has)
                || (!claims_version && consent.vouched && crew_facts.shares)
        });
        let mut facts = CrewFacts {
            version: own,
            ..CrewFacts::default()
        };
        if let Some(text) = own_runtime
            && let Ok(public) = clean_version(text.into(), VERSION_LENGTH)
        {
            facts.runtime_version = VersionText::new(&public);
        }
        facts.merge(&crew_facts);
        let borrows = program.borrows_versions;
        if borrows && facts.version.is_none() && !claims_version {
            facts.version = survey.version(self.programs, context.request, context.index);
        }
        if borrows && facts.runtime_version.is_none() && own_runtime.is_none() {
            facts.runtime_version = survey.runtime_version(context.index);
        }
        self.facts.version = facts.version;
        self.facts.runtime_version = facts.runtime_version;
        self.facts.compared = match compared {
            Some(compared) => Some(compared),
            None => facts.version.as_str().and_then(Version::parse),
        };
    }

    fn crew(&self, context: &Context<'_, 'a>) -> Option<Identity> {
        let mut texts = context
            .program
            .crew
            .iter()
            .filter_map(|&field| self.text(field));
        let crew = texts.find(|text| !text.is_empty())?;
        Some(self.window.identity((context.index, crew)))
    }

    pub(super) fn is_repetition(
        &self,
        context: &Context<'_, 'a>,
        fingerprint: Fingerprint,
    ) -> bool {
        let Some(repeats) = &context.program.repeats else {
            return false;
        };
        if !self
            .facts
            .compared
            .is_some_and(|version| repeats.releases.contains(version))
        {
            return false;
        }
        let same: Option<Vec<&str>> = repeats.same.iter().map(|&field| self.text(field)).collect();
        let Some(same) = same else {
            return false;
        };
        let event = self.window.identity((context.index, same));
        self.window
            .is_repetition(event, self.facts.start_us, fingerprint, repeats.within_us)
    }
}
