-- title: Features
-- question: Which features of the framework are used?
-- columns:
--   feature: the feature; names with a colon are the framework's own counters
--   source: where the use is reported: a setting of a crew, an agent or a task, a flow, or a feature use
--   crews: distinct crew keys that use it; null where the framework's spans name no crew, or the release sends no crew key
--   uses: runs, agents, tasks, flow runs or feature uses with it
--   reported: records of this source that report whether it is used, so that uses / reported is a share
--   authenticated: uses by a signed-in user, where that is reported
--   models_avg: mean number of models per use, where that is reported
-- in brief: feature, source, crews, uses
-- published by: crews, uses
-- tells the whole: reported
-- when null: crews: null is not zero: flow and feature-use spans carry no crew, and CrewAI before 0.41.0 sends no crew key
-- note: CrewAI reports feature uses since 1.13.0 and kickoff inputs since 1.15.18
SELECT period, feature, source, CASE WHEN uses > 0 THEN nullif(crews, 0) ELSE crews END AS crews, uses, reported, authenticated, models_avg
FROM (
  SELECT period, feature, 'crew' AS source, crews, uses, reported, CAST(NULL AS BIGINT) AS authenticated, CAST(NULL AS DOUBLE) AS models_avg
  FROM (
    SELECT period, concat('process ', process) AS feature, distinct_count(key) AS crews, count(*) AS uses,
           sum(count(*)) OVER (PARTITION BY period) AS reported
    FROM crews WHERE process <> '' GROUP BY period, process
    UNION ALL
    SELECT period, feature, CASE feature WHEN 'memory' THEN memory_crews ELSE input_crews END,
           CASE feature WHEN 'memory' THEN memory ELSE inputs END, CASE feature WHEN 'memory' THEN memory_said ELSE inputs_said END
    FROM (SELECT period, distinct_count(key) FILTER (WHERE memory) AS memory_crews, count(*) FILTER (WHERE memory) AS memory, count(memory) AS memory_said,
                 distinct_count(key) FILTER (WHERE inputs_present) AS input_crews, count(*) FILTER (WHERE inputs_present) AS inputs, count(inputs_present) AS inputs_said
          FROM crews GROUP BY period)
    CROSS JOIN (VALUES ('memory'), ('kickoff inputs')) AS m (feature))
  UNION ALL
  SELECT period, feature, 'agent',
         CASE feature WHEN 'delegation' THEN delegation_crews WHEN 'code execution' THEN code_crews ELSE verbose_crews END,
         CASE feature WHEN 'delegation' THEN delegation WHEN 'code execution' THEN code ELSE verbosity END,
         CASE feature WHEN 'delegation' THEN delegation_said WHEN 'code execution' THEN code_said ELSE verbose_said END, NULL, NULL
  FROM (SELECT period, distinct_count(crew_key) FILTER (WHERE delegation_enabled) AS delegation_crews, count(*) FILTER (WHERE delegation_enabled) AS delegation,
               count(delegation_enabled) AS delegation_said,
               distinct_count(crew_key) FILTER (WHERE code_execution_allowed) AS code_crews, count(*) FILTER (WHERE code_execution_allowed) AS code,
               count(code_execution_allowed) AS code_said,
               distinct_count(crew_key) FILTER (WHERE verbose) AS verbose_crews, count(*) FILTER (WHERE verbose) AS verbosity, count(verbose) AS verbose_said
        FROM agents GROUP BY period)
  CROSS JOIN (VALUES ('delegation'), ('code execution'), ('verbose')) AS m (feature)
  UNION ALL
  SELECT period, feature, 'task', CASE feature WHEN 'async execution' THEN async_crews ELSE human_crews END,
         CASE feature WHEN 'async execution' THEN asynchronous ELSE human END,
         CASE feature WHEN 'async execution' THEN async_said ELSE human_said END, NULL, NULL
  FROM (SELECT period, distinct_count(crew_key) FILTER (WHERE async_execution) AS async_crews, count(*) FILTER (WHERE async_execution) AS asynchronous,
               count(async_execution) AS async_said,
               distinct_count(crew_key) FILTER (WHERE human_input) AS human_crews, count(*) FILTER (WHERE human_input) AS human, count(human_input) AS human_said
        FROM tasks GROUP BY period)
  CROSS JOIN (VALUES ('async execution'), ('human input')) AS m (feature)
  UNION ALL
  SELECT period, feature, 'flow', NULL, CASE feature WHEN 'flows' THEN flows WHEN 'resumed flows' THEN resumptions ELSE conversations END,
         CASE feature WHEN 'flows' THEN events_said WHEN 'resumed flows' THEN resumed_said ELSE conversational_said END, NULL, NULL
  FROM (SELECT period, count(*) AS flows, count(event) AS events_said, count(*) FILTER (WHERE resumed) AS resumptions, count(resumed) AS resumed_said,
               count(*) FILTER (WHERE conversational) AS conversations, count(conversational) AS conversational_said
        FROM flow_events WHERE event = 'started' AND origin IS DISTINCT FROM 'internal' GROUP BY period)
  CROSS JOIN (VALUES ('flows'), ('resumed flows'), ('conversational flows')) AS m (feature)
  UNION ALL
  SELECT period, 'human feedback', 'flow', NULL, uses, said, NULL, NULL
  FROM (SELECT period, count(*) AS uses, count(event_type) AS said FROM human_feedback WHERE event_type = 'requested' GROUP BY period)
  UNION ALL
  SELECT period, feature, 'feature use', NULL, uses, said, authenticated, models_avg
  FROM (SELECT period, feature, count(*) AS uses, count(feature) AS said,
               CASE WHEN count(authenticated) > 0 THEN count(*) FILTER (WHERE authenticated) END AS authenticated, avg(models_count) AS models_avg
        FROM feature_uses GROUP BY period, feature)
)
ORDER BY period, source, uses DESC, feature
