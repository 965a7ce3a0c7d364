-- What stores, and readers in the middle of a search, know a collection by: names can be swapped,
-- this stays. It has a "/", which no name that a user may give has. A collection whose name has one
-- is a version of the collection before it: a snapshot, or an index that is being built.
ALTER TABLE collection ADD COLUMN key text COLLATE "C";
UPDATE collection SET key = name || '/' || id;
ALTER TABLE collection ALTER COLUMN key SET NOT NULL;
CREATE UNIQUE INDEX collection_key ON collection (tenant_id, key);
-- The key before, by which readers that looked it up still find the rows.
ALTER TABLE collection ADD COLUMN former_key text COLLATE "C";
CREATE INDEX collection_former_key ON collection (tenant_id, former_key);

-- Documents that were put into a store while it is being filled, in the state of `updated_at`.
CREATE TABLE placement (
  tenant_id text COLLATE "C" NOT NULL,
  collection_id bigint NOT NULL REFERENCES collection (id) ON DELETE CASCADE,
  store text COLLATE "C" NOT NULL,
  document_id text COLLATE "C" NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (collection_id, store, document_id)
);
