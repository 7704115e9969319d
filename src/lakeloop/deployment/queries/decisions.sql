-- What was done about it, and for what reasons?
WITH ranked AS (
  SELECT
    *,
    row_number() OVER (PARTITION BY model, as_of ORDER BY attempt DESC) AS newest
  FROM ops.decisions
)
SELECT
  model,
  as_of AS decided_at,
  action,
  concat_ws('; ', reasons) AS reasons,
  attempt
FROM ranked
WHERE newest = 1
ORDER BY decided_at DESC, model
