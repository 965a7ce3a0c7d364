import { ApiError, get, messageOf } from './api';
import { counted, measure } from './format';
import { href } from './router.svelte';
import type { Budget, Endpoint, Job, Source } from './types';

/** Something that waits for a human, and where to see to it. */
export type Matter = { severity: 'bad' | 'warn'; title: string; detail: string; link: string };

const NEAR = 0.8;
const SHOWN = 5;

/** Each part is asked for by itself: one that fails hides none of the others. */
export async function attention(admin: boolean, reviewer: boolean): Promise<Matter[]> {
  const parts = [readiness(), sources(), jobs()];
  if (reviewer) parts.push(reviews());
  if (admin) parts.push(endpoints(), budgets());
  const found = await Promise.allSettled(parts);
  const matters = found.flatMap((part) => (part.status === 'fulfilled' ? part.value : []));
  return matters.sort((a, b) => Number(a.severity === 'warn') - Number(b.severity === 'warn'));
}

async function readiness(): Promise<Matter[]> {
  try {
    await get('/readyz');
    return [];
  } catch (error) {
    return [{ severity: 'bad', title: 'The server is not ready', detail: messageOf(error), link: href(['health']) }];
  }
}

async function sources(): Promise<Matter[]> {
  const found = await get<{ sources: Source[] }>('/api/sources');
  return found.sources.flatMap((source): Matter[] => {
    const link = href(['collections', source.collection, 'sources']);
    const last = source.last_sync;
    if (last?.error) return [{ severity: 'bad', title: `${source.name} does not sync`, detail: last.error, link }];
    const failed = (last?.items.failed ?? 0) + (last?.items.dead ?? 0);
    if (failed === 0) return [];
    return [{ severity: 'warn', title: `${source.name} could not read ${counted(failed, 'item')}`, detail: 'The source lists the reasons; retry once they are fixed.', link }];
  });
}

async function jobs(): Promise<Matter[]> {
  try {
    const found = await get<{ jobs: Job[] }>(`/api/jobs?state=failed&state=abandoned&limit=${SHOWN}`);
    const recent = found.jobs.filter((job) => Date.now() - new Date(job.created_at).getTime() < 7 * 86_400_000);
    return recent.map((job) => ({
      severity: 'warn',
      title: `A ${job.work} job ${job.state === 'failed' ? 'failed' : 'was abandoned'}`,
      detail: job.failure?.message ?? job.id,
      link: href(['health'], { job: job.id }),
    }));
  } catch (error) {
    if (error instanceof ApiError && error.status === 503) return [];
    throw error;
  }
}

async function reviews(): Promise<Matter[]> {
  const found = await get<{ reviews: { id: string }[]; next: string | null }>('/api/reviews?state=pending&limit=200');
  if (found.reviews.length === 0) return [];
  const number = `${found.reviews.length}${found.next ? '+' : ''}`;
  return [{ severity: 'warn', title: `${number} ${found.reviews.length === 1 ? 'review waits' : 'reviews wait'} for a decision`, detail: 'Answers that a check is not sure of, and tool calls with effects.', link: href(['reviews']) }];
}

async function endpoints(): Promise<Matter[]> {
  const found = await get<{ endpoints: Endpoint[] }>('/api/models/health');
  return found.endpoints
    .filter((endpoint) => endpoint.state !== 'closed')
    .map((endpoint) => ({
      severity: 'bad',
      title: `${endpoint.endpoint} is not called`,
      detail: endpoint.last_error ?? `${endpoint.failures} of ${endpoint.calls} calls failed`,
      link: href(['health']),
    }));
}

async function budgets(): Promise<Matter[]> {
  const found = await get<{ budgets: Budget[] }>('/api/budgets');
  return found.budgets
    .filter((budget) => budget.spent !== null && budget.limit > 0 && budget.spent / budget.limit >= NEAR)
    .map((budget) => ({
      severity: (budget.spent ?? 0) >= budget.limit ? 'bad' : 'warn',
      title: `${(budget.spent ?? 0) >= budget.limit ? 'Budget used up' : 'Budget nearly used up'}: ${budget.kind} ${budget.name}`,
      detail: `${Math.round(((budget.spent ?? 0) / budget.limit) * 100)}% of ${measure(budget.measure).toLowerCase().replace('us dollars', 'US dollars')}${(budget.spent ?? 0) >= budget.limit ? '; further calls are refused' : ''}`,
      link: href(['costs']),
    }));
}
