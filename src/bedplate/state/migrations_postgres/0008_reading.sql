-- What slow readings of blobs gave, by a collection's name: another index may take it. documents: JSON,
-- ids with fingerprints; whoever reads it looks whether they are still there. warnings: JSON.
CREATE TABLE reading (
  tenant_id text COLLATE "C" NOT NULL,
  collection text COLLATE "C" NOT NULL,
  origin text COLLATE "C" NOT NULL,
  digest text NOT NULL,
  documents text NOT NULL,
  warnings text NOT NULL,
  PRIMARY KEY (tenant_id, collection, origin)
);
