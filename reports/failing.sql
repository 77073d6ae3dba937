-- title: Failing
-- question: What fails, and where: in which release, tool or model?
-- parameters:
--   per: one of release, tool, model = release: where
--   since_release: text: classes of errors that were first seen with this release or a newer one are marked as new
-- columns:
--   source: what failed: a task, a tool call, a flow, or a method of a flow
--   value: the release, the tool or the model
--   error_type: the class of the error, where the framework says it; its message is never collected
--   crews: distinct crews: with this failure, or of a tool or a model those equipped with it; null where the framework's spans name no crew
--   failures: number of failures
--   attempts: what ended, failed or not, where the framework says so
--   rate: failures as a share of attempts
--   first_release_seen: the oldest release with this class of error
--   first_seen: the first day with this class of error
--   is_new: whether the class was first seen with `since_release` or a newer release; null without that parameter
-- in brief: source, value, error_type, failures, rate
-- published by: crews, failures
-- tells the whole: attempts, rate
-- held back: crews with failures, rate
-- when null: crews: null is not zero: too few crews to show, or flow spans, which carry no crew
-- when null: attempts: null is not zero: the framework does not say how many ended
-- when null: value: a row without a name: CrewAI up to 1.14.6 names no tool when a call fails; of models, the calls that name none; of releases, the records that name none
-- note: reported by CrewAI since 1.15.18 (tasks) and 1.15.15 (flows); tool errors have no class
-- note: names and classes from fewer crews than the threshold are one row, and so are those of flow and tool spans, which carry no crew, unless that many crews are known to have the tool or the model; a crew with several models counts for each of them
WITH failed AS (
  SELECT period, 'task' AS source, nullif(framework_version, '') AS release, error_type, distinct_set(crew) AS crews, count(*) AS failures, min(day) AS first_day
  FROM task_runs WHERE outcome = 'failed' AND $per = 'release' GROUP BY period, nullif(framework_version, ''), error_type
  UNION ALL
  SELECT period, CASE event WHEN 'completed' THEN 'flow' ELSE 'flow method' END, nullif(framework_version, ''), error_type, distinct_set(NULL), count(*), min(day)
  FROM flow_events WHERE (event = 'method_failed' OR (event = 'completed' AND outcome = 'failed')) AND $per = 'release'
  GROUP BY period, CASE event WHEN 'completed' THEN 'flow' ELSE 'flow method' END, nullif(framework_version, ''), error_type
), classes AS (
  SELECT period, source, error_type, union_count(crews) AS crews, first_value(release ORDER BY version_key(release), release) FILTER (WHERE release IS NOT NULL) AS first_release_seen, min(first_day) AS first_day
  FROM failed GROUP BY period, source, error_type
), by_release AS (
  SELECT f.period, f.source, f.release AS value, CASE WHEN $min_crews <= 1 OR c.crews >= $min_crews OR f.error_type IS NULL THEN f.error_type WHEN f.source = 'task' THEN concat('(from fewer than ', $min_crews, ' crews)')
              ELSE concat('(not known to be from ', $min_crews, ' crews)') END AS error_type,
         union_set(f.crews) AS crews, sum(f.failures) AS failures,
         CASE WHEN $min_crews <= 1 OR c.crews >= $min_crews OR f.error_type IS NULL THEN c.first_release_seen END AS first_release_seen, CASE WHEN $min_crews <= 1 OR c.crews >= $min_crews OR f.error_type IS NULL THEN c.first_day END AS first_day
  FROM failed AS f
  JOIN classes AS c ON c.period = f.period AND c.source = f.source AND c.error_type IS NOT DISTINCT FROM f.error_type
  GROUP BY ALL
), ended AS (
  SELECT period, 'task' AS source, nullif(framework_version, '') AS release, count(*) AS attempts FROM task_runs WHERE outcome IS NOT NULL AND $per = 'release' GROUP BY period, nullif(framework_version, '')
  UNION ALL
  SELECT period, 'flow', nullif(framework_version, ''), count(*) FROM flow_events WHERE event = 'completed' AND outcome IS NOT NULL AND $per = 'release' GROUP BY period, nullif(framework_version, '')
), equipped AS (
  SELECT period, value, union_count(crews) AS crews
  FROM (SELECT period, unnest(string_to_array(names, chr(10))) AS value, crews
        FROM (SELECT period, names, distinct_set(crew) AS crews
              FROM (SELECT period, tool_set(tool_names) AS names, crew FROM agents WHERE $per = 'tool' UNION ALL SELECT period, tool_set(tool_names), crew FROM tasks WHERE $per = 'tool'
                    UNION ALL SELECT period, function_calling_llm, crew FROM agents WHERE $per = 'model' UNION ALL SELECT period, model, crew FROM agents WHERE $per = 'model')
              GROUP BY period, names)
        WHERE names <> '')
  GROUP BY period, value
), called AS (
  SELECT period, value, sum(failures) AS failures, sum(attempts) AS attempts
  FROM (SELECT period, tool_key(tool_name) AS value, failures, attempts
        FROM (SELECT period, tool_name, count(*) FILTER (WHERE outcome = 'error') AS failures, count(*) FILTER (WHERE outcome IN ('used', 'error')) AS attempts
              FROM tool_uses WHERE $per = 'tool' GROUP BY period, tool_name)
        UNION ALL
        SELECT period, nullif(llm_model, ''), count(*) FILTER (WHERE outcome = 'error'), count(*) FILTER (WHERE outcome IN ('used', 'error')) FROM tool_uses WHERE $per = 'model' GROUP BY period, llm_model)
  GROUP BY period, value
), by_name AS (
  SELECT c.period, CASE WHEN c.value IS NULL OR e.crews >= $min_crews OR $min_crews <= 1 THEN c.value ELSE concat('(not known to be from ', $min_crews, ' crews)') END AS value,
         max(CASE WHEN e.crews >= $min_crews OR $min_crews <= 1 THEN e.crews END) AS crews, sum(c.failures) AS failures, sum(c.attempts) AS attempts
  FROM called AS c LEFT JOIN equipped AS e ON e.period = c.period AND e.value = c.value
  GROUP BY ALL
)
SELECT period, source, value, error_type, crews, CAST(failures AS BIGINT) AS failures, CAST(attempts AS BIGINT) AS attempts, CAST(failures AS DOUBLE) / nullif(attempts, 0) AS rate,
       first_release_seen, CAST(CAST(first_day AS INTEGER) AS DATE) AS first_seen, CASE WHEN $since_release IS NOT NULL THEN version_key(first_release_seen) >= version_key($since_release) END AS is_new
FROM (
  SELECT b.period, b.source, b.value, b.error_type, CASE WHEN b.source = 'task' THEN CAST(cardinality(b.crews) AS BIGINT) END AS crews, b.failures, e.attempts, b.first_release_seen, b.first_day
  FROM by_release AS b LEFT JOIN ended AS e ON e.period = b.period AND e.source = b.source AND e.release IS NOT DISTINCT FROM b.value
  UNION ALL
  SELECT period, 'tool call', value, NULL, crews, failures, attempts, NULL, NULL FROM by_name WHERE failures > 0
)
ORDER BY period, source, $per <> 'release' AND value IS NULL, coalesce(value LIKE '(%crews)' OR error_type LIKE '(%crews)', false), failures DESC, version_key(value) DESC, value, error_type
