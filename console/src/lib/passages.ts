import { ApiError, get, path, query } from './api';
import type { Chunk, ChunkPage } from './types';

/** A stretch of a document's text, cut where a quote begins and ends. */
export type Stretch = { text: string; marked: boolean };
export type Passage = { collection: string; title: string; stretches: Stretch[]; cutBefore: boolean; cutAfter: boolean };
export type Place = { document_id: string; chunk_id: string; start: number; end: number; page: number | null; quote: string; collection: string };

const AROUND = 3;
const GONE = 'The document was deleted since it was cited.';
const CHANGED = 'The document has changed since it was cited.';

/** Where a quote stands in its document, as that is now. */
export async function passageOf(place: Place): Promise<Passage> {
  const number = Number(place.chunk_id.slice(place.chunk_id.lastIndexOf('#') + 1)) || 0;
  const offset = Math.max(0, number - AROUND);
  let found: ChunkPage;
  try {
    found = await get<ChunkPage>(path('/api/collections', place.collection, 'chunks', place.document_id) + query({ offset, limit: 2 * AROUND + 1 }));
  } catch (error) {
    throw error instanceof ApiError && error.status === 404 ? new ApiError(404, 'not_found', GONE) : error;
  }
  const stitched = stitch(samePage(found.chunks, place));
  const whole = stitched.text.slice(place.start - stitched.start, place.end - stitched.start).join('');
  // A quote that stands elsewhere now would be marked on other words.
  if (whole !== place.quote) throw new ApiError(409, 'changed', CHANGED);
  return {
    collection: place.collection,
    title: found.title,
    stretches: marked(stitched.text, place.start - stitched.start, place.end - stitched.start),
    cutBefore: stitched.start > 0,
    cutAfter: (found.chunks.at(-1)?.end ?? 0) > stitched.start + stitched.text.length || offset + found.chunks.length < found.total,
  };
}

function samePage(chunks: Chunk[], place: Place): Chunk[] {
  if (place.page === null) return chunks;
  const found = chunks.filter((chunk) => chunk.page === place.page || chunk.id === place.chunk_id);
  return found.length ? found : chunks;
}

/** Passages overlap, and what no passage holds is blank; offsets count code points. */
export function stitch(chunks: Chunk[]): { start: number; text: string[] } {
  const start = chunks[0]?.start ?? 0;
  const text: string[] = [];
  for (const chunk of chunks) {
    const points = Array.from(chunk.text);
    const have = start + text.length;
    if (chunk.start > have) text.push(...'\n'.repeat(chunk.start - have));
    text.push(...points.slice(Math.max(0, have - chunk.start)));
  }
  return { start, text };
}

export function marked(text: string[], from: number, to: number): Stretch[] {
  const [first, last] = [Math.max(0, from), Math.max(0, Math.min(to, text.length))];
  return [
    { text: text.slice(0, first).join(''), marked: false },
    { text: text.slice(first, last).join(''), marked: true },
    { text: text.slice(last).join(''), marked: false },
  ].filter((stretch) => stretch.text);
}
