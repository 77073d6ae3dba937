-- title: Scores
-- question: How well and how fast do crews do in their tests, by model and release?
-- parameters:
--   per: one of model, model_and_release, release = model_and_release: what is told apart
-- columns:
--   model: the model that the test was run with; null where only releases are told apart
--   version: the release; null where only models are told apart, or for tests that name none
--   crews: distinct crews tested (by key, or by id where there is no key)
--   results: iterations that were scored
--   quality: mean score (0 to 10)
--   quality_low: lower end of the interval of the mean score
--   quality_high: upper end of it
--   quality_stddev: standard deviation of the scores
--   quality_p25: 25th percentile of the scores
--   quality_p50: median score
--   quality_p75: 75th percentile of the scores
--   time: mean execution time of an iteration in seconds
--   time_low: lower end of the interval of the mean time
--   time_high: upper end of it
--   time_p25: 25th percentile of the execution time in seconds
--   time_p50: median execution time in seconds
--   time_p75: 75th percentile of the execution time in seconds
-- in brief: model, version, crews, quality, quality_low, quality_high
-- published by: crews
-- free text: model by crews
-- held back: crews with results, quality, quality_low, quality_high, quality_stddev, quality_p25, quality_p50, quality_p75, time, time_low, time_high, time_p25, time_p50, time_p75
-- note: the intervals hold the mean in 95 of 100 cases, for crews like these: 1.96 standard errors to each side, where each crew counts as one draw, however often it was tested; null for fewer than 5 crews, which say too little
-- note: tests of different crews are different tasks: models that other crews test are not compared fairly
WITH by_crew AS (
  SELECT period, CASE WHEN $per <> 'release' THEN model_name END AS model, CASE WHEN $per <> 'model' THEN nullif(framework_version, '') END AS version, coalesce(nullif(crew_key, ''), crew_id) AS tested,
         count(quality) AS scored, CAST(sum(TRY_CAST(quality AS DECIMAL(18, 6))) AS DOUBLE) AS quality, count(execution_time) AS timed, CAST(sum(TRY_CAST(execution_time AS DECIMAL(18, 6))) AS DOUBLE) AS time
  FROM tests WHERE step = 'result' GROUP BY ALL
), means AS (
  SELECT *, sum(quality) OVER of_all / nullif(sum(scored) OVER of_all, 0) AS quality_mean, sum(time) OVER of_all / nullif(sum(timed) OVER of_all, 0) AS time_mean
  FROM by_crew WINDOW of_all AS (PARTITION BY period, model, version)
), errors AS (
  -- The standard error of a ratio of sums over crews.
  SELECT period, model, version, count(tested) AS crews, max(quality_mean) AS quality, max(time_mean) AS time,
         CASE WHEN count(tested) >= 5 THEN round(sqrt(sum(power(quality - quality_mean * scored, 2)) * count(tested) / (count(tested) - 1)) / nullif(sum(scored), 0), 9) END AS quality_error,
         CASE WHEN count(tested) >= 5 THEN round(sqrt(sum(power(time - time_mean * timed, 2)) * count(tested) / (count(tested) - 1)) / nullif(sum(timed), 0), 9) END AS time_error
  FROM means GROUP BY period, model, version
), spread AS (
  SELECT period, CASE WHEN $per <> 'release' THEN model_name END AS model, CASE WHEN $per <> 'model' THEN nullif(framework_version, '') END AS version, count(*) AS results,
         round(stddev(quality), 9) AS quality_stddev, percentile(quality, 0.25) AS quality_p25, percentile(quality, 0.5) AS quality_p50, percentile(quality, 0.75) AS quality_p75,
         percentile(execution_time, 0.25) AS time_p25, percentile(execution_time, 0.5) AS time_p50, percentile(execution_time, 0.75) AS time_p75
  FROM tests WHERE step = 'result' GROUP BY ALL
)
SELECT s.period, s.model, s.version, e.crews, s.results, round(e.quality, 9) AS quality, round(e.quality - 1.96 * e.quality_error, 9) AS quality_low, round(e.quality + 1.96 * e.quality_error, 9) AS quality_high,
       s.quality_stddev, s.quality_p25, s.quality_p50, s.quality_p75, round(e.time, 9) AS time, round(e.time - 1.96 * e.time_error, 9) AS time_low, round(e.time + 1.96 * e.time_error, 9) AS time_high,
       s.time_p25, s.time_p50, s.time_p75
FROM spread AS s
JOIN errors AS e ON e.period = s.period AND (e.model IS NOT DISTINCT FROM s.model) AND (e.version IS NOT DISTINCT FROM s.version)
ORDER BY s.period, e.crews DESC, s.results DESC, s.model, version_key(s.version) DESC NULLS LAST, s.version
