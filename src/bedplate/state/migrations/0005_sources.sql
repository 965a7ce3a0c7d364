-- Places that collections are kept in step with. `options` is JSON in which secrets are references.
-- Whoever syncs the source holds `lease` and counts `beat` up; clocks are not compared.
CREATE TABLE source (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant_id TEXT NOT NULL,
  name TEXT NOT NULL,
  collection TEXT NOT NULL,
  kind TEXT NOT NULL,
  options TEXT NOT NULL,
  schedule TEXT,
  created_at TEXT NOT NULL,
  cursor TEXT,
  -- Listings since the last complete one.
  partial INTEGER NOT NULL DEFAULT 0,
  recipe TEXT NOT NULL DEFAULT '',
  -- The number of the last listing that was begun.
  listing INTEGER NOT NULL DEFAULT 0,
  lease TEXT,
  beat INTEGER NOT NULL DEFAULT 0,
  UNIQUE (tenant_id, name)
);

-- `listed` is the version last seen, `version` the one ingested, `seen` the listing it was last in.
CREATE TABLE source_item (
  source_id INTEGER NOT NULL REFERENCES source (id) ON DELETE CASCADE,
  tenant_id TEXT NOT NULL,
  key TEXT NOT NULL,
  state TEXT NOT NULL,
  listed TEXT,
  version TEXT,
  size INTEGER,
  seen INTEGER NOT NULL,
  documents INTEGER NOT NULL DEFAULT 0,
  attempts INTEGER NOT NULL DEFAULT 0,
  code TEXT,
  error TEXT,
  PRIMARY KEY (source_id, key)
) WITHOUT ROWID;
CREATE INDEX source_item_open ON source_item (source_id, state, key) WHERE state <> 'done';

-- Written before the document is, so that whatever was kept can be found and deleted.
CREATE TABLE source_document (
  tenant_id TEXT NOT NULL,
  collection TEXT NOT NULL,
  document_id TEXT NOT NULL,
  source_id INTEGER NOT NULL REFERENCES source (id) ON DELETE CASCADE,
  key TEXT NOT NULL,
  PRIMARY KEY (tenant_id, collection, document_id)
) WITHOUT ROWID;
CREATE INDEX source_document_item ON source_document (source_id, key);

CREATE TABLE source_sync (
  id TEXT PRIMARY KEY,
  tenant_id TEXT NOT NULL,
  source_id INTEGER NOT NULL REFERENCES source (id) ON DELETE CASCADE,
  started_at TEXT NOT NULL,
  ended_at TEXT,
  status TEXT NOT NULL,
  complete INTEGER NOT NULL,
  counts TEXT NOT NULL,
  error TEXT
) WITHOUT ROWID;
CREATE INDEX source_sync_source ON source_sync (source_id, id);
