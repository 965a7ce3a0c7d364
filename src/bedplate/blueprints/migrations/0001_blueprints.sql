-- Moments are whole microseconds since 1970, UTC; bodies are JSON text.

CREATE TABLE blueprint (
  tenant_id TEXT NOT NULL,
  name TEXT NOT NULL,
  version INTEGER NOT NULL,
  body TEXT NOT NULL,
  note TEXT NOT NULL,
  by_key TEXT,
  created INTEGER NOT NULL,
  PRIMARY KEY (tenant_id, name, version)
);

-- `holds` is the version that answers; 0 is the declared one.
CREATE TABLE blueprint_name (
  tenant_id TEXT NOT NULL,
  name TEXT NOT NULL,
  newest INTEGER NOT NULL,
  holds INTEGER NOT NULL,
  PRIMARY KEY (tenant_id, name)
);
