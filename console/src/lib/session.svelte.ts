import { ApiError, get, messageOf, onSignedOut, remove, send, useCsrf } from './api';

export type Scope = 'read' | 'ask' | 'write' | 'review' | 'admin';

export type Session = {
  version: string;
  open: boolean;
  tenant: string;
  key: string | null;
  name: string | null;
  scopes: Scope[];
  csrf: string | null;
  expires_at: string | null;
};

let known = $state.raw<Session | null>(null);
let looked = $state(false);
let problem = $state<string | null>(null);

export const session = {
  get current(): Session | null {
    return known;
  },
  /** Whether the server said who is asking, or that nobody is known. */
  get looked(): boolean {
    return looked;
  },
  get problem(): string | null {
    return problem;
  },
  may(scope: Scope): boolean {
    return known?.scopes.includes(scope) ?? false;
  },
};

function take(found: Session | null): void {
  known = found;
  useCsrf(found?.csrf ?? null);
}

export async function look(): Promise<void> {
  problem = null;
  try {
    take(await get<Session>('/api/session'));
  } catch (error) {
    take(null);
    if (!(error instanceof ApiError && error.status === 401)) problem = messageOf(error);
  }
  looked = true;
}

/** The key goes to the server this once, and is kept nowhere here. */
export async function signIn(key: string): Promise<void> {
  const headers = { Authorization: `Bearer ${key}` };
  take((await (await send('/api/session', { method: 'POST', headers })).json()) as Session);
}

export async function signOut(): Promise<void> {
  await remove('/api/session');
  take(null);
}

onSignedOut(() => {
  take(null);
});
