-- Times are whole seconds since 1970, UTC. Ids of files sort by time.

CREATE TABLE object_file (
  tenant_id TEXT NOT NULL,
  id TEXT NOT NULL,
  filename TEXT NOT NULL,
  purpose TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER,
  PRIMARY KEY (tenant_id, id)
);
CREATE INDEX object_file_expires ON object_file (expires_at) WHERE expires_at IS NOT NULL;

-- Contents, in parts that are read one at a time.
CREATE TABLE object_part (
  tenant_id TEXT NOT NULL,
  file_id TEXT NOT NULL,
  number INTEGER NOT NULL,
  content BLOB NOT NULL,
  PRIMARY KEY (tenant_id, file_id, number),
  FOREIGN KEY (tenant_id, file_id) REFERENCES object_file (tenant_id, id) ON DELETE CASCADE
);

-- Collections as vector stores. `made_at` is the collection's, as the catalog has it.
CREATE TABLE object_store (
  tenant_id TEXT NOT NULL,
  id TEXT NOT NULL,
  collection TEXT NOT NULL,
  made_at TEXT NOT NULL,
  name TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  active_at INTEGER NOT NULL,
  description TEXT,
  metadata TEXT NOT NULL,
  expires_days INTEGER,
  expired_at INTEGER,
  PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX object_store_collection ON object_store (tenant_id, collection);
CREATE INDEX object_store_expires ON object_store (active_at) WHERE expires_days IS NOT NULL;

-- `position` orders lists. One that was taken out stays a while as 'deleted', so that a list can be
-- gone through from there on; `created_at` is then when that was.
CREATE TABLE object_store_file (
  tenant_id TEXT NOT NULL,
  store_id TEXT NOT NULL,
  file_id TEXT NOT NULL,
  job TEXT NOT NULL,
  position INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  status TEXT NOT NULL,
  batch_id TEXT,
  attributes TEXT NOT NULL,
  chunking TEXT,
  bytes INTEGER NOT NULL,
  documents INTEGER NOT NULL,
  error_code TEXT,
  error TEXT,
  PRIMARY KEY (tenant_id, store_id, file_id),
  FOREIGN KEY (tenant_id, store_id) REFERENCES object_store (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX object_store_file_position ON object_store_file (tenant_id, store_id, position);
CREATE INDEX object_store_file_batch ON object_store_file (tenant_id, batch_id);
CREATE INDEX object_store_file_file ON object_store_file (tenant_id, file_id);
CREATE INDEX object_store_file_job ON object_store_file (tenant_id, job, position)
  WHERE status = 'in_progress';

CREATE TABLE object_file_batch (
  tenant_id TEXT NOT NULL,
  id TEXT NOT NULL,
  store_id TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  cancelled INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, store_id) REFERENCES object_store (tenant_id, id) ON DELETE CASCADE
);
