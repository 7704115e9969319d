-- Which checks of the data failed, or could not be judged?
WITH ranked AS (
  SELECT
    *,
    row_number() OVER (PARTITION BY source, `window`, `check` ORDER BY as_of DESC, attempt DESC) AS newest
  FROM monitoring.quality
)
SELECT
  source,
  `window`.`end` AS window_end,
  `check` AS checked,
  severity,
  status,
  passed,
  `rows` AS rows_checked,
  observed
FROM ranked
WHERE newest = 1 AND passed IS NOT TRUE
ORDER BY window_end DESC, source, checked
