-- Moments are whole microseconds since 1970, UTC.

-- A key's secret is not here: its digest is what tells it. The former one holds until `former_until`.
CREATE TABLE access_key (
  id TEXT PRIMARY KEY,
  tenant_id TEXT NOT NULL,
  name TEXT NOT NULL,
  scopes TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT,
  rotated_at BIGINT,
  used_at BIGINT,
  revoked_at BIGINT,
  digest BYTEA NOT NULL UNIQUE,
  former_digest BYTEA,
  former_until BIGINT
);
CREATE INDEX access_key_tenant ON access_key (tenant_id, id);

-- Grows with every key that is made, rotated or revoked, so that other processes look again.
CREATE TABLE access_version (version BIGINT NOT NULL);
INSERT INTO access_version VALUES (0);
