const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });

export const NONE = '\u2013';

export function count(value: number | null | undefined): string {
  if (value === null || value === undefined) return NONE;
  return value >= 100_000 ? short.format(value) : whole.format(value);
}

export function duration(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return NONE;
  if (ms === 0) return '0 ms';
  if (ms < 1) return `${ms.toFixed(2)} ms`;
  if (ms < 1000) return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
  const seconds = Math.floor((ms % 60_000) / 1000);
  return `${Math.floor(ms / 60_000)} min${seconds ? ` ${seconds} s` : ''}`;
}

export function dollars(value: number | null | undefined): string {
  if (value === null || value === undefined) return NONE;
  if (value === 0) return '$0';
  if (value < 0.01) return `$${value.toPrecision(2)}`;
  return value < 1000 ? `$${value.toFixed(2)}` : `$${whole.format(value)}`;
}

/** "1 document", "2 documents". */
export function counted(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

export function share(value: number | null | undefined): string {
  if (value === null || value === undefined) return NONE;
  const percent = value * 100;
  return `${percent > 0 && percent < 10 ? percent.toFixed(1) : Math.round(percent)}%`;
}

/** An interval of shares: "2.0–4.7%". */
export function between(low: number, high: number): string {
  return `${share(low).replace('%', '')}\u2013${share(high)}`;
}

const UNITS: Record<string, string> = { usd: 'US dollars', tokens: 'Tokens', requests: 'Requests' };
const SPANS: Record<string, string> = { day: 'a day', month: 'a month', minute: 'a minute', total: 'in all' };

/** What a budget measures, in words: "usd_month" is "US dollars a month". */
export function measure(name: string): string {
  const [unit = '', span = ''] = name.split('_');
  return unit in UNITS && span in SPANS ? `${UNITS[unit]} ${SPANS[span]}` : name;
}

export function bytes(value: number): string {
  const units = ['B', 'kB', 'MB', 'GB'];
  let at = 0;
  while (value >= 1000 && at < units.length - 1) {
    value /= 1000;
    at += 1;
  }
  return `${at && value < 10 ? value.toFixed(1) : Math.round(value)} ${units[at]}`;
}

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
const day = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });

export function moment(at: string | null | undefined): string {
  return at ? full.format(new Date(at)) : NONE;
}

/** The time of today, else the day with it. */
export function time(at: string): string {
  const when = new Date(at);
  const today = when.toDateString() === new Date().toDateString();
  return today ? clock.format(when) : `${day.format(when)} ${clock.format(when)}`;
}

/** How long ago; a clock that is ahead of ours shows the moment itself. */
export function ago(at: string | null | undefined, now = Date.now()): string {
  if (!at) return NONE;
  const seconds = (now - new Date(at).getTime()) / 1000;
  if (seconds < -5) return moment(at);
  if (seconds < 60) return 'just now';
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  const days = Math.floor(seconds / 86_400);
  return days < 31 ? `${days} d ago` : day.format(new Date(at));
}

const KINDS: Record<string, string> = {
  'application/pdf': 'PDF',
  'application/vnd.openxmlformats-officedocument.wordprocessingml.document': 'Word',
  'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet': 'Excel',
  'application/vnd.openxmlformats-officedocument.presentationml.presentation': 'PowerPoint',
  'application/jsonl': 'JSON lines',
  'application/json': 'JSON',
  'application/epub+zip': 'EPUB',
  'message/rfc822': 'Mail',
  'text/html': 'HTML',
  'text/markdown': 'Markdown',
  'text/plain': 'Text',
  'text/csv': 'CSV',
};

/** A media type in a word, where it has one. */
export function kindOf(mediaType: string): string {
  const plain = mediaType.split(';')[0] ?? mediaType;
  return KINDS[plain] ?? plain.replace(/^application\/vnd\.oasis\.opendocument\./, 'OpenDocument ');
}
