-- Moments are whole microseconds since 1970, UTC. Money is whole millionths of a US dollar.

-- Limits that were set, not declared. Tenant '' is all tenants together, name '*' each of a kind.
CREATE TABLE ledger_limit (
  tenant_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  unit TEXT NOT NULL,
  period TEXT NOT NULL,
  amount INTEGER NOT NULL CHECK (amount >= 0),
  PRIMARY KEY (tenant_id, kind, name, unit, period)
);

-- Grows with every change of the limits, so that other processes know when to read them again.
CREATE TABLE ledger_generation (number INTEGER NOT NULL);
INSERT INTO ledger_generation VALUES (0);

-- How far a limit is used. `mark` is the beginning of a budget's period, or the moment up to which
-- a rate is used up. Ids are never used twice: a reservation must not give back to a later counter.
CREATE TABLE ledger_counter (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  key TEXT NOT NULL UNIQUE,
  mark INTEGER NOT NULL,
  spent INTEGER NOT NULL DEFAULT 0 CHECK (spent >= 0),
  reserved INTEGER NOT NULL DEFAULT 0 CHECK (reserved >= 0),
  touched INTEGER NOT NULL
);

-- What a call under way holds: `lines` is JSON, [[counter, unit, period, amount, limit], ...].
-- One that expired counts as spent; the row stays a while, should its call settle after all.
CREATE TABLE ledger_reservation (
  id TEXT PRIMARY KEY,
  tenant_id TEXT NOT NULL,
  lines TEXT NOT NULL,
  expires INTEGER NOT NULL,
  expired INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX ledger_reservation_expires ON ledger_reservation (expired, expires);

-- Calls that ended. Ids sort by time.
CREATE TABLE ledger_call (
  id TEXT PRIMARY KEY,
  tenant_id TEXT NOT NULL,
  at INTEGER NOT NULL,
  key_id TEXT,
  assistant TEXT,
  run TEXT,
  model TEXT NOT NULL,
  status TEXT NOT NULL,
  input_tokens INTEGER NOT NULL,
  output_tokens INTEGER NOT NULL,
  cached_tokens INTEGER NOT NULL,
  estimated INTEGER NOT NULL,
  cost INTEGER,
  ttft_ms REAL,
  took_ms REAL NOT NULL,
  trace_id TEXT NOT NULL
);
CREATE INDEX ledger_call_at ON ledger_call (tenant_id, at);
