-- title: Shared
-- question: What have crews with share_crew on shared?
-- columns:
--   record: the kind of record
--   field: its field
--   crews: distinct crews that shared it (by key, or by id where there is no key)
--   items: number of values shared
--   distinct_items: number of distinct agents, tasks or crews that they belong to
--   length_avg: mean length of a value in characters; null for cpu_count, which is a number
-- published by: none
-- note: this report only counts; only the tables shared_* hold the shared texts
WITH agent AS (
  SELECT period, crew, coalesce(nullif(key, ''), id) AS owner, unnest([
    named_struct('name', 'role', 'size', character_length(role)), named_struct('name', 'goal', 'size', character_length(goal)),
    named_struct('name', 'backstory', 'size', character_length(backstory)),
    named_struct('name', 'i18n_prompt_file', 'size', character_length(i18n_prompt_file))]) AS field
  FROM shared_agents
), task AS (
  SELECT period, crew, coalesce(nullif(key, ''), id) AS owner, unnest([
    named_struct('name', 'description', 'size', character_length(description)),
    named_struct('name', 'expected_output', 'size', character_length(expected_output)),
    named_struct('name', 'context', 'size', character_length(array_to_string(context, ''))),
    named_struct('name', 'formatted_description', 'size', character_length(formatted_description)),
    named_struct('name', 'formatted_expected_output', 'size', character_length(formatted_expected_output))]) AS field
  FROM shared_tasks
), environment AS (
  SELECT period, crew, crew AS owner, unnest([
    named_struct('name', 'platform', 'size', character_length(platform)), named_struct('name', 'release', 'size', character_length("release")),
    named_struct('name', 'system', 'size', character_length("system")), named_struct('name', 'version', 'size', character_length("version")),
    named_struct('name', 'cpu_count', 'size', CAST(cpu_count AS INTEGER))]) AS field
  FROM shared_environments
), execution AS (
  SELECT period, crew, crew AS owner, unnest([
    named_struct('name', 'output', 'size', character_length(output)), named_struct('name', 'tasks_output', 'size', character_length(tasks_output)),
    named_struct('name', 'log', 'size', character_length(log))]) AS field
  FROM shared_executions
)
SELECT period, record, field, distinct_count(crew) AS crews, count(size) AS items, distinct_count(owner) AS distinct_items, CASE WHEN field <> 'cpu_count' THEN avg(size) END AS length_avg
FROM (
  SELECT period, 'agent' AS record, field.name AS field, crew, owner, field.size AS size FROM agent
  UNION ALL SELECT period, 'task', field.name, crew, owner, field.size FROM task
  UNION ALL SELECT period, 'environment', field.name, crew, owner, field.size FROM environment
  UNION ALL SELECT period, 'execution', field.name, crew, owner, field.size FROM execution
  UNION ALL SELECT period, 'io', direction, crew, coalesce(task_id, crew), character_length(content) FROM shared_io
)
WHERE size IS NOT NULL
GROUP BY period, record, field
ORDER BY period, record, field
