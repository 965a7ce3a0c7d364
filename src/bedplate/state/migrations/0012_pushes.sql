-- Documents that clients push. Whoever changes those of a source changes its row here first, and so
-- has them to itself. `waiting` and `bytes` are of contents that are kept, `documents` of all rows.
CREATE TABLE push_source (
  source_id INTEGER PRIMARY KEY REFERENCES source (id) ON DELETE CASCADE,
  tenant_id TEXT NOT NULL,
  sequence INTEGER NOT NULL DEFAULT 0,
  documents INTEGER NOT NULL DEFAULT 0,
  waiting INTEGER NOT NULL DEFAULT 0,
  bytes INTEGER NOT NULL DEFAULT 0,
  -- The sequence of the last listing that was called whole, and of the last that a sync judged.
  stated INTEGER NOT NULL DEFAULT 0,
  judged INTEGER NOT NULL DEFAULT 0
);

-- `state` is 'there', 'absent' from the last whole listing, or 'gone' by a deletion.
CREATE TABLE push (
  source_id INTEGER NOT NULL REFERENCES push_source (source_id) ON DELETE CASCADE,
  tenant_id TEXT NOT NULL,
  key TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  version TEXT NOT NULL,
  size INTEGER NOT NULL,
  state TEXT NOT NULL,
  PRIMARY KEY (source_id, key)
) WITHOUT ROWID;
CREATE UNIQUE INDEX push_order ON push (source_id, sequence);
CREATE INDEX push_gone ON push (source_id) WHERE state = 'gone';

-- Until it is indexed. `head` is JSON: the media type and the metadata.
CREATE TABLE push_content (
  source_id INTEGER NOT NULL,
  tenant_id TEXT NOT NULL,
  key TEXT NOT NULL,
  head TEXT NOT NULL,
  size INTEGER NOT NULL,
  content BLOB NOT NULL,
  PRIMARY KEY (source_id, key),
  FOREIGN KEY (source_id, key) REFERENCES push (source_id, key) ON DELETE CASCADE
);
