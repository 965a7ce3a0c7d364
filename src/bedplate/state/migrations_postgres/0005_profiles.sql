-- What a document says of itself. copies: the same for documents of the same text or nearly so.
-- series: the same for versions of one document, which stage puts in order. Who is whose copy, and
-- who has been superseded, is looked up and not kept: it changes with the others.
CREATE TABLE profile (
  document bigint PRIMARY KEY REFERENCES document (id) ON DELETE CASCADE,
  tenant_id text COLLATE "C" NOT NULL,
  collection_id bigint NOT NULL REFERENCES collection (id) ON DELETE CASCADE,
  text_sha256 text COLLATE "C" NOT NULL,
  signature bytea NOT NULL,
  family text COLLATE "C" NOT NULL,
  declared integer NOT NULL,
  stage text COLLATE "C" NOT NULL,
  valid_from text COLLATE "C",
  dated_by text,
  copies text COLLATE "C" NOT NULL,
  series text COLLATE "C" NOT NULL
);
CREATE INDEX profile_family ON profile (collection_id, family, document) WHERE family <> '';
CREATE INDEX profile_copies ON profile (collection_id, copies, document);
CREATE INDEX profile_series ON profile (collection_id, series, stage, document) WHERE series <> '';

-- Keys that documents with like texts share (quality/likeness.py).
CREATE TABLE band (
  tenant_id text COLLATE "C" NOT NULL,
  collection_id bigint NOT NULL REFERENCES collection (id) ON DELETE CASCADE,
  key bigint NOT NULL,
  document bigint NOT NULL REFERENCES profile (document) ON DELETE CASCADE,
  PRIMARY KEY (collection_id, key, document)
);
CREATE INDEX band_document ON band (document);
