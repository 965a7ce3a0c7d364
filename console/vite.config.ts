import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

export default defineConfig({
  plugins: [svelte()],
  base: '/',
  build: {
    outDir: '../src/bedplate/console',
    // The Python package's own file stays beside the bundle; `bundle.mjs` takes the former away.
    emptyOutDir: false,
    target: 'es2022',
    // The server's policy allows no inline script or style, and no data: URLs but images.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    cssCodeSplit: false,
    reportCompressedSize: false,
  },
  server: { proxy: { '/api': 'http://127.0.0.1:8420', '/v1': 'http://127.0.0.1:8420', '/readyz': 'http://127.0.0.1:8420' } },
});
