//! The policy: the catalog of what may be collected, with the dialects that say how frameworks send it.
//!
//! A process has one policy in force, and everything in it follows that one: admission, tables, reports, pages. It is the
//! built-in one, unless the process puts another in force before anything asks. A data folder keeps the policy of the process that
//! last wrote it, where that is not the built-in one, so that commands that read the folder know its tables.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::admission::Admission;
use crate::catalog::{Catalog, CatalogError};
use crate::dialect::{Dialect, DialectError};
use crate::lint::{FieldsUsed, LintError};
use crate::secret::Secret;

/// The folder of a data folder that keeps its policy.
const FOLDER: &str = "policy";
/// The catalog in it.
const CATALOG: &str = "catalog.yaml";
/// The folder with the dialects in it.
const DIALECTS: &str = "dialects";

/// A catalog and dialects.
#[derive(Debug, Clone)]
pub struct Policy {
    catalog: Catalog,
    /// The file that the catalog was read from; `None` for the built-in one.
    catalog_file: Option<File>,
    /// The dialects in the order in which they are asked: those that were read from files, then the built-in ones.
    dialects: Vec<NamedDialect>,
}

/// A file that was read.
#[derive(Debug, Clone)]
struct File {
    path: PathBuf,
    text: String,
}

#[derive(Debug, Clone)]
struct NamedDialect {
    /// The file's name without its ending, which is `yaml`.
    name: String,
    dialect: Dialect,
    /// `None` for a built-in one.
    file: Option<File>,
}

/// Why a policy cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// A file or folder cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// A file is no catalog.
    #[error("{} is not a catalog", path.display())]
    Catalog {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: CatalogError,
    },
    /// A file is no dialect.
    #[error("{} is not a dialect", path.display())]
    Dialect {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: DialectError,
    },
    /// A folder of dialects without one.
    #[error("there is no dialect in {}: a dialect is a file that ends in .yaml (`headcount catalog new NAME` writes one)", path.display())]
    NoDialect {
        /// The folder.
        path: PathBuf,
    },
}

/// A rule that a policy breaks.
#[derive(Debug, thiserror::Error)]
pub enum PolicyFault {
    /// The catalog breaks it.
    #[error("{place}: {error}")]
    Catalog {
        /// The catalog's file.
        place: String,
        /// The rule.
        error: LintError,
    },
    /// A dialect and the catalog contradict each other, or the dialect contradicts itself.
    #[error("{place}: {error}")]
    Dialect {
        /// The dialect's file.
        place: String,
        /// The contradiction.
        error: DialectError,
    },
    /// Nothing ever reaches a dialect.
    #[error("{place}: {problem}")]
    Unreachable {
        /// The dialect's file.
        place: String,
        /// The reason.
        problem: String,
    },
}

static IN_FORCE: OnceLock<Policy> = OnceLock::new();

impl Policy {
    /// The policy that is built into this program.
    pub fn embedded() -> Self {
        let dialects = Dialect::embedded_files()
            .iter()
            .map(|(name, text)| NamedDialect {
                name: (*name).to_owned(),
                dialect: Dialect::parse(text)
                    .expect("the dialects are part of this program and its tests read them"),
                file: None,
            });
        Self {
            catalog: Catalog::embedded().clone(),
            catalog_file: None,
            dialects: dialects.collect(),
        }
    }

    /// The built-in policy, with the catalog of the file `catalog` instead of its own, and the dialects of the folder `dialects`
    /// beside its own. A dialect replaces the built-in one whose file has the same name, and is asked before the others.
    ///
    /// It may still break rules: [`Policy::faults`].
    ///
    /// # Errors
    /// A file cannot be read or is not of its form; the folder has no dialect.
    pub fn read(catalog: Option<&Path>, dialects: Option<&Path>) -> Result<Self, PolicyError> {
        let mut policy = Self::embedded();
        if let Some(path) = catalog {
            let text = read_text(path)?;
            policy.catalog = Catalog::parse(&text).map_err(|source| PolicyError::Catalog {
                path: path.to_owned(),
                source,
            })?;
            policy.catalog_file = Some(File {
                path: path.to_owned(),
                text,
            });
        }
        if let Some(folder) = dialects {
            let mut own = read_dialects(folder)?;
            if own.is_empty() {
                let path = folder.to_owned();
                return Err(PolicyError::NoDialect { path });
            }
            let built_in = std::mem::take(&mut policy.dialects);
            let is_replaced =
                |built_in: &NamedDialect| own.iter().any(|own| own.name == built_in.name);
            let kept: Vec<_> = built_in
                .into_iter()
                .filter(|dialect| !is_replaced(dialect))
                .collect();
            own.extend(kept);
            policy.dialects = own;
        }
        Ok(policy)
    }

    /// The policy that the data folder `data` keeps; the built-in one where it keeps none.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn of_folder(data: &Path) -> Result<Self, PolicyError> {
        let folder = data.join(FOLDER);
        let existing = |name: &str| Some(folder.join(name)).filter(|path| path.exists());
        Self::read(existing(CATALOG).as_deref(), existing(DIALECTS).as_deref())
    }

    /// Keeps the policy in the data folder `data`, which exists. Of the built-in one nothing is kept.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn keep_in(&self, data: &Path) -> io::Result<()> {
        let folder = data.join(FOLDER);
        if self.is_embedded() {
            return match fs::remove_dir_all(&folder) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            };
        }
        fs::create_dir_all(&folder)?;
        match &self.catalog_file {
            Some(file) => replace(&folder.join(CATALOG), &file.text)?,
            None => remove(&folder.join(CATALOG))?,
        }
        let dialects = folder.join(DIALECTS);
        let own = self.dialects.iter();
        let own: Vec<_> = own
            .filter_map(|dialect| Some((format!("{}.yaml", dialect.name), dialect.file.as_ref()?)))
            .collect();
        if own.is_empty() {
            return match fs::remove_dir_all(&dialects) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            };
        }
        fs::create_dir_all(&dialects)?;
        for (name, file) in &own {
            replace(&dialects.join(name), &file.text)?;
        }
        for entry in fs::read_dir(&dialects)? {
            let entry = entry?;
            let is_own = |(name, _): &(String, &File)| entry.file_name() == name.as_str();
            if !own.iter().any(is_own) {
                remove(&entry.path())?;
            }
        }
        Ok(())
    }

    /// The policy of this process: what was put in force, or else the built-in one.
    pub fn in_force() -> &'static Policy {
        IN_FORCE.get_or_init(Self::embedded)
    }

    /// Puts the policy in force for the whole process. It can be done once, before anything asks for the policy in force; where
    /// that is too late, nothing changes and the answer is `false`.
    #[must_use]
    pub fn put_in_force(self) -> bool {
        IN_FORCE.set(self).is_ok()
    }

    /// Whether nothing of it was read from a file.
    pub fn is_embedded(&self) -> bool {
        let has_file = self.dialects.iter().any(|dialect| dialect.file.is_some());
        self.catalog_file.is_none() && !has_file
    }

    /// The catalog.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// The dialects, in the order in which they are asked.
    pub fn dialects(&self) -> Vec<Dialect> {
        let dialects = self.dialects.iter();
        dialects.map(|named| named.dialect.clone()).collect()
    }

    /// The file that the catalog was read from; `None` for the built-in one.
    pub fn catalog_path(&self) -> Option<&Path> {
        self.catalog_file.as_ref().map(|file| file.path.as_path())
    }

    /// Admission by this policy; `secret` keys the hashes of values that must not be stored as they are.
    ///
    /// # Errors
    /// A dialect and the catalog contradict each other.
    pub fn admission(&self, secret: Secret) -> Result<Admission, DialectError> {
        Admission::new(&self.catalog, self.dialects(), secret)
    }

    /// Every rule that the policy breaks: the catalog's, as [`Catalog::lint`] does, and of each dialect the first contradiction to the
    /// catalog.
    pub fn faults(&self, used: Option<&FieldsUsed>) -> Vec<PolicyFault> {
        let place = |file: &Option<File>, name: &str| match file {
            Some(file) => file.path.display().to_string(),
            None => name.to_owned(),
        };
        let mut faults = Vec::new();
        let catalog = place(&self.catalog_file, "the built-in catalog");
        for error in self.catalog.lint(used) {
            let place = catalog.clone();
            faults.push(PolicyFault::Catalog { place, error });
        }
        for named in &self.dialects {
            let built_in = format!("the built-in dialect {}", named.name);
            let place = place(&named.file, &built_in);
            let compiled = Admission::new(
                &self.catalog,
                vec![named.dialect.clone()],
                Secret::new([0; 32]),
            );
            if let Err(error) = compiled {
                let place = place.clone();
                faults.push(PolicyFault::Dialect { place, error });
            }
            if let Some(problem) = self.unreachable(named) {
                faults.push(PolicyFault::Unreachable { place, problem });
            }
        }
        faults
    }

    /// Why no span is ever read by a dialect that was given by file.
    fn unreachable(&self, named: &NamedDialect) -> Option<String> {
        let _given_by_file = named.file.as_ref()?;
        let matching = &named.dialect.file.matching;
        if matching.service_names.is_empty() && matching.scope_names.is_empty() {
            return Some(
                "`match` names no service and no scope, so no span is of this dialect".to_owned(),
            );
        }
        let others = self
            .dialects
            .iter()
            .take_while(|other| other.name != named.name);
        for other in others {
            let theirs = &other.dialect.file.matching;
            let is_taken = |names: &[String], theirs: &[String]| {
                names.iter().find(|name| theirs.contains(name)).cloned()
            };
            let taken = is_taken(&matching.service_names, &theirs.service_names)
                .or_else(|| is_taken(&matching.scope_names, &theirs.scope_names));
            if let (Some(name), Some(before)) = (taken, &other.file) {
                return Some(format!(
                    "`match` names `{name}`, whose spans {} reads: name it in one of the two",
                    before.path.display()
                ));
            }
        }
        None
    }
}

impl Catalog {
    /// The catalog of the policy in force.
    pub fn in_force() -> &'static Catalog {
        &Policy::in_force().catalog
    }
}

fn read_text(path: &Path) -> Result<String, PolicyError> {
    fs::read_to_string(path).map_err(|source| PolicyError::Read {
        path: path.to_owned(),
        source,
    })
}

fn read_dialects(folder: &Path) -> Result<Vec<NamedDialect>, PolicyError> {
    let unreadable = |source| PolicyError::Read {
        path: folder.to_owned(),
        source,
    };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let ending = path.extension().and_then(|ending| ending.to_str());
        if matches!(ending, Some("yaml" | "yml")) {
            paths.push(path);
        }
    }
    paths.sort();
    let mut dialects: Vec<NamedDialect> = Vec::with_capacity(paths.len());
    for path in paths {
        let text = read_text(&path)?;
        let dialect = Dialect::parse(&text).map_err(|source| PolicyError::Dialect {
            path: path.clone(),
            source,
        })?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        dialects.push(NamedDialect {
            name: name.into_owned(),
            dialect,
            file: Some(File { path, text }),
        });
    }
    Ok(dialects)
}

/// Writes a file that a reader sees as it was, or whole.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let unfinished = path.with_extension("unfinished");
    fs::write(&unfinished, text)?;
    fs::File::open(&unfinished)?.sync_all()?;
    fs::rename(&unfinished, path)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
