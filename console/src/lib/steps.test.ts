import { describe, expect, it } from 'vitest';
import { readBill } from './bill';
import { said } from './entries';
import { between, measure } from './format';
import { parts, sums, valueOf } from './steps';
import type { Step } from './types';

function step(attributes: Step['attributes'], content: Step['content'] = {}, more: Partial<Step> = {}): Step {
  return { id: 'a', parent: null, name: 'x', kind: 'internal', started: '2026-05-04T12:00:00Z', start_ms: 0, took_ms: 1, error: null, attributes, content, steps: [], ...more };
}

describe('a step of a trace', () => {
  it('shows hits with the texts that were kept, and messages as a conversation', () => {
    const found = parts(step(
      { 'bedplate.retrieval.hits': '[{"chunk_id":"d#0","score":3.5,"cosine":0.6,"bm25":null}]', 'gen_ai.data_source.id': 'docs' },
      { 'gen_ai.retrieval.documents': '[{"id":"d#0","content":"Thirty days."}]', 'gen_ai.input.messages': '[{"role":"user","parts":[{"type":"text","content":"Why?"}]}]' },
    ));
    expect(found.hits).toEqual([{ id: 'd#0', score: 3.5, cosine: 0.6, bm25: null, text: 'Thirty days.' }]);
    expect(found.sent).toEqual([{ role: 'user', content: 'Why?' }]);
    expect(found.facts).toEqual([['gen_ai.data_source.id', 'docs']]);
    expect(found.texts).toEqual([]);
  });

  it('leaves what it cannot read as it was written, however large or hostile', () => {
    const broken = `[{"chunk_id":${'['.repeat(5000)}`;
    const found = parts(step({ 'bedplate.retrieval.hits': broken, 'bedplate.notes': 'no JSON', own: 'x'.repeat(200) }, { 'bedplate.claims': '{"a":1}' }));
    expect(found.hits).toEqual([]);
    expect(found.texts.map(([name]) => name)).toEqual(['bedplate.retrieval.hits', 'bedplate.notes', 'own', 'bedplate.claims']);
    expect(found.texts[0]?.[1]).toBe(broken);
  });

  it('gives numbers their units', () => {
    expect(valueOf('gen_ai.response.time_to_first_chunk', 0.25)).toBe('250 ms');
    expect(valueOf('bedplate.cost.usd', 0.0042)).toBe('$0.0042');
    expect(valueOf('gen_ai.response.finish_reasons', '["stop"]')).toBe('stop');
    expect(valueOf('bedplate.answer.refused', false)).toBe('no');
  });

  it('adds up what its calls cost, and takes the verdict of groundedness alone', () => {
    const call = { 'gen_ai.operation.name': 'chat', 'gen_ai.request.model': 'm', 'gen_ai.usage.input_tokens': 40, 'gen_ai.usage.output_tokens': 9, 'bedplate.cost.usd': 0.5, 'gen_ai.response.time_to_first_chunk': 0.2 };
    const total = sums([
      step({ 'gen_ai.evaluation.name': 'sufficiency', 'gen_ai.evaluation.score.value': 0.1 }),
      step(call, {}, { start_ms: 100 }),
      step(call, {}, { start_ms: 900 }),
      step({ 'gen_ai.evaluation.name': 'groundedness', 'gen_ai.evaluation.score.value': 0.9, 'gen_ai.evaluation.score.label': 'supported' }),
    ]);
    expect(total).toEqual({ models: ['m'], input: 80, output: 18, cost: 1, ttft: 300, score: 0.9, verdict: 'supported' });
  });
});

describe('the log of a run', () => {
  it('says what was called and what came of it', () => {
    const at = '2026-05-04T12:00:00Z';
    expect(said({ number: 1, kind: 'model', at, data: { text: 'Let me see.', reasoning: null, calls: [{ id: '1', tool: 'pay', arguments: '{"to":"a"}' }] } })).toEqual([
      { label: '', text: 'Let me see.', code: false },
      { label: 'Calls pay', text: '{"to":"a"}', code: true },
    ]);
    expect(said({ number: 2, kind: 'result', at, data: { tool: 'pay', text: 'no money', failed: true } })).toEqual([{ label: 'pay failed', text: 'no money', code: false }]);
    expect(said({ number: 3, kind: 'status', at, data: { status: 'out_of_budget', reason: 'steps', message: '' } })[0]?.text).toBe('out of budget: steps');
  });

  it('shows what it does not know as JSON', () => {
    expect(said({ number: 1, kind: 'new', at: '', data: [1] })).toEqual([{ label: '', text: '[\n  1\n]', code: true }]);
    expect(said({ number: 1, kind: 'started', at: '', data: { goal: 7 } })[0]?.text).toBe('7');
  });
});

describe('figures', () => {
  it('have their interval and their unit', () => {
    expect(between(0.027, 0.056)).toBe('2.7\u20135.6%');
    expect(measure('usd_month')).toBe('US dollars a month');
    expect(measure('something_else')).toBe('something_else');
  });
});

describe('a bill', () => {
  it('is read by its head, whatever the order and the quotes', () => {
    expect(readBill('date,cost_usd,model\n2026-06-01,0.25,"gpt, mini"\n\n')).toEqual([{ day: '2026-06-01', model: 'gpt, mini', cost_usd: 0.25 }]);
    expect(readBill('day;model;input_tokens\r\n2026-06-01;m;')).toEqual([{ day: '2026-06-01', model: 'm' }]);
  });

  it('says which line is wrong', () => {
    expect(() => readBill('a,b\n1,2')).toThrow('first line');
    expect(() => readBill('day,model,cost_usd\n2026-06-01,m,much')).toThrow('Line 2: cost_usd is much');
  });
});
