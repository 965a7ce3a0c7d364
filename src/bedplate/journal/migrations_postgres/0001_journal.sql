-- Moments are whole microseconds since 1970, UTC; `setup`, `used`, `waits_for` and `data` are JSON.

-- `look_at` is when a process looks whether the run can go on, or was left by a dead one.
CREATE TABLE run (
  tenant_id TEXT NOT NULL,
  id TEXT NOT NULL,
  key TEXT,
  assistant TEXT NOT NULL,
  goal TEXT NOT NULL,
  setup TEXT NOT NULL,
  status TEXT NOT NULL,
  reason TEXT NOT NULL,
  summary TEXT NOT NULL,
  used TEXT NOT NULL,
  leg BIGINT NOT NULL,
  entries BIGINT NOT NULL,
  wanted TEXT NOT NULL,
  waits_for TEXT NOT NULL,
  parent TEXT,
  root TEXT NOT NULL,
  created BIGINT NOT NULL,
  touched BIGINT NOT NULL,
  ended BIGINT,
  look_at BIGINT,
  PRIMARY KEY (tenant_id, id)
);
CREATE INDEX run_created ON run (tenant_id, created);
CREATE INDEX run_parent ON run (tenant_id, parent) WHERE parent IS NOT NULL;
CREATE INDEX run_look_at ON run (look_at) WHERE look_at IS NOT NULL;
CREATE INDEX run_ended ON run (ended) WHERE ended IS NOT NULL;

CREATE TABLE run_entry (
  tenant_id TEXT NOT NULL,
  run TEXT NOT NULL,
  number BIGINT NOT NULL,
  kind TEXT NOT NULL,
  at BIGINT NOT NULL,
  data TEXT NOT NULL,
  PRIMARY KEY (tenant_id, run, number)
);
