/** Pages by the address's hash, so that the server has one page to send. */

export type Route = { parts: string[]; search: URLSearchParams };

function parse(hash: string): Route {
  const [path = '', search = ''] = hash.replace(/^#\/?/, '').split(/\?(.*)/s);
  const parts = path.split('/').filter(Boolean).map(decoded);
  return { parts, search: new URLSearchParams(search) };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

let current = $state.raw(parse(location.hash));

addEventListener('hashchange', () => {
  current = parse(location.hash);
});

export const router = {
  get route(): Route {
    return current;
  },
};

export function href(parts: string[], search: Record<string, string | null | undefined> = {}): string {
  const found = new URLSearchParams();
  for (const [name, value] of Object.entries(search)) if (value) found.set(name, value);
  const text = found.toString();
  return `#/${parts.map(encodeURIComponent).join('/')}${text ? `?${text}` : ''}`;
}

export function go(parts: string[], search: Record<string, string | null | undefined> = {}): void {
  location.hash = href(parts, search);
}

/** The same page with other conditions; going back skips it. */
export function refine(search: Record<string, string | null | undefined>): void {
  history.replaceState(null, '', href(current.parts, search));
  current = parse(location.hash);
}
