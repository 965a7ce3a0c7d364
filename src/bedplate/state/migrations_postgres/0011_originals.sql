-- The files that documents were made from, where they are kept; by the collection's name, as another
-- index may take it. `fingerprint` is the document's sha256: of a former version one is not served.
CREATE TABLE original (
  tenant_id text COLLATE "C" NOT NULL,
  collection text COLLATE "C" NOT NULL,
  document_id text COLLATE "C" NOT NULL,
  fingerprint text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  media_type text COLLATE "C",
  size bigint NOT NULL,
  -- Bytes of the content as it is kept, which may be encrypted.
  stored bigint NOT NULL,
  sealed bigint NOT NULL,
  created_at text COLLATE "C" NOT NULL,
  content bytea NOT NULL,
  PRIMARY KEY (tenant_id, collection, document_id, fingerprint)
);
CREATE INDEX original_age ON original (created_at);

CREATE TABLE original_use (
  tenant_id text COLLATE "C" PRIMARY KEY,
  bytes bigint NOT NULL
);
