-- Moments are whole microseconds since 1970, UTC; bodies are JSON text.

CREATE TABLE blueprint (
  tenant_id TEXT NOT NULL,
  name TEXT NOT NULL,
  version BIGINT NOT NULL,
  body TEXT NOT NULL,
  note TEXT NOT NULL,
  by_key TEXT,
  created BIGINT NOT NULL,
  PRIMARY KEY (tenant_id, name, version)
);

-- `holds` is the version that answers; 0 is the declared one.
CREATE TABLE blueprint_name (
  tenant_id TEXT NOT NULL,
  name TEXT NOT NULL,
  newest BIGINT NOT NULL,
  holds BIGINT NOT NULL,
  PRIMARY KEY (tenant_id, name)
);
