-- title: Tools
-- question: Which tools are crews equipped with, and which are used?
-- columns:
--   tool: the tool's name in lower case with underscores, so that all spellings of a tool share one row; null where the span names no tool
--   crews: distinct crews whose agents or tasks are equipped with it (by key, or by id where there is no key)
--   uses: successful calls
--   errors: calls given up after errors
--   repeats: calls refused because they repeated the previous one
--   attempts: mean number of attempts of a successful call
-- in brief: tool, crews, uses, errors
-- published by: crews
-- free text: tool by crews
-- when null: tool: a row without a name: CrewAI up to 1.14.6 names no tool when a call fails
-- note: crews are counted by key, or by id where the release sends no key (CrewAI before 0.41.0): without a key, a crew counts again each time it is built; the reports overview, crews, features, tasks and versions count keys only
-- note: CrewAI's tool spans name no crew, and native function calls (1.9.0 and newer) send no tool span: uses, errors and repeats cover text-based tool calling only
WITH equipped AS (
  SELECT period, unnest(string_to_array(tools, chr(10))) AS tool, crews
  FROM (SELECT period, tool_set(tool_names) AS tools, distinct_set(crew) AS crews
        FROM (SELECT period, tool_names, crew FROM agents UNION ALL SELECT period, tool_names, crew FROM tasks)
        GROUP BY period, tool_set(tool_names))
  WHERE tools <> ''
), called AS (
  SELECT period, tool_name, count(*) FILTER (WHERE outcome = 'used') AS uses, count(*) FILTER (WHERE outcome = 'error') AS errors,
         count(*) FILTER (WHERE outcome = 'repeated') AS repeats,
         sum(attempts) FILTER (WHERE outcome = 'used') AS attempts, count(attempts) FILTER (WHERE outcome = 'used') AS attempts_said
  FROM tool_uses GROUP BY period, tool_name
)
SELECT period, tool, CAST(sum(crews) AS BIGINT) AS crews, CAST(sum(uses) AS BIGINT) AS uses, CAST(sum(errors) AS BIGINT) AS errors,
       CAST(sum(repeats) AS BIGINT) AS repeats, CAST(sum(attempts) AS DOUBLE) / nullif(sum(attempts_said), 0) AS attempts
FROM (
  SELECT period, tool, union_count(crews) AS crews, 0 AS uses, 0 AS errors, 0 AS repeats, 0 AS attempts, 0 AS attempts_said
  FROM equipped GROUP BY period, tool
  UNION ALL
  SELECT period, tool_key(tool_name), 0, uses, errors, repeats, attempts, attempts_said FROM called
)
GROUP BY period, tool
ORDER BY period, tool IS NULL, crews DESC, uses DESC, tool
