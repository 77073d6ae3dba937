-- title: Overview
-- question: How much is used, by how many crews, and since when?
-- columns:
--   metric: what is counted; crews, agents, tasks, tools, models, versions and projects count distinct ones
--   value: the count
--   first_seen: time of the first counted record
--   last_seen: time of the last counted record
-- published by: value alone
-- when null: value: a null value is not zero: the releases in this selection send no crew key (CrewAI before 0.41.0), so different crews cannot be told apart from repeated runs of one crew
-- note: CrewAI sends no Task Execution span from 0.74.0 to 0.177.0, and no tool span for native function calls from 1.9.0: task_runs and tool_uses do not include those
WITH counted AS (
  SELECT period, position, metric, first_seen, last_seen,
         CASE metric WHEN 'crews' THEN crews WHEN 'runs' THEN runs WHEN 'runs_without_key' THEN runs - keyed
                     WHEN 'versions' THEN versions ELSE projects END AS value,
         metric = 'crews' AND keyed = 0 AS unknown, NULL AS tools
  FROM (SELECT period, distinct_count(key) AS crews, count(*) AS runs, count(nullif(key, '')) AS keyed,
               distinct_count(concat(framework, ' ', framework_version)) FILTER (WHERE framework_version <> '') AS versions,
               distinct_count(project_id) AS projects, min(time) AS first_seen, max(time) AS last_seen
        FROM crews GROUP BY period)
  CROSS JOIN (VALUES (1, 'crews'), (2, 'runs'), (3, 'runs_without_key'), (11, 'versions'), (12, 'projects')) AS m (position, metric)
  UNION ALL
  SELECT period, position, metric, CASE metric WHEN 'tools' THEN tools_first_seen ELSE first_seen END,
         CASE metric WHEN 'tools' THEN tools_last_seen ELSE last_seen END,
         CASE metric WHEN 'agents' THEN agents WHEN 'models' THEN models END, false, CASE metric WHEN 'tools' THEN tools END
  FROM (SELECT period, distinct_count(key) AS agents, distinct_count(model) AS models, min(time) AS first_seen, max(time) AS last_seen,
               distinct_set(tool_key(tool_names)) AS tools, min(time) FILTER (WHERE NOT empty(tool_names)) AS tools_first_seen,
               max(time) FILTER (WHERE NOT empty(tool_names)) AS tools_last_seen
        FROM agents GROUP BY period)
  CROSS JOIN (VALUES (4, 'agents'), (7, 'tools'), (10, 'models')) AS m (position, metric)
  WHERE metric <> 'tools' OR tools_first_seen IS NOT NULL
  UNION ALL
  SELECT period, position, metric, CASE metric WHEN 'tools' THEN tools_first_seen ELSE first_seen END,
         CASE metric WHEN 'tools' THEN tools_last_seen ELSE last_seen END,
         CASE metric WHEN 'tasks' THEN tasks END, false, CASE metric WHEN 'tools' THEN tools END
  FROM (SELECT period, distinct_count(key) AS tasks, min(time) AS first_seen, max(time) AS last_seen,
               distinct_set(tool_key(tool_names)) AS tools, min(time) FILTER (WHERE NOT empty(tool_names)) AS tools_first_seen,
               max(time) FILTER (WHERE NOT empty(tool_names)) AS tools_last_seen
        FROM tasks GROUP BY period)
  CROSS JOIN (VALUES (5, 'tasks'), (7, 'tools')) AS m (position, metric)
  WHERE metric <> 'tools' OR tools_first_seen IS NOT NULL
  UNION ALL
  -- By id where there is no key: apart, since ids are long, and where every row has a key this reads none.
  SELECT period, 4, 'agents', min(time), max(time), distinct_count(id), false, NULL FROM agents WHERE key IS NULL OR key = '' GROUP BY period
  UNION ALL
  SELECT period, 5, 'tasks', min(time), max(time), distinct_count(id), false, NULL FROM tasks WHERE key IS NULL OR key = '' GROUP BY period
  UNION ALL
  SELECT period, 6, 'task_runs', min(time), max(time), count(started), false, NULL FROM task_runs GROUP BY period
  UNION ALL
  SELECT period, position, metric, CASE metric WHEN 'tools' THEN tools_first_seen ELSE first_seen END,
         CASE metric WHEN 'tools' THEN tools_last_seen ELSE last_seen END,
         CASE metric WHEN 'tool_uses' THEN uses END, false, CASE metric WHEN 'tools' THEN tools END
  FROM (SELECT period, CAST(sum(uses) AS BIGINT) AS uses, min(first_use) AS first_seen, max(last_use) AS last_seen,
               distinct_set(tool_key(tool_name)) AS tools, min(first_seen) FILTER (WHERE tool_name <> '') AS tools_first_seen,
               max(last_seen) FILTER (WHERE tool_name <> '') AS tools_last_seen
        FROM (SELECT period, tool_name, min(time) AS first_seen, max(time) AS last_seen, count(*) FILTER (WHERE outcome = 'used') AS uses,
                     min(time) FILTER (WHERE outcome = 'used') AS first_use, max(time) FILTER (WHERE outcome = 'used') AS last_use
              FROM tool_uses GROUP BY period, tool_name)
        GROUP BY period)
  CROSS JOIN (VALUES (7, 'tools'), (8, 'tool_uses')) AS m (position, metric)
  WHERE CASE metric WHEN 'tools' THEN tools_first_seen IS NOT NULL ELSE uses > 0 END
  UNION ALL
  SELECT period, 13, 'flow_runs', min(time), max(time), count(*), false, NULL FROM flow_events WHERE event = 'started' GROUP BY period
  UNION ALL
  SELECT period, 14, 'feature_uses', min(time), max(time), count(*), false, NULL FROM feature_uses GROUP BY period
  UNION ALL
  SELECT period, 15, 'tests', min(time), max(time), count(*), false, NULL FROM tests WHERE step = 'execution' GROUP BY period
  UNION ALL
  SELECT period, 16, 'deployments', min(time), max(time), count(*), false, NULL FROM deployments WHERE step IN ('start', 'create') GROUP BY period
  UNION ALL
  SELECT period, 18, 'refusals', min(time), max(time), CAST(sum("count") AS BIGINT), false, NULL FROM refusals GROUP BY period
  UNION ALL
  SELECT period, position, metric, NULL, NULL, 0, false, NULL
  FROM periods
  CROSS JOIN (VALUES (1, 'crews'), (2, 'runs'), (3, 'runs_without_key'), (4, 'agents'), (5, 'tasks'), (6, 'task_runs'), (7, 'tools'),
                     (8, 'tool_uses'), (10, 'models'), (11, 'versions'), (12, 'projects'), (13, 'flow_runs'), (14, 'feature_uses'),
                     (15, 'tests'), (16, 'deployments'), (18, 'refusals')) AS m (position, metric)
)
SELECT period, metric, CASE WHEN bool_or(unknown) THEN NULL WHEN metric = 'tools' THEN union_count(tools) ELSE CAST(sum(value) AS BIGINT) END AS value,
       min(first_seen) AS first_seen, max(last_seen) AS last_seen
FROM counted
GROUP BY period, position, metric
ORDER BY period, position
