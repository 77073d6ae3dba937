//! The keyer, which makes keys.

use std::fmt;

use super::agent::Agent;
use super::crew::Crew;
use super::key::{Key, PartHash};
use super::task::Task;

/// Makes keys under the installation's secret, with a separate hash key for each kind of object.
#[derive(Clone)]
pub(crate) struct Keyer {
    agent: [u8; 16],
    task: [u8; 16],
    crew: [u8; 16],
    project: [u8; 16],
}

impl Keyer {
    /// `secret` is 32 random bytes that never leave this machine.
    pub(crate) fn new(secret: &[u8; 32]) -> Self {
        let derive = |purpose: &str| {
            let hash = hmac_sha256::HMAC::mac(purpose.as_bytes(), secret);
            let mut key = [0; 16];
            key.copy_from_slice(&hash[..16]);
            key
        };
        Self {
            agent: derive("headcount key of agent"),
            task: derive("headcount key of task"),
            crew: derive("headcount key of crew"),
            project: derive("headcount key of project"),
        }
    }

    pub(crate) fn agent(&self, agent: &Agent) -> Key {
        let mut hash = PartHash::new(&self.agent);
        agent.hash_into(&mut hash);
        hash.finish()
    }

    pub(crate) fn task(&self, task: &Task) -> Key {
        let mut hash = PartHash::new(&self.task);
        task.hash_into(&mut hash);
        hash.finish()
    }

    /// A crew's key is made of its name if it has one, otherwise of its agents and tasks.
    pub(crate) fn crew(&self, crew: &Crew) -> Key {
        let mut hash = PartHash::new(&self.crew);
        crew.hash_into(&mut hash);
        hash.finish()
    }

    pub(crate) fn project(&self, project: &str) -> Key {
        let mut hash = PartHash::new(&self.project);
        hash.part(project);
        hash.finish()
    }
}

impl fmt::Debug for Keyer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Keyer(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agents_key_is_stable_on_one_machine_only() {
        let agent = Agent::new("Researcher").goal("Find papers");
        let here = Keyer::new(&[1; 32]);
        let there = Keyer::new(&[2; 32]);
        assert_eq!(here.agent(&agent), here.agent(&agent.clone()));
        assert_ne!(here.agent(&agent), there.agent(&agent));
        assert_ne!(
            here.agent(&agent),
            here.agent(&Agent::new("Researcher").goal("Find paper"))
        );
    }

    #[test]
    fn the_key_of_a_long_text_depends_on_its_length_beginning_and_end() {
        let keyer = Keyer::new(&[1; 32]);
        let key = |text: &str| keyer.task(&Task::new(text));
        let book = "b".repeat(50_000_000);
        let begun = std::time::Instant::now();
        let of_the_book = key(&book);
        assert_eq!(of_the_book, key(&book));
        // A copy of it is made; hashing all of it twice would take a tenth of a second more.
        assert!(begun.elapsed() < std::time::Duration::from_secs(1));
        assert_ne!(of_the_book, key(&book[1..]));
        assert_ne!(of_the_book, key(&format!("a{}", &book[1..])));
        assert_ne!(of_the_book, key(&format!("{}a", &book[1..])));
        let (short, other) = ("c".repeat(65_536), "c".repeat(65_535) + "d");
        assert_ne!(key(&short), key(&other));
    }

    #[test]
    fn texts_do_not_run_into_each_other() {
        let keyer = Keyer::new(&[1; 32]);
        let one = Agent::new("ab").goal("c");
        let other = Agent::new("a").goal("bc");
        assert_ne!(keyer.agent(&one), keyer.agent(&other));
    }

    #[test]
    fn a_project_and_a_crew_of_one_name_have_different_keys() {
        let keyer = Keyer::new(&[1; 32]);
        let project = keyer.project("x");
        assert_ne!(project, keyer.crew(&Crew::new().name("x")));
    }
}
