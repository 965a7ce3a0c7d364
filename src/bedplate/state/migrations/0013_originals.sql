-- The files that documents were made from, where they are kept; by the collection's name, as another
-- index may take it. `fingerprint` is the document's sha256: of a former version one is not served.
CREATE TABLE original (
  id INTEGER PRIMARY KEY,
  tenant_id TEXT NOT NULL,
  collection TEXT NOT NULL,
  document_id TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  name TEXT NOT NULL,
  media_type TEXT,
  size INTEGER NOT NULL,
  -- Bytes of the content as it is kept, which may be encrypted.
  stored INTEGER NOT NULL,
  sealed INTEGER NOT NULL,
  created_at TEXT NOT NULL,
  content BLOB NOT NULL,
  UNIQUE (tenant_id, collection, document_id, fingerprint)
);
CREATE INDEX original_age ON original (created_at);

CREATE TABLE original_use (
  tenant_id TEXT PRIMARY KEY,
  bytes INTEGER NOT NULL
) WITHOUT ROWID;
