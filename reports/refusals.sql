-- title: Refusals
-- question: What was sent and not stored, and why?
-- columns:
--   framework: the framework that sent it
--   version: its release; null where the span does not say
--   span: the span's name; '(unknown)' for a name that the dialect does not know
--   key: the attribute's key; '(unknown)' for a key that the dialect does not know; '(span)' where the whole span was refused
--   reason: why it was refused
--   count: how often
-- published by: count
-- note: times are those of the hour in which it was refused; nothing of what was refused is kept
SELECT period, framework, framework_version AS version, span, key, reason, CAST(sum("count") AS BIGINT) AS "count"
FROM refusals
GROUP BY period, framework, framework_version, span, key, reason
ORDER BY period, "count" DESC, framework, version, span, key, reason
