-- title: New values
-- question: What is new, what rises and what falls?
-- parameters:
--   days: days 1 to 180 = 7: the last days, which are compared with as many days before them
--   top: number 1 to 1000 = 10: the most values of each kind and change, those with the greatest change
-- columns:
--   kind: tool, model, feature (the framework's own counters), error, python or release
--   value: its name
--   change: new (never seen before the last `days` days), rising, falling, or gone
--   crews: distinct crews with it in the last `days` days (by key, or by id where there is no key); null where the framework's spans name no crew
--   crews_before: those of the days before
--   uses: records with it in the last `days` days
--   uses_before: those of the days before
--   first_seen: the first day on which it was seen
-- in brief: kind, value, change, crews, crews_before
-- published by: crews, uses
-- held back: crews with uses
-- held back: crews_before with uses_before
-- when null: crews: null is not zero: too few crews to show, or feature-use spans, which carry no crew
-- note: where records of a kind do not cover all of the days before, nothing of that kind is called rising
-- note: never seen: not since the first record of the selected span; without a record from before the last `days` days nothing is called new
-- note: values whose crews are below the threshold in both times are left out, but not the framework's own counters, which are no words of people
WITH named AS (
  SELECT period, kind, names, CASE WHEN day > $today - $days THEN 0 WHEN day > $today - 2 * $days THEN 1 ELSE 2 END AS part,
         distinct_set(crew) AS crews, count(*) AS uses, min(day) AS first_day
  FROM (
    SELECT period, day, 'tool' AS kind, crew, tool_set(tool_names) AS names FROM agents
    UNION ALL SELECT period, day, 'tool', crew, tool_set(tool_names) FROM tasks
    UNION ALL SELECT period, day, 'model', crew, model FROM agents
    UNION ALL SELECT period, day, 'feature', NULL, feature FROM feature_uses
    UNION ALL SELECT period, day, 'error', crew, error_type FROM task_runs WHERE outcome = 'failed'
    UNION ALL SELECT period, day, 'python', crew, python FROM crews
    UNION ALL SELECT period, day, 'release', crew, framework_version FROM crews
  )
  WHERE day <= $today
  GROUP BY ALL
), counted AS (
  -- The text chr(1) stands for all values of a kind, to know when its first record came.
  SELECT period, kind, value, coalesce(union_count(crews) FILTER (WHERE part = 0), 0) AS crews, coalesce(union_count(crews) FILTER (WHERE part = 1), 0) AS crews_before,
         union_count(crews) AS all_crews, coalesce(sum(uses) FILTER (WHERE part = 0), 0) AS uses, coalesce(sum(uses) FILTER (WHERE part = 1), 0) AS uses_before, min(first_day) AS first_day
  FROM (SELECT period, kind, part, crews, uses, first_day, unnest(string_to_array(concat_ws(chr(10), chr(1), nullif(names, '')), chr(10))) AS value FROM named)
  GROUP BY period, kind, value
), compared AS (
  SELECT *, CASE WHEN all_crews > 0 THEN crews - crews_before ELSE uses - uses_before END AS difference, min(first_day) OVER (PARTITION BY period, kind) AS kind_since
  FROM counted
), judged AS (
  SELECT *, CASE WHEN first_day > $today - $days AND kind_since <= $today - $days THEN 'new'
                 WHEN difference < 0 AND uses = 0 THEN 'gone' WHEN difference > 0 THEN 'rising' ELSE 'falling' END AS change
  FROM compared
  -- Of days before that records cover only in part, most things rise.
  WHERE value > chr(1) AND difference <> 0 AND (difference < 0 OR kind_since <= $today - 2 * $days + 1 OR (first_day > $today - $days AND kind_since <= $today - $days)) AND (kind = 'feature' OR greatest(crews, crews_before) >= $min_crews)
), ranked AS (
  SELECT *, row_number() OVER (PARTITION BY period, kind, change ORDER BY abs(difference) DESC, value) AS place FROM judged
)
SELECT period, kind, value, change, CASE WHEN all_crews > 0 THEN crews END AS crews, CASE WHEN all_crews > 0 THEN crews_before END AS crews_before,
       uses, uses_before, CAST(CAST(first_day AS INTEGER) AS DATE) AS first_seen
FROM ranked
WHERE place <= $top
ORDER BY period, array_position(['new', 'rising', 'falling', 'gone'], change), kind, place
