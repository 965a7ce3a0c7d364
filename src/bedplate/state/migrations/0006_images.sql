-- Images by what they show: one vector a document, in the space of an image embedder.
-- embedding: float16, little-endian.
CREATE TABLE image (
  document INTEGER PRIMARY KEY REFERENCES document (id) ON DELETE CASCADE,
  tenant_id TEXT NOT NULL,
  collection_id INTEGER NOT NULL,
  embedder TEXT NOT NULL,
  embedding BLOB NOT NULL
);
CREATE INDEX image_collection ON image (collection_id, embedder);
