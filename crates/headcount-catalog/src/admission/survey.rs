//! The first walk over a request: facts that its spans state about each other, in any order.

use hashbrown::HashMap;
use headcount_wire::{Attribute, TraceRequest, Value};

use super::program::{Programs, SpanProgram};
use super::resource::ResourceReader;
use super::value::{VERSION_LENGTH, clean_version};
use super::window::{CrewFacts, Identity, VersionText, Window};
use crate::dialect::Version;

/// Facts about the crews of one request, from the request and from earlier ones.
#[derive(Debug)]
pub(super) struct Survey {
    crews: HashMap<Identity, CrewFacts>,
    /// By dialect: the version that all runtimes in the request agree on.
    runtimes: Vec<Agreement>,
    /// By dialect, once asked for: the version that all versioned spans agree on.
    versions: Vec<Option<Agreement>>,
    /// Whether there are groups of spans that no dialect knows by the exact name of their service or scope.
    has_others: bool,
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
            has_others: false,
        };
        let mut attributes = Vec::new();
        let mut resources = ResourceReader::new(programs);
        for group in request.groups() {
            let Some((index, dialect)) = resources.dialect(&group) else {
                survey.has_others = true;
                continue;
            };
            let resource = resources.values(&group, index);
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
                let stated = Stated {
                    program,
                    attributes: span.attributes,
                    resource,
                };
                let facts = stated.describe();
                survey.runtimes[index].add(facts.runtime_version);
                if let Some(crew) = stated.crew() {
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

    pub(super) fn has_other_spans(&self) -> bool {
        self.has_others
    }

    /// The facts about a crew.
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
            let mut resources = ResourceReader::new(programs);
            for group in request.groups() {
                let Some((found, dialect)) = resources.dialect(&group) else {
                    continue;
                };
                for raw in group.spans().filter(|_| found == index) {
                    let name = raw.name().ok();
                    let Some(&program) = name.and_then(|name| dialect.spans.get(name)) else {
                        continue;
                    };
                    if let Ok(span) = raw.parse(&mut attributes) {
                        let stated = Stated {
                            program: &dialect.programs[program],
                            attributes: span.attributes,
                            resource: &[],
                        };
                        agreement.add(stated.version_at(stated.program.version));
                    }
                }
            }
            agreement
        });
        agreement.version()
    }
}

/// The statements of one span and its resource.
struct Stated<'s, 'a> {
    program: &'s SpanProgram,
    attributes: &'s [Attribute<'a>],
    resource: &'s [Option<Value<'a>>],
}

impl<'a> Stated<'_, 'a> {
    /// The first of two attributes with the same key counts, as everywhere.
    fn value_at(&self, field: usize) -> Option<Value<'a>> {
        if let Some(at) = field.checked_sub(self.program.resource_from) {
            return self.resource.get(at).copied().flatten();
        }
        let keys = &self.program.members.keys;
        let is_field = |key: &str| keys.get(key).map(|&at| usize::from(at)) == Some(field);
        let mut attributes = self.attributes.iter();
        let attribute = attributes.find(|attribute| is_field(attribute.key))?;
        Some(attribute.value)
    }

    fn text_at(&self, field: usize) -> Option<&'a str> {
        match self.value_at(field)? {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    fn version_at(&self, field: Option<usize>) -> VersionText {
        field
            .and_then(|field| self.text_at(field))
            .and_then(|text| clean_version(text.into(), VERSION_LENGTH).ok())
            .map(|text| VersionText::new(&text))
            .unwrap_or_default()
    }

    fn crew(&self) -> Option<&'a str> {
        let fields = self.program.crew.iter();
        let mut texts = fields.filter_map(|&field| self.text_at(field));
        texts.find(|text| !text.is_empty())
    }

    fn describe(&self) -> CrewFacts {
        let version = self.version_at(self.program.version);
        let shares = self.program.consent.as_ref().is_some_and(|consent| {
            let parsed = version.as_str().and_then(Version::parse);
            let has = |field: usize| self.program.is_marked(field, self.value_at(field));
            consent.vouches && consent.is_proven(parsed, has)
        });
        CrewFacts {
            version,
            runtime_version: self.version_at(self.program.runtime_version),
            shares,
        }
    }
}
