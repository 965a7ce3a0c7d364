-- Images by what they show: one vector a document, in the space of an image embedder.
CREATE TABLE image (
  tenant_id text COLLATE "C" NOT NULL,
  collection_id bigint NOT NULL,
  document bigint PRIMARY KEY REFERENCES document (id) ON DELETE CASCADE,
  embedder text COLLATE "C" NOT NULL,
  embedding halfvec NOT NULL
);
CREATE INDEX image_collection ON image (collection_id, embedder);
