-- How many chunks of a collection hold a term, and how long all are together: what BM25 is made of
-- for stores that do not count by themselves, and the weights of late interaction.
CREATE TABLE term (
  tenant_id TEXT NOT NULL,
  collection_id INTEGER NOT NULL REFERENCES collection (id) ON DELETE CASCADE,
  term INTEGER NOT NULL,
  chunks INTEGER NOT NULL,
  PRIMARY KEY (collection_id, term)
) WITHOUT ROWID;
ALTER TABLE collection ADD COLUMN length INTEGER NOT NULL DEFAULT 0;

-- Token vectors of a chunk: int8 rows, `width` numbers each. Apart from `vector`, which is read
-- as a whole.
CREATE TABLE token (
  chunk INTEGER PRIMARY KEY REFERENCES chunk (id) ON DELETE CASCADE,
  tenant_id TEXT NOT NULL,
  collection_id INTEGER NOT NULL,
  width INTEGER NOT NULL,
  vectors BLOB NOT NULL
);
