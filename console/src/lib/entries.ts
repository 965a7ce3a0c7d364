import { record } from './json';
import type { RunEntry } from './types';

export type Said = { label: string; text: string; code: boolean };

/** What an entry of a run's log says, in the order to be read; what is not known stays as JSON. */
export function said(entry: RunEntry): Said[] {
  const data = record(entry.data);
  if (!data) return [json('', entry.data)];
  switch (entry.kind) {
    case 'started':
      return [plain('', data.goal)];
    case 'message':
      return [plain('', data.text)];
    case 'model':
      return [
        ...(data.reasoning ? [plain('Reasoning', data.reasoning)] : []),
        ...(data.text ? [plain('', data.text)] : []),
        ...calls(data.calls),
      ];
    case 'call':
      return [json(String(data.tool ?? 'tool'), data.arguments)];
    case 'asked':
      return [plain('Asks a human', data.why), json('Arguments', data.arguments)];
    case 'decided':
      return [plain(`${String(data.verdict)} by ${String(data.by)}`, data.reason || '')];
    case 'undo':
      return [json(`Takes it back with ${String(data.tool)}`, data.arguments)];
    case 'result':
    case 'undone':
      return [plain(`${String(data.tool ?? 'tool')}${data.failed ? ' failed' : ''}`, data.text)];
    case 'status': {
      const why = [data.reason, data.message].filter((each) => typeof each === 'string' && each);
      return [plain('', [String(data.status).replaceAll('_', ' '), ...why].join(': '))];
    }
    default:
      return [json('', data)];
  }
}

function calls(found: unknown): Said[] {
  if (!Array.isArray(found)) return [];
  return found.flatMap((each) => {
    const call = record(each);
    return call ? [json(`Calls ${String(call.tool)}`, call.arguments)] : [];
  });
}

function plain(label: string, value: unknown): Said {
  return typeof value === 'string' ? { label, text: value, code: false } : json(label, value);
}

function json(label: string, value: unknown): Said {
  return { label, text: typeof value === 'string' ? value : (JSON.stringify(value, null, 2) ?? ''), code: true };
}
