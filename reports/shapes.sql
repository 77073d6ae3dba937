-- title: Shapes
-- question: How are crews built: sizes, processes, settings away from their defaults?
-- parameters:
--   per: one of all, release = all: whether each release is counted apart
-- columns:
--   version: the release; null where releases are not counted apart, or for crews that name none
--   aspect: tasks, agents, process, memory, or the setting that is away from its default
--   value: the number of tasks or agents, the process, whether there is a memory; of a setting what it is set to
--   crews: distinct crews with it (by key, or by id where there is no key)
--   of: distinct crews that report the aspect at all
--   share: crews as a share of those
-- published by: crews
-- tells the whole: of, share
-- held back: crews with share
-- adds up: crews within version, aspect
-- note: away from the default: verbose, delegation, code execution, async execution or human input on; a limit of requests; iterations other than 20 and 25 (the default was either); retries other than 2; a function-calling model of its own
-- note: a crew that ran with several shapes counts for each of them; a release that does not report an aspect has no row for it
WITH named AS (
  SELECT period, CASE WHEN $per = 'release' THEN nullif(framework_version, '') END AS version, names, distinct_set(crew) AS crews
  FROM (
    SELECT period, framework_version, crew, concat_ws(chr(10),
             CASE WHEN task_count IS NOT NULL THEN concat('tasks', chr(9), CASE WHEN task_count <= 1 THEN CAST(task_count AS VARCHAR) WHEN task_count <= 3 THEN '2 to 3' WHEN task_count <= 7 THEN '4 to 7' WHEN task_count <= 15 THEN '8 to 15' ELSE '16 or more' END) END,
             CASE WHEN agent_count IS NOT NULL THEN concat('agents', chr(9), CASE WHEN agent_count <= 1 THEN CAST(agent_count AS VARCHAR) WHEN agent_count <= 3 THEN '2 to 3' WHEN agent_count <= 7 THEN '4 to 7' WHEN agent_count <= 15 THEN '8 to 15' ELSE '16 or more' END) END,
             CASE WHEN process <> '' THEN concat('process', chr(9), process) END, CASE WHEN memory IS NOT NULL THEN concat('memory', chr(9), memory) END) AS names
    FROM crews
    UNION ALL
    SELECT period, framework_version, crew, concat_ws(chr(10),
             CASE WHEN verbose IS NOT NULL THEN concat('verbose', chr(9), CASE WHEN verbose THEN 'true' END) END,
             CASE WHEN delegation_enabled IS NOT NULL THEN concat('delegation', chr(9), CASE WHEN delegation_enabled THEN 'true' END) END,
             CASE WHEN code_execution_allowed IS NOT NULL THEN concat('code execution', chr(9), CASE WHEN code_execution_allowed THEN 'true' END) END,
             CASE WHEN max_iterations IS NOT NULL THEN concat('max_iterations', chr(9), CASE WHEN max_iterations NOT IN (20, 25) THEN CASE WHEN max_iterations < 20 THEN 'fewer than 20' ELSE 'more than 20' END END) END,
             CASE WHEN max_retry_limit IS NOT NULL THEN concat('max_retry_limit', chr(9), CASE WHEN max_retry_limit <> 2 THEN CASE WHEN max_retry_limit < 2 THEN 'fewer than 2' ELSE 'more than 2' END END) END,
             CASE WHEN max_rpm IS NOT NULL THEN concat('max_rpm', chr(9), 'set') WHEN max_iterations IS NOT NULL THEN concat('max_rpm', chr(9)) END,
             CASE WHEN function_calling_llm IS NOT NULL THEN concat('function-calling model', chr(9), CASE WHEN function_calling_llm <> '' THEN 'set' END) END)
    FROM agents
    UNION ALL
    SELECT period, framework_version, crew, concat_ws(chr(10), CASE WHEN async_execution IS NOT NULL THEN concat('async execution', chr(9), CASE WHEN async_execution THEN 'true' END) END,
             CASE WHEN human_input IS NOT NULL THEN concat('human input', chr(9), CASE WHEN human_input THEN 'true' END) END)
    FROM tasks
  )
  WHERE names <> '' GROUP BY ALL
), counted AS (
  -- Each aspect counts for its value, and for the text chr(1), which stands for all of its values.
  SELECT period, version, aspect, value, union_count(crews) AS crews
  FROM (SELECT period, version, crews, split_part(name, chr(9), 1) AS aspect, unnest([chr(1), split_part(name, chr(9), 2)]) AS value
        FROM (SELECT period, version, crews, unnest(string_to_array(names, chr(10))) AS name FROM named))
  GROUP BY period, version, aspect, value
), beside AS (
  SELECT *, max(crews) FILTER (WHERE value = chr(1)) OVER (PARTITION BY period, version, aspect) AS "of" FROM counted
)
SELECT period, version, aspect, value, crews, "of", CAST(crews AS DOUBLE) / nullif("of", 0) AS share
FROM beside
WHERE value > chr(1)
ORDER BY period, version_key(version) DESC NULLS LAST, version, coalesce(array_position(['tasks', 'agents', 'process', 'memory'], aspect), 9), aspect, crews DESC, value
