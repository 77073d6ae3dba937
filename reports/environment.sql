-- title: Environment
-- question: Where do crews run: with which coding agent, in which context, on how many cores?
-- columns:
--   aspect: coding_agent, runtime_context, cpu_band, or tool (the coding tool that the framework detected)
--   value: its value
--   crews: distinct crews (by key, or by id where there is no key); null where the framework's spans name no crew
--   runs: kickoffs; for the aspect tool, reports of the environment
--   share: share of the runs that report this aspect
--   projects: distinct projects that reported it
-- published by: crews, runs
-- tells the whole: share
-- when null: crews: null is not zero: environment spans carry no crew
-- note: reported by CrewAI since 1.11.1 (tool), 1.15.11 (coding_agent), 1.15.14 (runtime_context) and 1.15.19 (cpu_band)
SELECT period, aspect, value, crews, runs, CAST(runs AS DOUBLE) / sum(runs) OVER (PARTITION BY period, aspect) AS share, projects
FROM (
  SELECT period, 'coding_agent' AS aspect, coding_agent AS value, distinct_count(crew) AS crews, count(*) AS runs, distinct_count(project_id) AS projects
  FROM crews WHERE coding_agent <> '' GROUP BY period, coding_agent
  UNION ALL
  SELECT period, 'runtime_context', runtime_context, distinct_count(crew), count(*), distinct_count(project_id)
  FROM crews WHERE runtime_context <> '' GROUP BY period, runtime_context
  UNION ALL
  SELECT period, 'cpu_band', cpu_band, distinct_count(crew), count(*), distinct_count(project_id)
  FROM crews WHERE cpu_band <> '' GROUP BY period, cpu_band
  UNION ALL
  SELECT period, 'tool', tool, NULL, count(*), distinct_count(project_id)
  FROM environments WHERE tool <> '' GROUP BY period, tool
)
ORDER BY period, aspect, runs DESC, value
