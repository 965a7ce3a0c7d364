import { describe, expect, it } from 'vitest';
import { marked, stitch } from './passages';
import { EventReader } from './sse';
import { laidOut, pieces, visible } from './text';
import { readMessages, waterfall } from './waterfall';

describe('text that anybody may have written', () => {
  it('shows what cannot be seen, and leaves the rest', () => {
    expect(visible('a\u0000b\u202ec\ud800 d\n\té🏕')).toBe('a\u2400b\u27e8U+202E\u27e9c\u27e8U+D800\u27e9 d\n\té🏕');
  });

  it('lays out JSON, and nothing that only looks like it', () => {
    expect(laidOut('{"a":1}')).toBe('{\n  "a": 1\n}');
    expect(laidOut('{broken')).toBe('{broken');
  });

  it('cuts answers at markers that are cited alone', () => {
    expect(pieces('A [1] b [2].', new Set(['[1]'])).map((piece) => piece.marker)).toEqual([null, '[1]', null, null, null]);
  });
});

describe('passages', () => {
  it('are put together where they overlap, counted in code points', () => {
    const chunk = { id: 'd#0', page: null, heading: null };
    const found = stitch([{ ...chunk, text: '🏕 tent', start: 5, end: 11 }, { ...chunk, text: 'tents', start: 7, end: 12 }]);
    expect(found).toEqual({ start: 5, text: [...'🏕 tents'] });
    expect(marked(found.text, 2, 6).map((stretch) => stretch.text)).toEqual(['🏕 ', 'tent', 's']);
  });
});

describe('events', () => {
  it('are read whatever way their bytes are cut', () => {
    const reader = new EventReader();
    expect(reader.read('event: delta\nda')).toEqual([]);
    expect(reader.read('ta: 1\n\n: note\n\ndata: 2\n\n')).toEqual([
      { event: 'delta', data: '1', id: null },
      { event: 'message', data: '2', id: null },
    ]);
  });
});

describe('a waterfall', () => {
  it('stays in the picture though clocks disagree', () => {
    const step = { parent: null, name: 's', kind: 'internal', started: '', error: null, attributes: {}, content: {}, steps: [] };
    const { bars } = waterfall([{ ...step, id: 'a', start_ms: -50, took_ms: 100 }, { ...step, id: 'b', start_ms: 900, took_ms: -5 }], new Set());
    for (const bar of bars) {
      expect(bar.left).toBeGreaterThanOrEqual(0);
      expect(bar.left + bar.width).toBeLessThanOrEqual(100);
    }
  });

  it('finds the messages of a model, and none in what is no list', () => {
    expect(readMessages('[{"role":"user","content":[{"type":"text","text":"Hi"}]},{"role":"tool","content":"x"}]')).toEqual([{ role: 'user', content: 'Hi' }]);
    expect(readMessages('nonsense')).toEqual([]);
  });
});
