import { sveltekit } from '@sveltejs/kit/vite';
import { svelteTesting } from '@testing-library/svelte/vite';
import type { Rollup } from 'vite';
import { defineConfig } from 'vitest/config';

// `./dev web` names a running daemon; its data comes from there.
const daemon = process.env.HEARTH_URL ?? 'http://127.0.0.1:7117';

const STARTING = [
  'runtime/client/entry.js',
  'client-optimized/app.js',
  'src/routes/+layout.svelte',
  'src/routes/+page.svelte', // the dashboard: other pages share most of what it is made of
];
const OWN = ['/src/routes/', '/features/dashboard/'];

/**
 * What every page needs is one file: a browser asks for six at once, and with thirty small ones a
 * slow line mostly waits.
 */
function whatAllNeed(): Rollup.GetManualChunk {
  let all: Set<string> | undefined;
  return (id, { getModuleIds, getModuleInfo }) => {
    if (!all) {
      all = new Set();
      const entries = [...getModuleIds()].filter((one) =>
        STARTING.some((end) => one.endsWith(end)),
      );
      // The server's build, which only makes the shell, has no such entries.
      const next = entries.length === STARTING.length ? entries : [];
      for (let one = next.pop(); one !== undefined; one = next.pop())
        for (const imported of getModuleInfo(one)?.importedIds ?? [])
          if (!all.has(imported)) {
            all.add(imported);
            next.push(imported);
          }
    }
    return all.has(id) && !OWN.some((part) => id.includes(part)) ? 'base' : undefined;
  };
}

export default defineConfig({
  plugins: [sveltekit(), svelteTesting()],
  server: {
    proxy: Object.fromEntries(
      ['/api', '/v1', '/llamaproxws', '/openapi.json', '/ws', '/health'].map((path) => [
        path,
        // The daemon refuses foreign origins: to it, the request is its own.
        { target: daemon, ws: true, changeOrigin: true, headers: { origin: daemon } },
      ]),
    ),
  },
  build: {
    target: 'es2022',
    rollupOptions: { output: { manualChunks: whatAllNeed() } },
  },
  test: {
    environment: 'jsdom',
    include: ['src/**/*.test.ts', 'tests/**/*.test.ts'],
    setupFiles: ['tests/setup.ts'],
  },
});
