-- title: Model calls
-- question: Which models are called, with which settings, how much do they read and write, and how often do they fail?
-- columns:
--   provider: who serves the model; null where the spans do not say
--   operation: the kind of call: chat, text_completion, embeddings, rerank, image or audio
--   model: the model that answered, or that was requested, or of which the spans do not say which it is: the first of these that is known
--   calls: calls of the model
--   crews: distinct runs in which it was called
--   failed: calls that failed; null where no call says how it ended
--   errors: distinct classes of their errors; null where no call says how it ended
--   tokens_read: tokens that the model read; null where no call says how many
--   tokens_written: tokens that it wrote, reasoning included; null where no call says how many
--   cached: the part of what it read that the provider had in a cache
--   reasoning: the part of what it wrote that was reasoning
--   counted_calls: calls that say how many tokens they read
--   streamed: calls that were streamed; null where no call says so
--   cut_off: calls that ended because of a limit of tokens; null where no call says why it ended
--   temperature: mean temperature, of the calls that state one
--   top_p: mean top_p, of the calls that state one
--   top_k: mean top_k, of the calls that state one
--   max_tokens: the greatest limit of tokens that a call states
--   duration_p50: median duration in seconds
--   duration_p95: 95th percentile of the duration in seconds
-- published by: calls
-- free text: model by crews
-- note: only spans of OpenTelemetry's GenAI conventions, OpenInference and OpenLLMetry report calls of models; docs/genai-facts.md says which of them report what
SELECT period, provider, operation, named AS model, count(*) AS calls, distinct_count(crew_id) AS crews,
       CASE WHEN count(outcome) > 0 THEN count(*) FILTER (WHERE outcome = 'failed') END AS failed,
       CASE WHEN count(outcome) > 0 THEN distinct_count(error_type) END AS errors,
       sum(input_tokens) AS tokens_read, sum(output_tokens) AS tokens_written, sum(cached_tokens) AS cached, sum(reasoning_tokens) AS reasoning,
       count(input_tokens) AS counted_calls,
       CASE WHEN count(streaming) > 0 THEN count(*) FILTER (WHERE streaming) END AS streamed,
       CASE WHEN count(finish_reasons) > 0 THEN count(*) FILTER (WHERE array_has(finish_reasons, 'length') OR array_has(finish_reasons, 'max_tokens')) END AS cut_off,
       avg(temperature) AS temperature, avg(top_p) AS top_p, avg(top_k) AS top_k, max(max_tokens) AS max_tokens,
       percentile(duration, 0.5) AS duration_p50, percentile(duration, 0.95) AS duration_p95
FROM (
  SELECT *, coalesce(answering_model, requested_model, model) AS named FROM model_calls
)
GROUP BY period, provider, operation, named
ORDER BY period, calls DESC, provider, operation, named
