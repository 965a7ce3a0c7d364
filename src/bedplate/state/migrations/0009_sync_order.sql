-- The order of a source's syncs. Their ids hold times, and a clock may be set back.
ALTER TABLE source_sync ADD COLUMN number INTEGER NOT NULL DEFAULT 0;
UPDATE source_sync SET number = (
  SELECT count(*) FROM source_sync AS former
  WHERE former.source_id = source_sync.source_id AND former.id <= source_sync.id
);
DROP INDEX source_sync_source;
CREATE INDEX source_sync_source ON source_sync (source_id, number);
