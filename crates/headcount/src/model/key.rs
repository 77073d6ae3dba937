//! Keys: keyed hashes by which a crew, an agent or a task is recognised when it runs again, on this machine only.

use std::fmt;
use std::hash::Hasher;

use siphasher::sip128::{Hasher128, SipHasher24};

use super::{Agent, Crew, Task};
use crate::random::{Text, hex};

/// 128 bits of a keyed hash. Without the installation's secret it can neither be guessed at nor compared with that of
/// another installation (promise 7).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key(Text<32>);

impl Key {
    /// 32 hexadecimal digits.
    pub(crate) fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Makes keys under the installation's secret, in a space of their own for each kind of thing.
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

    /// A crew is recognised by its name if it has one, else by its agents and tasks.
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

/// How much of a long text is read at either end, in bytes.
const READ_AT_EACH_END: usize = 32 * 1_024;

/// A hash over several texts; where one ends and the next begins is part of it.
pub(super) struct PartHash(SipHasher24);

impl PartHash {
    fn new(key: &[u8; 16]) -> Self {
        Self(SipHasher24::new_with_key(key))
    }

    /// Of a long text its length, its beginning and its end: a key is made on the host's own thread, which is not to wait
    /// for a book to be read.
    pub(super) fn part(&mut self, text: &str) {
        let bytes = text.as_bytes();
        self.0.write_u64(bytes.len() as u64);
        match bytes.len() <= 2 * READ_AT_EACH_END {
            true => self.0.write(bytes),
            false => {
                self.0.write(&bytes[..READ_AT_EACH_END]);
                self.0.write(&bytes[bytes.len() - READ_AT_EACH_END..]);
            }
        }
    }

    pub(super) fn absent(&mut self) {
        self.0.write_u64(u64::MAX);
    }

    pub(super) fn count(&mut self, parts: usize) {
        self.0.write_u64(parts as u64);
    }

    fn finish(&self) -> Key {
        Key(hex(self.0.finish128().as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_is_recognised_on_one_machine_only() {
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
    fn a_book_is_recognised_by_its_length_its_beginning_and_its_end() {
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
