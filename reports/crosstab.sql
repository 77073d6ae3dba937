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
-- in brief: row, column, crews, share, lift
-- published by: crews
-- tells the whole: row_crews, column_crews, share, lift
-- held back: crews with share, lift
-- adds up: crews within row
-- adds up: crews within column
-- note: a crew that ran with several values counts for each of them; crews whose release does not report both are left out, so that a missing cell is a pair that no crew is known to have
-- note: environment is the runtime context, size the number of tasks, feature a setting of a crew, its agents or its tasks
WITH named AS (
  SELECT period, kind, names, distinct_set(crew) AS crews
  FROM (
    SELECT period, crew, 'tool' AS kind, tool_set(tool_names) AS names FROM agents
    UNION ALL SELECT period, crew, 'tool', tool_set(tool_names) FROM tasks
    UNION ALL SELECT period, crew, 'model', model FROM agents
    UNION ALL SELECT period, crew, 'process', process FROM crews
    UNION ALL SELECT period, crew, 'release', framework_version FROM crews
    UNION ALL SELECT period, crew, 'environment', runtime_context FROM crews
    UNION ALL SELECT period, crew, 'python', python FROM crews
    UNION ALL SELECT period, crew, 'size', size FROM crews
    UNION ALL SELECT period, crew, 'feature', features FROM crews
    UNION ALL SELECT period, crew, 'feature', features FROM agents
    UNION ALL SELECT period, crew, 'feature', features FROM tasks
  )
  WHERE kind IN ($rows, $columns) AND names <> '' GROUP BY period, kind, names
), sets AS (
  SELECT period, kind, value, union_set(crews) AS crews
  FROM (SELECT period, kind, unnest(string_to_array(names, chr(10))) AS value, crews FROM named) GROUP BY period, kind, value
), folded AS (
  SELECT period, kind, CASE WHEN cardinality(crews) < $min_crews THEN concat('(from fewer than ', $min_crews, ' crews)') ELSE value END AS value, union_set(crews) AS crews
  FROM sets GROUP BY period, kind, CASE WHEN cardinality(crews) < $min_crews THEN concat('(from fewer than ', $min_crews, ' crews)') ELSE value END
), pairs AS (
  SELECT r.period, r.value AS "row", c.value AS "column", r.crew
  FROM (SELECT period, value, unnest(crews) AS crew FROM folded WHERE kind = $rows) AS r
  JOIN (SELECT period, value, unnest(crews) AS crew FROM folded WHERE kind = $columns) AS c ON c.period = r.period AND c.crew = r.crew
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
