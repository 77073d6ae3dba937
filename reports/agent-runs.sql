-- title: Runs of agents
-- question: How often does each agent run, how do the runs end, how long do they take, and who hands work on to whom?
-- columns:
--   role: the agent's role or name; null where the spans do not name it
--   agents: distinct agents of that role
--   crews: distinct runs of crews, workflows or traces in which it ran
--   runs: runs of the agent
--   failed: runs that failed; null where no run says how it ended
--   errors: distinct classes of their errors; null where no run says how it ended
--   handed_on: hand-offs of its work to other agents; null where none is reported
--   taken_over: hand-offs to it that name it; null where none is reported
--   duration_p50: median duration in seconds
--   duration_p95: 95th percentile of the duration in seconds
-- published by: runs
-- free text: role by crews
-- note: only spans of OpenTelemetry's GenAI conventions, OpenInference and OpenLLMetry report runs of agents; docs/genai-facts.md says which of them report what
WITH ran AS (
  SELECT period, role, distinct_count(agent_key) AS agents, distinct_count(crew_id) AS crews, count(*) AS runs,
         CASE WHEN count(outcome) > 0 THEN count(*) FILTER (WHERE outcome = 'failed') END AS failed,
         CASE WHEN count(outcome) > 0 THEN distinct_count(error_type) END AS errors,
         percentile(duration, 0.5) AS duration_p50, percentile(duration, 0.95) AS duration_p95
  FROM agent_runs GROUP BY period, role
), handed AS (
  SELECT period, role, sum(handed_on) AS handed_on, sum(taken_over) AS taken_over, distinct_count(crew_id) AS crews
  FROM (
    SELECT period, from_role AS role, 1 AS handed_on, 0 AS taken_over, crew_id FROM handoffs
    UNION ALL
    SELECT period, to_role, 0, 1, crew_id FROM handoffs
  )
  WHERE role IS NOT NULL
  GROUP BY period, role
)
SELECT period, role, CAST(sum(agents) AS BIGINT) AS agents, CAST(max(crews) AS BIGINT) AS crews, CAST(sum(runs) AS BIGINT) AS runs,
       CAST(sum(failed) AS BIGINT) AS failed, CAST(sum(errors) AS BIGINT) AS errors, CAST(nullif(sum(handed_on), 0) AS BIGINT) AS handed_on,
       CAST(nullif(sum(taken_over), 0) AS BIGINT) AS taken_over, max(duration_p50) AS duration_p50, max(duration_p95) AS duration_p95
FROM (
  SELECT period, role, agents, crews, runs, failed, errors, 0 AS handed_on, 0 AS taken_over, duration_p50, duration_p95 FROM ran
  UNION ALL
  SELECT period, role, 0, crews, 0, NULL, NULL, handed_on, taken_over, NULL, NULL FROM handed
)
GROUP BY period, role
ORDER BY period, runs DESC, role
