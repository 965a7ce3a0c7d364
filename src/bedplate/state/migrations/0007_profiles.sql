-- What a document says of itself. copies: the same for documents of the same text or nearly so.
-- series: the same for versions of one document, which stage puts in order. Who is whose copy, and
-- who has been superseded, is looked up and not kept: it changes with the others.
CREATE TABLE profile (
  document INTEGER PRIMARY KEY REFERENCES document (id) ON DELETE CASCADE,
  tenant_id TEXT NOT NULL,
  collection_id INTEGER NOT NULL REFERENCES collection (id) ON DELETE CASCADE,
  text_sha256 TEXT NOT NULL,
  signature BLOB NOT NULL,
  family TEXT NOT NULL,
  declared INTEGER NOT NULL,
  stage TEXT NOT NULL,
  valid_from TEXT,
  dated_by TEXT,
  copies TEXT NOT NULL,
  series TEXT NOT NULL
);
CREATE INDEX profile_family ON profile (collection_id, family, document) WHERE family <> '';
CREATE INDEX profile_copies ON profile (collection_id, copies, document);
CREATE INDEX profile_series ON profile (collection_id, series, stage, document) WHERE series <> '';

-- Keys that documents with like texts share (quality/likeness.py).
CREATE TABLE band (
  tenant_id TEXT NOT NULL,
  collection_id INTEGER NOT NULL REFERENCES collection (id) ON DELETE CASCADE,
  key INTEGER NOT NULL,
  document INTEGER NOT NULL REFERENCES profile (document) ON DELETE CASCADE,
  PRIMARY KEY (collection_id, key, document)
) WITHOUT ROWID;
CREATE INDEX band_document ON band (document);
