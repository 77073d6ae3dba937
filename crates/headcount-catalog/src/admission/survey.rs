//! The first walk over a request: what its spans say about each other, in whatever order they come.

use hashbrown::HashMap;
use headcount_wire::{Attribute, TraceRequest, Value};

use super::program::{Programs, SpanProgram};
use super::resolve::VERSION_LENGTH;
use super::value::clean_version;
use super::window::{CrewFacts, Identity, VersionText, Window};
use crate::dialect::Version;

/// What one request says about its crews, together with what is remembered of them.
#[derive(Debug)]
pub(super) struct Survey {
    crews: HashMap<Identity, CrewFacts>,
    /// By dialect: the version that all runtimes in the request agree on.
    runtimes: Vec<Agreement>,
    /// By dialect, once asked for: the version that all versioned spans agree on.
    versions: Vec<Option<Agreement>>,
}

#[derive(Debug, Clone, Copy, Default)]
enum Agreement {
    #[default]
    Nothing,
    One(VersionText),
    Contradiction,
}

impl Agreement {
    fn add(&mut self, version: VersionText) {
        *self = match *self {
            _ if version.is_none() => return,
            Agreement::Nothing => Agreement::One(version),
            Agreement::One(known) if known == version => return,
            _ => Agreement::Contradiction,
        };
    }

    fn version(self) -> VersionText {
        match self {
            Agreement::One(version) => version,
            _ => VersionText::default(),
        }
    }
}

impl Survey {
    /// Reads the spans that describe their crew, and remembers what they say.
    pub(super) fn take(programs: &Programs, window: &Window, request: &TraceRequest<'_>) -> Self {
        let mut survey = Self {
            crews: HashMap::new(),
            runtimes: vec![Agreement::default(); programs.dialects.len()],
            versions: vec![None; programs.dialects.len()],
        };
        let mut attributes = Vec::new();
        for group in request.groups() {
            let Some((index, dialect)) = programs.dialect(&group) else {
                continue;
            };
            for raw in group.spans() {
                let name = raw.name().ok();
                let program = name.and_then(|name| dialect.spans.get(name));
                let program = program.map(|&program| &dialect.programs[program]);
                let Some(program) = program.filter(|program| program.describes_crew()) else {
                    continue;
                };
                let Ok(span) = raw.parse(&mut attributes) else {
                    continue;
                };
                let facts = describe(program, span.attributes);
                survey.runtimes[index].add(facts.runtime_version);
                if let Some(crew) = crew_text(program, span.attributes) {
                    let crew = window.identity((index, crew));
                    survey.crews.entry(crew).or_default().merge(&facts);
                }
            }
        }
        for (crew, facts) in &mut survey.crews {
            window.learn(*crew, facts);
            if let Some(remembered) = window.crew(*crew) {
                facts.merge(&remembered);
            }
        }
        survey
    }

    /// What is known of a crew.
    pub(super) fn crew(&mut self, window: &Window, crew: Identity) -> CrewFacts {
        *self
            .crews
            .entry(crew)
            .or_insert_with(|| window.crew(crew).unwrap_or_default())
    }

    /// The runtime's version that the request's spans of dialect `index` agree on.
    pub(super) fn runtime_version(&self, index: usize) -> VersionText {
        self.runtimes[index].version()
    }

    /// The framework's version that the request's spans of dialect `index` agree on. Reads all of them when it is first
    /// asked for.
    pub(super) fn version(
        &mut self,
        programs: &Programs,
        request: &TraceRequest<'_>,
        index: usize,
    ) -> VersionText {
        let agreement = self.versions[index].get_or_insert_with(|| {
            let mut agreement = Agreement::default();
            let mut attributes = Vec::new();
            for group in request.groups() {
                let Some((found, dialect)) = programs.dialect(&group) else {
                    continue;
                };
                for raw in group.spans().filter(|_| found == index) {
                    let name = raw.name().ok();
                    let Some(&program) = name.and_then(|name| dialect.spans.get(name)) else {
                        continue;
                    };
                    if let Ok(span) = raw.parse(&mut attributes) {
                        let program = &dialect.programs[program];
                        agreement.add(version_at(program, program.version, span.attributes));
                    }
                }
            }
            agreement
        });
        agreement.version()
    }
}

fn text_at<'a>(
    program: &SpanProgram,
    field: usize,
    attributes: &[Attribute<'a>],
) -> Option<&'a str> {
    let is_field =
        |key: &str| program.members.keys.get(key).map(|&at| usize::from(at)) == Some(field);
    // The first of two attributes with the same key counts, as everywhere.
    let attribute = attributes
        .iter()
        .find(|attribute| is_field(attribute.key))?;
    match attribute.value {
        Value::String(text) => Some(text),
        _ => None,
    }
}

fn version_at(
    program: &SpanProgram,
    field: Option<usize>,
    attributes: &[Attribute<'_>],
) -> VersionText {
    field
        .and_then(|field| text_at(program, field, attributes))
        .and_then(|text| clean_version(text.into(), VERSION_LENGTH).ok())
        .map(|text| VersionText::new(&text))
        .unwrap_or_default()
}

fn crew_text<'a>(program: &SpanProgram, attributes: &[Attribute<'a>]) -> Option<&'a str> {
    let mut texts = program
        .crew
        .iter()
        .filter_map(|&field| text_at(program, field, attributes));
    texts.find(|text| !text.is_empty())
}

fn describe(program: &SpanProgram, attributes: &[Attribute<'_>]) -> CrewFacts {
    let version = version_at(program, program.version, attributes);
    let shares = program.consent.as_ref().is_some_and(|consent| {
        let parsed = version.as_str().and_then(Version::parse);
        let has = |field: usize| {
            let mut keys = attributes.iter().map(|attribute| attribute.key);
            keys.any(|key| program.members.keys.get(key).map(|&at| usize::from(at)) == Some(field))
        };
        consent.vouches && consent.is_proven(parsed, has)
    });
    CrewFacts {
        version,
        runtime_version: version_at(program, program.runtime_version, attributes),
        shares,
    }
}
