-- title: Tests
-- question: How good and how fast are crews in their tests, by model?
-- columns:
--   model: the model that the test was run with
--   crews: distinct crews tested (by key, or by id where there is no key)
--   tests: test runs started
--   iterations: iterations asked for by those test runs together
--   results: iterations that were scored
--   quality_avg: mean score (0 to 10)
--   quality_min: lowest score
--   quality_max: highest score
--   quality_stddev: standard deviation of the scores
--   time_avg: mean execution time of an iteration in seconds
--   time_p50: half of the iterations took at most this many seconds
-- free text: model by crews
SELECT period, model_name AS model, distinct_count(crew_key, crew_id) AS crews,
       count(*) FILTER (WHERE step = 'execution') AS tests, sum(iterations) AS iterations, count(*) FILTER (WHERE step = 'result') AS results,
       avg(quality) AS quality_avg, min(quality) AS quality_min, max(quality) AS quality_max, stddev(quality) AS quality_stddev,
       avg(execution_time) AS time_avg, percentile(execution_time, 0.5) AS time_p50
FROM tests
GROUP BY period, model_name
ORDER BY period, crews DESC, tests DESC, model
