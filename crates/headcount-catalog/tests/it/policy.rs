//! Policies from files: read, checked, and kept in a data folder.

use headcount_catalog::{Catalog, Policy};
use std::fs;

const LOOM: &str = "\
framework: loom
runtime: rust
match: {service_names: [loom]}
spans:
  loom.tool:
    row: tool_uses
    attributes: {loom.tool.name: tool_uses.tool_name}
";

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn faults(policy: &Policy) -> Vec<String> {
    policy
        .faults(None)
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn a_dialect_of_ones_own_is_asked_beside_the_built_in_ones() {
    let dialects = folder(&[("loom.yaml", LOOM), ("notes.txt", "no dialect")]);
    let policy = Policy::read(None, Some(dialects.path())).unwrap();
    let frameworks: Vec<_> = policy
        .dialects()
        .iter()
        .map(|one| one.framework().to_owned())
        .collect();
    assert_eq!(frameworks[0], "loom");
    assert!(frameworks.contains(&"crewai".to_owned()));
    assert!(!policy.is_embedded() && faults(&policy).is_empty());
}

#[test]
fn a_dialect_replaces_the_built_in_one_of_the_same_name() {
    let own = LOOM.replace("framework: loom", "framework: crewai");
    let dialects = folder(&[("crewai.yaml", &own)]);
    let policy = Policy::read(None, Some(dialects.path())).unwrap();
    let mut crewai = policy
        .dialects()
        .into_iter()
        .filter(|one| one.framework() == "crewai");
    assert_eq!(
        crewai.next().unwrap().span_names().collect::<Vec<_>>(),
        ["loom.tool"]
    );
    assert!(crewai.next().is_none());
}

#[test]
fn what_breaks_a_rule_is_named_with_its_file() {
    let unknown = LOOM.replace("tool_uses.tool_name", "tool_uses.colour");
    let silent = LOOM.replace("{service_names: [loom]}", "{}");
    let dialects = folder(&[("a.yaml", &unknown), ("b.yaml", &silent), ("c.yaml", LOOM)]);
    let policy = Policy::read(None, Some(dialects.path())).unwrap();
    let faults = faults(&policy);
    assert_eq!(faults.len(), 3, "{faults:#?}");
    assert!(faults[0].contains("a.yaml") && faults[0].contains("no such column `colour`"));
    assert!(faults[1].contains("b.yaml") && faults[1].contains("no service and no scope"));
    assert!(
        faults[2].contains("c.yaml") && faults[2].contains("a.yaml"),
        "{faults:#?}"
    );
}

#[test]
fn files_that_are_no_policy_are_refused_by_name() {
    let nothing = folder(&[]);
    let error = Policy::read(None, Some(nothing.path()))
        .unwrap_err()
        .to_string();
    assert!(error.contains("no dialect in"), "{error}");
    let broken = folder(&[("x.yaml", "framework: [")]);
    let error = Policy::read(None, Some(broken.path()))
        .unwrap_err()
        .to_string();
    assert!(error.contains("x.yaml is not a dialect"), "{error}");
    let missing = nothing.path().join("missing.yaml");
    let error = Policy::read(Some(&missing), None).unwrap_err().to_string();
    assert!(error.contains("missing.yaml"), "{error}");
}

#[test]
fn a_data_folder_keeps_the_policy_and_lets_it_go() {
    let dialects = folder(&[("loom.yaml", LOOM)]);
    let catalog = dialects.path().join("catalog.yaml.txt");
    let longer = Catalog::embedded_text().replace("default_days: 400", "default_days: 300");
    fs::write(&catalog, longer).unwrap();
    let data = tempfile::tempdir().unwrap();
    let policy = Policy::read(Some(&catalog), Some(dialects.path())).unwrap();
    policy.keep_in(data.path()).unwrap();
    let kept = Policy::of_folder(data.path()).unwrap();
    assert_eq!(kept.catalog().retention().default_days, 300);
    assert_eq!(kept.dialects()[0].framework(), "loom");
    Policy::embedded().keep_in(data.path()).unwrap();
    assert!(Policy::of_folder(data.path()).unwrap().is_embedded());
    assert!(!data.path().join("policy").exists());
}

#[test]
fn a_reader_outside_this_program_is_named_in_the_catalog() {
    let used = headcount_catalog::FieldsUsed::new();
    let is_unused = |text: &str| {
        let catalog = Catalog::parse(text).unwrap();
        let errors = catalog.lint(Some(&used));
        errors
            .iter()
            .any(|error| error.to_string().contains("`crew.memory`"))
    };
    let text = Catalog::embedded_text();
    assert!(is_unused(text));
    let field = "{name: memory, kind: boolean,";
    let read = text.replace(field, &format!("{field} read_by: the weekly review,"));
    assert_ne!(read, text);
    assert!(!is_unused(&read));
}
