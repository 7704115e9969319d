-- Which versions were judged, promoted, rejected or rolled back, by whom and why?
WITH events AS (
  SELECT *
  FROM ops.promotions
)
SELECT
  model,
  ledger_seq,
  model_version,
  event,
  outcome,
  actor,
  coalesce(reason, concat_ws('; ', reasons)) AS said,
  previous_version,
  trained_through,
  as_of AS recorded_for
FROM events
ORDER BY model, ledger_seq DESC
