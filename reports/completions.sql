-- title: Completions
-- question: How do kickoffs end, and how long do they take?
-- columns:
--   outcome: completed or failed
--   crews: distinct crews (by key, or by id where there is no key)
--   runs: kickoffs with this outcome
--   duration_avg: mean duration in seconds
--   duration_p50: median duration in seconds
--   duration_p95: 95th percentile of the duration in seconds
-- published by: crews
-- note: only CrewAI 1.15.19 and newer report how a kickoff ended
SELECT period, outcome, distinct_count(crew) AS crews, count(*) AS runs,
       CAST(sum(TRY_CAST(duration AS DECIMAL(18, 6))) AS DOUBLE) / count(duration) AS duration_avg, percentile(duration, 0.5) AS duration_p50,
       percentile(duration, 0.95) AS duration_p95
FROM crew_completions
GROUP BY period, outcome
ORDER BY period, outcome
