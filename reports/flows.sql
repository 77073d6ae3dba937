-- title: Flows
-- question: Which flows run, and how do they end?
-- columns:
--   flow: the flow's class name
--   origin: user for a flow that someone wrote, internal for one of the framework; null where the release does not report it
--   names: number of flow names that the row stands for
--   created: flow objects constructed, or flows scaffolded on the command line
--   plotted: flows plotted
--   started: runs started, including each resumption and each turn of a conversation
--   resumed: runs that resumed an earlier one
--   conversational: runs that are turns of a conversation
--   paused: runs that waited for a human
--   completed: runs that completed
--   failed: runs that ended with an error
--   method_failures: methods that raised an error
--   duration_p50: median duration of the runs in seconds
--   duration_p95: 95th percentile of the duration in seconds
-- in brief: flow, started, completed, failed, duration_p50
-- published by: started, created
-- free text: flow by no crew
-- note: CrewAI reports paused, completed, failed and method_failures since 1.15.15
SELECT period, flow, origin, distinct_count(flow_name) AS names,
       count(*) FILTER (WHERE event = 'created') AS created, count(*) FILTER (WHERE event = 'plotted') AS plotted,
       count(*) FILTER (WHERE event = 'started') AS started, count(*) FILTER (WHERE event = 'started' AND resumed) AS resumed,
       count(*) FILTER (WHERE event = 'started' AND conversational) AS conversational, count(*) FILTER (WHERE event = 'paused') AS paused,
       count(*) FILTER (WHERE event = 'completed' AND outcome = 'completed') AS completed,
       count(*) FILTER (WHERE event = 'completed' AND outcome = 'failed') AS failed,
       count(*) FILTER (WHERE event = 'method_failed') AS method_failures,
       percentile(duration, 0.5) AS duration_p50,
       percentile(duration, 0.95) AS duration_p95
FROM (SELECT *, CASE WHEN $min_crews <= 1 THEN flow_name END AS flow FROM flow_events)
GROUP BY period, flow, origin
ORDER BY period, started DESC, flow, origin
