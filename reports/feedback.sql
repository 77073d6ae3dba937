-- title: Feedback
-- question: How do flows use human feedback?
-- columns:
--   event: requested or received
--   outcome: the label that the feedback led to, as the flow's author wrote it
--   names: number of labels that the row stands for
--   count: number of events
--   with_routing: events whose feedback routes the flow
--   with_feedback: events that brought feedback, where that is reported
--   outcomes_avg: mean number of labels to choose from
-- published by: count
-- free text: outcome by no crew
-- note: reported by CrewAI 1.8.0 and newer
SELECT period, event_type AS event, label AS outcome, distinct_count(outcome) AS names, count(*) AS "count",
       count(*) FILTER (WHERE has_routing) AS with_routing,
       CASE WHEN count(feedback_provided) > 0 THEN count(*) FILTER (WHERE feedback_provided) END AS with_feedback,
       avg(num_outcomes) AS outcomes_avg
FROM (SELECT *, CASE WHEN $min_crews <= 1 THEN outcome END AS label FROM human_feedback)
GROUP BY period, event_type, label
ORDER BY period, event, "count" DESC, outcome
