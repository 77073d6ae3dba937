//! What `catalog/crew.yaml` says, checked against what the rest of the workspace relies on.

use headcount_catalog::{
    Catalog, CatalogError, ColumnType, FieldRule, KeyDomain, Rule, TableKind, Tier,
};

/// Each table with its own columns, as scripts and reports name them (b boolean, i integer, d double, t timestamp, s text, l list).
const TABLES: [(&str, &str); 24] = [
    (
        "crews",
        "id s, key s, process s, memory b, inputs_present b, task_count i, agent_count i, project_id s",
    ),
    (
        "agents",
        "crew_id s, crew_key s, id s, key s, role s, verbose b, delegation_enabled b, code_execution_allowed b, max_iterations i, max_rpm i, max_retry_limit i, function_calling_llm s, tool_names l, llm_name s, llm_model_name s, llm_model s, llm_top_k d, llm_temperature d, llm_class_name s",
    ),
    (
        "tasks",
        "crew_id s, crew_key s, id s, key s, async_execution b, human_input b, agent_role s, agent_key s, tool_names l",
    ),
    (
        "task_runs",
        "crew_id s, crew_key s, task_id s, task_key s, created t, started t, ended t, duration d, outcome s, error_type s",
    ),
    (
        "tool_uses",
        "tool_name s, attempts i, outcome s, duration d, error_type s, llm_model s",
    ),
    (
        "agent_runs",
        "crew_id s, agent_key s, role s, duration d, outcome s, error_type s",
    ),
    (
        "model_calls",
        "crew_id s, operation s, provider s, model s, requested_model s, answering_model s, temperature d, top_k d, top_p d, max_tokens i, streaming b, input_tokens i, output_tokens i, cached_tokens i, reasoning_tokens i, finish_reasons l, duration d, outcome s, error_type s",
    ),
    ("handoffs", "crew_id s, from_role s, to_role s"),
    (
        "tests",
        "crew_id s, crew_key s, step s, iterations i, model_name s, quality d, execution_time d",
    ),
    (
        "deployments",
        "step s, crew_id s, log_type s, source s, reason s, status_code i",
    ),
    (
        "crew_completions",
        "crew_id s, crew_key s, outcome s, duration d",
    ),
    (
        "flow_events",
        "event s, flow_name s, origin s, resumed b, conversational b, duration d, outcome s, error_type s",
    ),
    (
        "feature_uses",
        "feature s, authenticated b, models s, models_count i",
    ),
    (
        "human_feedback",
        "event_type s, has_routing b, num_outcomes i, feedback_provided b, outcome s",
    ),
    ("environments", "project_id s, tool s"),
    ("projects", "event s, kind s, project_id s, template_name s"),
    (
        "activity",
        "age_weeks s, active_days s, idle_weeks s, newer_releases s",
    ),
    ("losses", "reason s, count i"),
    ("refusals", "span s, key s, reason s, count i"),
    (
        "shared_agents",
        "crew_id s, crew_key s, id s, key s, role s, goal s, backstory s, i18n_prompt_file s",
    ),
    (
        "shared_tasks",
        "crew_id s, crew_key s, id s, key s, description s, expected_output s, context l, formatted_description s, formatted_expected_output s",
    ),
    (
        "shared_environments",
        "crew_id s, crew_key s, platform s, release s, system s, version s, cpu_count i",
    ),
    (
        "shared_io",
        "crew_id s, crew_key s, task_id s, direction s, content s",
    ),
    (
        "shared_executions",
        "crew_id s, crew_key s, output s, tasks_output s, log s",
    ),
];

const EVERY_TABLE: &str = "time t, framework s, framework_version s, runtime s, runtime_version s";
const EVERY_EVENT_TABLE: &str = "receipt s";
const EVERY_DEFAULT_TABLE: &str =
    "coding_agent s, runtime_context s, cpu_band s, instrumentation s, instrumentation_version s";

#[test]
fn every_table_has_exactly_its_columns() {
    let schema = Catalog::embedded().schema();
    assert_eq!(schema.tables.len(), TABLES.len());
    for (name, own) in TABLES {
        let table = schema.table(schema.table_id(name).expect(name)).unwrap();
        let shared = name.starts_with("shared_");
        let counter = name == "refusals";
        let expected = match (shared, counter) {
            (_, true) => format!("{EVERY_TABLE}, {own}"),
            (true, _) => format!("{EVERY_TABLE}, {EVERY_EVENT_TABLE}, {own}"),
            _ => format!("{EVERY_TABLE}, {EVERY_EVENT_TABLE}, {EVERY_DEFAULT_TABLE}, {own}"),
        };
        let columns = table.columns.iter().map(|column| {
            let letter = match column.column_type {
                ColumnType::Boolean => "b",
                ColumnType::Integer => "i",
                ColumnType::Double => "d",
                ColumnType::Timestamp => "t",
                ColumnType::Text => "s",
                ColumnType::TextList => "l",
            };
            format!("{} {letter}", column.name)
        });
        assert_eq!(columns.collect::<Vec<_>>().join(", "), expected, "{name}");
        assert_eq!(
            table.tier,
            if shared { Tier::Shared } else { Tier::Default }
        );
        assert_eq!(table.kind == TableKind::Counter, counter);
    }
}

#[test]
fn every_column_has_a_source_and_a_rule_of_its_type() {
    let catalog = Catalog::embedded();
    for (id, table) in catalog.schema().iter() {
        for (index, column) in table.columns.iter().enumerate() {
            let (_, field) = catalog.source(id, index).expect("a source");
            assert_eq!(field.name, column.name);
            assert_eq!(field.rule.column_type(), column.column_type);
        }
        assert!(catalog.rule(id, table.columns.len()).is_none());
    }
}

#[test]
fn content_is_in_shared_tables_only() {
    let catalog = Catalog::embedded();
    for (id, table) in catalog.schema().iter() {
        for index in 0..table.columns.len() {
            if matches!(catalog.rule(id, index), Some(Rule::Content(_))) {
                assert_eq!(table.tier, Tier::Shared, "{}", table.name);
            }
        }
    }
}

fn catalog_with(field: &str) -> Result<Catalog, CatalogError> {
    Catalog::parse(&format!(
        "version: 1\nenvelope: {{title: t, why: w, fields: []}}\ncategories:\n  - {{id: c, title: t, tier: default, table: things, why: w, fields: [{field}]}}\n"
    ))
}

#[test]
fn an_unknown_word_is_an_error_that_says_where() {
    let error = catalog_with("{name: a, kind: boolean, exmaple: true}").unwrap_err();
    let CatalogError::Form(cause) = error else {
        panic!("{error}")
    };
    let text = cause.to_string();
    assert!(text.contains("exmaple") && text.contains('4'), "{text}");
}

#[test]
fn a_field_that_cannot_be_enforced_is_an_error_that_names_it() {
    for (field, expected) in [
        ("{name: a, kind: enum}", FieldRule::EnumWithoutValues),
        ("{name: a, kind: key}", FieldRule::KeyWithoutDomain),
        (
            "{name: a, kind: integer, min: 0.5}",
            FieldRule::IntegerLimits,
        ),
    ] {
        let error = catalog_with(field).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("catalog category `c`, field `a`: ")
        );
        let CatalogError::Field { rule, .. } = error else {
            panic!("{error}")
        };
        assert_eq!(rule, expected);
    }
}

#[test]
fn a_text_without_a_limit_admits_no_text() {
    let catalog = catalog_with("{name: a, kind: free_text}").unwrap();
    let table = catalog.schema().table_id("things").unwrap();
    let Some(Rule::FreeText(limit)) = catalog.rule(table, 0) else {
        panic!("free text")
    };
    assert_eq!(limit.max_length, 0);
}

#[test]
fn a_catalog_of_another_version_is_refused() {
    let error =
        Catalog::parse("version: 2\nenvelope: {title: t, why: w, fields: []}\ncategories: []\n");
    assert!(matches!(error, Err(CatalogError::Version { found: 2 })));
}

/// Erasures and exports find a crew's rows by these columns: one that they did not know would be left.
#[test]
fn every_key_of_a_crew_or_project_is_a_column_that_tells_whose_a_row_is() {
    let catalog = Catalog::embedded();
    let mut keys = 0;
    for (id, table) in catalog.schema().iter() {
        let columns = table.crew_columns();
        for (index, column) in table.columns.iter().enumerate() {
            let domain = catalog
                .source(id, index)
                .and_then(|(_, field)| field.domain);
            let expected = match domain {
                Some(KeyDomain::Crew) => columns.key,
                Some(KeyDomain::Project) => columns.project,
                _ if column.name == "crew_id" => columns.id,
                _ => continue,
            };
            keys += 1;
            assert_eq!(expected, Some(column.name.as_str()), "{}", table.name);
        }
    }
    assert!(keys > 20, "{keys}");
    let crews = catalog.schema().tables.iter();
    let mut crews = crews.filter(|table| table.name == "crews");
    assert_eq!(
        crews.next().and_then(|table| table.crew_columns().id),
        Some("id")
    );
}
