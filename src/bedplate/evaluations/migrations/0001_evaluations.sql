-- Moments are whole microseconds since 1970, UTC. Ids sort by time.

CREATE TABLE evaluation (
  tenant_id TEXT NOT NULL,
  id TEXT NOT NULL,
  at INTEGER NOT NULL,
  model TEXT NOT NULL,
  assistant TEXT,
  verdict TEXT NOT NULL,
  score REAL NOT NULL,
  judge TEXT NOT NULL,
  trace_id TEXT NOT NULL,
  PRIMARY KEY (tenant_id, id)
);
CREATE INDEX evaluation_at ON evaluation (at);

CREATE TABLE evaluation_collection (
  tenant_id TEXT NOT NULL,
  evaluation TEXT NOT NULL,
  collection TEXT NOT NULL,
  PRIMARY KEY (tenant_id, evaluation, collection)
);
