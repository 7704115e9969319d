-- What ran, how long, and what failed?
WITH steps AS (
  SELECT *
  FROM ops.runs
)
SELECT
  as_of AS turn,
  job,
  step,
  subject,
  outcome,
  seconds,
  started_ts
FROM steps
ORDER BY started_ts DESC, step
