/** A server's form on its own: what there is, a server that answers as told, and the form shown. */
import { render, screen } from '@testing-library/svelte';
import { vi } from 'vitest';
import type { Engine, Model, Profile, ProfilePreview } from '$lib/api/schema';
import EditorOf from '$lib/features/profile/EditorOf.test.svelte';
import type { Editor } from '$lib/features/profile/editor.svelte';
import { engines } from '$lib/state/engines.svelte';
import { live } from '$lib/state/live.svelte';
import { models } from '$lib/state/models.svelte';
import { profiles } from '$lib/state/profiles.svelte';

const option = (key: string, more: object = {}) => ({
  key,
  type: 'int',
  flag: `--${key.replaceAll('_', '-')}`,
  group: 'model',
  help: 'Help.',
  default: null,
  ...more,
});
export const engine = (name: string, options: object[], binary: Engine['binary']): Engine => ({
  name,
  binary,
  error: binary ? null : `${name} is not installed.`,
  manifest: {
    name,
    title: name,
    install_hint: '',
    binaries: [name],
    needs_model: true,
    is_external: false,
    options,
  },
});
export const llama = engine(
  'llama-server',
  [
    option('ctx_size', { default: '0', min: 0, max: 1000000 }),
    option('parallel', { default: '-1', max: 128 }),
    option('mmproj', { type: 'path' }),
    option('sleep'),
  ],
  { path: '/usr/bin/llama-server', version: 'b6892', lacks: ['sleep'] },
);
export const mlx = engine(
  'mlx-openai-server',
  [option('tool_call_parser', { type: 'text' })],
  null,
);

export const model = (name: string, more: Partial<Model> = {}) =>
  ({
    id: `model_${name}`,
    name,
    path: `/models/${name}.gguf`,
    error: '',
    architecture: 'llama',
    quantization: 'Q4_K_M',
    size_bytes: 1000,
    kind: 'llm',
    mmproj_path: '',
    origins: [],
    n_layers: 4,
    ...more,
  }) as Model;
export const profile = (more: Partial<Profile> = {}) =>
  ({
    id: 'p1',
    source: 'database',
    name: 'coder',
    engine: 'llama-server',
    model_path: '/models/tiny.gguf',
    host: '127.0.0.1',
    port: 8412,
    aliases: [],
    env: {},
    options: { ctx_size: 4096 },
    command: [],
    queue_size: 100,
    ...more,
  }) as Profile;

/** What the server would run, with these words of options behind the model. */
export const preview = (
  words: Record<string, string> = {},
  more: Partial<ProfilePreview> = {},
) => ({
  program: '/usr/bin/llama-server',
  argv: ['llama-server', '-m', '/models/tiny.gguf', ...Object.entries(words).flat()],
  fields: ['', 'model_path', 'model_path'].concat(
    Object.keys(words).flatMap((flag) => {
      const field = `options.${flag.slice(2).replaceAll('-', '_')}`;
      return [field, field];
    }),
  ),
  env: { LLAMA_API_KEY: '***' },
  problems: [],
  ...more,
});

export interface Answering {
  /** By "METHOD /path". */
  answers: Record<string, [status: number, body: unknown]>;
  asked: { method: string; path: string; body: unknown }[];
}

/** Before each test: two models, two engines, no profile. */
export function answering(): Answering {
  vi.spyOn(live, 'isOnline', 'get').mockReturnValue(true);
  for (const store of [models, engines, profiles]) {
    vi.spyOn(store, 'start').mockReturnValue();
    store.replace([]);
  }
  engines.replace([llama, mlx]);
  models.replace([model('tiny'), model('eye', { mmproj_path: '/models/mmproj-eye.gguf' })]);
  const asked: Answering['asked'] = [];
  const answers: Answering['answers'] = {
    'GET /api/profiles/next-port': [200, { port: 10240 }],
    'GET /api/profiles/defaults': [
      200,
      profile({ id: '', name: '', model_path: '', options: {}, port: 0 }),
    ],
    'POST /api/profiles/preview': [200, preview()],
    'GET /api/models/model_tiny/fit': [404, null],
    'GET /api/models/model_eye/fit': [404, null],
  };
  vi.stubGlobal('fetch', (path: string, { method, body }: { method: string; body: string }) => {
    asked.push({ method, path, body: body ? JSON.parse(body) : null });
    const [status, data] = answers[`${method} ${path.split('?')[0]}`] ?? [404, null];
    const isGood = status < 400;
    const answer = isGood ? { success: true, data } : { success: false, error: data };
    return Promise.resolve(new Response(JSON.stringify(answer), { status }));
  });
  return { answers, asked };
}

export function show(of: Profile | null, modelId: string | null = null, isGone = false): Editor {
  let editor: Editor | undefined;
  render(EditorOf, { profile: of, modelId, isGone, onmade: (made: Editor) => (editor = made) });
  if (!editor) throw new Error('no editor');
  return editor;
}
export const field = (name: string) => screen.getByLabelText<HTMLInputElement>(name);
