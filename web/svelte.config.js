import adapter from '@sveltejs/adapter-static';
import { vitePreprocess } from '@sveltejs/vite-plugin-svelte';

// tools/build-web names the folder and the content's hash; `npm run build`
// alone builds for looking at.
const out = process.env.HEARTH_WEB_OUT ?? 'build';

export default {
  preprocess: vitePreprocess(),
  kit: {
    adapter: adapter({ pages: out, assets: out, fallback: 'index.html' }),
    // The mark stands where the daemon puts its base path (tools/embed-web).
    alias: { $tests: 'tests' },
    paths: { base: process.env.HEARTH_WEB_OUT ? '/@base@' : '' },
    // The time of a build must not make two builds differ.
    version: { name: process.env.HEARTH_WEB_HASH ?? 'dev' },
  },
};
