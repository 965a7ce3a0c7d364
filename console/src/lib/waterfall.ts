import type { Step } from './types';

export type Bar = { step: Step; depth: number; left: number; width: number; hasMore: boolean };

/** The steps of a trace in the order of the tree, each placed on the time of the whole, in percent.

Clocks of several machines may disagree: a step that seems to begin before the whole or to end after
it stays within the picture. */
export function waterfall(roots: Step[], folded: ReadonlySet<string>): { bars: Bar[]; took: number } {
  const bars: Bar[] = [];
  const took = Math.max(0.001, ...flat(roots).map((step) => step.start_ms + step.took_ms));
  function add(step: Step, depth: number): void {
    const left = within((step.start_ms / took) * 100);
    const width = Math.min(100 - left, Math.max(0.15, (Math.max(0, step.took_ms) / took) * 100));
    bars.push({ step, depth, left, width, hasMore: step.steps.length > 0 });
    if (!folded.has(step.id)) for (const inner of step.steps) add(inner, depth + 1);
  }
  for (const root of roots) add(root, 0);
  return { bars, took };
}

export function flat(steps: Step[]): Step[] {
  return steps.flatMap((step) => [step, ...flat(step.steps)]);
}

function within(percent: number): number {
  return Math.min(99.85, Math.max(0, percent));
}

export type Message = { role: string; content: string };

/** What a model was sent, where the trace kept it: from a call's messages, or the question itself. */
export function replayable(steps: Step[]): { messages: Message[]; answer: string | null } | null {
  for (const step of flat(steps)) {
    const sent = step.content['gen_ai.input.messages'];
    if (!sent) continue;
    const messages = readMessages(sent);
    if (messages.length === 0) continue;
    const made = step.content['gen_ai.output.messages'];
    return { messages, answer: made ? readMessages(made).map((each) => each.content).join('\n') || made : null };
  }
  for (const step of flat(steps)) {
    const question = step.content['bedplate.question'];
    if (question) return { messages: [{ role: 'user', content: question }], answer: step.content['bedplate.answer'] ?? null };
  }
  return null;
}

export function readMessages(text: string): Message[] {
  let read: unknown;
  try {
    read = JSON.parse(text);
  } catch {
    return [];
  }
  if (!Array.isArray(read)) return [];
  return read.flatMap((each: unknown): Message[] => {
    if (typeof each !== 'object' || each === null) return [];
    const { role, content, parts } = each as { role?: unknown; content?: unknown; parts?: unknown };
    const said = textOf(content ?? parts);
    const known = role === 'system' || role === 'user' || role === 'assistant' ? role : null;
    return known && said ? [{ role: known, content: said }] : [];
  });
}

function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content
    .map((part: unknown) => {
      if (typeof part !== 'object' || part === null) return '';
      const { text, content: inner } = part as { text?: unknown; content?: unknown };
      return typeof text === 'string' ? text : typeof inner === 'string' ? inner : '';
    })
    .filter(Boolean)
    .join('\n');
}
