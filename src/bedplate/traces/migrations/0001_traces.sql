-- A line of the list: what the spans of one root come to. `id` counts up as traces are written.
-- Times are microseconds since 1970, costs millionths of a dollar.
CREATE TABLE trace (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant_id TEXT NOT NULL,
  trace_id BLOB NOT NULL,
  span_id TEXT NOT NULL,
  name TEXT NOT NULL,
  started INTEGER NOT NULL,
  took_ms REAL NOT NULL,
  spans INTEGER NOT NULL,
  key_id TEXT,
  assistant TEXT,
  model TEXT,
  status INTEGER,
  error TEXT,
  input_tokens INTEGER NOT NULL,
  output_tokens INTEGER NOT NULL,
  cost INTEGER,
  ttft_ms REAL,
  grounded REAL,
  listed INTEGER NOT NULL
);
-- Each ends with the id, so that pages come out of it in their order.
CREATE INDEX trace_tenant ON trace (tenant_id, listed);
CREATE INDEX trace_trace ON trace (trace_id, tenant_id);
CREATE INDEX trace_model ON trace (tenant_id, model) WHERE model IS NOT NULL;
CREATE INDEX trace_assistant ON trace (tenant_id, assistant) WHERE assistant IS NOT NULL;
CREATE INDEX trace_error ON trace (tenant_id, error) WHERE error IS NOT NULL;

-- The spans of a line, as JSON that is compressed (zlib). Apart from it, so that lists are short.
CREATE TABLE trace_spans (
  id INTEGER PRIMARY KEY REFERENCES trace (id),
  tenant_id TEXT NOT NULL,
  body BLOB NOT NULL
);

-- Words of a trace; `tenant` is one word that is the tenant's, so that others' are never looked at.
CREATE VIRTUAL TABLE trace_text USING fts5 (
  tenant, content, content = '', contentless_delete = 1, tokenize = "unicode61 remove_diacritics 2"
);

CREATE TABLE trace_feedback (
  id TEXT PRIMARY KEY,
  tenant_id TEXT NOT NULL,
  trace_id TEXT NOT NULL,
  at INTEGER NOT NULL,
  key_id TEXT,
  rating TEXT,
  correction TEXT,
  comment TEXT,
  question TEXT,
  answer TEXT
);
CREATE INDEX trace_feedback_at ON trace_feedback (tenant_id, at, id);
CREATE INDEX trace_feedback_trace ON trace_feedback (tenant_id, trace_id);
