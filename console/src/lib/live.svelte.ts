import { messageOf } from './api';

/** Something asked of the server: what it said last, and what went wrong since. */
export class Live<T> {
  value = $state.raw<T | null>(null);
  error = $state<string | null>(null);
  loading = $state(false);
  private turn = 0;

  /** An answer that a later question has overtaken is dropped. */
  async load(ask: () => Promise<T>): Promise<void> {
    const turn = ++this.turn;
    this.loading = true;
    try {
      const value = await ask();
      if (turn !== this.turn) return;
      this.value = value;
      this.error = null;
    } catch (error) {
      if (turn === this.turn && !(error instanceof DOMException)) this.error = messageOf(error);
    } finally {
      if (turn === this.turn) this.loading = false;
    }
  }
}

/** Calls `act` again and again while the page can be seen; for an effect to return. */
export function every(milliseconds: number, act: () => void): () => void {
  const timer = setInterval(() => {
    if (!document.hidden) act();
  }, milliseconds);
  return () => clearInterval(timer);
}
