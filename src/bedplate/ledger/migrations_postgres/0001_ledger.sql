-- Moments are whole microseconds since 1970, UTC. Money is whole millionths of a US dollar.

-- Limits that were set, not declared. Tenant '' is all tenants together, name '*' each of a kind.
CREATE TABLE ledger_limit (
  tenant_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  unit TEXT NOT NULL,
  period TEXT NOT NULL,
  amount BIGINT NOT NULL CHECK (amount >= 0),
  PRIMARY KEY (tenant_id, kind, name, unit, period)
);

-- Grows with every change of the limits, so that other processes know when to read them again.
CREATE TABLE ledger_generation (number BIGINT NOT NULL);
INSERT INTO ledger_generation VALUES (0);

-- How far a limit is used. `mark` is the beginning of a budget's period, or the moment up to which
-- a rate is used up. Ids are never used twice: a reservation must not give back to a later counter.
CREATE TABLE ledger_counter (
  id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  tenant_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  key TEXT NOT NULL UNIQUE,
  mark BIGINT NOT NULL,
  spent BIGINT NOT NULL DEFAULT 0 CHECK (spent >= 0),
  reserved BIGINT NOT NULL DEFAULT 0 CHECK (reserved >= 0),
  touched BIGINT NOT NULL
);

-- What a call under way holds: `lines` is JSON, [[counter, unit, period, amount, limit], ...].
-- One that expired counts as spent; the row stays a while, should its call settle after all.
CREATE TABLE ledger_reservation (
  id TEXT PRIMARY KEY,
  tenant_id TEXT NOT NULL,
  lines TEXT NOT NULL,
  expires BIGINT NOT NULL,
  expired BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX ledger_reservation_expires ON ledger_reservation (expired, expires);

-- Calls that ended. Ids sort by time.
CREATE TABLE ledger_call (
  id TEXT PRIMARY KEY,
  tenant_id TEXT NOT NULL,
  at BIGINT NOT NULL,
  key_id TEXT,
  assistant TEXT,
  run TEXT,
  model TEXT NOT NULL,
  status TEXT NOT NULL,
  input_tokens BIGINT NOT NULL,
  output_tokens BIGINT NOT NULL,
  cached_tokens BIGINT NOT NULL,
  estimated BIGINT NOT NULL,
  cost BIGINT,
  ttft_ms DOUBLE PRECISION,
  took_ms DOUBLE PRECISION NOT NULL,
  trace_id TEXT NOT NULL
);
CREATE INDEX ledger_call_at ON ledger_call (tenant_id, at);
