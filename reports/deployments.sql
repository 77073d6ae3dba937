-- title: Deployments
-- question: Which steps of a deployment are reported, and how often?
-- columns:
--   step: the step, in the order in which a deployment takes them; each is reported on its own, so that a later one may be reported more often
--   count: number of reports of this step
--   deployments: distinct deployments that these reports name
--   of_created: for created and failed: share of the attempts to create
--   from_cli: reports of steps started on the command line, where the release says so
--   from_tui: reports of steps started in the terminal interface, where the release says so
--   details: failure reasons with their status code, and kinds of logs, each with its count
-- in brief: step, count, deployments
-- published by: count
-- tells the whole: of_created
-- note: CrewAI reports created since 1.15.18, failed since 1.15.22, and the origin of a step since 1.15.16
WITH steps AS (
  SELECT period, step, count(*) AS "count", distinct_count(crew_id) AS deployments,
         CASE WHEN count(source) > 0 THEN count(*) FILTER (WHERE source = 'cli') END AS from_cli,
         CASE WHEN count(source) > 0 THEN count(*) FILTER (WHERE source = 'tui') END AS from_tui
  FROM deployments GROUP BY period, step
), details AS (
  SELECT period, step, array_agg(concat(detail, ': ', times) ORDER BY times DESC, detail) AS details
  FROM (SELECT period, step, concat_ws(' ', coalesce(reason, log_type), status_code) AS detail, count(*) AS times
        FROM deployments
        WHERE reason IS NOT NULL OR log_type IS NOT NULL OR status_code IS NOT NULL
        GROUP BY period, step, concat_ws(' ', coalesce(reason, log_type), status_code))
  GROUP BY period, step
), attempts AS (
  SELECT period, count(*) AS attempts FROM deployments WHERE step = 'create' GROUP BY period
)
SELECT steps.period, steps.step, steps."count", steps.deployments,
       CASE WHEN steps.step IN ('created', 'failed') THEN CAST(steps."count" AS DOUBLE) / attempts.attempts END AS of_created,
       steps.from_cli, steps.from_tui, details.details
FROM steps
LEFT JOIN details ON details.period = steps.period AND details.step = steps.step
LEFT JOIN attempts ON attempts.period = steps.period
ORDER BY steps.period, array_position(['signup_error', 'start', 'create', 'created', 'failed', 'logs', 'remove'], steps.step), steps.step
