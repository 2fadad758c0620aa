import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/svelte';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { ProfilePreview } from '$lib/api/schema';
import { live } from '$lib/state/live.svelte';
import CommandPreview from './CommandPreview.svelte';
import type { Editor } from './editor.svelte';
import type { Row } from './rows';

const preview = (more: Partial<ProfilePreview> = {}): ProfilePreview => ({
  program: '/usr/bin/llama-server',
  argv: ['llama-server', '--port', '8412', '--ctx-size', '512'],
  fields: ['', 'port', 'port', 'options.ctx_size', 'options.ctx_size'],
  env: {},
  problems: [],
  ...more,
});
const row = (field: string, flag: string) =>
  ({ field, flag, group: 'model', name: field, type: 'number' }) as Row;

/** As much of an editor as the preview looks at; the fields of the form are `fields`. */
function editor(
  fields: Record<string, unknown>,
  more: Partial<Record<keyof Editor, unknown>> = {},
) {
  return {
    profile: { id: 'p1' },
    mayPreview: true,
    body: { id: 'p1', ...fields },
    rows: [row('options.ctx_size', '--ctx-size'), row('options.seed', '--seed')],
    draft: { get: (field: string) => fields[field] ?? null, changed: Object.keys(fields) },
    wrong: () => undefined,
    unsupported: () => undefined,
    told: (field: string, message: string) => `${field}: ${message}`,
    ...more,
  } as unknown as Editor;
}

interface Question {
  body: unknown;
  signal: AbortSignal;
  answer: (status: number, body: unknown) => void;
}
let asked: Question[];
beforeEach(() => {
  vi.spyOn(live, 'isOnline', 'get').mockReturnValue(true);
  asked = [];
  vi.stubGlobal('fetch', (_: string, { body, signal }: { body: string; signal: AbortSignal }) => {
    return new Promise((resolve, reject) => {
      signal.addEventListener('abort', () => reject(new DOMException('', 'AbortError')));
      const answer = (status: number, data: unknown) =>
        resolve(
          new Response(
            JSON.stringify(
              status < 400 ? { success: true, data } : { success: false, error: data },
            ),
            { status },
          ),
        );
      asked.push({ body: JSON.parse(body), signal, answer });
    });
  });
});
afterEach(() => {
  cleanup();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});
const line = () => screen.findByRole('group', { name: 'Command line' });
const nth = async (n: number): Promise<Question> => {
  await waitFor(() => expect(asked.length).toBe(n));
  return asked[n - 1] as Question;
};

describe('the preview of the command', () => {
  test('is what the server says; what differs from the stored profile stands out', async () => {
    const { rerender } = render(CommandPreview, { editor: editor({}) });
    expect(screen.getByRole('status', { name: 'Loading' })).toBeTruthy();
    (await nth(1)).answer(200, preview({ env: { PYTHONUNBUFFERED: '1', TOKEN: '***' } }));
    const shown = await line();
    expect(shown.textContent).toMatch(/PYTHONUNBUFFERED=1.*TOKEN=••••.*--port 8412/s);
    expect(shown.querySelector('.new')).toBeNull();

    await rerender({ editor: editor({ 'options.ctx_size': 512 }) });
    (await nth(2)).answer(200, preview());
    await waitFor(() => expect(shown.querySelector('.new')?.textContent).toMatch(/--ctx-size 512/));
    expect(shown.querySelectorAll('.new').length).toBe(1);
  });

  test('waits for the last change, and drops the answers to earlier ones', async () => {
    const { rerender } = render(CommandPreview, { editor: editor({}) });
    (await nth(1)).answer(200, preview());
    await line();
    for (const seed of [1, 12, 123]) await rerender({ editor: editor({ 'options.seed': seed }) });
    const second = await nth(2);
    expect(second.body).toEqual({ id: 'p1', 'options.seed': 123 });
    await rerender({ editor: editor({ 'options.seed': 7 }) });
    expect(second.signal.aborted).toBe(true);
    second.answer(200, preview({ program: '/stale' }));
    (await nth(3)).answer(200, preview({ program: '/fresh' }));
    await waitFor(async () => expect((await line()).textContent).toContain('/fresh'));
  });

  test('shows what was left out, and tells what no row tells', async () => {
    const fields = { 'options.seed': 'x', 'options.ctx_size': -1 };
    const wrong = (one: Row) => (one.field === 'options.seed' ? 'At its row.' : undefined);
    render(CommandPreview, { editor: editor(fields, { wrong, profile: null }) });
    const problems = ['name', 'engine', 'options.seed', 'options.ctx_size'].map((field) => ({
      field,
      message: 'is wrong',
    }));
    const argv = ['llama-server', '--port', '${port}'];
    (await nth(1)).answer(200, preview({ program: null, argv, problems }));
    const shown = await line();
    expect([...shown.querySelectorAll('.e')].map((one) => one.textContent)).toEqual(['x', '-1']);
    expect(screen.getAllByText(/is wrong/).map((one) => one.textContent)).toEqual([
      'engine: is wrong',
      'options.ctx_size: is wrong',
    ]);
    expect(screen.getByText('At each start, ${port} is a free port.')).toBeTruthy();
  });

  test('is copied whole', async () => {
    const writeText = vi.fn().mockResolvedValue(undefined);
    vi.stubGlobal('navigator', { clipboard: { writeText } });
    render(CommandPreview, { editor: editor({}) });
    (await nth(1)).answer(200, preview({ program: '/my bin/llama-server' }));
    await fireEvent.click(await screen.findByRole('button', { name: 'Copy the command' }));
    expect(writeText).toHaveBeenCalledWith("'/my bin/llama-server' --port 8412 --ctx-size 512");
  });

  test('where it cannot be told, it is asked for again', async () => {
    render(CommandPreview, { editor: editor({}) });
    (await nth(1)).answer(503, { code: 'no_memory', message: 'there is not enough memory' });
    await screen.findByText('There is not enough memory');
    await fireEvent.click(screen.getByRole('button', { name: 'Ask again' }));
    (await nth(2)).answer(200, preview());
    await line();
  });

  test('is not asked for by who changes nothing, nor while the server is away', () => {
    render(CommandPreview, { editor: editor({}, { mayPreview: false }) });
    expect(screen.getByText('It is told to who may change the server.')).toBeTruthy();
    cleanup();
    vi.spyOn(live, 'isOnline', 'get').mockReturnValue(false);
    render(CommandPreview, { editor: editor({}) });
    expect(asked).toEqual([]);
  });
});
