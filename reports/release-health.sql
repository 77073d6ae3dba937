-- title: Release health
-- question: Did a release break something?
-- parameters:
--   release: text: the release that is judged; without it, the newest of each framework that ran
--   baseline: text: the release that it is compared with; without it, the five before it
-- columns:
--   framework: the framework's name
--   version: the release that is judged
--   baseline: what it is compared with, from the oldest to the newest
--   metric: failed runs, failed tasks, tool errors, retried tool calls, run duration or task duration
--   crews: distinct crews that ran both, of which the metric is; null for tool calls, whose spans name no crew
--   events: runs, tasks or calls with the release, of these crews or of tools called with both
--   baseline_events: those with the baseline
--   value: the share that failed, or the geometric mean of the duration in seconds
--   baseline_value: the same with the baseline
--   difference: in points (0.03 is 3 points more), of a duration its growth (0.1 is 10 % longer)
--   low: lower end of the interval of the difference
--   high: upper end of it
--   verdict: worse, better, no difference found, or too little to say
--   finding: the same as a sentence
-- published by: crews, events
-- said first: finding
-- held back: crews with events, baseline_events, value, baseline_value, difference, low, high
-- when null: crews: null is not zero: too few crews to show, or tool spans, which carry no crew
-- note: compared at equal age and mix: of the baseline only the days since its own first day that the release has had, too; and each crew with itself (each tool with itself, for tool calls), weighted by how often it ran both (Mantel and Haenszel)
-- note: worse or better: the interval of 2.81 standard errors to each side (3.2 for durations and retries) excludes zero, so that of a hundred releases that break nothing fewer than one is called worse in any metric; too little to say: fewer than 100 events on either side, or fewer than 5 crews
-- note: tool calls name no crew: where crews that fail more upgrade first, their tool errors look like the release's
-- note: how a run ended is reported by CrewAI since 1.15.19, how a task ended since 1.15.18; a metric that neither side reports has no row
WITH versions AS (
  SELECT period, framework, framework_version AS version, min(day) AS first_day FROM crews WHERE framework_version <> '' AND day <= $today
  GROUP BY period, framework, framework_version
), ordered AS (
  SELECT *, row_number() OVER (PARTITION BY period, framework ORDER BY version_key(version) DESC, version DESC) AS place FROM versions
), judged AS (
  SELECT *, min(CASE WHEN $release IS NULL OR version = $release THEN place END) OVER (PARTITION BY period, framework) AS judged_place FROM ordered
), sides AS (
  SELECT period, framework, version, first_day, place = judged_place AS is_judged, $today - max(CASE WHEN place = judged_place THEN first_day END) OVER (PARTITION BY period, framework) AS max_age,
         max(CASE WHEN place = judged_place THEN version END) OVER (PARTITION BY period, framework) AS judged_version,
         first_value(version) OVER (PARTITION BY period, framework ORDER BY CASE WHEN place = judged_place THEN 1 ELSE 0 END, place DESC) AS oldest,
         first_value(version) OVER (PARTITION BY period, framework ORDER BY CASE WHEN place = judged_place THEN 1 ELSE 0 END, place) AS latest
  FROM judged
  WHERE place = judged_place OR ($baseline IS NOT NULL AND version = $baseline) OR ($baseline IS NULL AND place > judged_place AND place <= judged_place + 5)
), events AS (
  SELECT period, framework, framework_version AS version, day, 'run' AS kind, crew AS stratum, count(outcome) AS ended, count(*) FILTER (WHERE outcome = 'failed') AS bad,
         count(duration) AS timed, sum(TRY_CAST(ln(greatest(duration, 0.001)) AS DECIMAL(18, 6))) AS logs
  FROM crew_completions WHERE crew <> '' GROUP BY period, framework, framework_version, day, crew
  UNION ALL
  SELECT period, framework, framework_version, day, 'task', crew, count(outcome), count(*) FILTER (WHERE outcome = 'failed'), count(duration), sum(TRY_CAST(ln(greatest(duration, 0.001)) AS DECIMAL(18, 6)))
  FROM task_runs WHERE crew <> '' AND (outcome IS NOT NULL OR duration IS NOT NULL) GROUP BY period, framework, framework_version, day, crew
  UNION ALL
  SELECT period, framework, framework_version, day, 'tool', tool_key(tool_name), count(*), count(*) FILTER (WHERE outcome = 'error'), 0, NULL
  FROM tool_uses WHERE outcome IN ('used', 'error') AND tool_name <> '' GROUP BY period, framework, framework_version, day, tool_key(tool_name)
  UNION ALL
  SELECT period, framework, framework_version, day, 'retry', tool_key(tool_name), count(*), count(*) FILTER (WHERE attempts > 1), 0, NULL
  FROM tool_uses WHERE outcome = 'used' AND attempts IS NOT NULL AND tool_name <> '' GROUP BY period, framework, framework_version, day, tool_key(tool_name)
), strata AS (
  SELECT e.period, e.framework, s.judged_version, s.oldest, s.latest, kind, stratum,
         CAST(sum(ended) FILTER (WHERE is_judged) AS DOUBLE) AS n1, CAST(sum(bad) FILTER (WHERE is_judged) AS DOUBLE) AS x1,
         CAST(sum(ended) FILTER (WHERE NOT is_judged) AS DOUBLE) AS n0, CAST(sum(bad) FILTER (WHERE NOT is_judged) AS DOUBLE) AS x0,
         CAST(sum(timed) FILTER (WHERE is_judged) AS DOUBLE) AS t1, CAST(sum(logs) FILTER (WHERE is_judged) AS DOUBLE) AS l1,
         CAST(sum(timed) FILTER (WHERE NOT is_judged) AS DOUBLE) AS t0, CAST(sum(logs) FILTER (WHERE NOT is_judged) AS DOUBLE) AS l0
  FROM events AS e JOIN sides AS s ON s.period = e.period AND s.framework = e.framework AND s.version = e.version AND e.day - s.first_day <= s.max_age
  GROUP BY e.period, e.framework, s.judged_version, s.oldest, s.latest, kind, stratum
), measured AS (
  SELECT period, framework, judged_version, oldest, latest, CASE kind WHEN 'run' THEN 'failed runs' WHEN 'task' THEN 'failed tasks' WHEN 'tool' THEN 'tool errors' ELSE 'retried tool calls' END AS metric,
         n1, n0, x1 / n1 AS p1, x0 / n0 AS p0, n1 * n0 / (n1 + n0) AS w,
         (n1 * n1 * x0 - n0 * n0 * x1 + n1 * n0 * (n0 - n1) / 2) / power(n1 + n0, 2) AS sato_p, (x1 * (n0 - x0) + x0 * (n1 - x1)) / 2 / (n1 + n0) AS sato_q
  FROM strata WHERE n1 > 0 AND n0 > 0
  UNION ALL
  SELECT period, framework, judged_version, oldest, latest, CASE kind WHEN 'run' THEN 'run duration' ELSE 'task duration' END, t1, t0, l1 / t1, l0 / t0, t1 * t0 / (t1 + t0), 0, 0
  FROM strata WHERE t1 > 0 AND t0 > 0
), sums AS (
  SELECT period, framework, judged_version, oldest, latest, metric, count(*) AS strata, sum(n1) AS n1, sum(n0) AS n0, sum(w * p1) / sum(w) AS p1, sum(w * p0) / sum(w) AS p0,
         sum(w * (p1 - p0)) / sum(w) AS d, sum(w) AS w, sum(w * w) AS ww, sum(w * w * (p1 - p0)) AS wwd, sum(w * w * (p1 - p0) * (p1 - p0)) AS wwdd, sum(sato_p) AS sato_p, sum(sato_q) AS sato_q
  FROM measured GROUP BY period, framework, judged_version, oldest, latest, metric
), errors AS (
  -- The larger of the variance within the strata (Sato, Greenland and Robins) and that between them: failures of one crew come together.
  SELECT *, sqrt(greatest(d * sato_p + sato_q, (wwdd - 2 * d * wwd + d * d * ww) * CASE WHEN strata > 1 THEN CAST(strata AS DOUBLE) / (strata - 1) ELSE 1 END, 0)) / w AS error,
         CASE WHEN metric IN ('failed runs', 'failed tasks', 'tool errors') THEN 2.81 ELSE 3.2 END AS z, metric LIKE '%duration' AS is_time,
         n1 < 100 OR n0 < 100 OR (strata < 5 AND metric NOT LIKE '%tool%') AS is_little
  FROM sums
), verdicts AS (
  SELECT *, CASE WHEN is_little THEN 'too little to say' WHEN d - z * error > 0 THEN 'worse' WHEN d + z * error < 0 THEN 'better' ELSE 'no difference found' END AS verdict,
         CASE WHEN oldest = latest THEN oldest ELSE concat(oldest, ' to ', latest) END AS baseline
  FROM errors
), said AS (
  SELECT *, count(*) FILTER (WHERE verdict = 'worse') OVER (PARTITION BY period, framework) AS worse, count(*) FILTER (WHERE NOT is_little) OVER (PARTITION BY period, framework) AS known
  FROM verdicts
)
SELECT period, framework, judged_version AS version, baseline, metric, CASE WHEN metric LIKE '%tool%' THEN NULL ELSE strata END AS crews, CAST(n1 AS BIGINT) AS events, CAST(n0 AS BIGINT) AS baseline_events,
       round(CASE WHEN is_time THEN exp(p1) ELSE p1 END, 6) AS value, round(CASE WHEN is_time THEN exp(p0) ELSE p0 END, 6) AS baseline_value, round(CASE WHEN is_time THEN exp(d) - 1 ELSE d END, 6) AS difference,
       CASE WHEN NOT is_little THEN round(CASE WHEN is_time THEN exp(d - z * error) - 1 ELSE d - z * error END, 6) END AS low,
       CASE WHEN NOT is_little THEN round(CASE WHEN is_time THEN exp(d + z * error) - 1 ELSE d + z * error END, 6) END AS high, verdict,
       CASE WHEN known = 0 THEN concat(framework, ' ', judged_version, ': too little to say whether anything is worse than with ', baseline)
            WHEN verdict IN ('worse', 'better') AND is_time
              THEN concat(framework, ' ', judged_version, ': ', metric, ' is ', verdict, ' than with ', baseline, ': ', round(exp(p1), 1), ' s instead of ', round(exp(p0), 1), ' s (', round((exp(d - z * error) - 1) * 100, 1), ' to ', round((exp(d + z * error) - 1) * 100, 1), ' % longer)')
            WHEN verdict IN ('worse', 'better')
              THEN concat(framework, ' ', judged_version, ': ', metric, ' are ', verdict, ' than with ', baseline, ': ', round(p1 * 100, 1), ' % instead of ', round(p0 * 100, 1), ' % (', round((d - z * error) * 100, 1), ' to ', round((d + z * error) * 100, 1), ' points more)')
            WHEN worse = 0 THEN concat(framework, ' ', judged_version, ': nothing was found to be worse than with ', baseline) END AS finding
FROM said
ORDER BY period, framework, array_position(['worse', 'better', 'no difference found', 'too little to say'], verdict), array_position(['failed runs', 'failed tasks', 'tool errors', 'retried tool calls', 'run duration', 'task duration'], metric)
