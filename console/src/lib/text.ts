/** Text that anybody may have written, made safe to look at: what cannot be seen is shown. */

const NAMED: Record<number, string> = { 0x7f: '\u2421' };

/** Control characters as their pictures; what turns or hides text by its code point. */
export function visible(text: string): string {
  return text.replace(
    // eslint-disable-next-line no-control-regex
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g,
    (letter) => {
      const code = letter.charCodeAt(0);
      if (code < 0x20) return code === 0x0d ? '\u240d' : String.fromCharCode(0x2400 + code);
      return NAMED[code] ?? `\u27e8U+${code.toString(16).toUpperCase().padStart(4, '0')}\u27e9`;
    },
  );
}

/** Offsets of Python's strings count code points, those of JavaScript's UTF-16 units. */
export function sliceByPoints(text: string, start: number, end: number): [string, string, string] {
  const points = Array.from(text);
  return [points.slice(0, start).join(''), points.slice(start, end).join(''), points.slice(end).join('')];
}

export type Piece = { text: string; marker: string | null };

/** An answer cut at its citation markers, such as "[1]". */
export function pieces(answer: string, markers: ReadonlySet<string>): Piece[] {
  const found: Piece[] = [];
  for (const part of answer.split(/(\[\d+\])/)) {
    if (part) found.push({ text: part, marker: markers.has(part) ? part : null });
  }
  return found;
}

/** JSON laid out to be read; anything else as it is. Long texts are left alone. */
export function laidOut(text: string, most = 500_000): string {
  if (text.length > most || !/^\s*[[{]/.test(text)) return text;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
