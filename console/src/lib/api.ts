/** The public API, as any client would call it; nothing here knows of how the server works. */

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

let csrf: string | null = null;
let signedOut: () => void = () => {};

export function useCsrf(token: string | null): void {
  csrf = token;
}

/** What to do when the server no longer knows who is asking. */
export function onSignedOut(act: () => void): void {
  signedOut = act;
}

export type Options = {
  method?: string;
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
};

export async function send(path: string, options: Options = {}): Promise<Response> {
  const method = options.method ?? 'GET';
  const headers: Record<string, string> = { ...options.headers };
  if (csrf !== null && method !== 'GET') headers['x-csrf-token'] = csrf;
  let body: BodyInit | null = null;
  if (options.body instanceof Blob) body = options.body;
  else if (options.body !== undefined) {
    headers['Content-Type'] = 'application/json';
    body = JSON.stringify(options.body);
  }
  let response: Response;
  try {
    response = await fetch(path, { method, headers, body, signal: options.signal ?? null, credentials: 'same-origin' });
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new ApiError(0, 'unreachable', 'The server does not answer. Is it still running?');
  }
  if (response.ok) return response;
  const failure = await failureOf(response);
  if (response.status === 401 && path !== '/api/session') signedOut();
  throw failure;
}

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await (await send(path, signal ? { signal } : {})).json()) as T;
}

export async function post<T>(path: string, body: unknown = {}, method = 'POST'): Promise<T> {
  const response = await send(path, { method, body });
  return (response.status === 204 ? undefined : await response.json()) as T;
}

export async function remove(path: string): Promise<void> {
  await send(path, { method: 'DELETE' });
}

export function query(values: Record<string, string | number | boolean | null | undefined>): string {
  const found = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    if (value !== null && value !== undefined && value !== '') found.set(name, String(value));
  }
  const text = found.toString();
  return text ? `?${text}` : '';
}

/** A path whose parts may hold anything; a document's id keeps its slashes. */
export function path(...parts: string[]): string {
  return parts.map((part) => part.split('/').map(encodeURIComponent).join('/')).join('/');
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

export function xhrHeaders(): Record<string, string> {
  return csrf === null ? {} : { 'x-csrf-token': csrf };
}

async function failureOf(response: Response): Promise<ApiError> {
  return parseFailure(response.status, await response.text().catch(() => ''));
}

export function parseFailure(status: number, text: string): ApiError {
  try {
    const { error } = JSON.parse(text) as { error: { message: string; code: string | null } };
    return new ApiError(status, error.code ?? '', error.message);
  } catch {
    return new ApiError(status, '', `The server answered ${status}.`);
  }
}
