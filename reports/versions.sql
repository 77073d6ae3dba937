-- title: Versions
-- question: Which releases of the framework are in use, on which runtime?
-- columns:
--   framework: the framework's name
--   version: its release
--   crews: distinct crew keys that ran on it
--   runs: kickoffs on it
--   runtime_versions: the runtimes that its kickoffs reported
--   records: records of every kind that name this release
--   first_seen: time of the first of them
--   last_seen: time of the last of them
-- in brief: version, crews, runs, first_seen
-- published by: crews, runs
-- when null: crews: null is not zero: the release sends no crew key (CrewAI before 0.41.0), so different crews cannot be told apart from repeated runs of one crew
-- note: only records with a known release count; CrewAI before 1.15.16 does not state it on task runs, human feedback and deployments: they count under the release that the rest of the same request states, if any
WITH seen AS (
  SELECT period, framework, framework_version, distinct_count(key) AS crews, count(nullif(key, '')) AS keyed, count(*) AS runs,
         array_agg(DISTINCT concat(runtime, ' ', runtime_version)) FILTER (WHERE runtime_version <> '') AS runtime_versions,
         count(*) AS records, min(time) AS first_seen, max(time) AS last_seen
  FROM crews GROUP BY period, framework, framework_version
  UNION ALL
  SELECT period, framework, framework_version, 0, 0, 0, NULL, count(*), min(time), max(time) FROM task_runs GROUP BY period, framework, framework_version
  UNION ALL
  SELECT period, framework, framework_version, 0, 0, 0, NULL, count(*), min(time), max(time) FROM tool_uses GROUP BY period, framework, framework_version
  UNION ALL
  SELECT period, framework, framework_version, 0, 0, 0, NULL, count(*), min(time), max(time) FROM flow_events GROUP BY period, framework, framework_version
  UNION ALL
  SELECT period, framework, framework_version, 0, 0, 0, NULL, count(*), min(time), max(time) FROM feature_uses GROUP BY period, framework, framework_version
  UNION ALL
  SELECT period, framework, framework_version, 0, 0, 0, NULL, count(*), min(time), max(time) FROM crew_completions GROUP BY period, framework, framework_version
  UNION ALL
  SELECT period, framework, framework_version, 0, 0, 0, NULL, count(*), min(time), max(time) FROM tests GROUP BY period, framework, framework_version
  UNION ALL
  SELECT period, framework, framework_version, 0, 0, 0, NULL, count(*), min(time), max(time) FROM deployments GROUP BY period, framework, framework_version
  UNION ALL
  SELECT period, framework, framework_version, 0, 0, 0, NULL, count(*), min(time), max(time) FROM human_feedback GROUP BY period, framework, framework_version
  UNION ALL
  SELECT period, framework, framework_version, 0, 0, 0, NULL, count(*), min(time), max(time) FROM environments GROUP BY period, framework, framework_version
  UNION ALL
  SELECT period, framework, framework_version, 0, 0, 0, NULL, count(*), min(time), max(time) FROM projects GROUP BY period, framework, framework_version
)
SELECT period, framework, framework_version AS version,
       CASE WHEN sum(runs) > 0 AND sum(keyed) = 0 THEN NULL ELSE CAST(sum(crews) AS BIGINT) END AS crews, CAST(sum(runs) AS BIGINT) AS runs,
       array_sort(first_value(runtime_versions ORDER BY runs DESC)) AS runtime_versions,
       CAST(sum(records) AS BIGINT) AS records, min(first_seen) AS first_seen, max(last_seen) AS last_seen
FROM seen
WHERE framework_version <> ''
GROUP BY period, framework, framework_version
ORDER BY period, framework, runs DESC, version DESC
