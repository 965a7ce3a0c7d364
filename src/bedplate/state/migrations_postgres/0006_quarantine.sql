-- Documents that were kept out, by a collection's name: another index may take it. reasons: JSON,
-- how often each was found; never what was found.
CREATE TABLE quarantine (
  tenant_id text COLLATE "C" NOT NULL,
  collection text COLLATE "C" NOT NULL,
  document_id text COLLATE "C" NOT NULL,
  source text NOT NULL,
  origin text NOT NULL,
  sha256 text NOT NULL,
  reasons text NOT NULL,
  found_at text NOT NULL,
  released integer NOT NULL,
  PRIMARY KEY (tenant_id, collection, document_id)
);
