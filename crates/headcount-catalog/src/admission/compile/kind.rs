//! The kinds of a dialect, with the lints of what only they have.

use hashbrown::HashMap;

use super::attributes::check_name;
use super::lookup::{Fault, Problem, WHOLE_SPAN, add_name};
use super::span::SpanCompiler;
use crate::admission::kind::{
    ErrorPlan, Fate, KindPlan, Kinds, NamePlan, RelationPlan, Relative, SenderPlan, Then, WhenPlan,
};
use crate::admission::program::{Name, SpanProgram};
use crate::catalog::Catalog;
use crate::dialect::{Dialect, Pattern, Patterns, Relation, Sender, SpanKind, When};

/// The kind where the fault is, or the part of the file, and the fault.
type KindFault = (String, Fault);

/// Compiles the kinds of `dialect`; `None` where it has none.
pub(super) fn kinds(
    catalog: &Catalog,
    dialect: &Dialect,
    names: &mut Vec<Name>,
    programs: &mut Vec<SpanProgram>,
) -> Result<Option<Kinds>, KindFault> {
    let file = &dialect.file;
    let of_file = |key: &str, problem: Problem| {
        let fault: Fault = (key.to_owned(), problem);
        ("the file".to_owned(), fault)
    };
    if file.kinds.is_empty() {
        return match of_kinds_only(dialect) {
            None => Ok(None),
            Some(key) => Err(of_file(key, "needs `kinds`".to_owned())),
        };
    }
    check_file(dialect).map_err(|(key, problem)| of_file(key, problem))?;
    let mut keys = Keys::default();
    let mut list: Vec<KindPlan> = Vec::with_capacity(file.kinds.len());
    let mut seen: Vec<&When> = Vec::new();
    let errors = ErrorPlan {
        class: file.errors.class.iter().map(|key| keys.at(key)).collect(),
        failed: file
            .errors
            .failed
            .iter()
            .map(|of| keys.patterns(of))
            .collect(),
        harmless: file.errors.harmless.clone(),
        unnamed: file.errors.unnamed.clone(),
    };
    // Of every kind before the first program, which passes over the keys of all of them.
    let mut wheres = Vec::with_capacity(file.kinds.len());
    for (id, kind) in &file.kinds {
        let fault = |(key, problem): (&str, String)| (id.clone(), (key.to_owned(), problem));
        let mut when = Vec::with_capacity(kind.when.len());
        for alternative in &kind.when {
            check_when(alternative, &seen).map_err(fault)?;
            seen.push(alternative);
            when.push(WhenPlan {
                attributes: alternative
                    .attributes
                    .iter()
                    .map(|of| keys.patterns(of))
                    .collect(),
                lacks: alternative.lacks.iter().map(|key| keys.at(key)).collect(),
                scope_name: alternative.scope_name.clone(),
                span_name: alternative.span_name.clone(),
                named_as: alternative.named_as.as_deref().map(|key| keys.at(key)),
                root: alternative.root,
            });
        }
        let places = kind.name.iter().flat_map(|name| &name.from);
        let found = places.map(|place| NamePlan {
            attribute: place.attribute.as_deref().map(|key| keys.at(key)),
            template: place.pattern.clone(),
        });
        wheres.push((when, found.collect::<Vec<_>>()));
    }
    for ((id, kind), (when, found)) in file.kinds.iter().zip(wheres) {
        let in_kind = |fault: Fault| (id.clone(), fault);
        check_kind(kind).map_err(|(key, problem)| in_kind((key.to_owned(), problem)))?;
        let relations = kind
            .unless
            .iter()
            .map(|relation| plan_of(relation, id, dialect));
        let unless = relations
            .collect::<Result<_, Problem>>()
            .map_err(|problem| in_kind(("unless".to_owned(), problem)))?;
        let fate = match kind.drop {
            Some(reason) => Fate::Drop(reason),
            None => {
                let span = kind.span();
                let mut compiler = SpanCompiler::new(catalog, dialect, id, &span, names);
                let looked = keys.attributes.keys().map(AsRef::as_ref);
                let name = kind.name.as_ref().map_or(&[][..], |name| &name.to);
                programs.push(compiler.kind(&span, name, looked).map_err(in_kind)?);
                Fate::Read(programs.len() - 1)
            }
        };
        let span_name = add_name(names, dialect, id, WHOLE_SPAN)
            .map_err(|problem| in_kind((WHOLE_SPAN.to_owned(), problem)))?;
        list.push(KindPlan {
            role: kind.role,
            when,
            names: found,
            unless,
            fate,
            span_name,
        });
    }
    check_circles(&list).map_err(|at| {
        (
            file.kinds[at].0.clone(),
            ("unless".to_owned(), CIRCLE.to_owned()),
        )
    })?;
    let senders = file.senders.iter().map(|sender| sender_of(catalog, sender));
    let senders = senders
        .collect::<Result<_, Problem>>()
        .map_err(|problem| of_file("senders", problem))?;
    let patterns = |texts: &[String]| texts.iter().map(|text| Pattern::new(text)).collect();
    Ok(Some(Kinds {
        scope_names: patterns(&file.matching.scope_names),
        attributes: patterns(&file.matching.attributes),
        unless: patterns(&file.matching.unless),
        senders,
        keys: keys.attributes,
        members: keys.members,
        looked_up: usize::from(keys.count),
        list,
        errors,
    }))
}

const CIRCLE: &str = "leads back to the kind: a span would be neither of them";

/// The attributes that are looked up, by position. `attribute#member` is a member of the JSON object in an attribute's string.
#[derive(Default)]
struct Keys {
    attributes: HashMap<Box<str>, u16>,
    members: HashMap<u16, Vec<(Box<str>, u16)>>,
    count: u16,
}

impl Keys {
    fn at(&mut self, key: &str) -> u16 {
        let (attribute, member) = match key.split_once('#') {
            Some((attribute, member)) => (attribute, Some(member)),
            None => (key, None),
        };
        let at = *self.attributes.entry(attribute.into()).or_insert_with(|| {
            self.count += 1;
            self.count - 1
        });
        let Some(member) = member else {
            return at;
        };
        let members = self.members.entry(at).or_default();
        if let Some((_, at)) = members.iter().find(|(known, _)| **known == *member) {
            return *at;
        }
        members.push((member.into(), self.count));
        self.count += 1;
        self.count - 1
    }

    fn patterns(&mut self, (key, values): &(String, Patterns)) -> (u16, Patterns) {
        (self.at(key), values.clone())
    }
}

/// The first part of the file that only a dialect of kinds may have.
fn of_kinds_only(dialect: &Dialect) -> Option<&'static str> {
    let file = &dialect.file;
    let errors = &file.errors;
    let has_errors = !errors.class.is_empty() || !errors.failed.is_empty();
    let is_pattern = |name: &String| !Pattern::new(name).is_exact();
    [
        ("senders", !file.senders.is_empty()),
        ("errors", has_errors),
        ("match.attributes", !file.matching.attributes.is_empty()),
        ("match.unless", !file.matching.unless.is_empty()),
        (
            "match.scope_names: a pattern",
            file.matching.scope_names.iter().any(is_pattern),
        ),
    ]
    .into_iter()
    .find_map(|(key, is_there)| is_there.then_some(key))
}

fn check_file(dialect: &Dialect) -> Result<(), (&'static str, Problem)> {
    let file = &dialect.file;
    let matching = &file.matching;
    if !file.spans.is_empty() {
        return Err(("spans", "a dialect has `spans` or `kinds`".to_owned()));
    }
    if !matching.service_names.is_empty() || !file.crew_keys.is_empty() {
        let problem = "a dialect of kinds has neither `match.service_names` nor `crew_keys`";
        return Err(("match", problem.to_owned()));
    }
    if matching.scope_names.is_empty() && matching.attributes.is_empty() {
        return Err(("match", "no span can be of this dialect".to_owned()));
    }
    let all = matching.scope_names.iter().chain(&matching.attributes);
    for text in all {
        if Pattern::new(text).is_any() {
            let problem = format!("`{text}` makes every span this dialect's");
            return Err(("match", problem));
        }
    }
    Ok(())
}

fn check_when(alternative: &When, seen: &[&When]) -> Result<(), (&'static str, Problem)> {
    if *alternative == When::default() {
        return Err((
            "when",
            "states nothing: every span would be of the kind".to_owned(),
        ));
    }
    if seen.contains(&alternative) {
        let problem = "states what an earlier alternative states: it can never be reached";
        return Err(("when", problem.to_owned()));
    }
    Ok(())
}

fn check_kind(kind: &SpanKind) -> Result<(), (&'static str, Problem)> {
    if kind.when.is_empty() && kind.role.is_none() {
        return Err(("when", "no span can be of this kind".to_owned()));
    }
    if kind.drop.is_some() == kind.has_rows() {
        let problem = "a kind has `rows`, or a reason to `drop` its spans";
        return Err(("rows", problem.to_owned()));
    }
    let Some(name) = &kind.name else {
        return Ok(());
    };
    let is_whole_name =
        |place: &crate::dialect::NamePlace| place.attribute.is_none() && place.pattern.is_none();
    if name.from.is_empty() || name.from.iter().any(is_whole_name) {
        let problem = "a name is in an attribute, or in the span's name by a `pattern`: span names as such are never kept";
        return Err(("name", problem.to_owned()));
    }
    Ok(())
}

fn plan_of(relation: &Relation, id: &str, dialect: &Dialect) -> Result<RelationPlan, Problem> {
    let to = match (relation.inside, relation.around) {
        (Some(role), None) => Relative::Inside(role),
        (None, Some(role)) => Relative::Around(role),
        _ => return Err("a relation is `inside` or `around` a role".to_owned()),
    };
    let then = match (&relation.is, relation.drop) {
        (None, Some(reason)) => Then::Drop(reason),
        (Some(other), None) => {
            let mut kinds = dialect.file.kinds.iter();
            let at = kinds.position(|(kind, _)| kind == other);
            let at = at.filter(|_| other != id);
            Then::Is(at.ok_or_else(|| format!("`{other}` is no other kind of this file"))?)
        }
        _ => {
            return Err(
                "a relation says which kind a span `is` instead, or why to `drop` it".to_owned(),
            );
        }
    };
    let (Relative::Inside(role) | Relative::Around(role)) = to;
    if relation.same_name.is_some() && !role.is_border() {
        return Err("names are compared of agents and tools only".to_owned());
    }
    Ok(RelationPlan {
        to,
        same_name: relation.same_name,
        without: relation.without,
        then,
    })
}

/// The position of a kind that its relations lead back to.
fn check_circles(list: &[KindPlan]) -> Result<(), usize> {
    let next = |at: usize| {
        let relations = list[at].unless.iter();
        relations.filter_map(|relation| match relation.then {
            Then::Is(other) => Some(other),
            Then::Drop(_) => None,
        })
    };
    for start in 0..list.len() {
        let mut reached: Vec<usize> = next(start).collect();
        let mut done = 0;
        while let Some(&at) = reached.get(done) {
            done += 1;
            if at == start {
                return Err(start);
            }
            for other in next(at) {
                if !reached.contains(&other) {
                    reached.push(other);
                }
            }
        }
    }
    Ok(())
}

fn sender_of(catalog: &Catalog, sender: &Sender) -> Result<SenderPlan, Problem> {
    if let Some(framework) = &sender.framework {
        check_name(catalog, "framework", framework)?;
    }
    if sender.called_by_frameworks && sender.framework.is_none() {
        return Err("a library that frameworks call is named by `framework`".to_owned());
    }
    Ok(SenderPlan {
        scope_name: sender.scope_name.clone(),
        framework: sender.framework.clone(),
        instrumentation: sender.instrumentation.clone(),
        version: sender.version,
        called_by_frameworks: sender.called_by_frameworks,
        hides_failures_of: sender.hides_failures_of.clone(),
    })
}
