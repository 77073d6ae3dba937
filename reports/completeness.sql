-- title: Completeness
-- question: How complete are these figures: what does each release report at all, and what was lost?
-- columns:
--   framework: the framework's name
--   version: its release; null for records that name none
--   what: a field (table and column), all records of a table, losses, or refusals
--   records: records of the field's table from this release that can fill it (the class of an error: failed ones), null where it sends none; of all records of a table those of all releases of the framework
--   reported: those that fill the field; of a table its records from this release; events that were lost, and values that were refused
--   share: reported as a share of records
--   is_reported: whether the release reports it at all: false is unknown, not zero
-- in brief: version, what, share, is_reported
-- published by: reported
-- tells the whole: records, share
-- when null: share: losses and refusals have no share, since how many events would have been stored is not known; nor has a field where the release sends no record that can fill it
-- note: a field counts as reported where one record of the release fills it, so that a false may also mean that nobody had anything to report
-- note: lost: what clients recorded and could not send, by their own count; refused: values that the catalog does not allow
-- note: who switched telemetry off, or never let a record out, cannot be seen and is in no figure
WITH filled AS (
  SELECT period, framework, nullif(framework_version, '') AS version, 'crews' AS kind, count(*) AS of_kind,
         [named_struct('name', 'crews.key', 'value', count(nullif(key, '')), 'records', count(*)), named_struct('name', 'crews.process', 'value', count(nullif(process, '')), 'records', count(*)), named_struct('name', 'crews.memory', 'value', count(memory), 'records', count(*)),
          named_struct('name', 'crews.inputs_present', 'value', count(inputs_present), 'records', count(*)), named_struct('name', 'crews.project_id', 'value', count(nullif(project_id, '')), 'records', count(*)),
          named_struct('name', 'crews.runtime_version', 'value', count(nullif(runtime_version, '')), 'records', count(*)), named_struct('name', 'crews.runtime_context', 'value', count(nullif(runtime_context, '')), 'records', count(*))] AS fields
  FROM crews GROUP BY period, framework, nullif(framework_version, '')
  UNION ALL
  SELECT period, framework, nullif(framework_version, ''), 'agents', count(*),
         [named_struct('name', 'agents.tool_names', 'value', count(tool_names), 'records', count(*)), named_struct('name', 'agents.model', 'value', count(model), 'records', count(*)), named_struct('name', 'agents.max_iterations', 'value', count(max_iterations), 'records', count(*)),
          named_struct('name', 'agents.code_execution_allowed', 'value', count(code_execution_allowed), 'records', count(*))]
  FROM agents GROUP BY period, framework, nullif(framework_version, '')
  UNION ALL
  SELECT period, framework, nullif(framework_version, ''), 'tasks', count(*),
         [named_struct('name', 'tasks.async_execution', 'value', count(async_execution), 'records', count(*)), named_struct('name', 'tasks.human_input', 'value', count(human_input), 'records', count(*)), named_struct('name', 'tasks.tool_names', 'value', count(tool_names), 'records', count(*))]
  FROM tasks GROUP BY period, framework, nullif(framework_version, '')
  UNION ALL
  SELECT period, framework, nullif(framework_version, ''), 'task_runs', count(*),
         [named_struct('name', 'task_runs.duration', 'value', count(duration), 'records', count(*) FILTER (WHERE ended IS NOT NULL OR outcome IS NOT NULL)),
          named_struct('name', 'task_runs.outcome', 'value', count(outcome), 'records', count(*) FILTER (WHERE ended IS NOT NULL OR outcome IS NOT NULL)),
          named_struct('name', 'task_runs.error_type', 'value', count(nullif(error_type, '')) FILTER (WHERE outcome = 'failed'), 'records', count(*) FILTER (WHERE outcome = 'failed'))]
  FROM task_runs GROUP BY period, framework, nullif(framework_version, '')
  UNION ALL
  SELECT period, framework, nullif(framework_version, ''), 'tool_uses', count(*),
         [named_struct('name', 'tool_uses.tool_name', 'value', count(nullif(tool_name, '')), 'records', count(*)), named_struct('name', 'tool_uses.attempts', 'value', count(attempts), 'records', count(*)), named_struct('name', 'tool_uses.llm_model', 'value', count(nullif(llm_model, '')), 'records', count(*))]
  FROM tool_uses GROUP BY period, framework, nullif(framework_version, '')
  UNION ALL
  SELECT period, framework, nullif(framework_version, ''), 'crew_completions', count(*),
         [named_struct('name', 'crew_completions.outcome', 'value', count(outcome), 'records', count(*)), named_struct('name', 'crew_completions.duration', 'value', count(duration), 'records', count(*))]
  FROM crew_completions GROUP BY period, framework, nullif(framework_version, '')
  UNION ALL
  SELECT period, framework, nullif(framework_version, ''), 'flow_events', count(*), [named_struct('name', 'flow_events.outcome', 'value', count(outcome), 'records', count(*) FILTER (WHERE event = 'completed'))]
  FROM flow_events GROUP BY period, framework, nullif(framework_version, '')
  UNION ALL
  SELECT period, framework, nullif(framework_version, ''), 'feature_uses', count(*), [named_struct('name', 'feature_uses.feature', 'value', count(feature), 'records', count(*))]
  FROM feature_uses GROUP BY period, framework, nullif(framework_version, '')
  UNION ALL
  SELECT period, framework, nullif(framework_version, ''), 'tests', count(*), [named_struct('name', 'tests.quality', 'value', count(quality), 'records', count(*) FILTER (WHERE step = 'result'))]
  FROM tests GROUP BY period, framework, nullif(framework_version, '')
), fields AS (
  SELECT period, framework, version, field.name AS what, field.records AS records, field.value AS reported FROM (SELECT period, framework, version, unnest(fields) AS field FROM filled)
)
SELECT period, framework, version, what, CAST(records AS BIGINT) AS records, CAST(reported AS BIGINT) AS reported, CAST(reported AS DOUBLE) / nullif(records, 0) AS share, reported > 0 AS is_reported
FROM (
  -- A release that sends no record of a table reports none of its fields.
  SELECT every.period, every.framework, every.version, every.what, fields.records, coalesce(fields.reported, 0) AS reported
  FROM (SELECT v.period, v.framework, v.version, w.what
        FROM (SELECT DISTINCT period, framework, version FROM fields) AS v
        JOIN (SELECT DISTINCT period, framework, what FROM fields) AS w ON w.period = v.period AND w.framework = v.framework) AS every
  LEFT JOIN fields ON fields.period = every.period AND fields.framework = every.framework AND (fields.version IS NOT DISTINCT FROM every.version) AND fields.what = every.what
  UNION ALL
  SELECT period, framework, version, concat('records of ', kind), sum(of_kind) OVER (PARTITION BY period, framework, kind), of_kind FROM filled
  UNION ALL
  SELECT period, framework, nullif(framework_version, ''), concat('losses: ', reason), NULL, least(sum(CAST("count" AS DECIMAL(38, 0))), 9223372036854775807) FROM losses GROUP BY period, framework, nullif(framework_version, ''), reason
  UNION ALL
  SELECT period, framework, nullif(framework_version, ''), 'refusals', NULL, least(sum(CAST("count" AS DECIMAL(38, 0))), 9223372036854775807) FROM refusals GROUP BY period, framework, nullif(framework_version, '')
)
ORDER BY period, framework, version_key(version) DESC NULLS LAST, version, what
