-- Which flags are open, since when?
WITH ended AS (
  SELECT DISTINCT flag_id
  FROM ops.flags
  WHERE event IN ('resolved', 'superseded', 'expired')
),
claimed AS (
  SELECT DISTINCT flag_id
  FROM ops.flags
  WHERE event = 'claimed'
)
SELECT
  raised.model AS model,
  raised.model_version AS model_version,
  raised.kind AS kind,
  raised.subject AS subject,
  raised.window_end AS window_end,
  raised.as_of AS raised_at,
  claimed.flag_id IS NOT NULL AS is_claimed,
  raised.evidence AS evidence
FROM ops.flags AS raised
LEFT ANTI JOIN ended ON raised.flag_id = ended.flag_id
LEFT JOIN claimed ON raised.flag_id = claimed.flag_id
WHERE raised.event = 'raised'
ORDER BY raised_at DESC, model, kind, subject
