-- title: Crews
-- question: How are crews configured: process, memory, inputs, size?
-- columns:
--   process: how the tasks are run, for example sequential or hierarchical
--   memory: whether the crew has a memory; null where the release does not report it
--   crews: distinct crew keys
--   runs: kickoffs
--   tasks: total number of tasks of these kickoffs
--   agents: total number of agents of these kickoffs
--   tasks_per_run: mean number of tasks per kickoff
--   agents_per_run: mean number of agents per kickoff
--   runs_with_inputs: kickoffs with inputs; null where the release does not report it (CrewAI before 1.15.18)
-- published by: crews, runs
-- when null: crews: null is not zero: these releases send no crew key (CrewAI before 0.41.0)
-- when null: runs_with_inputs: these releases do not report whether a kickoff has inputs (CrewAI before 1.15.18)
SELECT period, process, memory,
       CASE WHEN count(nullif(key, '')) > 0 THEN distinct_count(key) END AS crews, count(*) AS runs,
       sum(task_count) AS tasks, sum(agent_count) AS agents, avg(task_count) AS tasks_per_run, avg(agent_count) AS agents_per_run,
       CASE WHEN count(inputs_present) > 0 THEN count(*) FILTER (WHERE inputs_present) END AS runs_with_inputs
FROM crews
GROUP BY period, process, memory
ORDER BY period, runs DESC, process, memory
