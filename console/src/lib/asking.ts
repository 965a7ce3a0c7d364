import { send, parseFailure } from './api';
import { events } from './sse';
import type { Answer, Citation, Grounded, Usage } from './types';

/** Who answers: an assistant or a model by its name, or a model from the passages of a collection. */
export type Target =
  | { kind: 'assistant' | 'model'; name: string }
  | { kind: 'collection'; name: string; model: string };

export type Said = { question: string; answer: string };

export type Outcome = {
  citations: Citation[];
  grounded: Grounded | null;
  refused: boolean;
  usage: Usage | null;
  ttft_ms: number | null;
  took_ms: number;
  trace_id: string | null;
};

type Chunk = {
  choices: { delta: { content?: string | null }; finish_reason: string | null }[];
  usage?: { prompt_tokens: number; completion_tokens: number; cost_usd?: number | null } | null;
  bedplate?: { citations: Citation[]; grounded: Grounded; refused: boolean; trace_id: string };
  error?: unknown;
};

/** The answer as it comes, by `told`; what it came to at its end. ApiError where there is none. */
export async function ask(target: Target, before: Said[], question: string, told: (text: string) => void, signal: AbortSignal): Promise<Outcome> {
  return target.kind === 'collection'
    ? askCollection(target.name, target.model, question, told, signal)
    : askByName(target.name, before, question, told, signal);
}

async function askByName(model: string, before: Said[], question: string, told: (text: string) => void, signal: AbortSignal): Promise<Outcome> {
  const messages = before.flatMap((each) => [
    { role: 'user', content: each.question },
    { role: 'assistant', content: each.answer },
  ]);
  return chat({ model, messages: [...messages, { role: 'user', content: question }] }, told, signal);
}

export async function chat(asked: Record<string, unknown>, told: (text: string) => void, signal: AbortSignal): Promise<Outcome> {
  const begun = performance.now();
  const body = { ...asked, stream: true, stream_options: { include_usage: true } };
  const response = await send('/v1/chat/completions', { method: 'POST', body, signal });
  const outcome: Outcome = {
    citations: [], grounded: null, refused: false, usage: null, ttft_ms: null, took_ms: 0,
    trace_id: response.headers.get('x-request-id'),
  };
  for await (const { data } of events(response)) {
    if (data === '[DONE]') break;
    const chunk = JSON.parse(data) as Chunk;
    if (chunk.error) throw parseFailure(response.status, data);
    const text = chunk.choices[0]?.delta.content;
    if (text) {
      outcome.ttft_ms ??= performance.now() - begun;
      told(text);
    }
    if (chunk.bedplate) {
      const { citations, grounded, refused, trace_id } = chunk.bedplate;
      Object.assign(outcome, { citations, grounded, refused, trace_id });
    }
    if (chunk.usage) {
      const { prompt_tokens, completion_tokens, cost_usd } = chunk.usage;
      outcome.usage = { input_tokens: prompt_tokens, output_tokens: completion_tokens, cost_usd: cost_usd ?? null };
    }
  }
  outcome.took_ms = performance.now() - begun;
  return outcome;
}

async function askCollection(collection: string, model: string, question: string, told: (text: string) => void, signal: AbortSignal): Promise<Outcome> {
  const begun = performance.now();
  const body = { collection, question, model, stream: true };
  const response = await send('/api/ask', { method: 'POST', body, signal });
  for await (const { event, data } of events(response)) {
    if (event === 'delta') told((JSON.parse(data) as { text: string }).text);
    else if (event === 'answer') {
      const answer = JSON.parse(data) as Answer;
      return {
        citations: answer.citations,
        grounded: answer.grounded,
        refused: answer.refused,
        usage: answer.usage,
        ttft_ms: answer.ttft_ms,
        took_ms: performance.now() - begun,
        trace_id: answer.trace_id,
      };
    } else throw parseFailure(response.status, data);
  }
  throw parseFailure(0, '{"error":{"message":"The answer broke off.","code":"cut_off"}}');
}
