-- Files that come in parts. `seconds` is how long the file is to be kept; parts go when it is whole,
-- given up, or late.
CREATE TABLE object_upload (
  tenant_id TEXT NOT NULL,
  id TEXT NOT NULL,
  filename TEXT NOT NULL,
  purpose TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  status TEXT NOT NULL,
  seconds INTEGER,
  file_id TEXT,
  PRIMARY KEY (tenant_id, id)
);
CREATE INDEX object_upload_expires ON object_upload (expires_at);

CREATE TABLE object_upload_part (
  tenant_id TEXT NOT NULL,
  id TEXT NOT NULL,
  upload_id TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, upload_id) REFERENCES object_upload (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX object_upload_part_upload ON object_upload_part (tenant_id, upload_id);

CREATE TABLE object_upload_piece (
  tenant_id TEXT NOT NULL,
  part_id TEXT NOT NULL,
  number INTEGER NOT NULL,
  content BLOB NOT NULL,
  PRIMARY KEY (tenant_id, part_id, number),
  FOREIGN KEY (tenant_id, part_id) REFERENCES object_upload_part (tenant_id, id) ON DELETE CASCADE
);
