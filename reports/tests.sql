-- title: Tests
-- question: How well and how fast do crews do in their tests, by model?
-- columns:
--   model: the model that the test was run with
--   crews: distinct crews tested (by key, or by id where there is no key)
--   tests: test runs started
--   iterations: total number of iterations that these test runs asked for
--   results: iterations that were scored
--   quality_avg: mean score (0 to 10)
--   quality_min: lowest score
--   quality_max: highest score
--   quality_stddev: standard deviation of the scores
--   time_avg: mean execution time of an iteration in seconds
--   time_p50: median execution time of an iteration in seconds
--   quality_p25: 25th percentile of the scores
--   quality_p50: median score
--   quality_p75: 75th percentile of the scores
--   time_min: shortest execution time of an iteration in seconds
--   time_p25: 25th percentile of the execution time in seconds
--   time_p75: 75th percentile of the execution time in seconds
--   time_max: longest execution time of an iteration in seconds
-- in brief: model, crews, results, quality_avg, quality_p50, time_p50
-- published by: crews
-- free text: model by crews
-- note: crews are counted by key, or by id where the release sends no key (CrewAI before 0.41.0): without a key, a crew counts again each time it is built; the reports overview, crews, features, tasks and versions count keys only
SELECT period, model_name AS model, distinct_count(crew_key, crew_id) AS crews,
       count(*) FILTER (WHERE step = 'execution') AS tests, sum(iterations) AS iterations, count(*) FILTER (WHERE step = 'result') AS results,
       CAST(sum(TRY_CAST(quality AS DECIMAL(18, 6))) AS DOUBLE) / count(quality) AS quality_avg, min(quality) AS quality_min, max(quality) AS quality_max, round(stddev(quality), 9) AS quality_stddev,
       CAST(sum(TRY_CAST(execution_time AS DECIMAL(18, 6))) AS DOUBLE) / count(execution_time) AS time_avg, percentile(execution_time, 0.5) AS time_p50,
       percentile(quality, 0.25) AS quality_p25, percentile(quality, 0.5) AS quality_p50, percentile(quality, 0.75) AS quality_p75,
       min(execution_time) AS time_min, percentile(execution_time, 0.25) AS time_p25, percentile(execution_time, 0.75) AS time_p75, max(execution_time) AS time_max
FROM tests
GROUP BY period, model_name
ORDER BY period, crews DESC, tests DESC, model
