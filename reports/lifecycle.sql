-- title: Lifecycle
-- question: Which crews are new, steady, coming back or gone, week by week?
-- parameters:
--   weeks: number 1 to 60 = 12: the last weeks, from Monday to Sunday UTC
-- columns:
--   week: the week's Monday
--   is_over: whether the week is over; of one that is not, more crews may still run
--   active: distinct crew keys that ran in the week
--   new: those that ran in no week before
--   steady: those that ran in the week before, too
--   back: those that ran before, but not in the week before
--   gone: distinct crew keys that ran in the week before, and not in this one
-- published by: active
-- held back: active
-- held back: new
-- held back: steady
-- held back: back
-- held back: gone
-- adds up: active = new + steady + back
-- adds up: active of the row before = steady + gone
-- note: new: not seen since the first record of the selected span, so that in its first week all crews are new
-- note: crews are counted by key: a crew whose roles or tasks are edited is a new one, and one whose release sends no key (CrewAI before 0.41.0) does not count
-- note: installations, where a client says once a week how active its own was, are in the report installations
WITH crew_weeks AS (
  -- One bit a week: the lowest is this week, the highest all weeks that are further back.
  SELECT period, key, bit_or(CAST(1 AS BIGINT) << least(CAST(($today + 3) / 7 - (day + 3) / 7 AS BIGINT), 62)) AS weeks
  FROM crews WHERE key <> '' AND day <= $today GROUP BY period, key
), alike AS (
  SELECT period, weeks, count(*) AS crews FROM crew_weeks GROUP BY period, weeks
)
SELECT period, CAST(CAST((($today + 3) / 7 - age) * 7 - 3 AS INTEGER) AS DATE) AS week, $last_full_day - 6 >= (($today + 3) / 7 - age) * 7 - 3 AS is_over,
       sum(CASE WHEN (weeks >> age) & 1 = 1 THEN crews ELSE 0 END) AS active,
       sum(CASE WHEN weeks >> age = 1 THEN crews ELSE 0 END) AS "new",
       sum(CASE WHEN (weeks >> age) & 3 = 3 THEN crews ELSE 0 END) AS steady,
       sum(CASE WHEN (weeks >> age) & 3 = 1 AND weeks >> age > 1 THEN crews ELSE 0 END) AS back,
       sum(CASE WHEN (weeks >> age) & 3 = 2 THEN crews ELSE 0 END) AS gone
FROM alike
CROSS JOIN (SELECT CAST(unnest([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39,
  40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59]) AS BIGINT) AS age) AS ages
WHERE age < $weeks AND weeks >> age > 0
GROUP BY period, age
ORDER BY period, age DESC
