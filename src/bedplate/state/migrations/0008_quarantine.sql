-- Documents that were kept out, by a collection's name: another index may take it. reasons: JSON,
-- how often each was found; never what was found.
CREATE TABLE quarantine (
  tenant_id TEXT NOT NULL,
  collection TEXT NOT NULL,
  document_id TEXT NOT NULL,
  source TEXT NOT NULL,
  origin TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  reasons TEXT NOT NULL,
  found_at TEXT NOT NULL,
  released INTEGER NOT NULL,
  PRIMARY KEY (tenant_id, collection, document_id)
) WITHOUT ROWID;
