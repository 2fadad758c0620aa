import { sveltekit } from '@sveltejs/kit/vite';
import { svelteTesting } from '@testing-library/svelte/vite';
import { defineConfig } from 'vitest/config';

// `./dev web` names a running daemon; its data comes from there.
const daemon = process.env.HEARTH_URL ?? 'http://127.0.0.1:7117';

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
  build: { target: 'es2022' },
  test: {
    environment: 'jsdom',
    include: ['src/**/*.test.ts', 'tests/**/*.test.ts'],
    setupFiles: ['tests/setup.ts'],
  },
});
