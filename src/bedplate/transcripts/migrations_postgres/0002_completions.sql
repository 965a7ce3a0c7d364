-- Chat completions that their client asked to have stored; their messages are items of theirs.
CREATE TABLE transcript_completion (
  tenant_id TEXT NOT NULL,
  id TEXT NOT NULL,
  touched BIGINT NOT NULL,
  model TEXT NOT NULL,
  metadata TEXT NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (tenant_id, id)
);
CREATE INDEX transcript_completion_touched ON transcript_completion (touched);

-- `metadata` by its names, for the search.
CREATE TABLE transcript_label (
  tenant_id TEXT NOT NULL,
  completion TEXT NOT NULL,
  name TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (tenant_id, completion, name)
);
