-- title: Stickiness
-- question: How often is a crew run?
-- parameters:
--   days: days 1 to 366 = 30: the last days that count
-- columns:
--   measure: runs: kickoffs of a crew; active days: days with a kickoff
--   at_least: the fewest of them
--   at_most: the most of them; null is no limit
--   crews: distinct crew keys with so many in the last `days` days
--   share: share of the crews that ran in them
--   runs: kickoffs of these crews
-- published by: crews
-- not a count: at_least, at_most
-- tells the whole: share
-- held back: crews with share, runs
-- adds up: crews within measure
-- note: crews are counted by key: a crew whose roles or tasks are edited is a new one, and one whose release sends no key (CrewAI before 0.41.0) does not count
-- note: installations, where a client says once a week how active its own was, are in the report installations
WITH crew_days AS (
  SELECT period, key, day, count(*) AS runs FROM crews WHERE key <> '' AND day <= $today AND day > $today - $days GROUP BY period, key, day
), alike AS (
  SELECT period, runs, days, count(*) AS crews
  FROM (SELECT period, key, sum(runs) AS runs, count(*) AS days FROM crew_days GROUP BY period, key)
  GROUP BY period, runs, days
)
SELECT period, measure, at_least, at_most, sum(crews) AS crews, CAST(sum(crews) AS DOUBLE) / sum(sum(crews)) OVER (PARTITION BY period, measure) AS share, sum(crews * runs) AS runs
FROM alike
JOIN (VALUES ('runs', 1, 1), ('runs', 2, 4), ('runs', 5, 9), ('runs', 10, 24), ('runs', 25, 99), ('runs', 100, NULL),
             ('active days', 1, 1), ('active days', 2, 3), ('active days', 4, 7), ('active days', 8, 14), ('active days', 15, NULL)) AS bands (measure, at_least, at_most)
  ON CASE measure WHEN 'runs' THEN runs ELSE days END BETWEEN at_least AND coalesce(at_most, 9223372036854775807)
GROUP BY period, measure, at_least, at_most
ORDER BY period, measure, at_least
