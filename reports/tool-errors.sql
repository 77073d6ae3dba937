-- title: Tool errors
-- question: Which errors do tools end with, and how long do their uses take?
-- columns:
--   tool: the tool's name in lower case with underscores, so that all spellings of a tool share one row; null where the span names no tool
--   error_type: the class of the error; null for uses that ended well, and for errors whose class is not reported
--   errors: uses that ended with this error
--   uses: uses that ended well
--   unknown: uses of which the spans do not say how they ended
--   duration_p50: median duration in seconds, where it is reported
--   duration_p95: 95th percentile of the duration in seconds
--   names: distinct tools; more than one where their names are left out
-- published by: errors, uses, unknown
-- free text: tool by no crew
-- note: spans of OpenTelemetry's GenAI conventions, OpenInference and OpenLLMetry report durations and classes of errors; CrewAI's own spans do not
SELECT period, CASE WHEN $min_crews <= 1 THEN tool END AS tool, error_type, CAST(sum(errors) AS BIGINT) AS errors, CAST(sum(uses) AS BIGINT) AS uses,
       CAST(sum(unknown) AS BIGINT) AS unknown, percentile(duration, 0.5) AS duration_p50, percentile(duration, 0.95) AS duration_p95,
       distinct_count(tool) AS names
FROM (
  SELECT period, tool_key(tool_name) AS tool, error_type, duration,
         CASE WHEN outcome = 'error' THEN 1 ELSE 0 END AS errors, CASE WHEN outcome = 'used' THEN 1 ELSE 0 END AS uses,
         CASE WHEN outcome IS NULL THEN 1 ELSE 0 END AS unknown
  FROM tool_uses
)
GROUP BY period, CASE WHEN $min_crews <= 1 THEN tool END, error_type
ORDER BY period, errors DESC, uses DESC, tool, error_type
