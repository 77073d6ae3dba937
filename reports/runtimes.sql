-- title: Runtimes
-- question: Which language runtimes and versions do crews run on?
-- columns:
--   runtime: the runtime's name
--   version: its version
--   crews: distinct crew keys that ran on it
--   runs: kickoffs on it
-- published by: crews, runs
-- when null: crews: null is not zero: the releases that ran on it send no crew key (CrewAI before 0.41.0)
SELECT period, runtime, runtime_version AS version,
       CASE WHEN count(nullif(key, '')) > 0 THEN distinct_count(key) END AS crews, count(*) AS runs
FROM crews
GROUP BY period, runtime, runtime_version
ORDER BY period, runs DESC, runtime, version DESC
