-- title: Installations
-- question: How many installations are active each week, and how many come back?
-- parameters:
--   weeks: number 1 to 60 = 12: the last weeks, from Monday to Sunday UTC
-- columns:
--   week: the week's Monday
--   is_over: whether the week is over; of one that is not, more installations may still be active
--   installations: weekly beats: one of each installation that recorded an event in its week
--   new: those in the first week of their life
--   steady: those that were active in the week before, too
--   back: those that were active before, but not in the week before
--   gone: installations of the week before that are not steady
--   returned: steady as a share of the installations of the week before
--   one_day: those with events on one of their last seven days
--   few_days: on two or three
--   most_days: on four or five
--   all_days: on six or seven
--   went_back: those that have run a newer release of the framework before
-- published by: installations
-- tells the whole: gone, returned
-- held back: installations with returned
-- held back: new
-- held back: steady with gone, returned
-- held back: back
-- held back: gone with returned
-- held back: one_day
-- held back: few_days
-- held back: most_days
-- held back: all_days
-- held back: went_back
-- when null: gone: the week before has no beat in the selected span
-- when null: returned: likewise
-- adds up: installations = new + steady + back
-- adds up: installations of the row before = steady + gone
-- adds up: installations = one_day + few_days + most_days + all_days
-- note: only installations that send a weekly beat count: those of Headcount's own client, also in `headcount.crewai`, with a folder that stays. A container with a new home each time is new with each run; select an environment to leave it out
-- note: an installation's week begins on Saturday, Sunday or Monday: at a steady growth of 1.5 % a week installations are counted 0.4 % too high, and at its edges a week may hold two beats of one
WITH weekly AS (
  SELECT period, CAST(($today + 3) / 7 - (day + 3) / 7 AS BIGINT) AS ago, count(*) AS installations,
         count(CASE WHEN age_weeks = '1' THEN 1 END) AS "new", count(CASE WHEN idle_weeks = '0' THEN 1 END) AS steady, count(CASE WHEN idle_weeks <> '0' THEN 1 END) AS back,
         count(CASE WHEN active_days = '1' THEN 1 END) AS one_day, count(CASE WHEN active_days = '2-3' THEN 1 END) AS few_days, count(CASE WHEN active_days = '4-5' THEN 1 END) AS most_days,
         count(CASE WHEN active_days = '6-7' THEN 1 END) AS all_days, count(CASE WHEN newer_releases <> '0' THEN 1 END) AS went_back
  FROM activity WHERE day <= $today GROUP BY period, CAST(($today + 3) / 7 - (day + 3) / 7 AS BIGINT)
), beside AS (
  SELECT *, CASE WHEN lag(ago) OVER (PARTITION BY period ORDER BY ago DESC) = ago + 1 THEN lag(installations) OVER (PARTITION BY period ORDER BY ago DESC) END AS week_before
  FROM weekly
)
SELECT period, CAST(CAST((($today + 3) / 7 - ago) * 7 - 3 AS INTEGER) AS DATE) AS week, $today - 6 >= (($today + 3) / 7 - ago) * 7 - 3 AS is_over,
       installations, "new", steady, back, CASE WHEN week_before > steady THEN week_before - steady WHEN week_before IS NOT NULL THEN 0 END AS gone, CAST(steady AS DOUBLE) / week_before AS returned, one_day, few_days, most_days, all_days, went_back
FROM beside
WHERE ago < $weeks
ORDER BY period, ago DESC
