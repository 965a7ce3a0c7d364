-- Moments are whole microseconds since 1970, UTC; bodies are JSON text.

-- Counts the changes of each tenant's reviews: whoever changes one takes this row first.
CREATE TABLE review_tenant (
  tenant_id TEXT PRIMARY KEY,
  changed INTEGER NOT NULL
);

-- `rank` is 9 minus the priority: the lowest is first. `call_at` is set while a webhook is to be
-- told of the decision: when it has its next turn.
CREATE TABLE review (
  tenant_id TEXT NOT NULL,
  id TEXT NOT NULL,
  once TEXT,
  changed INTEGER NOT NULL,
  state TEXT NOT NULL,
  kind TEXT NOT NULL,
  assistant TEXT,
  rank INTEGER NOT NULL,
  created INTEGER NOT NULL,
  due INTEGER NOT NULL,
  decided INTEGER,
  assignee TEXT,
  body TEXT NOT NULL,
  decision TEXT,
  labels TEXT NOT NULL,
  delivery TEXT NOT NULL,
  call_at INTEGER,
  attempts INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX review_once ON review (tenant_id, once) WHERE once IS NOT NULL;
CREATE INDEX review_queue ON review (tenant_id, state, rank, due, id);
CREATE INDEX review_changed ON review (tenant_id, changed);
CREATE INDEX review_due ON review (due) WHERE state = 'pending';
CREATE INDEX review_decided ON review (decided) WHERE decided IS NOT NULL;
CREATE INDEX review_call ON review (call_at) WHERE call_at IS NOT NULL;
