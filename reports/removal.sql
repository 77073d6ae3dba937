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
--   trend: recent against before: 0.5 is half more, -1 is none left; null where records do not cover all of the days before
--   share: recent as a share of the recent crews that can say
--   uses: records of the last `unused_for` days that name it
--   last_seen: the last day on which it was used
--   last_release_seen: the newest release of the framework that it was used with
--   can_say: the share of the recent crews whose records report this kind of thing at all, on or off; of a feature, this feature. Null for the framework's own counters, whose spans carry no crew
--   days_known: of the last `unused_for` days, those since the first record
--   verdict: unused, hardly used (by less than 1 % of the crews that can say), in use, or unknown
-- in brief: value, recent, before, share, last_seen, verdict
-- published by: crews, uses
-- tells the whole: share, can_say
-- not a count: days_known
-- free text: value by crews where dimension in tool, model
-- held back: crews
-- held back: recent with trend, share, uses
-- held back: before with trend
-- adds up: crews within dimension where dimension in process, python, release
-- adds up: recent within dimension where dimension in process, python, release
-- adds up: before within dimension where dimension in process, python, release
-- when null: crews: null is not zero: too few crews to show, or feature-use spans, which carry no crew
-- note: unused: no record of the last `unused_for` days names it, and crews whose release could say so ran (of the framework's own counters: other counters came); unknown: none of those ran, or records go back less far. Who switched telemetry off is not seen
-- note: a name that is asked for and that fewer crews than the threshold ever used is answered like one that nobody used
WITH used AS (
  SELECT period, names, reported, "release",
         CASE WHEN day > $today - $unused_for THEN 0 WHEN day > $today - 2 * $unused_for THEN 1 ELSE 2 END AS part,
         distinct_set(crew) AS crews, count(*) AS uses, max(day) AS last_day, min(day) AS first_day
  FROM (
    -- Of the settings of a crew each record says which it reports; of anything else it reports all where it reports something.
    SELECT period, day, framework_version AS "release", crew, tool_set(tool_names) AS names, CAST(NULL AS VARCHAR) AS reported FROM agents WHERE $dimension = 'tool'
    UNION ALL SELECT period, day, framework_version AS "release", crew, tool_set(tool_names) AS names, NULL AS reported FROM tasks WHERE $dimension = 'tool'
    UNION ALL SELECT period, day, framework_version AS "release", crew, model AS names, NULL AS reported FROM agents WHERE $dimension = 'model'
    UNION ALL SELECT period, day, framework_version AS "release", crew, process AS names, NULL AS reported FROM crews WHERE $dimension = 'process'
    UNION ALL SELECT period, day, framework_version AS "release", crew, framework_version AS names, NULL AS reported FROM crews WHERE $dimension = 'release'
    UNION ALL SELECT period, day, framework_version AS "release", crew, python AS names, NULL AS reported FROM crews WHERE $dimension = 'python' AND (runtime = 'python' OR runtime IS NULL)
    UNION ALL SELECT period, day, framework_version AS "release", crew, features AS names, features_reported AS reported FROM crews WHERE $dimension = 'feature'
    UNION ALL SELECT period, day, framework_version AS "release", crew, features AS names, features_reported AS reported FROM agents WHERE $dimension = 'feature'
    UNION ALL SELECT period, day, framework_version AS "release", crew, features AS names, features_reported AS reported FROM tasks WHERE $dimension = 'feature'
    UNION ALL SELECT period, day, framework_version AS "release", NULL AS crew, concat_ws(chr(10), chr(3), feature) AS names, NULL AS reported FROM feature_uses WHERE $dimension = 'feature'
  )
  WHERE day <= $today
  GROUP BY ALL
), counted AS (
  -- Beside the names, each record counts for names of ours: chr(1) for all records, chr(2) for those that could say (chr(2) and the setting, of a
  -- setting), chr(3) for the framework's own counters.
  SELECT period, value, union_count(crews) AS crews, union_count(crews) FILTER (WHERE part = 0) AS recent, union_count(crews) FILTER (WHERE part = 1) AS before,
         coalesce(sum(uses) FILTER (WHERE part = 0), 0) AS uses, sum(uses) AS all_uses, max(last_day) AS last_day, min(first_day) AS first_day,
         first_value(release ORDER BY version_key(release) DESC NULLS LAST, release DESC) AS last_release_seen
  FROM (SELECT period, part, crews, uses, last_day, first_day, release,
               unnest(string_to_array(concat_ws(chr(10), chr(1), CASE WHEN $dimension = 'feature' THEN chr(2) || replace(nullif(reported, ''), chr(10), chr(10) || chr(2))
                                                                      WHEN names IS NOT NULL THEN chr(2) END, nullif(names, '')), chr(10))) AS value
        FROM used)
  GROUP BY period, value
), compared AS (
  SELECT *, max(recent) FILTER (WHERE value = chr(1)) OVER (PARTITION BY period) AS recent_all,
         coalesce(max(recent) FILTER (WHERE starts_with(value, chr(2))) OVER (PARTITION BY period, CASE WHEN $dimension = 'feature' THEN ltrim(value, chr(2)) END), 0) AS recent_said,
         coalesce(max(recent) FILTER (WHERE value = CASE WHEN $dimension = 'feature' THEN chr(2) || $value ELSE chr(2) END) OVER (PARTITION BY period), 0) AS wanted_said,
         coalesce(max(uses) FILTER (WHERE value = chr(3)) OVER (PARTITION BY period), 0) AS counter_uses,
         min(first_day) OVER (PARTITION BY period) AS known_since,
         least($unused_for, $today - min(first_day) OVER (PARTITION BY period) + 1) AS days_known,
         max(CASE WHEN $dimension IN ('tool', 'model') THEN crews ELSE all_uses END) FILTER (WHERE value IN ($value, CASE WHEN $dimension = 'tool' THEN tool_key($value) END))
           OVER (PARTITION BY period) AS wanted
  FROM counted
), chosen AS (
  SELECT period, $dimension AS dimension, value, CASE WHEN crews = 0 THEN NULL ELSE crews END AS crews, CASE WHEN crews = 0 THEN NULL ELSE recent END AS recent,
         CASE WHEN crews = 0 THEN NULL ELSE before END AS before, uses, last_day, last_release_seen, recent_all, CASE WHEN crews = 0 THEN NULL ELSE recent_said END AS recent_said,
         CASE WHEN crews = 0 AND $dimension = 'feature' THEN counter_uses > 0 ELSE recent_said > 0 END AS is_said, known_since, days_known, false AS is_hidden
  FROM compared
  WHERE value > chr(4) AND ($value IS NULL OR (value IN ($value, CASE WHEN $dimension = 'tool' THEN tool_key($value) END)
        AND ($dimension NOT IN ('tool', 'model') OR crews >= $min_crews)))
  UNION ALL
  SELECT period, concat($dimension, ' asked for'), $value, CASE WHEN is_hidden THEN NULL ELSE 0 END, CASE WHEN is_hidden THEN NULL ELSE 0 END, CASE WHEN is_hidden THEN NULL ELSE 0 END,
         CASE WHEN is_hidden THEN NULL ELSE 0 END, NULL, NULL, recent_all, wanted_said, wanted_said > 0, known_since, days_known, is_hidden
  FROM (SELECT *, $dimension IN ('tool', 'model') AND $min_crews > 1 AS is_hidden FROM compared WHERE value = chr(1))
  WHERE $value IS NOT NULL AND coalesce(wanted, 0) < CASE WHEN $dimension IN ('tool', 'model') THEN greatest($min_crews, 1) ELSE 1 END
)
SELECT period, dimension, value, crews, recent, before, CASE WHEN before > 0 AND known_since <= $today - 2 * $unused_for + 1 THEN CAST(recent AS DOUBLE) / before - 1 END AS trend,
       CASE WHEN recent_said > 0 THEN CAST(recent AS DOUBLE) / recent_said END AS share, CAST(uses AS BIGINT) AS uses, CAST(CAST(last_day AS INTEGER) AS DATE) AS last_seen, last_release_seen,
       CASE WHEN recent_all > 0 THEN CAST(recent_said AS DOUBLE) / recent_all END AS can_say, CAST(days_known AS BIGINT) AS days_known,
       CASE WHEN NOT is_said AND coalesce(uses, 0) = 0 THEN 'unknown' WHEN coalesce(uses, 0) = 0 AND days_known < $unused_for THEN 'unknown'
            WHEN is_hidden THEN 'unused or hardly used' WHEN uses = 0 THEN 'unused'
            WHEN recent_said > 0 AND CAST(recent AS DOUBLE) / recent_said < 0.01 THEN 'hardly used' ELSE 'in use' END AS verdict
FROM chosen
ORDER BY period, recent DESC NULLS LAST, uses DESC NULLS LAST, value
