-- Many requests in one file. `state` is JSON: all that is known of the batch.
CREATE TABLE object_batch (
  tenant_id TEXT NOT NULL,
  id TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  status TEXT NOT NULL,
  state TEXT NOT NULL,
  PRIMARY KEY (tenant_id, id)
);
CREATE INDEX object_batch_status ON object_batch (status, created_at);

-- What became of a line; `failed` sends it to the file of errors. Its content is empty once the files
-- are made. The last four are tokens.
CREATE TABLE object_batch_line (
  tenant_id TEXT NOT NULL,
  batch_id TEXT NOT NULL,
  number INTEGER NOT NULL,
  failed INTEGER NOT NULL,
  content BLOB NOT NULL,
  input INTEGER NOT NULL,
  cached INTEGER NOT NULL,
  output INTEGER NOT NULL,
  reasoning INTEGER NOT NULL,
  PRIMARY KEY (tenant_id, batch_id, number),
  FOREIGN KEY (tenant_id, batch_id) REFERENCES object_batch (tenant_id, id) ON DELETE CASCADE
);
