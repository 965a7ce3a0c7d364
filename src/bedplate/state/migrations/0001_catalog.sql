CREATE TABLE collection (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant_id TEXT NOT NULL,
  name TEXT NOT NULL,
  embedder TEXT NOT NULL,
  dimensions INTEGER NOT NULL,
  created_at TEXT NOT NULL,
  -- Grows with every change of the collection's chunks, so that a reader knows when to look again.
  generation INTEGER NOT NULL DEFAULT 0,
  -- Rows of `removed` up to this one have been pruned: who knows less must read all again.
  removed_floor INTEGER NOT NULL DEFAULT 0,
  documents INTEGER NOT NULL DEFAULT 0,
  chunks INTEGER NOT NULL DEFAULT 0,
  UNIQUE (tenant_id, name)
);

CREATE TABLE document (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant_id TEXT NOT NULL,
  collection_id INTEGER NOT NULL REFERENCES collection (id) ON DELETE CASCADE,
  document_id TEXT NOT NULL,
  title TEXT NOT NULL,
  source TEXT NOT NULL,
  media_type TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  origin TEXT NOT NULL,
  pages INTEGER,
  chunks INTEGER NOT NULL,
  metadata TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  UNIQUE (collection_id, document_id)
);
CREATE INDEX document_origin ON document (collection_id, origin);

-- Rows are never changed in place and ids are never used twice: an index may hold on to them.
CREATE TABLE chunk (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant_id TEXT NOT NULL,
  collection_id INTEGER NOT NULL,
  document INTEGER NOT NULL REFERENCES document (id) ON DELETE CASCADE,
  ordinal INTEGER NOT NULL,
  text TEXT NOT NULL,
  start INTEGER NOT NULL,
  "end" INTEGER NOT NULL,
  page INTEGER,
  heading TEXT
);
CREATE UNIQUE INDEX chunk_document ON chunk (document, ordinal);

-- What the index reads of a chunk, apart from its text so that it reads little.
-- embedding: float16, little-endian. terms: TermVector.to_bytes.
CREATE TABLE vector (
  chunk INTEGER PRIMARY KEY REFERENCES chunk (id) ON DELETE CASCADE,
  tenant_id TEXT NOT NULL,
  collection_id INTEGER NOT NULL,
  document INTEGER NOT NULL,
  ordinal INTEGER NOT NULL,
  embedding BLOB NOT NULL,
  terms BLOB NOT NULL
);
CREATE INDEX vector_collection ON vector (collection_id, chunk);

-- Metadata, one row a value: a list has several. kind: string, number, boolean, date.
CREATE TABLE field (
  tenant_id TEXT NOT NULL,
  collection_id INTEGER NOT NULL,
  name TEXT NOT NULL,
  kind TEXT NOT NULL,
  value NOT NULL,
  document INTEGER NOT NULL REFERENCES document (id) ON DELETE CASCADE,
  PRIMARY KEY (collection_id, name, kind, value, document)
) WITHOUT ROWID;
CREATE INDEX field_document ON field (document);

-- The schema as it stands: how many documents have a field with values of a kind.
CREATE TABLE field_kind (
  tenant_id TEXT NOT NULL,
  collection_id INTEGER NOT NULL REFERENCES collection (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  kind TEXT NOT NULL,
  documents INTEGER NOT NULL,
  PRIMARY KEY (collection_id, name, kind)
) WITHOUT ROWID;

-- Chunks that went, in order, for readers that hold a copy of the index.
CREATE TABLE removed (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant_id TEXT NOT NULL,
  collection_id INTEGER NOT NULL REFERENCES collection (id) ON DELETE CASCADE,
  chunk INTEGER NOT NULL
);
CREATE INDEX removed_collection ON removed (collection_id, seq);
CREATE TRIGGER chunk_removed AFTER DELETE ON chunk
WHEN EXISTS (SELECT 1 FROM collection WHERE id = old.collection_id)
BEGIN
  INSERT INTO removed (tenant_id, collection_id, chunk)
  VALUES (old.tenant_id, old.collection_id, old.id);
END;
