-- What could not be judged, and why? Missing is no pass.
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
  `window`.`end` AS window_end,
  status,
  count(*) AS columns_not_judged,
  concat_ws(', ', sort_array(collect_set(column_name))) AS column_names
FROM ranked
WHERE newest = 1 AND slice_key IS NULL AND verdict = 'UNKNOWN'
GROUP BY model, `window`.`end`, status
ORDER BY window_end DESC, model, status
