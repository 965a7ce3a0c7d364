-- What the judge made of the answer: its own threshold decides, which a score alone does not tell.
ALTER TABLE trace ADD COLUMN verdict TEXT;
-- Until now a score under a half counted as unsupported.
UPDATE trace SET verdict = CASE WHEN grounded < 0.5 THEN 'unsupported' ELSE 'supported' END
WHERE grounded IS NOT NULL;
-- Holds all that charts are made of, in the order of time.
CREATE INDEX trace_charts ON trace (
  tenant_id, started, took_ms, error, input_tokens, output_tokens, cost, ttft_ms, grounded, verdict
) WHERE listed = 1;
