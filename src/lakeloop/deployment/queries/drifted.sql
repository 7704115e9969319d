-- What drifted, in which window, and how much it weighs?
WITH ranked AS (
  SELECT
    *,
    row_number() OVER (
      PARTITION BY model, model_version, `window`, granularity, slice_key, slice_value, column_name, test
      ORDER BY as_of DESC
    ) AS newest
  FROM monitoring.drift_metrics
)
SELECT
  model,
  model_version,
  `window`.`start` AS window_start,
  `window`.`end` AS window_end,
  granularity,
  column_name,
  kind,
  role,
  test,
  statistic,
  threshold,
  severity,
  `count` AS rows_judged
FROM ranked
WHERE newest = 1 AND slice_key IS NULL AND verdict = 'DRIFT'
ORDER BY window_end DESC, model, statistic / threshold DESC
