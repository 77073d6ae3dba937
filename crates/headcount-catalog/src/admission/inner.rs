//! What is inside a span, as far as it matters to the span.

use crate::dialect::Role;

/// The roles that are inside a span up to the next borders, and the names of the agents and tools among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Inner {
    roles: u8,
    agents: Names,
    tools: Names,
}

/// Some names, as hashes; 0 is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Names {
    known: [u32; 3],
    count: u8,
    /// There are more, which are not known.
    more: bool,
}

impl Names {
    fn add(&mut self, name: u32) {
        let count = usize::from(self.count);
        if self.known[..count].contains(&name) {
            return;
        }
        match self.known.get_mut(count) {
            Some(free) => (*free, self.count) = (name, self.count + 1),
            None => self.more = true,
        }
    }

    fn merge(&mut self, other: &Names) {
        for &name in &other.known[..usize::from(other.count)] {
            self.add(name);
        }
        self.more |= other.more;
    }

    /// Whether one of them is `name`; and, for `same` false, whether one is another.
    pub(super) fn has(&self, name: u32, same: bool) -> bool {
        let known = &self.known[..usize::from(self.count)];
        match same {
            true => name != 0 && known.contains(&name),
            false => self.more || known.iter().any(|&known| known != name || known == 0),
        }
    }
}

impl Inner {
    pub(super) fn has(&self, role: Role) -> bool {
        self.roles & bit(role) != 0
    }

    pub(super) fn names_of(&self, role: Role) -> Option<&Names> {
        match role {
            Role::Agent => Some(&self.agents),
            Role::Tool => Some(&self.tools),
            _ => None,
        }
    }

    fn names(&mut self, role: Role) -> Option<&mut Names> {
        match role {
            Role::Agent => Some(&mut self.agents),
            Role::Tool => Some(&mut self.tools),
            _ => None,
        }
    }

    pub(super) fn add(&mut self, role: Role, name: u32) {
        self.roles |= bit(role);
        if let Some(names) = self.names(role) {
            names.add(name);
        }
    }

    pub(super) fn merge(&mut self, other: &Inner) {
        self.roles |= other.roles;
        self.agents.merge(&other.agents);
        self.tools.merge(&other.tools);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.roles == 0
    }
}

pub(super) fn bit(role: Role) -> u8 {
    1 << role as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_names_than_are_kept_are_other_names() {
        let mut names = Names::default();
        for name in [5, 5, 5] {
            names.add(name);
        }
        assert!(names.has(5, true) && !names.has(5, false));
        assert!(!names.has(0, true), "no name is nobody's");
        for name in [7, 9, 11] {
            names.add(name);
        }
        assert!(names.has(5, false) && names.has(11, false));
    }
}
