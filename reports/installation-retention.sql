-- title: Retention of installations
-- question: How many of the installations that began some weeks ago are still active, and after how long a pause?
-- parameters:
--   weeks: number 1 to 60 = 12: the last weeks, from Monday to Sunday UTC
-- columns:
--   week: the week's Monday
--   is_over: whether the week is over; of one that is not, more installations may still be active
--   age: the week of their life, in bands: 1, 2-4, 5-24 and 25+; null where an installation lost its history
--   installations: installations of this age that were active in the week
--   began: installations that began in the weeks whose installations have this age now: one to three, or four to 23 weeks before
--   share: installations as a share of those that began
--   steady: those that were active in the week before, too
--   pause_1: those that were active before a pause of one week
--   pause_2_4: before a pause of two to four weeks
--   pause_5: before a longer one
-- published by: installations
-- tells the whole: began, share
-- held back: installations with share
-- held back: began with share
-- held back: steady
-- held back: pause_1
-- held back: pause_2_4
-- held back: pause_5
-- when null: began: in the first week of life all are active; those of 25 weeks and more began at any time before; and of the others the selected span has to hold all weeks in which they began
-- when null: share: likewise
-- note: only installations that send a weekly beat count: those of Headcount's own client, also in `headcount.crewai`, with a folder that stays. A container with a new home each time is new with each run and never comes back; select an environment to leave it out
-- note: beats name nobody: the share compares two counts, and is no list of who stayed
WITH weekly AS (
  SELECT period, CAST(($today + 3) / 7 - (day + 3) / 7 AS BIGINT) AS ago, age_weeks AS age, count(*) AS installations,
         count(CASE WHEN idle_weeks = '0' THEN 1 END) AS steady, count(CASE WHEN idle_weeks = '1' THEN 1 END) AS pause_1, count(CASE WHEN idle_weeks = '2-4' THEN 1 END) AS pause_2_4,
         count(CASE WHEN idle_weeks = '5+' THEN 1 END) AS pause_5, count(CASE WHEN age_weeks = '1' THEN 1 END) AS "new"
  FROM activity WHERE day <= $today GROUP BY period, CAST(($today + 3) / 7 - (day + 3) / 7 AS BIGINT), age_weeks
), begun AS (
  -- Weeks that are further back follow.
  SELECT *, max(ago) OVER (PARTITION BY period) AS farthest, sum("new") OVER (PARTITION BY period ORDER BY ago RANGE BETWEEN 1 FOLLOWING AND 3 FOLLOWING) AS began_lately,
         sum("new") OVER (PARTITION BY period ORDER BY ago RANGE BETWEEN 4 FOLLOWING AND 23 FOLLOWING) AS began_before
  FROM weekly
), of_age AS (
  SELECT *, CASE WHEN age = '2-4' AND farthest >= ago + 3 THEN began_lately WHEN age = '5-24' AND farthest >= ago + 23 THEN began_before END AS began FROM begun
)
SELECT period, CAST(CAST((($today + 3) / 7 - ago) * 7 - 3 AS INTEGER) AS DATE) AS week, $today - 6 >= (($today + 3) / 7 - ago) * 7 - 3 AS is_over, age, installations,
       began, CAST(installations AS DOUBLE) / nullif(began, 0) AS share, steady, pause_1, pause_2_4, pause_5
FROM of_age
WHERE ago < $weeks
ORDER BY period, ago DESC, CASE age WHEN '1' THEN 1 WHEN '2-4' THEN 2 WHEN '5-24' THEN 3 WHEN '25+' THEN 4 ELSE 5 END
