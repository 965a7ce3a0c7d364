/** Shapes of the public API, as /openapi.json describes them. */

export type Model = { id: string; kind: 'model' | 'assistant' | 'embedder' };

export type Collection = {
  name: string;
  embedder: string;
  dimensions: number;
  created_at: string;
  documents: number;
  chunks: number;
  fields: Record<string, string[]>;
};

export type Citation = {
  marker: string;
  document_id: string;
  chunk_id: string;
  title: string;
  source: string;
  quote: string;
  start: number;
  end: number;
  page: number | null;
  heading: string | null;
  collection: string;
};

export type Claim = { text: string; supported: boolean; score: number };
export type Grounded = { score: number; verdict: 'supported' | 'unsupported' | 'unchecked'; claims: Claim[] };
export type Usage = { input_tokens: number; output_tokens: number; cost_usd: number | null };

export type Answer = {
  answer: string;
  citations: Citation[];
  grounded: Grounded;
  refused: boolean;
  model: string;
  usage: Usage;
  ttft_ms: number;
  trace_id: string;
};

export type Chunk = { id: string; text: string; start: number; end: number; page: number | null; heading: string | null };
export type ChunkPage = { document_id: string; title: string; chunks: Chunk[]; offset: number; total: number };

export type Document = {
  id: string;
  title: string;
  source: string;
  media_type: string;
  sha256: string;
  origin: string;
  chunks: number;
  updated_at: string;
  pages: number | null;
  metadata: Record<string, unknown>;
};

export type Quality = {
  language: string | null;
  characters: number | null;
  unreadable: number | null;
  repeated: number | null;
  left_out: number | null;
  warnings: string[];
  redactions: Record<string, number>;
};

export type RelatedDocument = Document & {
  valid_from: string | null;
  duplicate_of: string | null;
  likeness: string | null;
  superseded_by: string | null;
  quality: Quality | null;
};

export type Hit = {
  document_id: string;
  chunk_id: string;
  score: number;
  text: string;
  title: string;
  source: string;
  page: number | null;
  heading: string | null;
  start: number;
  end: number;
  cosine: number | null;
  bm25: number | null;
  image: number | null;
  valid_from: string | null;
  superseded_by: string | null;
  collection: string;
  metadata: Record<string, unknown>;
};

export type SelfQuery = { text: string; filter: unknown; applied: boolean; matched: { meaning: string }[]; reader: string };
export type SearchResult = { hits: Hit[]; mode: string; recall: string; took_ms: number; self_query: SelfQuery | null };

export type Point = {
  at: string;
  requests: number;
  errors: number;
  input_tokens: number;
  output_tokens: number;
  cost_usd: number;
  took_p50_ms: number | null;
  took_p99_ms: number | null;
  ttft_p50_ms: number | null;
  ttft_p99_ms: number | null;
  tokens_per_second: number | null;
  checked: number;
  unsupported: number;
  low: number;
  high: number;
  grounded: number | null;
};

export type Series = { since: string; until: string; step_seconds: number; whole: boolean; threshold: number; total: Point; points: Point[] };

export type TraceLine = {
  id: string;
  span: string;
  name: string;
  started: string;
  took_ms: number;
  spans: number;
  key: string | null;
  assistant: string | null;
  model: string | null;
  status: number | null;
  error: string | null;
  input_tokens: number;
  output_tokens: number;
  cost_usd: number | null;
  ttft_ms: number | null;
  grounded: number | null;
  verdict: string | null;
};

export type Step = {
  id: string;
  parent: string | null;
  name: string;
  kind: string;
  started: string;
  start_ms: number;
  took_ms: number;
  error: string | null;
  attributes: Record<string, string | number | boolean>;
  content: Record<string, string>;
  steps: Step[];
};

export type Sync = {
  id: string;
  status: string;
  complete: boolean;
  started_at: string;
  ended_at: string | null;
  items: { failed: number; dead: number; listed: number };
  error: string | null;
};

export type Source = {
  name: string;
  collection: string;
  kind: string;
  schedule: string | null;
  items: Record<string, number>;
  last_sync: Sync | null;
};

export type Job = {
  id: string;
  work: string;
  state: 'waiting' | 'running' | 'succeeded' | 'failed' | 'cancelled' | 'abandoned';
  created_at: string;
  ended_at: string | null;
  failure: { code: string; message: string } | null;
};

export type Budget = {
  kind: string;
  name: string;
  measure: string;
  limit: number;
  spent: number | null;
  reserved: number | null;
  left: number | null;
  renews_at: string | null;
  shared: boolean;
  declared: boolean;
};

export type Used = { group: string; requests: number; input_tokens: number; output_tokens: number; cost_usd: number; unpriced: number };

export type AccessKey = {
  id: string;
  name: string;
  tenant: string;
  scopes: string[];
  created_at: string;
  expires_at: string | null;
  rotated_at: string | null;
  used_at: string | null;
  revoked_at: string | null;
};

export type Endpoint = { endpoint: string; state: 'closed' | 'open' | 'half_open'; calls: number; failures: number; last_error: string | null; retry_after: number | null };
export type Finding = { check: string; status: 'ok' | 'warn' | 'fail'; detail: string; remedy: string };
export type Managed = { model: string; state: string; device: string; memory_bytes: number; requests: number; starts: number; crashes: number; log: string[] };

export type ReviewLine = {
  id: string;
  kind: 'answer' | 'tool_call';
  state: string;
  assistant: string | null;
  priority: number;
  created_at: string;
  due_at: string;
  decided_at: string | null;
  verdict: string | null;
  by: string | null;
  about: string;
  score: number | null;
  trace_id: string;
};

export type Review = ReviewLine & {
  subject: Record<string, unknown>;
  decision: { verdict: string; by: string; reason: string } | null;
};

export type Measures = { steps: number; model_calls: number; tool_calls: number; tokens: number; usd: number | null; seconds: number; failures: number };

export type Run = {
  id: string;
  assistant: string;
  goal: string;
  status: string;
  reason: string;
  summary: string;
  used: Measures;
  budget: Measures;
  entries: number;
  waits_for: string[];
  parent: string | null;
  created_at: string;
  ended_at: string | null;
};

export type RunEntry = { number: number; kind: string; at: string; data: unknown };

export type AssistantEntry = { name: string; version: number; newest: number; declared: boolean };
export type AssistantVersion = { name: string; version: number; settings: Record<string, unknown>; note: string; by: string | null; created_at: string | null };
export type Difference = { path: string; before: unknown; after: unknown };
