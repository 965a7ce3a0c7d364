import { count, dollars, duration } from './format';
import { record } from './json';
import type { Step } from './types';
import { readMessages, type Message } from './waterfall';

/** What the attributes of a step are called here; the others go by their own names. */
export const LABELS: Record<string, string> = {
  'http.request.method': 'Method',
  'url.path': 'Path',
  'http.route': 'Route',
  'http.response.status_code': 'HTTP status',
  'gen_ai.operation.name': 'Operation',
  'gen_ai.provider.name': 'Provider',
  'gen_ai.agent.name': 'Assistant',
  'gen_ai.agent.version': 'Assistant version',
  'gen_ai.request.model': 'Model asked for',
  'gen_ai.response.model': 'Model that answered',
  'gen_ai.response.finish_reasons': 'Finish reason',
  'gen_ai.response.time_to_first_chunk': 'Time to first token',
  'gen_ai.usage.input_tokens': 'Input tokens',
  'gen_ai.usage.output_tokens': 'Output tokens',
  'gen_ai.usage.cache_read.input_tokens': 'Read from cache',
  'gen_ai.usage.cache_creation.input_tokens': 'Written to cache',
  'gen_ai.usage.reasoning.output_tokens': 'Reasoning tokens',
  'gen_ai.data_source.id': 'Collection',
  'gen_ai.evaluation.name': 'Evaluation',
  'gen_ai.evaluation.score.value': 'Score',
  'gen_ai.evaluation.score.label': 'Verdict',
  'gen_ai.tool.name': 'Tool',
  'bedplate.usage.estimated': 'Tokens estimated',
  'bedplate.usage.estimated_input_tokens': 'Own estimate of input',
  'bedplate.cost.usd': 'Cost',
  'bedplate.output_tokens_per_second': 'Output speed',
  'bedplate.retrieval.mode': 'Search mode',
  'bedplate.retrieval.recall': 'Recall',
  'bedplate.retrieval.read_by': 'Query read by',
  'bedplate.guard.name': 'Guard',
  'bedplate.guard.verdict': 'Guard verdict',
  'bedplate.guard.reason': 'Reason',
  'bedplate.answer.refused': 'Refused',
  'bedplate.answer.checked': 'Outcome of the check',
  'bedplate.answer.citations': 'Cited passages',
  'bedplate.answer.cited_claims': 'Claims with citations',
  'bedplate.answer.valid_citations': 'Valid citations',
  'bedplate.question': 'Question',
  'bedplate.answer': 'Answer',
  'bedplate.retrieval.filter': 'Filter',
  'bedplate.job.id': 'Job',
  'bedplate.job.work': 'Work',
};

const TOKENS = /tokens$/;

export function valueOf(name: string, value: string | number | boolean): string {
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value === 'number') {
    if (name === 'bedplate.cost.usd') return dollars(value);
    if (name === 'gen_ai.response.time_to_first_chunk') return duration(value * 1000);
    if (name === 'bedplate.output_tokens_per_second') return `${count(Math.round(value))} tokens/s`;
    if (name === 'gen_ai.evaluation.score.value') return value.toFixed(3);
    return TOKENS.test(name) ? count(value) : String(value);
  }
  const list = parsed(value);
  return Array.isArray(list) && list.every((each) => typeof each === 'string') ? list.join(', ') || 'none' : value;
}

export type TracedHit = { id: string; score: number | null; cosine: number | null; bm25: number | null; text: string };
export type Note = { kind: string; text: string };
export type TracedClaim = { text: string; supported: boolean; score: number | null };
export type Parts = {
  facts: [string, string | number | boolean][];
  notes: Note[];
  query: string;
  hits: TracedHit[];
  sent: Message[];
  made: Message[];
  claims: TracedClaim[];
  texts: [string, string][];
};

const LONG = 120;
const READ = new Set(['bedplate.retrieval.hits', 'bedplate.notes', 'gen_ai.retrieval.query.text', 'gen_ai.retrieval.documents', 'gen_ai.input.messages', 'gen_ai.output.messages', 'bedplate.claims']);

/** A step's attributes and texts, each as what it is; whatever cannot be read so stays as it was written. */
export function parts(step: Step): Parts {
  const all: Record<string, string | number | boolean> = { ...step.attributes, ...step.content };
  const text = (name: string): string => (typeof all[name] === 'string' ? all[name] : '');
  const found = {
    notes: notes(text('bedplate.notes')),
    query: text('gen_ai.retrieval.query.text'),
    hits: hits(text('bedplate.retrieval.hits'), text('gen_ai.retrieval.documents')),
    sent: readMessages(text('gen_ai.input.messages')),
    made: readMessages(text('gen_ai.output.messages')),
    claims: claims(text('bedplate.claims')),
  };
  const understood = new Set<string>();
  if (found.notes.length) understood.add('bedplate.notes');
  if (found.query) understood.add('gen_ai.retrieval.query.text');
  if (found.hits.length) for (const name of ['bedplate.retrieval.hits', 'gen_ai.retrieval.documents']) understood.add(name);
  if (found.sent.length) understood.add('gen_ai.input.messages');
  if (found.made.length) understood.add('gen_ai.output.messages');
  if (found.claims.length) understood.add('bedplate.claims');
  const left = Object.entries(all).filter(([name]) => !understood.has(name));
  const short = ([name, value]: [string, string | number | boolean]): boolean => !READ.has(name) && !(name in step.content) && String(value).length <= LONG;
  return {
    ...found,
    facts: left.filter(short),
    texts: left.filter((each) => !short(each)).map(([name, value]) => [name, String(value)]),
  };
}

function parsed(text: string): unknown {
  if (!/^\s*[[{]/.test(text)) return null;
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function rows(text: string): Record<string, unknown>[] {
  const found = parsed(text);
  return Array.isArray(found) ? found.map(record).filter((each) => each !== null) : [];
}

function number(value: unknown): number | null {
  return typeof value === 'number' ? value : null;
}

function hits(scored: string, documents: string): TracedHit[] {
  const texts = new Map(rows(documents).map((each) => [String(each.id), String(each.content ?? '')]));
  const found = rows(scored).map((each) => ({
    id: String(each.chunk_id), score: number(each.score), cosine: number(each.cosine), bm25: number(each.bm25), text: texts.get(String(each.chunk_id)) ?? '',
  }));
  if (found.length) return found;
  return [...texts].map(([id, text]) => ({ id, score: null, cosine: null, bm25: null, text }));
}

function notes(text: string): Note[] {
  return rows(text).map(({ kind, model, reason, ...others }) => {
    const rest = Object.entries(others).filter(([, value]) => value !== null && value !== '').map(([name, value]) => `${name} ${typeof value === 'string' ? value : JSON.stringify(value)}`);
    return { kind: String(kind ?? 'note'), text: [model, reason, ...rest].filter((each) => each !== undefined && each !== null && each !== '').map(String).join(', ') };
  });
}

function claims(text: string): TracedClaim[] {
  return rows(text).map((each) => ({ text: String(each.text ?? ''), supported: each.supported === true, score: number(each.score) }));
}

export type Sums = { models: string[]; input: number; output: number; cost: number | null; ttft: number | null; score: number | null; verdict: string | null };

/** What a whole trace comes to. */
export function sums(steps: Step[]): Sums {
  const found: Sums = { models: [], input: 0, output: 0, cost: null, ttft: null, score: null, verdict: null };
  for (const step of steps) {
    const { attributes } = step;
    if (attributes['gen_ai.operation.name'] === 'chat') {
      const model = attributes['gen_ai.response.model'] ?? attributes['gen_ai.request.model'];
      if (typeof model === 'string' && !found.models.includes(model)) found.models.push(model);
      found.input += number(attributes['gen_ai.usage.input_tokens']) ?? 0;
      found.output += number(attributes['gen_ai.usage.output_tokens']) ?? 0;
      const first = number(attributes['gen_ai.response.time_to_first_chunk']);
      if (first !== null) found.ttft ??= step.start_ms + first * 1000;
    }
    const cost = number(attributes['bedplate.cost.usd']);
    if (cost !== null) found.cost = (found.cost ?? 0) + cost;
    if (attributes['gen_ai.evaluation.name'] === 'groundedness') {
      found.score = number(attributes['gen_ai.evaluation.score.value']);
      found.verdict = String(attributes['gen_ai.evaluation.score.label'] ?? '') || null;
    }
  }
  return found;
}
