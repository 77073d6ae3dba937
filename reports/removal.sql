-- title: Removal
-- question: May it be removed: who still uses it, and how sure is that?
-- parameters:
--   dimension: one of tool, model, feature, process, python, release = tool: the kind of thing that may be removed
--   value: text: only this one; without it, all that were ever used
--   unused_for: days 1 to 400 = 90: the last days, in which nobody used what may be removed
-- columns:
--   dimension: the kind of thing
--   value: its name; of a Python release the minor version
--   crews: distinct crews that used it in the whole span (by key, or by id where there is no key); null where the framework's spans name no crew
--   recent: those of the last `unused_for` days
--   before: those of as many days before
--   trend: recent against before: 0.5 is half more, -1 is none left
--   share: recent as a share of the recent crews whose release reports this kind of thing
--   uses: records of the last `unused_for` days that name it
--   last_seen: the last day on which it was used
--   last_release_seen: the newest release of the framework that it was used with
--   can_say: the share of the recent crews whose release reports this kind of thing at all
--   days_known: of the last `unused_for` days, those since the first record
--   verdict: unused, hardly used (by less than 1 % of the crews that can say), in use, or unknown
-- published by: crews, uses
-- tells the whole: share, can_say
-- not a count: days_known
-- free text: value by crews where dimension in tool, model
-- held back: crews
-- held back: recent with trend, share, uses
-- held back: before with trend
-- when null: crews: null is not zero: too few crews to show, or feature-use spans, which carry no crew
-- note: unused: no record of the last `unused_for` days names it, and crews whose release could say so ran; unknown: none of those ran, or records go back less far. Who switched telemetry off is not seen
-- note: a name that is asked for and that fewer crews than the threshold ever used is answered like one that nobody used
WITH used AS (
  SELECT period, names, "release",
         CASE WHEN day > $today - $unused_for THEN 0 WHEN day > $today - 2 * $unused_for THEN 1 ELSE 2 END AS part,
         distinct_set(crew) AS crews, count(*) AS uses, max(day) AS last_day, min(day) AS first_day
  FROM (
    SELECT period, day, framework_version AS "release", crew, tool_set(tool_names) AS names FROM agents WHERE $dimension = 'tool'
    UNION ALL SELECT period, day, framework_version, crew, tool_set(tool_names) FROM tasks WHERE $dimension = 'tool'
    UNION ALL SELECT period, day, framework_version, crew, model FROM agents WHERE $dimension = 'model'
    UNION ALL SELECT period, day, framework_version, crew, process FROM crews WHERE $dimension = 'process'
    UNION ALL SELECT period, day, framework_version, crew, framework_version AS names FROM crews WHERE $dimension = 'release'
    UNION ALL
    SELECT period, day, framework_version, crew, CASE WHEN runtime_version <> '' THEN concat(split_part(runtime_version, '.', 1), '.', split_part(runtime_version, '.', 2)) END
    FROM crews WHERE $dimension = 'python' AND (runtime = 'python' OR runtime IS NULL)
    UNION ALL
    SELECT period, day, framework_version, crew, CASE WHEN coalesce(memory, inputs_present) IS NOT NULL THEN
           concat_ws(chr(10), CASE WHEN memory THEN 'memory' END, CASE WHEN inputs_present THEN 'kickoff inputs' END) END
    FROM crews WHERE $dimension = 'feature'
    UNION ALL
    SELECT period, day, framework_version, crew, CASE WHEN coalesce(delegation_enabled, code_execution_allowed, verbose) IS NOT NULL THEN
           concat_ws(chr(10), CASE WHEN delegation_enabled THEN 'delegation' END, CASE WHEN code_execution_allowed THEN 'code execution' END, CASE WHEN verbose THEN 'verbose' END) END
    FROM agents WHERE $dimension = 'feature'
    UNION ALL
    SELECT period, day, framework_version, crew, CASE WHEN coalesce(async_execution, human_input) IS NOT NULL THEN
           concat_ws(chr(10), CASE WHEN async_execution THEN 'async execution' END, CASE WHEN human_input THEN 'human input' END) END
    FROM tasks WHERE $dimension = 'feature'
    UNION ALL SELECT period, day, framework_version, NULL, feature FROM feature_uses WHERE $dimension = 'feature'
  )
  WHERE day <= $today
  GROUP BY ALL
), counted AS (
  -- Beside the names, each record counts for two names of ours: one for all records, one for those that could say.
  SELECT period, value, union_count(crews) AS crews, union_count(crews) FILTER (WHERE part = 0) AS recent, union_count(crews) FILTER (WHERE part = 1) AS before,
         coalesce(sum(uses) FILTER (WHERE part = 0), 0) AS uses, sum(uses) AS all_uses, max(last_day) AS last_day, min(first_day) AS first_day,
         first_value(release ORDER BY version_key(release) DESC NULLS LAST, release DESC) AS last_release_seen
  FROM (SELECT period, part, crews, uses, last_day, first_day, release,
               unnest(string_to_array(CASE WHEN names IS NULL THEN chr(1) ELSE concat_ws(chr(10), chr(1), chr(2), nullif(names, '')) END, chr(10))) AS value
        FROM used)
  GROUP BY period, value
), compared AS (
  SELECT *, max(recent) FILTER (WHERE value = chr(1)) OVER (PARTITION BY period) AS recent_all,
         max(recent) FILTER (WHERE value = chr(2)) OVER (PARTITION BY period) AS recent_said,
         least($unused_for, $today - min(first_day) OVER (PARTITION BY period) + 1) AS days_known,
         max(CASE WHEN $dimension IN ('tool', 'model') THEN crews ELSE all_uses END) FILTER (WHERE value IN ($value, CASE WHEN $dimension = 'tool' THEN tool_key($value) END))
           OVER (PARTITION BY period) AS wanted
  FROM counted
), chosen AS (
  SELECT period, $dimension AS dimension, value, CASE WHEN crews = 0 THEN NULL ELSE crews END AS crews, CASE WHEN crews = 0 THEN NULL ELSE recent END AS recent,
         CASE WHEN crews = 0 THEN NULL ELSE before END AS before, uses, last_day, last_release_seen, recent_all, coalesce(recent_said, 0) AS recent_said, days_known, false AS is_hidden
  FROM compared
  WHERE value > chr(2) AND ($value IS NULL OR (value IN ($value, CASE WHEN $dimension = 'tool' THEN tool_key($value) END)
        AND ($dimension NOT IN ('tool', 'model') OR crews >= $min_crews)))
  UNION ALL
  SELECT period, concat($dimension, ' asked for'), $value, CASE WHEN is_hidden THEN NULL ELSE 0 END, CASE WHEN is_hidden THEN NULL ELSE 0 END, CASE WHEN is_hidden THEN NULL ELSE 0 END,
         CASE WHEN is_hidden THEN NULL ELSE 0 END, NULL, NULL, recent_all, coalesce(recent_said, 0), days_known, is_hidden
  FROM (SELECT *, $dimension IN ('tool', 'model') AND $min_crews > 1 AS is_hidden FROM compared WHERE value = chr(1))
  WHERE $value IS NOT NULL AND coalesce(wanted, 0) < CASE WHEN $dimension IN ('tool', 'model') THEN greatest($min_crews, 1) ELSE 1 END
)
SELECT period, dimension, value, crews, recent, before, CASE WHEN before > 0 THEN CAST(recent AS DOUBLE) / before - 1 END AS trend,
       CASE WHEN recent_said > 0 THEN CAST(recent AS DOUBLE) / recent_said END AS share, CAST(uses AS BIGINT) AS uses, CAST(CAST(last_day AS INTEGER) AS DATE) AS last_seen, last_release_seen,
       CASE WHEN recent_all > 0 THEN CAST(recent_said AS DOUBLE) / recent_all END AS can_say, CAST(days_known AS BIGINT) AS days_known,
       CASE WHEN recent_said = 0 AND coalesce(uses, 0) = 0 THEN 'unknown' WHEN coalesce(uses, 0) = 0 AND days_known < $unused_for THEN 'unknown'
            WHEN is_hidden THEN 'unused or hardly used' WHEN uses = 0 THEN 'unused'
            WHEN CAST(recent AS DOUBLE) / recent_said < 0.01 THEN 'hardly used' ELSE 'in use' END AS verdict
FROM chosen
ORDER BY period, recent DESC NULLS LAST, uses DESC NULLS LAST, value
