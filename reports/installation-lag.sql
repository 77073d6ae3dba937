-- title: Upgrade lag
-- question: How many releases are installations behind?
-- parameters:
--   weeks: number 1 to 60 = 12: the last weeks, from Monday to Sunday UTC
-- columns:
--   framework: the framework's name
--   week: the week's Monday
--   is_over: whether the week is over; of one that is not, more installations may still be active
--   lag: how many newer releases of the framework had been seen by the end of the week, in bands: 0, 1, 2-5 and 6+; null for installations whose release is not known
--   installations: installations that were active in the week, and that far behind
--   share: installations as a share of those of the framework in the week whose release is known
-- published by: installations
-- tells the whole: share
-- held back: installations with share
-- when null: share: installations whose release is not known have none
-- note: an installation cannot know releases that it never had: the lag follows from the releases of all. A release counts from its first weekly beat in the selected span on, if it has at least as many as the threshold
-- note: only installations that send a weekly beat count: those of Headcount's own client, also in `headcount.crewai`, with a folder that stays
WITH beats AS (
  SELECT period, framework, version_key(nullif(framework_version, '')) AS release, CAST(($today + 3) / 7 - (day + 3) / 7 AS BIGINT) AS ago, count(*) AS installations
  FROM activity WHERE day <= $today GROUP BY period, framework, version_key(nullif(framework_version, '')), CAST(($today + 3) / 7 - (day + 3) / 7 AS BIGINT)
), releases AS (
  SELECT framework, release, max(ago) AS first_ago FROM beats WHERE release IS NOT NULL GROUP BY framework, release HAVING sum(installations) >= $min_crews
), behind AS (
  SELECT b.period, b.framework, b.ago, b.release, b.installations, count(r.release) AS newer
  FROM beats AS b LEFT JOIN releases AS r ON r.framework = b.framework AND r.release > b.release AND r.first_ago >= b.ago
  GROUP BY b.period, b.framework, b.ago, b.release, b.installations
), banded AS (
  SELECT period, framework, ago, CASE WHEN release IS NULL THEN NULL WHEN newer = 0 THEN '0' WHEN newer = 1 THEN '1' WHEN newer <= 5 THEN '2-5' ELSE '6+' END AS lag, sum(installations) AS installations
  FROM behind
  GROUP BY period, framework, ago, CASE WHEN release IS NULL THEN NULL WHEN newer = 0 THEN '0' WHEN newer = 1 THEN '1' WHEN newer <= 5 THEN '2-5' ELSE '6+' END
)
SELECT period, framework, CAST(CAST((($today + 3) / 7 - ago) * 7 - 3 AS INTEGER) AS DATE) AS week, $today - 6 >= (($today + 3) / 7 - ago) * 7 - 3 AS is_over, lag, installations,
       CASE WHEN lag IS NOT NULL THEN CAST(installations AS DOUBLE) / sum(CASE WHEN lag IS NOT NULL THEN installations END) OVER (PARTITION BY period, framework, ago) END AS share
FROM banded
WHERE ago < $weeks
ORDER BY period, framework, ago DESC, lag NULLS LAST
