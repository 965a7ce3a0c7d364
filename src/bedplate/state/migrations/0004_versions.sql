-- What stores, and readers in the middle of a search, know a collection by: names can be swapped,
-- this stays. It has a "/", which no name that a user may give has. A collection whose name has one
-- is a version of the collection before it: a snapshot, or an index that is being built.
ALTER TABLE collection ADD COLUMN key TEXT NOT NULL DEFAULT '';
UPDATE collection SET key = name || '/' || id;
CREATE UNIQUE INDEX collection_key ON collection (tenant_id, key);
-- The key before, by which readers that looked it up still find the rows.
ALTER TABLE collection ADD COLUMN former_key TEXT;
CREATE INDEX collection_former_key ON collection (tenant_id, former_key);

-- Documents that were put into a store while it is being filled, in the state of `updated_at`.
CREATE TABLE placement (
  tenant_id TEXT NOT NULL,
  collection_id INTEGER NOT NULL REFERENCES collection (id) ON DELETE CASCADE,
  store TEXT NOT NULL,
  document_id TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  PRIMARY KEY (collection_id, store, document_id)
) WITHOUT ROWID;
