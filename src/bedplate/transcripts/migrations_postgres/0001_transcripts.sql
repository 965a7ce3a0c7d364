-- Moments are whole microseconds since 1970, UTC; bodies are JSON text.

-- `lease` is set while a process makes it: until when that is sure to live.
CREATE TABLE transcript_response (
  tenant_id TEXT NOT NULL,
  id TEXT NOT NULL,
  created BIGINT NOT NULL,
  touched BIGINT NOT NULL,
  status TEXT NOT NULL,
  body TEXT NOT NULL,
  previous TEXT,
  conversation TEXT,
  background BIGINT NOT NULL,
  lease BIGINT,
  PRIMARY KEY (tenant_id, id)
);
CREATE INDEX transcript_response_touched ON transcript_response (touched);
CREATE INDEX transcript_response_lease ON transcript_response (lease) WHERE lease IS NOT NULL;

CREATE TABLE transcript_conversation (
  tenant_id TEXT NOT NULL,
  id TEXT NOT NULL,
  created BIGINT NOT NULL,
  touched BIGINT NOT NULL,
  metadata TEXT NOT NULL,
  PRIMARY KEY (tenant_id, id)
);
CREATE INDEX transcript_conversation_touched ON transcript_conversation (touched);

-- Items of a response or a conversation, in order. `made` are those that a response put out.
CREATE TABLE transcript_item (
  tenant_id TEXT NOT NULL,
  owner TEXT NOT NULL,
  place BIGINT NOT NULL,
  id TEXT NOT NULL,
  made BIGINT NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (tenant_id, owner, place),
  UNIQUE (tenant_id, owner, id)
);
CREATE INDEX transcript_item_id ON transcript_item (tenant_id, id);

CREATE TABLE transcript_event (
  tenant_id TEXT NOT NULL,
  response TEXT NOT NULL,
  number BIGINT NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (tenant_id, response, number)
);
