-- Did it hurt: what was realised in every window, and what was expected before its labels closed?
WITH realised AS (
  SELECT
    *,
    row_number() OVER (PARTITION BY model, model_version, `window`, metric ORDER BY as_of DESC) AS newest
  FROM monitoring.performance
  WHERE slice_key IS NULL
),
expected AS (
  SELECT
    *,
    row_number() OVER (PARTITION BY model, model_version, `window`, metric ORDER BY as_of DESC) AS newest
  FROM monitoring.estimated_performance
)
SELECT
  coalesce(realised.model, expected.model) AS model,
  coalesce(realised.model_version, expected.model_version) AS model_version,
  coalesce(realised.`window`.`start`, expected.`window`.`start`) AS window_start,
  coalesce(realised.`window`.`end`, expected.`window`.`end`) AS window_end,
  coalesce(realised.metric, expected.metric) AS metric,
  realised.value AS realised,
  realised.lower AS lower,
  realised.upper AS upper,
  realised.baseline AS baseline,
  realised.rows AS rows_matured,
  realised.status AS status,
  expected.value AS estimated,
  expected.status AS estimate_status
FROM (SELECT * FROM realised WHERE newest = 1) AS realised
FULL OUTER JOIN (SELECT * FROM expected WHERE newest = 1) AS expected
  ON realised.model = expected.model
  AND realised.model_version = expected.model_version
  AND realised.`window` = expected.`window`
  AND realised.metric = expected.metric
ORDER BY window_end DESC, model, metric
