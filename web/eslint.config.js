import js from '@eslint/js';
import prettier from 'eslint-config-prettier';
import svelte from 'eslint-plugin-svelte';
import globals from 'globals';
import ts from 'typescript-eslint';
import svelteConfig from './svelte.config.js';

/** routes -> features -> {ui, state, api}; features do not know each other, ui knows no data. */
const layer = (folder, forbidden, message) => ({
  files: [`src/lib/${folder}/**/*.{ts,svelte}`],
  rules: {
    'no-restricted-imports': [
      'error',
      { patterns: [{ group: [...forbidden, '../*', '**/routes/**'], message }] },
    ],
  },
});

export default ts.config(
  { ignores: ['.svelte-kit/', 'build/', 'node_modules/'] },
  js.configs.recommended,
  ...ts.configs.strict,
  ...svelte.configs.recommended,
  prettier,
  ...svelte.configs.prettier,
  { languageOptions: { globals: { ...globals.browser } } },
  { files: ['scripts/**', '*.config.*'], languageOptions: { globals: { ...globals.node } } },
  {
    files: ['**/*.svelte', '**/*.svelte.ts'],
    languageOptions: { parserOptions: { parser: ts.parser, svelteConfig } },
  },
  {
    rules: {
      'no-undef': 'off', // the compiler knows
      'no-console': 'error',
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'max-lines': ['error', { max: 350, skipComments: true }],
    },
  },
  { files: ['src/lib/api/schema.ts'], rules: { 'max-lines': 'off' } },
  // Subscribers and queues, which nothing draws.
  { files: ['src/lib/state/live.svelte.ts'], rules: { 'svelte/prefer-svelte-reactivity': 'off' } },
  layer('api', ['$lib/*'], 'api/ stands on nothing of ours.'),
  layer('ui', ['$lib/*', '$app/*'], 'ui/ gets what it shows as props.'),
  layer('state', ['$lib/ui/*', '$lib/features/*'], 'state/ stands on api/ alone.'),
  layer('features', ['$lib/features/*'], 'Features do not know each other.'),
);
