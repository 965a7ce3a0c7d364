-- How well a document came in. encoding is the one that was guessed. warnings: JSON, a list of texts
-- from which personal data was taken.
CREATE TABLE quality (
  document bigint PRIMARY KEY REFERENCES document (id) ON DELETE CASCADE,
  tenant_id text COLLATE "C" NOT NULL,
  collection_id bigint NOT NULL REFERENCES collection (id) ON DELETE CASCADE,
  language text,
  characters bigint,
  blocks bigint,
  unreadable double precision,
  repeated double precision,
  encoding text,
  repaired bigint NOT NULL,
  unread bigint NOT NULL,
  warnings text NOT NULL
);
CREATE INDEX quality_collection ON quality (collection_id);

-- How often each type of personal data was replaced in a document; never what was replaced.
CREATE TABLE redaction (
  document bigint NOT NULL REFERENCES document (id) ON DELETE CASCADE,
  tenant_id text COLLATE "C" NOT NULL,
  collection_id bigint NOT NULL REFERENCES collection (id) ON DELETE CASCADE,
  type text COLLATE "C" NOT NULL,
  count bigint NOT NULL,
  PRIMARY KEY (document, type)
);
CREATE INDEX redaction_collection ON redaction (collection_id, type);

-- Documents that were changed where they stand, and have yet to be sent to the store.
CREATE TABLE unsent (
  document bigint PRIMARY KEY REFERENCES document (id) ON DELETE CASCADE,
  tenant_id text COLLATE "C" NOT NULL,
  collection_id bigint NOT NULL REFERENCES collection (id) ON DELETE CASCADE
);
CREATE INDEX unsent_collection ON unsent (collection_id);
