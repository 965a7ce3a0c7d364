export type BilledLine = { day: string; model: string; input_tokens?: number; output_tokens?: number; cost_usd?: number };

const NUMBERS = ['input_tokens', 'output_tokens', 'cost_usd'] as const;

/** A provider's figures from CSV with a head: day (or date), model and any of the numbers. Error with the line that is wrong. */
export function readBill(text: string): BilledLine[] {
  const [head = '', ...rows] = text.split(/\r?\n/).filter((line) => line.trim());
  const names = cells(head).map((name) => (name.toLowerCase() === 'date' ? 'day' : name.toLowerCase()));
  if (!names.includes('day') || !names.includes('model')) throw new Error('The first line must name the columns: day, model and any of input_tokens, output_tokens, cost_usd.');
  return rows.map((row, at) => {
    const values = cells(row);
    const of = (name: string): string => values[names.indexOf(name)] ?? '';
    const line: BilledLine = { day: of('day').slice(0, 10), model: of('model') };
    for (const name of NUMBERS) {
      const written = names.includes(name) ? of(name) : '';
      if (!written) continue;
      const value = Number(written);
      if (!Number.isFinite(value)) throw new Error(`Line ${at + 2}: ${name} is ${written}, which is no number.`);
      line[name] = value;
    }
    return line;
  });
}

function cells(row: string): string[] {
  return [...row.matchAll(/("(?:[^"]|"")*"|[^,;\t]*)(?:[,;\t]|$)/g)].map(([, cell = '']) => (cell.startsWith('"') ? cell.slice(1, -1).replaceAll('""', '"') : cell).trim());
}
