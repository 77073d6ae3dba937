-- title: Losses
-- question: Which events did clients record but fail to send, and why?
-- columns:
--   framework: the framework that the client reports for
--   version: its release; null where the client does not report it
--   reason: why it was lost: queue_full and spool_full (no room in memory or on disk), too_old (kept too long), too_large, unreadable (damaged on disk), turned_off (before it was sent), refused (by the collector)
--   events: number of events, as counted by the clients
-- published by: events
-- note: a client reports its losses with its next request; the losses of a client that never sends again are not counted
-- note: CrewAI's own telemetry reports no losses
SELECT period, framework, framework_version AS version, reason,
       CAST(least(sum(CAST("count" AS DECIMAL(38, 0))), CAST(9223372036854775807 AS DECIMAL(38, 0))) AS BIGINT) AS events
FROM losses
GROUP BY period, framework, framework_version, reason
ORDER BY period, events DESC, framework, version, reason
