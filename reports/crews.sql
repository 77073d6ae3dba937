-- title: Crews
-- question: How are crews set up: process, memory, inputs, size?
-- columns:
--   process: how the tasks are run, for example sequential or hierarchical
--   memory: whether the crew has a memory; null where the release does not say
--   crews: distinct crew keys
--   runs: kickoffs
--   tasks: tasks of all those kickoffs together
--   agents: agents of all those kickoffs together
--   tasks_per_run: mean number of tasks of a kickoff
--   agents_per_run: mean number of agents of a kickoff
--   runs_with_inputs: kickoffs that were given inputs; null where the release does not say (CrewAI before 1.15.18)
-- published by: crews, runs
-- when null: crews: null crews are not zero: these releases send no crew key (CrewAI before 0.41.0)
-- when null: runs_with_inputs: whether inputs were given is not reported by these releases (CrewAI before 1.15.18)
SELECT period, process, memory,
       CASE WHEN count(nullif(key, '')) > 0 THEN distinct_count(key) END AS crews, count(*) AS runs,
       sum(task_count) AS tasks, sum(agent_count) AS agents, avg(task_count) AS tasks_per_run, avg(agent_count) AS agents_per_run,
       CASE WHEN count(inputs_present) > 0 THEN count(*) FILTER (WHERE inputs_present) END AS runs_with_inputs
FROM crews
GROUP BY period, process, memory
ORDER BY period, runs DESC, process, memory
