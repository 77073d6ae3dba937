-- title: Tasks
-- question: How are tasks configured, how many run, and how long do they take?
-- columns:
--   tasks: distinct tasks that crews define (by key, or by id where there is no key)
--   crews: distinct crew keys that define them; null where the release sends none
--   definitions: total number of tasks of all kickoffs
--   async: definitions that run asynchronously
--   human_input: definitions that ask for human input
--   with_tools: definitions with tools of their own
--   without_agent: definitions that name no agent
--   created: tasks whose creation was reported
--   started: tasks whose start was reported
--   ended: tasks whose end was reported
--   completed: ended tasks that completed
--   failed: ended tasks that failed
--   distinct_run: distinct tasks created or started
--   running_crews: distinct crew keys that ran them; null where the release sends none
--   duration_p50: median duration of the tasks in seconds
--   duration_p95: 95th percentile of the duration in seconds
-- published by: crews
-- when null: crews: null is not zero: these releases send no crew key (CrewAI before 0.41.0)
-- when null: ended: no end of a task was reported: CrewAI sends no Task Execution span from 0.74.0 to 0.177.0
-- when null: duration_p50: no duration was reported: CrewAI sends no Task Execution span from 0.74.0 to 0.177.0
-- note: CrewAI 0.186.0 to 1.0.0 reports the creation of each task twice
SELECT period, tasks, crews, definitions, "async", human_input, with_tools, without_agent, created, started, ended, completed, failed,
       distinct_run, running_crews, duration_p50, duration_p95
FROM (
  SELECT coalesce(d.period, r.period) AS period, d.tasks + coalesce(i.tasks, 0) AS tasks, d.crews, d.definitions, d."async", d.human_input, d.with_tools, d.without_agent,
         nullif(r.created, 0) AS created, nullif(r.started, 0) AS started, nullif(r.ended, 0) AS ended,
         CASE WHEN r.ended > 0 THEN r.completed END AS completed, CASE WHEN r.ended > 0 THEN r.failed END AS failed,
         r.distinct_run + coalesce(j.tasks, 0) AS distinct_run, r.running_crews, r.duration_p50, r.duration_p95
  FROM (
    SELECT period, distinct_count(key) AS tasks, nullif(distinct_count(crew_key), 0) AS crews, count(*) AS definitions,
           count(*) FILTER (WHERE async_execution) AS "async", count(*) FILTER (WHERE human_input) AS human_input,
           count(*) FILTER (WHERE NOT empty(tool_names)) AS with_tools,
           count(*) FILTER (WHERE nullif(agent_key, '') IS NULL) AS without_agent
    FROM tasks GROUP BY period
  ) AS d
  FULL JOIN (
    SELECT period, count(created) AS created, count(started) AS started, count(ended) AS ended,
           count(*) FILTER (WHERE outcome = 'completed') AS completed, count(*) FILTER (WHERE outcome = 'failed') AS failed,
           distinct_count(task_key) AS distinct_run, nullif(distinct_count(crew_key), 0) AS running_crews,
           percentile(duration, 0.5) AS duration_p50,
           percentile(duration, 0.95) AS duration_p95
    FROM task_runs GROUP BY period
  ) AS r ON d.period = r.period
  LEFT JOIN (
    -- Apart, since ids are long: where every row has a key this reads none.
    SELECT period, distinct_count(id) AS tasks FROM tasks WHERE key IS NULL OR key = '' GROUP BY period
  ) AS i ON i.period = d.period
  LEFT JOIN (
    SELECT period, distinct_count(task_id) AS tasks FROM task_runs WHERE task_key IS NULL OR task_key = '' GROUP BY period
  ) AS j ON j.period = r.period
)
ORDER BY period
