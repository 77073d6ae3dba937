-- title: Release health
-- question: Did a release break something?
-- parameters:
--   release: text: the release that is judged; without it, the newest of each framework that at least 5 crews ran, or the newest of any where none was
--   baseline: text: the release that it is compared with; without it, the five before it, first of those that at least 5 crews ran
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
--   verdict: worse, better, no difference found, too little to say, or unknown where nothing can be compared with a release that is asked for
--   finding: the same as a sentence
-- in brief: version, metric, value, baseline_value, difference, verdict
-- published by: crews, events
-- said first: finding
-- held back: crews with events, baseline_events, value, baseline_value, difference, low, high
-- when null: crews: null is not zero: too few crews to show, or tool spans, which carry no crew
-- note: compared at equal age and mix: of the baseline only the days since its own first day that the release has had, too; and each crew with itself (each tool with itself, for tool calls), weighted by how often it ran both (Mantel and Haenszel)
-- note: worse or better: the interval of 2.81 standard errors to each side (3.2 for durations and retries), or that of Newcombe, which is the wider one near zero failures, excludes zero, so that of a hundred releases that break nothing fewer than one is called worse in any metric; too little to say: fewer than 100 events on either side, or fewer than 5 crews
-- note: tool calls name no crew: where crews that fail more upgrade first, their tool errors look like the release's
-- note: how a run ended is reported by CrewAI since 1.15.19, how a task ended since 1.15.18; a metric that neither side reports has no row
WITH versions AS (
  SELECT period, framework, framework_version AS version, min(day) AS first_day, cardinality(distinct_set(crew)) >= 5 AS is_run_by_some FROM crews WHERE framework_version <> '' AND day <= $today
  GROUP BY period, framework, framework_version
), ordered AS (
  SELECT *, row_number() OVER (PARTITION BY period, framework ORDER BY version_key(version) DESC, version DESC) AS place FROM versions
), judged AS (
  -- A single kickoff can name any release.
  SELECT *, coalesce(min(CASE WHEN version = $release OR ($release IS NULL AND is_run_by_some) THEN place END) OVER (PARTITION BY period, framework),
                     min(CASE WHEN $release IS NULL THEN place END) OVER (PARTITION BY period, framework)) AS judged_place FROM ordered
), placed AS (
  SELECT *, row_number() OVER (PARTITION BY period, framework ORDER BY CASE WHEN place > judged_place THEN 0 ELSE 1 END, CASE WHEN is_run_by_some THEN 0 ELSE 1 END, place) AS before FROM judged
), sides AS (
  SELECT period, framework, version, first_day, place = judged_place AS is_judged, $today - max(CASE WHEN place = judged_place THEN first_day END) OVER (PARTITION BY period, framework) AS max_age,
         max(CASE WHEN place = judged_place THEN version END) OVER (PARTITION BY period, framework) AS judged_version,
         first_value(version) OVER (PARTITION BY period, framework ORDER BY CASE WHEN place = judged_place THEN 1 ELSE 0 END, place DESC) AS oldest,
         first_value(version) OVER (PARTITION BY period, framework ORDER BY CASE WHEN place = judged_place THEN 1 ELSE 0 END, place) AS latest
  FROM placed
  WHERE place = judged_place OR ($baseline IS NOT NULL AND version = $baseline) OR ($baseline IS NULL AND place > judged_place AND before <= 5)
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
         n1, n0, x1, x0, x1 / n1 AS p1, x0 / n0 AS p0, n1 * n0 / (n1 + n0) AS w,
         (n1 * n1 * x0 - n0 * n0 * x1 + n1 * n0 * (n0 - n1) / 2) / power(n1 + n0, 2) AS sato_p, (x1 * (n0 - x0) + x0 * (n1 - x1)) / 2 / (n1 + n0) AS sato_q
  FROM strata WHERE n1 > 0 AND n0 > 0
  UNION ALL
  SELECT period, framework, judged_version, oldest, latest, CASE kind WHEN 'run' THEN 'run duration' ELSE 'task duration' END, t1, t0, NULL, NULL, l1 / t1, l0 / t0, t1 * t0 / (t1 + t0), 0, 0
  FROM strata WHERE t1 > 0 AND t0 > 0
), sums AS (
  SELECT period, framework, judged_version, oldest, latest, metric, count(*) AS strata, sum(n1) AS n1, sum(n0) AS n0, sum(x1) AS x1, sum(x0) AS x0, sum(w * p1) / sum(w) AS p1, sum(w * p0) / sum(w) AS p0,
         sum(w * (p1 - p0)) / sum(w) AS d, sum(w) AS w, sum(w * w) AS ww, sum(w * w * (p1 - p0)) AS wwd, sum(w * w * (p1 - p0) * (p1 - p0)) AS wwdd, sum(sato_p) AS sato_p, sum(sato_q) AS sato_q
  FROM measured GROUP BY period, framework, judged_version, oldest, latest, metric
), errors AS (
  -- The larger of the variance within the strata (Sato, Greenland and Robins) and that between them: failures of one crew come together.
  SELECT *, sqrt(greatest(d * sato_p + sato_q, (wwdd - 2 * d * wwd + d * d * ww) * CASE WHEN strata > 1 THEN CAST(strata AS DOUBLE) / (strata - 1) ELSE 1 END, 0)) / w AS error,
         CASE WHEN metric IN ('failed runs', 'failed tasks', 'tool errors') THEN 2.81 ELSE 3.2 END AS z, metric LIKE '%duration' AS is_time,
         n1 < 100 OR n0 < 100 OR (strata < 5 AND metric NOT LIKE '%tool%') AS is_little
  FROM sums
), scores AS (
  -- Half of Wilson's interval of each share, to the side of zero and away from it: near zero failures the variances above are far too small.
  SELECT *, x1 / n1 - (x1 + z * z / 2 - z * sqrt(x1 * (n1 - x1) / n1 + z * z / 4)) / (n1 + z * z) AS below1, (x1 + z * z / 2 + z * sqrt(x1 * (n1 - x1) / n1 + z * z / 4)) / (n1 + z * z) - x1 / n1 AS above1,
         x0 / n0 - (x0 + z * z / 2 - z * sqrt(x0 * (n0 - x0) / n0 + z * z / 4)) / (n0 + z * z) AS below0, (x0 + z * z / 2 + z * sqrt(x0 * (n0 - x0) / n0 + z * z / 4)) / (n0 + z * z) - x0 / n0 AS above0
  FROM errors
), bounds AS (
  -- Newcombe's interval of the difference where it is the wider one. Of durations it is null, and greatest() passes over it.
  SELECT *, d - greatest(z * error, sqrt(below1 * below1 + above0 * above0)) AS low, d + greatest(z * error, sqrt(above1 * above1 + below0 * below0)) AS high FROM scores
), verdicts AS (
  SELECT *, CASE WHEN is_little THEN 'too little to say' WHEN low > 0 THEN 'worse' WHEN high < 0 THEN 'better' ELSE 'no difference found' END AS verdict,
         CASE WHEN oldest = latest THEN oldest ELSE concat(oldest, ' to ', latest) END AS baseline
  FROM bounds
), said AS (
  SELECT *, count(*) FILTER (WHERE verdict = 'worse') OVER (PARTITION BY period, framework) AS worse, count(*) FILTER (WHERE NOT is_little) OVER (PARTITION BY period, framework) AS known
  FROM verdicts
), answered AS (
  SELECT period, framework, judged_version AS version, baseline, metric, CASE WHEN metric LIKE '%tool%' THEN NULL ELSE strata END AS crews, CAST(n1 AS BIGINT) AS events, CAST(n0 AS BIGINT) AS baseline_events,
         round(CASE WHEN is_time THEN exp(p1) ELSE p1 END, 6) AS value, round(CASE WHEN is_time THEN exp(p0) ELSE p0 END, 6) AS baseline_value, round(CASE WHEN is_time THEN exp(d) - 1 ELSE d END, 6) AS difference,
         CASE WHEN NOT is_little THEN round(CASE WHEN is_time THEN exp(low) - 1 ELSE low END, 6) END AS low,
         CASE WHEN NOT is_little THEN round(CASE WHEN is_time THEN exp(high) - 1 ELSE high END, 6) END AS high, verdict,
         CASE WHEN known = 0 THEN concat(framework, ' ', judged_version, ': too little to say whether anything is worse than with ', baseline)
              WHEN verdict IN ('worse', 'better') AND is_time
                THEN concat(framework, ' ', judged_version, ': ', metric, ' is ', verdict, ' than with ', baseline, ': ', round(exp(p1), 1), ' s instead of ', round(exp(p0), 1), ' s (', round((exp(low) - 1) * 100, 1), ' to ', round((exp(high) - 1) * 100, 1), ' % longer)')
              WHEN verdict IN ('worse', 'better')
                THEN concat(framework, ' ', judged_version, ': ', metric, ' are ', verdict, ' than with ', baseline, ': ', round(p1 * 100, 1), ' % instead of ', round(p0 * 100, 1), ' % (', round(low * 100, 1), ' to ', round(high * 100, 1), ' points more)')
              WHEN worse = 0 THEN concat(framework, ' ', judged_version, ': nothing was found to be worse than with ', baseline) END AS finding
  FROM said
), unanswered AS (
  -- A release that is asked for and of which nothing can be said: one row where one is asked for.
  SELECT CAST('1970-01-01' AS DATE) AS period, max(CASE WHEN version = $release THEN framework END) AS framework,
         CASE WHEN coalesce(bool_or(version = $release), $release IS NULL) IS NOT TRUE THEN concat('no kickoff of the selected span names the release ', $release)
              WHEN coalesce(bool_or(version = $baseline), $baseline IS NULL) IS NOT TRUE THEN concat('no kickoff of the selected span names the release ', $baseline)
              ELSE concat(coalesce($release, 'the newest release'), coalesce(', first run on ' || CAST(CAST(min(CASE WHEN version = $release THEN first_day END) AS DATE) AS VARCHAR), ''),
                          CASE WHEN $release IS NULL OR bool_or(version = $release AND is_run_by_some) THEN '' ELSE ' and by fewer than 5 crews' END,
                          ', cannot be compared: no crew and no tool is known to have run with it and with a release before it, or neither reports how runs ended') END AS finding
  FROM versions
  -- A condition without an aggregate would be applied before the aggregate, which makes a row of no rows.
  HAVING CASE WHEN $release IS NOT NULL OR $baseline IS NOT NULL THEN count(*) END >= 0
)
SELECT period, framework, version, baseline, metric, crews, events, baseline_events, value, baseline_value, difference, low, high, verdict, finding
FROM (
  SELECT coalesce(a.period, u.period) AS period, coalesce(a.framework, u.framework) AS framework, CASE WHEN a.period IS NULL THEN $release ELSE a.version END AS version,
         CASE WHEN a.period IS NULL THEN $baseline ELSE a.baseline END AS baseline, a.metric, a.crews, a.events, a.baseline_events, a.value, a.baseline_value, a.difference, a.low, a.high,
         coalesce(a.verdict, 'unknown') AS verdict, CASE WHEN a.period IS NULL THEN u.finding ELSE a.finding END AS finding
  FROM answered AS a FULL JOIN unanswered AS u ON u.period = a.period
)
ORDER BY period, framework, array_position(['worse', 'better', 'no difference found', 'too little to say'], verdict), array_position(['failed runs', 'failed tasks', 'tool errors', 'retried tool calls', 'run duration', 'task duration'], metric)
