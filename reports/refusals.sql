-- title: Refusals
-- question: What was sent but not stored, and why?
-- columns:
--   framework: the framework that sent it
--   version: its release; null where the span does not state it
--   span: the span's name; '(unknown)' for a name that the dialect does not know
--   key: the attribute's key; '(unknown)' for a key that the dialect does not know; '(span)' where the whole span was refused
--   reason: why it was refused
--   count: number of refusals
-- published by: count
-- note: times are the hour of the refusal; nothing that was refused is kept
SELECT period, framework, framework_version AS version, span, key, reason, CAST(sum("count") AS BIGINT) AS "count"
FROM refusals
GROUP BY period, framework, framework_version, span, key, reason
ORDER BY period, "count" DESC, framework, version, span, key, reason
