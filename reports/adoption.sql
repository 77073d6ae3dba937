-- title: Adoption
-- question: How fast do people upgrade?
-- columns:
--   framework: the framework's name
--   version: its release
--   newest: 1 for the newest release of the framework that ran, 2 for the one before, by the order of versions
--   first_seen: the day of its first kickoff
--   crews: distinct crews that ran on it (by key, or by id where there is no key)
--   runs: kickoffs on it
--   recent_crews: distinct crews that ran on it in the last 7 days
--   recent_share: its share of the framework's kickoffs of the last 7 days
--   newest_share: the share of this release and all newer ones together: at newest = 5, of the newest 5 releases; without those whose share is held back
--   peak_share: its greatest share of the kickoffs of a whole week since its first day
--   half_life_days: days from the end of that week until the end of the first whole week with half that share or less; null while there was none
--   curve: its share of the framework's kickoffs in each week since its first day: days 0 to 6, 7 to 13 and so on; null for a week with crews below the threshold, and for one more that would tell it
-- in brief: version, first_seen, crews, recent_share, newest_share, half_life_days
-- published by: crews, runs
-- tells the whole: recent_share, newest_share, peak_share
-- not a count: newest, half_life_days
-- held back: crews with runs, peak_share, half_life_days
-- held back: recent_crews with recent_share
-- when null: recent_crews: null is not zero: too few crews to show, or one more number that would tell those of few
-- when null: peak_share: no whole week is over yet, or in the week of the greatest share too few crews ran the release
-- note: a release's first day is that of its first kickoff in the selected span; where the span begins later than a release, its curve does not begin with its first day
-- note: only kickoffs with a known release count
-- note: installations, where a client says once a week how active its own was, are in the report installation-lag
WITH lived AS (
  SELECT period, framework, framework_version AS version, day, count(*) AS runs, distinct_set(crew) AS crews
  FROM crews WHERE framework_version <> '' AND day <= $today GROUP BY period, framework, framework_version, day
), totals AS (
  SELECT period, framework, day, count(*) AS total FROM crews WHERE framework_version <> '' AND day <= $today GROUP BY period, framework, day
), dated AS (
  SELECT *, min(day) OVER (PARTITION BY period, framework, version) AS first_day FROM lived
), weekly AS (
  SELECT period, framework, version, first_day, CAST((day - first_day) / 7 AS BIGINT) AS week, sum(runs) AS runs, union_count(crews) AS crews
  FROM dated GROUP BY period, framework, version, first_day, CAST((day - first_day) / 7 AS BIGINT)
), all_weeks AS (
  SELECT r.period, r.framework, r.version, r.first_day, CAST((t.day - r.first_day) / 7 AS BIGINT) AS week, sum(t.total) AS total
  FROM (SELECT period, framework, framework_version AS version, min(day) AS first_day FROM crews WHERE framework_version <> '' AND day <= $today
        GROUP BY period, framework, framework_version) AS r
  JOIN totals AS t ON t.period = r.period AND t.framework = r.framework AND t.day >= r.first_day
  GROUP BY r.period, r.framework, r.version, r.first_day, CAST((t.day - r.first_day) / 7 AS BIGINT)
), shares AS (
  SELECT a.period, a.framework, a.version, a.week, a.first_day + 7 * a.week AS week_day, a.first_day + 7 * a.week + 6 <= $last_full_day AS is_over,
         coalesce(w.runs, 0) AS runs, a.total, CAST(coalesce(w.runs, 0) AS DOUBLE) / a.total AS share, coalesce(w.crews, 0) BETWEEN 1 AND $min_crews - 1 AS is_few,
         CASE WHEN w.crews >= $min_crews THEN 0 ELSE 1 END AS comes_after
  FROM all_weeks AS a
  LEFT JOIN weekly AS w ON w.period = a.period AND w.framework = a.framework AND w.version = a.version AND w.week = a.week
), beside AS (
  -- Where releases with the same first day of the week have all runs of a week between them, one share of few is the rest of the others.
  SELECT *, sum(runs) OVER (PARTITION BY period, framework, week_day) = total AND count(*) FILTER (WHERE is_few) OVER (PARTITION BY period, framework, week_day) = 1 AS tells_few,
         row_number() OVER (PARTITION BY period, framework, week_day ORDER BY comes_after, runs, version) AS place
  FROM shares
), peaks AS (
  SELECT *, is_few OR (tells_few AND comes_after = 0 AND place = 1) AS is_held, max(share) FILTER (WHERE is_over) OVER (PARTITION BY period, framework, version) AS peak FROM beside
), declines AS (
  SELECT *, min(week) FILTER (WHERE is_over AND share = peak) OVER (PARTITION BY period, framework, version) AS peak_week FROM peaks
), curves AS (
  -- The peak and the half of it do not depend on the threshold: they are what they are, or are held back.
  SELECT period, framework, version, CASE WHEN NOT bool_or(is_held AND week = peak_week) THEN max(peak) END AS peak_share, array_agg(CASE WHEN NOT is_held THEN share END ORDER BY week) AS curve,
         CASE WHEN NOT bool_or(is_held AND week = peak_week) THEN (min(week) FILTER (WHERE is_over AND week > peak_week AND share <= peak / 2) - max(peak_week)) * 7 END AS half_life_days
  FROM declines GROUP BY period, framework, version
), found AS (
  SELECT period, framework, version, first_day, union_count(crews) AS crews, sum(runs) AS runs,
         coalesce(union_count(crews) FILTER (WHERE day > $today - 7), 0) AS recent_crews, coalesce(sum(runs) FILTER (WHERE day > $today - 7), 0) AS recent_runs
  FROM dated GROUP BY period, framework, version, first_day
), told AS (
  SELECT *, recent_crews BETWEEN 1 AND $min_crews - 1 AS is_few, CASE WHEN recent_crews > 0 AND recent_crews >= $min_crews THEN 0 ELSE 1 END AS comes_after FROM found
), recent AS (
  -- One more is held back where the others would tell it.
  SELECT *, NOT is_few AND comes_after = 0 AND count(*) FILTER (WHERE is_few) OVER (PARTITION BY period, framework) = 1
              AND row_number() OVER (PARTITION BY period, framework ORDER BY comes_after, recent_crews, version) = 1 AS is_beside
  FROM told
), ordered AS (
  SELECT *, row_number() OVER (PARTITION BY period, framework ORDER BY version_key(version) DESC, version DESC) AS newest,
         nullif(sum(recent_runs) OVER (PARTITION BY period, framework), 0) AS recent_all,
         sum(CASE WHEN is_few OR is_beside THEN 0 ELSE recent_runs END)
           OVER (PARTITION BY period, framework ORDER BY version_key(version) DESC, version DESC ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS recent_newer
  FROM recent
)
SELECT o.period, o.framework, o.version, CAST(o.newest AS BIGINT) AS newest, CAST(o.first_day AS DATE) AS first_seen,
       o.crews, CAST(o.runs AS BIGINT) AS runs, CASE WHEN NOT is_beside THEN o.recent_crews END AS recent_crews, CASE WHEN NOT is_beside THEN CAST(o.recent_runs AS DOUBLE) / o.recent_all END AS recent_share,
       CAST(o.recent_newer AS DOUBLE) / o.recent_all AS newest_share, c.peak_share, c.half_life_days, c.curve
FROM ordered AS o
JOIN curves AS c ON c.period = o.period AND c.framework = o.framework AND c.version = o.version
ORDER BY o.period, o.framework, newest
