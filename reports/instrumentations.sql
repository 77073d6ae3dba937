-- title: Instrumentations
-- question: Which instrumentations report which frameworks, and what do they report?
-- columns:
--   framework: the framework whose work is reported
--   framework_version: its release, where it is reported
--   instrumentation: the library that reports it; null where the framework does so itself
--   instrumentation_version: its release, where it is reported
--   crews: distinct runs of crews, workflows or traces
--   runs: runs of agents
--   calls: calls of models
--   uses: uses of tools
-- published by: crews
-- note: of clients that send spans of OpenTelemetry's GenAI conventions, OpenInference or OpenLLMetry
SELECT period, framework, framework_version, instrumentation, instrumentation_version, distinct_count(crew_id) AS crews,
       CAST(sum(runs) AS BIGINT) AS runs, CAST(sum(calls) AS BIGINT) AS calls, CAST(sum(uses) AS BIGINT) AS uses
FROM (
  SELECT period, framework, framework_version, instrumentation, instrumentation_version, crew_id, 1 AS runs, 0 AS calls, 0 AS uses FROM agent_runs
  UNION ALL
  SELECT period, framework, framework_version, instrumentation, instrumentation_version, crew_id, 0, 1, 0 FROM model_calls
  UNION ALL
  SELECT period, framework, framework_version, instrumentation, instrumentation_version, NULL, 0, 0, 1 FROM tool_uses WHERE instrumentation IS NOT NULL
)
GROUP BY period, framework, framework_version, instrumentation, instrumentation_version
ORDER BY period, crews DESC, framework, framework_version, instrumentation, instrumentation_version
