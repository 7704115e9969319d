-- How much came, and what became of it?
WITH batches AS (
  SELECT *
  FROM ops.ingested_batches
)
SELECT
  source,
  as_of AS ingested_at,
  sum(files) AS files,
  sum(rows_read) AS rows_read,
  sum(rows_accepted) AS rows_accepted,
  sum(rows_quarantined) AS rows_quarantined,
  sum(rows_duplicate) AS rows_duplicate,
  sum(rows_superseded) AS rows_superseded,
  sum(rows_read) = sum(rows_accepted + rows_quarantined + rows_duplicate + rows_superseded) AS is_accounted_for
FROM batches
GROUP BY source, as_of
ORDER BY ingested_at DESC, source
