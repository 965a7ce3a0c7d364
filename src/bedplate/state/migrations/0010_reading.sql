-- What slow readings of blobs gave, by a collection's name: another index may take it. documents: JSON,
-- ids with fingerprints; whoever reads it looks whether they are still there. warnings: JSON.
CREATE TABLE reading (
  tenant_id TEXT NOT NULL,
  collection TEXT NOT NULL,
  origin TEXT NOT NULL,
  digest TEXT NOT NULL,
  documents TEXT NOT NULL,
  warnings TEXT NOT NULL,
  PRIMARY KEY (tenant_id, collection, origin)
) WITHOUT ROWID;
