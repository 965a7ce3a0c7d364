export type Theme = 'light' | 'dark';

const KEY = 'bedplate-theme';
const system = matchMedia('(prefers-color-scheme: dark)');

function chosen(): Theme | null {
  const kept = localStorage.getItem(KEY);
  return kept === 'light' || kept === 'dark' ? kept : null;
}

const first: Theme = chosen() ?? (system.matches ? 'dark' : 'light');
let current = $state(first);

function show(theme: Theme): void {
  current = theme;
  document.documentElement.dataset.theme = theme;
}

show(first);
system.addEventListener('change', () => {
  if (chosen() === null) show(system.matches ? 'dark' : 'light');
});

export const theme = {
  get current(): Theme {
    return current;
  },
  toggle(): void {
    const next = current === 'dark' ? 'light' : 'dark';
    localStorage.setItem(KEY, next);
    show(next);
  },
};
