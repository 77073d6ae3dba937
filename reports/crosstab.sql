-- title: Cross table
-- question: What is used together with what: which tools with which models?
-- parameters:
--   rows: one of tool, model, process, feature, release, python, environment, size = tool: the rows
--   columns: one of tool, model, process, feature, release, python, environment, size = model: the columns
-- columns:
--   row: the value of the row; values of fewer crews than the threshold are one row
--   column: the value of the column; values of fewer crews than the threshold are one column
--   crews: distinct crews with both (by key, or by id where there is no key)
--   row_crews: distinct crews with the value of the row that report a column's value, too
--   column_crews: distinct crews with the value of the column that report a row's value, too
--   share: crews as a share of row_crews
--   lift: how many times more often both come together than if they had nothing to do with each other
-- published by: crews
-- tells the whole: row_crews, column_crews, share, lift
-- held back: crews with share, lift
-- note: a crew that ran with several values counts for each of them; crews whose release does not report both are left out, so that a missing cell is a pair that no crew is known to have
-- note: environment is the runtime context, size the number of tasks, feature a setting of a crew, its agents or its tasks
WITH row_names AS (
  SELECT period, names, distinct_set(crew) AS crews
  FROM (
    SELECT period, crew, tool_set(tool_names) AS names FROM agents WHERE $rows = 'tool'
    UNION ALL SELECT period, crew, tool_set(tool_names) FROM tasks WHERE $rows = 'tool'
    UNION ALL SELECT period, crew, model FROM agents WHERE $rows = 'model'
    UNION ALL
    SELECT period, crew, CASE $rows WHEN 'process' THEN process WHEN 'release' THEN framework_version WHEN 'environment' THEN runtime_context
             WHEN 'python' THEN CASE WHEN runtime = 'python' AND runtime_version <> '' THEN concat(split_part(runtime_version, '.', 1), '.', split_part(runtime_version, '.', 2)) END
             WHEN 'size' THEN CASE WHEN task_count = 1 THEN '1 task' WHEN task_count <= 3 THEN '2 to 3 tasks' WHEN task_count <= 7 THEN '4 to 7 tasks' WHEN task_count > 7 THEN '8 tasks or more' END
             ELSE concat_ws(chr(10), CASE WHEN memory THEN 'memory' END, CASE WHEN inputs_present THEN 'kickoff inputs' END) END
    FROM crews WHERE $rows IN ('process', 'release', 'environment', 'python', 'size', 'feature')
    UNION ALL
    SELECT period, crew, concat_ws(chr(10), CASE WHEN delegation_enabled THEN 'delegation' END, CASE WHEN code_execution_allowed THEN 'code execution' END, CASE WHEN verbose THEN 'verbose' END)
    FROM agents WHERE $rows = 'feature'
    UNION ALL
    SELECT period, crew, concat_ws(chr(10), CASE WHEN async_execution THEN 'async execution' END, CASE WHEN human_input THEN 'human input' END) FROM tasks WHERE $rows = 'feature'
  )
  WHERE names <> '' GROUP BY period, names
), column_names AS (
  SELECT period, names, distinct_set(crew) AS crews
  FROM (
    SELECT period, crew, tool_set(tool_names) AS names FROM agents WHERE $columns = 'tool'
    UNION ALL SELECT period, crew, tool_set(tool_names) FROM tasks WHERE $columns = 'tool'
    UNION ALL SELECT period, crew, model FROM agents WHERE $columns = 'model'
    UNION ALL
    SELECT period, crew, CASE $columns WHEN 'process' THEN process WHEN 'release' THEN framework_version WHEN 'environment' THEN runtime_context
             WHEN 'python' THEN CASE WHEN runtime = 'python' AND runtime_version <> '' THEN concat(split_part(runtime_version, '.', 1), '.', split_part(runtime_version, '.', 2)) END
             WHEN 'size' THEN CASE WHEN task_count = 1 THEN '1 task' WHEN task_count <= 3 THEN '2 to 3 tasks' WHEN task_count <= 7 THEN '4 to 7 tasks' WHEN task_count > 7 THEN '8 tasks or more' END
             ELSE concat_ws(chr(10), CASE WHEN memory THEN 'memory' END, CASE WHEN inputs_present THEN 'kickoff inputs' END) END
    FROM crews WHERE $columns IN ('process', 'release', 'environment', 'python', 'size', 'feature')
    UNION ALL
    SELECT period, crew, concat_ws(chr(10), CASE WHEN delegation_enabled THEN 'delegation' END, CASE WHEN code_execution_allowed THEN 'code execution' END, CASE WHEN verbose THEN 'verbose' END)
    FROM agents WHERE $columns = 'feature'
    UNION ALL
    SELECT period, crew, concat_ws(chr(10), CASE WHEN async_execution THEN 'async execution' END, CASE WHEN human_input THEN 'human input' END) FROM tasks WHERE $columns = 'feature'
  )
  WHERE names <> '' GROUP BY period, names
), row_values AS (
  SELECT period, CASE WHEN cardinality(crews) < $min_crews THEN concat('(from fewer than ', $min_crews, ' crews)') ELSE value END AS value, union_set(crews) AS crews
  FROM (SELECT period, value, union_set(crews) AS crews FROM (SELECT period, unnest(string_to_array(names, chr(10))) AS value, crews FROM row_names) GROUP BY period, value)
  GROUP BY period, CASE WHEN cardinality(crews) < $min_crews THEN concat('(from fewer than ', $min_crews, ' crews)') ELSE value END
), column_values AS (
  SELECT period, CASE WHEN cardinality(crews) < $min_crews THEN concat('(from fewer than ', $min_crews, ' crews)') ELSE value END AS value, union_set(crews) AS crews
  FROM (SELECT period, value, union_set(crews) AS crews FROM (SELECT period, unnest(string_to_array(names, chr(10))) AS value, crews FROM column_names) GROUP BY period, value)
  GROUP BY period, CASE WHEN cardinality(crews) < $min_crews THEN concat('(from fewer than ', $min_crews, ' crews)') ELSE value END
), pairs AS (
  SELECT r.period, r.value AS "row", c.value AS "column", r.crew
  FROM (SELECT period, value, unnest(crews) AS crew FROM row_values) AS r
  JOIN (SELECT period, value, unnest(crews) AS crew FROM column_values) AS c ON c.period = r.period AND c.crew = r.crew
), cells AS (
  -- One pass for the cells, the sums of rows and of columns, and all.
  SELECT period, "row", "column", grouping("row") AS all_rows, grouping("column") AS all_columns, count(DISTINCT crew) AS crews
  FROM pairs GROUP BY GROUPING SETS ((period, "row", "column"), (period, "row"), (period, "column"), (period))
), beside AS (
  SELECT *, max(crews) FILTER (WHERE all_rows = 0 AND all_columns = 1) OVER (PARTITION BY period, "row") AS row_crews,
         max(crews) FILTER (WHERE all_rows = 1 AND all_columns = 0) OVER (PARTITION BY period, "column") AS column_crews,
         max(crews) FILTER (WHERE all_rows = 1 AND all_columns = 1) OVER (PARTITION BY period) AS all_crews
  FROM cells
)
SELECT period, "row", "column", crews, row_crews, column_crews, CAST(crews AS DOUBLE) / row_crews AS share, CAST(crews AS DOUBLE) * all_crews / row_crews / column_crews AS lift
FROM beside
WHERE all_rows = 0 AND all_columns = 0
ORDER BY period, "row" LIKE '(from fewer than %', "column" LIKE '(from fewer than %', crews DESC, "row", "column"
