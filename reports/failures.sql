-- title: Failures
-- question: What fails, and with which kind of error?
-- columns:
--   source: what failed: a task, a flow, or a method of a flow
--   error_type: the class of the error; its message is never collected
--   crews: distinct crews with this failure; null where the framework's spans name no crew
--   failures: number of failures
-- published by: crews, failures
-- when null: crews: null is not zero: flow spans carry no crew
-- free text: error_type by crews
-- note: reported by CrewAI since 1.15.18 (tasks) and 1.15.15 (flows)
SELECT period, source, error_type, crews, failures
FROM (
  SELECT period, 'task' AS source, error_type, distinct_count(crew) AS crews, count(*) AS failures
  FROM task_runs WHERE outcome = 'failed' GROUP BY period, error_type
  UNION ALL
  SELECT period, 'flow method', error_type, NULL, count(*) FROM flow_events WHERE event = 'method_failed' GROUP BY period, error_type
  UNION ALL
  SELECT period, 'flow', error_type, NULL, count(*) FROM flow_events WHERE event = 'completed' AND outcome = 'failed' GROUP BY period, error_type
)
ORDER BY period, source, failures DESC, error_type
