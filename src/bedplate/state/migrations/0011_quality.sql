-- How well a document came in. encoding is the one that was guessed. warnings: JSON, a list of texts
-- from which personal data was taken.
CREATE TABLE quality (
  document INTEGER PRIMARY KEY REFERENCES document (id) ON DELETE CASCADE,
  tenant_id TEXT NOT NULL,
  collection_id INTEGER NOT NULL REFERENCES collection (id) ON DELETE CASCADE,
  language TEXT,
  characters INTEGER,
  blocks INTEGER,
  unreadable REAL,
  repeated REAL,
  encoding TEXT,
  repaired INTEGER NOT NULL,
  unread INTEGER NOT NULL,
  warnings TEXT NOT NULL
);
CREATE INDEX quality_collection ON quality (collection_id);

-- How often each type of personal data was replaced in a document; never what was replaced.
CREATE TABLE redaction (
  document INTEGER NOT NULL REFERENCES document (id) ON DELETE CASCADE,
  tenant_id TEXT NOT NULL,
  collection_id INTEGER NOT NULL REFERENCES collection (id) ON DELETE CASCADE,
  type TEXT NOT NULL,
  count INTEGER NOT NULL,
  PRIMARY KEY (document, type)
) WITHOUT ROWID;
CREATE INDEX redaction_collection ON redaction (collection_id, type);

-- Documents that were changed where they stand, and have yet to be sent to the store.
CREATE TABLE unsent (
  document INTEGER PRIMARY KEY REFERENCES document (id) ON DELETE CASCADE,
  tenant_id TEXT NOT NULL,
  collection_id INTEGER NOT NULL REFERENCES collection (id) ON DELETE CASCADE
);
CREATE INDEX unsent_collection ON unsent (collection_id);
