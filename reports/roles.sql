-- title: Roles
-- question: Which roles do agents have?
-- columns:
--   role: the agent's role, as its author wrote it
--   crews: distinct crews with such an agent or with a task for it (by key, or by id where there is no key)
--   agents: distinct agents with this role (by key, or by id where there is no key)
--   tasks: distinct tasks assigned to it (by key, or by id where there is no key)
--   task_agents: distinct agents, by key, that these tasks name
-- published by: crews
-- free text: role by crews
-- note: crews are counted by key, or by id where the release sends no key (CrewAI before 0.41.0): without a key, a crew counts again each time it is built; the reports overview, crews, features, tasks and versions count keys only
SELECT period, role, distinct_count(crew) AS crews, distinct_count(agent) AS agents, distinct_count(task) AS tasks, distinct_count(task_agent) AS task_agents
FROM (
  SELECT period, role, crew, coalesce(nullif(key, ''), id) AS agent, NULL AS task, NULL AS task_agent FROM agents
  UNION ALL
  SELECT period, agent_role, crew, NULL, coalesce(nullif(key, ''), id), nullif(agent_key, '') FROM tasks
)
WHERE role <> ''
GROUP BY period, role
ORDER BY period, crews DESC, role
