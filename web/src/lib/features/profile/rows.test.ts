import { describe, expect, test } from 'vitest';
import type { Fit, Model, ProfilePreview } from '$lib/api/schema';
import type { EngineOption, Manifest } from '$lib/state/engines.svelte';
import { commandText, leftOut, linesOf, quoted, readable, toldOf } from './command';
import { factsOf, freeName, hubName } from './detect';
import { barOf, fitQuery } from './fit';
import { isFound, nameOf, own, rowsOf } from './rows';

const option = (more: Partial<EngineOption>): EngineOption => ({
  key: 'ctx_size',
  type: 'int',
  flag: '--ctx-size',
  group: 'model',
  help: 'Tokens.',
  default: '0',
  ...more,
});
const manifest: Manifest = {
  name: 'llama-server',
  title: 'llama.cpp server',
  install_hint: '',
  binaries: ['llama-server'],
  needs_model: true,
  is_external: false,
  options: [
    option({ min: 0, max: 100 }),
    option({ key: 'n_gpu_layers', flag: '--n-gpu-layers', choices: ['auto', 'all'] }),
    option({ key: 'jinja', flag: '--jinja', type: 'bool', default: 'true', group: 'chat' }),
    option({ key: 'embeddings', flag: '--embeddings', type: 'bool', default: 'false' }),
    option({ key: 'mmproj', flag: '--mmproj', type: 'path', default: null }),
    option({ key: 'key', flag: null, type: 'text', secret: true, default: null }),
    option({ key: 'lora', flag: '--lora', type: 'list', default: null }),
  ],
};

describe('rows', () => {
  test('an option by its key is named in words', () => {
    expect(
      ['n_gpu_layers', 'ctx_size', 'cache_type_k', 'top_p', 'rope_freq_base'].map(nameOf),
    ).toEqual(['GPU layers', 'Context size', 'Cache type K', 'Top p', 'RoPE frequency base']);
  });
  test('the engine’s come first, then Hearth’s, then what the engine does not have', () => {
    const rows = rowsOf(manifest, ['options.gone', 'options.jinja', 'name']);
    expect(rows.length).toBe(manifest.options.length + own.length + 1);
    expect(rows[0]).toMatchObject({ type: 'number', isWhole: true, min: 0, max: 100 });
    expect(rows[1]?.words).toEqual(['auto', 'all']);
    expect(rows.at(-1)).toMatchObject({ field: 'options.gone', group: 'other' });
    expect(new Set(rows.map((row) => row.field)).size).toBe(rows.length);
  });
  test('are found by name, flag, key or help', () => {
    const [row] = rowsOf(manifest, []);
    for (const words of ['context', '--ctx', 'ctx_size', 'tokens SIZE'])
      expect(row && isFound(row, words)).toBe(true);
    expect(row && isFound(row, 'context seed')).toBe(false);
  });
});

describe('the command line', () => {
  const shown: ProfilePreview = {
    program: '/opt/my engines/llama-server',
    argv: [
      'llama-server',
      '-m',
      '/m.gguf',
      '--parallel',
      '-1',
      '--embeddings',
      '--lora',
      '/a b',
    ].concat(['--lora', '/c', '--port=${port}', 'word']),
    fields: ['', 'model_path', 'model_path', 'options.parallel', 'options.parallel']
      .concat(['options.embeddings', 'options.lora', 'options.lora', 'options.lora'])
      .concat(['options.lora', 'port', '']),
    env: { PYTHONUNBUFFERED: '1', TOKEN: '***' },
    problems: [
      { field: 'name', message: 'is required' },
      { field: 'options.ctx_size', message: 'expected a whole number' },
    ],
  };
  test('has a flag and its value on a line', () => {
    expect(linesOf(shown).map(({ words, field }) => [field, ...words])).toEqual([
      ['model_path', '-m', '/m.gguf'],
      ['options.parallel', '--parallel', '-1'],
      ['options.embeddings', '--embeddings'],
      ['options.lora', '--lora', '/a b'],
      ['options.lora', '--lora', '/c'],
      ['port', '--port=${port}'],
      ['', 'word'],
    ]);
    expect(linesOf({ ...shown, argv: [], fields: [] })).toEqual([]);
  });
  test('is copied whole, as a shell takes it, without what is not told', () => {
    expect(commandText(shown)).toBe(
      "PYTHONUNBUFFERED=1 '/opt/my engines/llama-server' -m /m.gguf --parallel -1 --embeddings " +
        "--lora '/a b' --lora /c '--port=${port}' word",
    );
    expect(commandText({ ...shown, env: {}, program: null, argv: ['vllm', 'serve'] })).toBe(
      'vllm serve',
    );
  });
  test('names what was left out as it was meant, and no secret', () => {
    const rows = rowsOf(manifest, ['options.gone']);
    expect(leftOut('options.ctx_size', 'big', rows)).toEqual({ flag: '--ctx-size', value: 'big' });
    expect(leftOut('options.embeddings', true, rows)).toEqual({
      flag: '--embeddings',
      value: null,
    });
    expect(leftOut('options.lora', ['/a', '/b'], rows)?.value).toBe('/a /b');
    expect(leftOut('options.key', 'hidden', rows)?.value).toBe('***');
    expect(leftOut('options.gone', 1, rows)).toEqual({ flag: 'gone', value: '1' });
    expect(leftOut('name', 'x', rows)).toBeNull();
  });
  test('does not complain of a name that nobody has typed yet', () => {
    const fields = (isNew: boolean, name: string | null) =>
      toldOf(shown, isNew, { name }).map(({ field }) => field);
    expect(fields(true, null)).toEqual(['options.ctx_size']);
    expect(fields(true, '-x')).toEqual(['name', 'options.ctx_size']);
    expect(fields(false, null)).toEqual(['name', 'options.ctx_size']);
  });
  test('is read without quotes around the place of the port', () => {
    expect(['--port=${port}', '${port}', 'a b', 'a ${port}'].map(readable)).toEqual([
      '--port=${port}',
      '${port}',
      "'a b'",
      "'a ${port}'",
    ]);
  });
  test('is quoted as a shell needs it', () => {
    expect(["it's", 'a b', '/x/y-1.gguf', ''].map(quoted)).toEqual([
      String.raw`'it'\''s'`,
      "'a b'",
      '/x/y-1.gguf',
      "''",
    ]);
  });
});

describe('the fit', () => {
  test('is asked for with what is set', () => {
    const fields: Record<string, unknown> = {
      'options.ctx_size': 8192,
      'options.parallel': -1,
      'options.cache_type_k': 'q8_0',
      'options.n_gpu_layers': 'all',
      'options.mmproj': '/p.gguf',
    };
    const query = fitQuery((field) => fields[field] ?? null, 32);
    expect(query).toBe('ctx=8192&cache_type_k=q8_0&gpu_layers=33&mmproj=1');
    expect(fitQuery(() => null, 32)).toBe('mmproj=0');
  });
  test('tells what stays from what comes with the context', () => {
    const device: Fit['devices'][number] = {
      name: 'RAM',
      total_bytes: 100,
      available_bytes: 70,
      needed_bytes: 60,
      fits: 'yes',
      parts: { weights: 40, projector: 5, kv_attention: 10, compute: 5 },
    };
    expect(barOf(device)).toEqual({ limit: 100, others: 30, weights: 45, cache: 15 });
    expect(barOf({ ...device, total_bytes: null }).others).toBe(0);
  });
});

describe('detection', () => {
  const model = { name: 'tiny', mmproj_path: '', kind: 'llm', origins: [] } as unknown as Model;
  test('takes from the model’s record what the engine has an option for', () => {
    expect(factsOf(model, manifest)).toEqual({});
    expect(factsOf({ ...model, mmproj_path: '/p', kind: 'embedding' }, manifest)).toEqual({
      'options.mmproj': '/p',
      'options.embeddings': true,
    });
    expect(factsOf({ ...model, mmproj_path: '/p' }, { ...manifest, options: [] })).toEqual({});
  });
  test('asks the hub by the name that a model came from', () => {
    expect(hubName('', { ...model, origins: ['org/tiny@abc'] })).toBe('org/tiny');
    expect(hubName('/models/tiny', model)).toBeNull();
    expect(hubName('org/tiny', undefined)).toBe('org/tiny');
    expect(hubName('/models/x.gguf', undefined)).toBeNull();
  });
  test('finds a name that is free', () => {
    expect(freeName('tiny', [])).toBe('tiny');
    expect(freeName('tiny', ['tiny', 'tiny-2'])).toBe('tiny-3');
  });
});
