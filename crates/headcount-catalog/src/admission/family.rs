//! The spans of a request as families: what each is by itself, and what the spans around and inside it make of it.
//!
//! One agent's run may be reported by its framework and by an instrumentation of it, a graph may call itself an agent, and a library
//! that calls a model may be reported below the framework that called it. Only spans that are told apart by what they say
//! ([`super::kind`]) take part, and spans of no dialect as links between them.
//!
//! **Borders.** An agent and a tool are borders: what is inside them is not inside what is around them. So "an agent around a model"
//! is the agent that called it.
//!
//! **Requests.** A span ends before the one around it, and may arrive in an earlier request. What is inside a span whose request
//! is yet to come is remembered ([`Window`]); what is around a span is known only where it is in the same request.

use hashbrown::HashMap;
use headcount_wire::TraceRequest;

use super::inner::{Inner, bit};
use super::kind::{Fate, Kinds, Looked, RelationPlan, Relative, SenderPlan, Then};
use super::program::{DialectProgram, NameId, Programs};
use super::resource::ResourceReader;
use super::window::{Identity, Window};
use crate::dialect::{RefusalReason, Role};

/// The most spans of a request whose relations are read, so that memory stays below a small multiple of the body. Those after them
/// are what they are by themselves.
const MAX_MEMBERS: usize = 65_536;

/// What becomes of each span of a request that no dialect knows by its scope's or service's exact name, in their order.
#[derive(Debug, Default)]
pub(super) struct Families<'a, 'p> {
    decisions: std::vec::IntoIter<Decision<'a, 'p>>,
}

/// What becomes of a span.
#[derive(Debug, Clone, Copy)]
pub(super) struct Decision<'a, 'p> {
    /// `None`: no dialect knows the span, or it cannot be read.
    pub(super) dialect: Option<usize>,
    pub(super) verdict: Verdict,
    pub(super) role: Option<Role>,
    /// The framework, where it is known.
    pub(super) framework: Option<&'p str>,
    pub(super) sender: Option<&'p SenderPlan>,
    /// The name of what the span did.
    pub(super) name: Option<&'a str>,
    /// The name of the agent around it.
    pub(super) agent: Option<&'a str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// None of the dialect's kinds.
    Unknown,
    Read(usize),
    Drop(NameId, RefusalReason),
}

/// What is around a span up to the next border.
#[derive(Debug, Clone, Copy, Default)]
struct Outer<'a, 'p> {
    /// Roles that are no borders.
    roles: u8,
    /// The border itself: its role and its name.
    border: Option<(Role, u32)>,
    /// The next agent, also across tools.
    agent: Option<&'a str>,
    framework: Option<&'p str>,
}

/// A span that takes part.
#[derive(Debug)]
struct Member<'a, 'p> {
    /// Its position among the members that it is inside, and [`NOBODY`] where it is not known.
    parent: u32,
    dialect: u16,
    kind: Option<u16>,
    /// The role that it says it has, and the one that its relations leave it.
    said_role: Option<Role>,
    role: Option<Role>,
    name_hash: u32,
    name: Option<&'a str>,
    sender: Option<&'p SenderPlan>,
    own_framework: Option<&'p str>,
    inner: Inner,
    /// The part of it that earlier requests told.
    earlier: Inner,
    outer: Outer<'a, 'p>,
}

const NOBODY: u32 = u32::MAX;
/// Of a span that no dialect knows.
const NO_DIALECT: u16 = u16::MAX;

type SpanKey<'a> = (&'a [u8], &'a [u8]);

impl<'a, 'p> Families<'a, 'p> {
    /// What becomes of the next span.
    pub(super) fn next(&mut self) -> Option<Decision<'a, 'p>> {
        self.decisions.next()
    }

    /// Reads the spans of the request, of those groups that no dialect knows by an exact name.
    pub(super) fn take(
        programs: &'p Programs,
        window: &Window,
        request: &TraceRequest<'a>,
    ) -> Self {
        let mut reader = Reader {
            programs,
            window,
            members: Vec::new(),
            places: Vec::new(),
            ids: HashMap::new(),
            parents: Vec::new(),
        };
        reader.read(request);
        reader.link();
        let order = reader.outermost_last();
        for &member in &order {
            reader.look_inside(member);
        }
        let mut verdicts = vec![Verdict::Unknown; reader.members.len()];
        for &member in order.iter().rev() {
            verdicts[member as usize] = reader.look_around(member);
        }
        reader.remember();
        let decide = |place: &Option<u32>| {
            let member = place.map(|at| &reader.members[at as usize]);
            match (place, member.filter(|member| member.dialect != NO_DIALECT)) {
                (&Some(at), Some(member)) => member.decision(verdicts[at as usize]),
                _ => Decision::unknown(),
            }
        };
        let decisions: Vec<_> = reader.places.iter().map(decide).collect();
        Self {
            decisions: decisions.into_iter(),
        }
    }
}

impl Decision<'_, '_> {
    fn unknown() -> Self {
        Self {
            dialect: None,
            verdict: Verdict::Unknown,
            role: None,
            framework: None,
            sender: None,
            name: None,
            agent: None,
        }
    }
}

impl<'a, 'p> Member<'a, 'p> {
    fn decision(&self, verdict: Verdict) -> Decision<'a, 'p> {
        Decision {
            dialect: Some(usize::from(self.dialect)),
            verdict,
            role: self.role,
            framework: self.framework(),
            sender: self.sender,
            name: self.name,
            agent: self.outer.agent,
        }
    }

    /// Its own framework; of a library, that which called it.
    fn framework(&self) -> Option<&'p str> {
        match self.sender {
            Some(sender) if sender.called_by_frameworks => {
                self.outer.framework.or(self.own_framework)
            }
            _ => self.own_framework,
        }
    }
}

struct Reader<'a, 'p, 'w> {
    programs: &'p Programs,
    window: &'w Window,
    members: Vec<Member<'a, 'p>>,
    /// By span: its position among the members.
    places: Vec<Option<u32>>,
    ids: HashMap<SpanKey<'a>, u32>,
    /// By member: the trace, and the span that it is inside.
    parents: Vec<SpanKey<'a>>,
}

impl<'a, 'p> Reader<'a, 'p, '_> {
    fn read(&mut self, request: &TraceRequest<'a>) {
        let mut attributes = Vec::new();
        let mut looked = Looked::default();
        let mut resources = ResourceReader::new(self.programs);
        for group in request.groups() {
            if resources.dialect(&group).is_some() {
                continue;
            }
            let of_scope = self.programs.of_scope(group.scope_name());
            for raw in group.spans() {
                let Ok(span) = raw.parse(&mut attributes) else {
                    self.places.push(None);
                    continue;
                };
                let found = of_scope.or_else(|| self.programs.of_attributes(span.attributes));
                let is_link = found.is_none();
                let is_full = self.members.len() >= MAX_MEMBERS;
                if is_link && (span.parent_span_id.is_empty() || is_full) {
                    self.places.push(None);
                    continue;
                }
                let mut member = Member::link();
                if let Some((index, dialect, kinds)) = found {
                    looked.read(kinds, span.attributes);
                    member.classify(kinds, dialect, group.scope_name(), &span, &looked);
                    member.dialect = index as u16;
                    member.name_hash = self.hash(member.name);
                }
                let at = self.members.len() as u32;
                self.places.push(Some(at));
                self.members.push(member);
                self.parents.push((span.trace_id, span.parent_span_id));
                if self.members.len() <= MAX_MEMBERS {
                    // Of two spans with the same id the first is meant.
                    self.ids.entry((span.trace_id, span.span_id)).or_insert(at);
                    let earlier = self
                        .window
                        .inner(self.identity((span.trace_id, span.span_id)));
                    let member = &mut self.members[at as usize];
                    (member.inner, member.earlier) = (earlier, earlier);
                }
            }
        }
    }

    fn identity(&self, span: SpanKey<'_>) -> Identity {
        self.window.identity(span)
    }

    /// Never 0, which is no name.
    fn hash(&self, name: Option<&str>) -> u32 {
        name.map_or(0, |name| self.window.name_hash(name) | 1)
    }

    fn link(&mut self) {
        for (member, parent) in self.members.iter_mut().zip(&self.parents) {
            if !parent.1.is_empty() {
                member.parent = self.ids.get(parent).copied().unwrap_or(NOBODY);
            }
        }
    }

    /// Every member after those that are inside it. Where spans are inside each other in a circle, which no sender means, the
    /// circle is cut.
    fn outermost_last(&mut self) -> Vec<u32> {
        let count = self.members.len();
        let mut inside = vec![0_u32; count];
        for member in &self.members {
            if let Some(inside) = inside.get_mut(member.parent as usize) {
                *inside += 1;
            }
        }
        let mut order: Vec<u32> = (0..count as u32)
            .filter(|&member| inside[member as usize] == 0)
            .collect();
        let mut done = 0;
        while let Some(&member) = order.get(done) {
            done += 1;
            let parent = self.members[member as usize].parent;
            if let Some(left) = inside.get_mut(parent as usize) {
                *left -= 1;
                if *left == 0 {
                    order.push(parent);
                }
            }
        }
        if order.len() < count {
            let is_in_circle = |member: &u32| inside[*member as usize] > 0;
            let circles: Vec<u32> = (0..count as u32).filter(is_in_circle).collect();
            for &member in &circles {
                self.members[member as usize].parent = NOBODY;
            }
            order.extend(circles);
        }
        order
    }

    /// Tells the span around `member` what is inside it.
    fn look_inside(&mut self, member: u32) {
        let parent = self.members[member as usize].parent;
        let told = self.members[member as usize].told();
        if let Some(parent) = self.members.get_mut(parent as usize) {
            parent.inner.merge(&told);
        }
    }

    /// Finds what is around `member`, and with that what it is.
    fn look_around(&mut self, at: u32) -> Verdict {
        let member = &self.members[at as usize];
        let outer = match self.members.get(member.parent as usize) {
            Some(parent) => parent.around_inner(),
            None => Outer::default(),
        };
        let member = &mut self.members[at as usize];
        member.outer = outer;
        let Some(kind) = member.kind else {
            return Verdict::Unknown;
        };
        let dialect = &self.programs.dialects[usize::from(member.dialect)];
        let Some(kinds) = &dialect.kinds else {
            return Verdict::Unknown;
        };
        let mut kind = usize::from(kind);
        // A span becomes each kind at most once.
        for _ in 0..kinds.list.len() {
            let plan = &kinds.list[kind];
            member.role = plan.role;
            let mut relations = plan.unless.iter();
            match relations.find(|relation| member.is_so(relation)) {
                None => {
                    return match plan.fate {
                        Fate::Read(program) => Verdict::Read(program),
                        Fate::Drop(reason) => Verdict::Drop(plan.span_name, reason),
                    };
                }
                Some(relation) => match relation.then {
                    Then::Is(other) => kind = other,
                    Then::Drop(reason) => {
                        // What is inside it is inside what it repeats.
                        member.role = None;
                        return Verdict::Drop(plan.span_name, reason);
                    }
                },
            }
        }
        Verdict::Drop(kinds.list[kind].span_name, RefusalReason::NotNeeded)
    }

    /// Remembers what is inside spans that are yet to come.
    fn remember(&self) {
        for (member, parent) in self.members.iter().zip(&self.parents) {
            if member.parent == NOBODY && !parent.1.is_empty() {
                let told = member.told();
                if !told.is_empty() {
                    self.window.learn_inner(self.identity(*parent), &told);
                }
            }
        }
    }
}

impl<'a, 'p> Member<'a, 'p> {
    fn link() -> Self {
        Self {
            parent: NOBODY,
            dialect: NO_DIALECT,
            kind: None,
            said_role: None,
            role: None,
            name_hash: 0,
            name: None,
            sender: None,
            own_framework: None,
            inner: Inner::default(),
            earlier: Inner::default(),
            outer: Outer::default(),
        }
    }

    fn classify(
        &mut self,
        kinds: &'p Kinds,
        dialect: &'p DialectProgram,
        scope_name: &str,
        span: &headcount_wire::Span<'a, '_>,
        looked: &Looked<'a>,
    ) {
        self.sender = kinds.sender(scope_name);
        let named = self.sender.and_then(|sender| sender.framework.as_deref());
        self.own_framework = named.or(Some(&dialect.framework));
        if let Some(kind) = kinds.find(span, scope_name, looked) {
            self.kind = Some(kind as u16);
            self.said_role = kinds.list[kind].role;
            self.role = self.said_role;
            self.name = kinds.name(kind, span, looked);
        }
    }

    /// What the span around this one learns: a border tells of itself alone.
    fn told(&self) -> Inner {
        let mut told = match self.said_role {
            Some(role) if role.is_border() => Inner::default(),
            _ => self.inner,
        };
        if let Some(role) = self.said_role {
            told.add(role, self.name_hash);
        }
        told
    }

    /// What a span directly inside this one has around it.
    fn around_inner(&self) -> Outer<'a, 'p> {
        let is_library = self
            .sender
            .is_some_and(|sender| sender.called_by_frameworks);
        let framework = match self.sender {
            Some(sender) if !is_library => sender.framework.as_deref().or(self.outer.framework),
            _ => self.outer.framework,
        };
        let mut outer = Outer {
            framework,
            ..self.outer
        };
        match self.role {
            Some(role) if role.is_border() => {
                outer.roles = 0;
                outer.border = Some((role, self.name_hash));
                if role == Role::Agent {
                    outer.agent = self.name;
                }
            }
            Some(role) => outer.roles |= bit(role),
            None => {}
        }
        outer
    }

    /// Whether an earlier request had a span of the same name inside this one.
    fn was_told_of_itself(&self, role: Role) -> bool {
        let names = self.earlier.names_of(role);
        names.is_some_and(|names| names.has(self.name_hash, true))
    }

    fn is_so(&self, relation: &RelationPlan) -> bool {
        let is_related = match relation.to {
            // What should have been dropped inside this span was kept already: it came before.
            Relative::Inside(role)
                if relation.same_name == Some(true) && self.was_told_of_itself(role) =>
            {
                true
            }
            Relative::Inside(role) => match self.outer.border {
                Some((border, name)) if border == role => match relation.same_name {
                    None => true,
                    // One without a name is a part of what is around it.
                    Some(same) => (self.name_hash == 0 || self.name_hash == name) == same,
                },
                _ => self.outer.roles & bit(role) != 0 && relation.same_name.is_none(),
            },
            Relative::Around(role) => {
                let names = self.inner.names_of(role);
                self.inner.has(role)
                    && match (relation.same_name, names) {
                        (Some(same), Some(names)) => names.has(self.name_hash, same),
                        (Some(_), None) => false,
                        (None, _) => true,
                    }
            }
        };
        is_related && relation.without.is_none_or(|role| !self.inner.has(role))
    }
}
