/** What is wider than its place can be scrolled from the keyboard, too. */
export function scrollable(node: HTMLElement): { destroy: () => void } {
  const look = (): void => {
    if (node.scrollWidth > node.clientWidth) node.tabIndex = 0;
    else node.removeAttribute('tabindex');
  };
  const watched = new ResizeObserver(look);
  watched.observe(node);
  if (node.firstElementChild) watched.observe(node.firstElementChild);
  return { destroy: () => watched.disconnect() };
}
