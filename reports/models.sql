-- title: Models
-- question: Which models do crews use?
-- columns:
--   model: the model's name as the crew names it
--   crews: distinct crews with an agent that uses it (by key, or by id where there is no key)
--   agents: distinct agents that use it as their model (by key, or by id where there is no key)
--   function_calling_agents: distinct agents that use it as their function-calling model
--   tool_uses: tool calls with it as the function-calling model
--   tests: test runs with it
--   evaluations: feature uses that name it
-- in brief: model, crews, agents, tests
-- published by: crews
-- free text: model by crews
-- note: crews are counted by key, or by id where the release sends no key (CrewAI before 0.41.0): without a key, a crew counts again each time it is built; the reports overview, crews, features, tasks and versions count keys only
SELECT period, model, distinct_count(crew) AS crews, distinct_count(agent) AS agents, distinct_count(caller) AS function_calling_agents,
       CAST(sum(tool_uses) AS BIGINT) AS tool_uses, CAST(sum(tests) AS BIGINT) AS tests, CAST(sum(evaluations) AS BIGINT) AS evaluations
FROM (
  SELECT period, model, crew, coalesce(nullif(key, ''), id) AS agent, NULL AS caller, 0 AS tool_uses, 0 AS tests, 0 AS evaluations
  FROM agents
  UNION ALL
  SELECT period, function_calling_llm, crew, NULL, coalesce(nullif(key, ''), id), 0, 0, 0 FROM agents WHERE function_calling_llm <> ''
  UNION ALL
  SELECT period, llm_model, NULL, NULL, NULL, count(*), 0, 0 FROM tool_uses WHERE llm_model <> '' GROUP BY period, llm_model
  UNION ALL
  SELECT period, model_name, NULL, NULL, NULL, 0, count(*), 0 FROM tests WHERE step = 'execution' GROUP BY period, model_name
  UNION ALL
  SELECT period, trim(name), NULL, NULL, NULL, 0, 0, count(*)
  FROM (SELECT period, unnest(string_to_array(models, ',')) AS name FROM feature_uses WHERE models <> '') GROUP BY period, trim(name)
)
WHERE model <> ''
GROUP BY period, model
ORDER BY period, crews DESC, agents DESC, model
