-- title: Agents
-- question: How are agents configured?
-- columns:
--   setting: the agent's setting
--   value: its value
--   agents: distinct agents with that value (by key, or by id where there is no key)
--   crews: distinct crews of these agents (by key, or by id where there is no key)
-- published by: crews
-- free text: value by crews where setting in llm_name, llm_model_name, llm_model, llm_class_name, function_calling_llm
-- note: crews are counted by key, or by id where the release sends no key (CrewAI before 0.41.0): without a key, a crew counts again each time it is built; the reports overview, crews, features, tasks and versions count keys only
-- note: only CrewAI 0.55.2 and older report llm_name, llm_top_k, llm_temperature and llm_class_name; the report "roles" has the roles
WITH alike AS (
  SELECT period, distinct_set(key, id) AS agents, distinct_set(crew) AS crews, verbose, delegation_enabled, code_execution_allowed,
         max_iterations, max_rpm, max_retry_limit, llm_name, llm_model_name, llm_model, llm_top_k, llm_temperature, llm_class_name,
         function_calling_llm, cardinality(tool_names) AS tools
  FROM agents
  GROUP BY ALL
)
SELECT period, setting.name AS setting, setting.value AS value, union_count(agents) AS agents, union_count(crews) AS crews
FROM (
  SELECT period, agents, crews, unnest([
    named_struct('name', 'verbose', 'value', CAST(verbose AS VARCHAR)),
    named_struct('name', 'delegation_enabled', 'value', CAST(delegation_enabled AS VARCHAR)),
    named_struct('name', 'code_execution_allowed', 'value', CAST(code_execution_allowed AS VARCHAR)),
    named_struct('name', 'max_iterations', 'value', CAST(max_iterations AS VARCHAR)),
    named_struct('name', 'max_rpm', 'value', CAST(max_rpm AS VARCHAR)),
    named_struct('name', 'max_retry_limit', 'value', CAST(max_retry_limit AS VARCHAR)),
    named_struct('name', 'tools', 'value', CAST(tools AS VARCHAR)),
    named_struct('name', 'llm_name', 'value', CAST(llm_name AS VARCHAR)),
    named_struct('name', 'llm_model_name', 'value', CAST(llm_model_name AS VARCHAR)),
    named_struct('name', 'llm_model', 'value', CAST(llm_model AS VARCHAR)),
    named_struct('name', 'llm_top_k', 'value', CAST(llm_top_k AS VARCHAR)),
    named_struct('name', 'llm_temperature', 'value', CAST(llm_temperature AS VARCHAR)),
    named_struct('name', 'llm_class_name', 'value', CAST(llm_class_name AS VARCHAR)),
    named_struct('name', 'function_calling_llm', 'value', CAST(function_calling_llm AS VARCHAR))
  ]) AS setting
  FROM alike
)
WHERE setting.value IS NOT NULL
GROUP BY period, setting.name, setting.value
ORDER BY period, setting, agents DESC, value
