-- title: Retention
-- question: Do crews come back, week after week?
-- parameters:
--   weeks: number 1 to 60 = 12: the last weeks, from Monday to Sunday UTC, in which crews ran for the first time
-- columns:
--   first_week: the Monday of the week in which the crews ran for the first time
--   crews: distinct crew keys that ran for the first time in it
--   week: weeks since then
--   returned: those of the crews that ran in that week
--   share: returned as a share of the crews
--   is_over: whether that week is over; of one that is not, more crews may still return
-- published by: crews
-- not a count: week
-- held back: crews with returned, share
-- held back: returned with share
-- note: the first time: since the first record of the selected span, so that its first week holds crews that are older
-- note: crews are counted by key: a crew whose roles or tasks are edited is a new one and seems not to have returned; one whose release sends no key (CrewAI before 0.41.0) does not count
-- note: installations, where a client says once a week how active its own was, are in the report installation-retention
WITH crew_weeks AS (
  -- One bit a week: the lowest is this week, the highest all weeks that are further back.
  SELECT period, key, bit_or(CAST(1 AS BIGINT) << least(CAST(($today + 3) / 7 - (day + 3) / 7 AS BIGINT), 62)) AS weeks
  FROM crews WHERE key <> '' AND day <= $today GROUP BY period, key
), alike AS (
  SELECT period, weeks, count(*) AS crews FROM crew_weeks GROUP BY period, weeks
), ages AS (
  SELECT CAST(unnest([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39,
    40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59]) AS BIGINT) AS age
), first_weeks AS (
  SELECT period, age AS first_age, weeks, crews FROM alike CROSS JOIN ages WHERE age < $weeks AND weeks >> age = 1
)
SELECT period, CAST(CAST((($today + 3) / 7 - first_age) * 7 - 3 AS INTEGER) AS DATE) AS first_week, sum(crews) AS crews, first_age - age AS week,
       sum(((weeks >> age) & 1) * crews) AS returned, CAST(sum(((weeks >> age) & 1) * crews) AS DOUBLE) / sum(crews) AS share,
       $last_full_day - 6 >= (($today + 3) / 7 - age) * 7 - 3 AS is_over
FROM first_weeks CROSS JOIN ages
WHERE age < first_age
GROUP BY period, first_age, age
ORDER BY period, first_age DESC, week
