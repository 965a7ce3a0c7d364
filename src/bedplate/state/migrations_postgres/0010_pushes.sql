-- Documents that clients push. Whoever changes those of a source changes its row here first, and so
-- has them to itself. `waiting` and `bytes` are of contents that are kept, `documents` of all rows.
CREATE TABLE push_source (
  source_id bigint PRIMARY KEY REFERENCES source (id) ON DELETE CASCADE,
  tenant_id text COLLATE "C" NOT NULL,
  sequence bigint NOT NULL DEFAULT 0,
  documents bigint NOT NULL DEFAULT 0,
  waiting bigint NOT NULL DEFAULT 0,
  bytes bigint NOT NULL DEFAULT 0,
  -- The sequence of the last listing that was called whole, and of the last that a sync judged.
  stated bigint NOT NULL DEFAULT 0,
  judged bigint NOT NULL DEFAULT 0
);

-- `state` is 'there', 'absent' from the last whole listing, or 'gone' by a deletion.
CREATE TABLE push (
  source_id bigint NOT NULL REFERENCES push_source (source_id) ON DELETE CASCADE,
  tenant_id text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  sequence bigint NOT NULL,
  version text COLLATE "C" NOT NULL,
  size bigint NOT NULL,
  state text COLLATE "C" NOT NULL,
  PRIMARY KEY (source_id, key)
);
CREATE UNIQUE INDEX push_order ON push (source_id, sequence);
CREATE INDEX push_gone ON push (source_id) WHERE state = 'gone';

-- Until it is indexed. `head` is JSON: the media type and the metadata.
CREATE TABLE push_content (
  source_id bigint NOT NULL,
  tenant_id text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  head text COLLATE "C" NOT NULL,
  size bigint NOT NULL,
  content bytea NOT NULL,
  PRIMARY KEY (source_id, key),
  FOREIGN KEY (source_id, key) REFERENCES push (source_id, key) ON DELETE CASCADE
);
