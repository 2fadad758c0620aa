import { cleanup, fireEvent, screen, waitFor } from '@testing-library/svelte';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Problem } from '$lib/api/problem';
import { engines } from '$lib/state/engines.svelte';
import { live } from '$lib/state/live.svelte';
import { session } from '$lib/state/session.svelte';
import { servers } from '$lib/state/servers.svelte';
import { answering, field, preview, profile, show, type Answering } from '$tests/form';
import { server } from '$tests/server';

vi.mock('$app/navigation', () => ({ replaceState: vi.fn(), goto: vi.fn() }));
vi.mock('$app/state', () => ({ page: { url: new URL('http://hearth/servers/new'), state: {} } }));

let answers: Answering['answers'];
let asked: Answering['asked'];
beforeEach(() => ({ answers, asked } = answering()));
afterEach(() => {
  cleanup();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

const previewed = () => asked.filter(({ path }) => path === '/api/profiles/preview');
const why = (name: string) =>
  document.getElementById(field(name).getAttribute('aria-describedby') ?? '')?.textContent?.trim();

describe('a new server', () => {
  test('is filled from the model and the next free port', async () => {
    const editor = show(null, 'model_eye');
    await waitFor(() => expect(field('Port').value).toBe('10240'));
    expect(screen.getByText('next free')).toBeTruthy();
    await waitFor(() => expect(field('Name').value).toBe('eye'));
    expect(field('Projector').value).toBe('/models/mmproj-eye.gguf');
    expect(why('Projector')).toMatch(/Detected from the model/);
    expect(editor.draft.isDirty).toBe(false);
    expect(editor.draft.whole()).toEqual({
      name: 'eye',
      port: 10240,
      model_path: '/models/eye.gguf',
      options: { mmproj: '/models/mmproj-eye.gguf' },
    });
  });

  test('detection does not reach what was touched', async () => {
    show(null, 'model_tiny');
    await waitFor(() => expect(field('Name').value).toBe('tiny'));
    await fireEvent.input(field('Name'), { target: { value: 'mine' } });
    await fireEvent.input(await screen.findByLabelText('Projector'), {
      target: { value: '/models/own.gguf' },
    });
    const picker = screen.getByRole('combobox', { name: 'Model' });
    await fireEvent.input(picker, { target: { value: 'eye' } });
    await fireEvent.keyDown(picker, { key: 'Enter' });
    expect(field('Model').value).toBe('/models/eye.gguf');
    expect([field('Name').value, field('Projector').value]).toEqual(['mine', '/models/own.gguf']);
  });

  test('what the server refuses stands at its fields', async () => {
    const details = [
      { field: 'name', message: 'expected 1 to 128 bytes of text, got 0' },
      { field: 'port', message: 'port 8412 belongs to profile "a" already' },
      { field: 'options.mmproj', message: 'does not exist' },
      { field: 'node', message: 'is set by Hearth' },
    ];
    answers['POST /api/profiles'] = [422, { code: 'invalid', message: 'name: expected', details }];
    const editor = show(null, 'model_tiny');
    await waitFor(() => expect(field('Name').value).toBe('tiny'));
    expect(await editor.save()).toBeNull();
    await screen.findByRole('alert');
    expect(why('Name')).toMatch(/^Expected 1 to 128 bytes/);
    expect(why('Port')).toMatch(/belongs to profile/);
    expect(why('Projector')).toBe('Does not exist');
    expect(field('Name').getAttribute('aria-invalid')).toBe('true');
    expect(screen.getByText('node: is set by Hearth')).toBeTruthy();
    await fireEvent.input(field('Name'), { target: { value: 'other' } });
    expect(why('Name')).toBe('');
  });
});

describe('a stored server', () => {
  test('shows what is stored, and what of it changes as it is typed', async () => {
    answers['POST /api/profiles/preview'] = [200, preview({ '--ctx-size': '4096' })];
    const editor = show(profile());
    expect(field('Context size').value).toBe('4\u2009096');
    const line = await screen.findByRole('group', { name: 'Command line' });
    expect(line.textContent).toMatch(/LLAMA_API_KEY=••••.*\/usr\/bin\/llama-server/s);
    expect(line.textContent).toMatch(/-m \/models\/tiny.gguf.*--ctx-size 4096/s);
    expect(line.querySelector('.new')).toBeNull();
    expect(previewed().map(({ body }) => body)).toEqual([{ id: 'p1' }]);
    expect(editor.cannotSave).toBe('Nothing was changed');

    answers['POST /api/profiles/preview'] = [
      200,
      preview(
        { '--ctx-size': '4096' },
        { problems: [{ field: 'options.parallel', message: 'expected a whole number' }] },
      ),
    ];
    await fireEvent.input(field('Parallel'), { target: { value: '512' } });
    expect(why('Parallel')).toBe('At most 128.');
    await waitFor(() => expect(line.querySelector('.e')?.textContent).toBe('512'));
    expect(screen.queryByText(/expected a whole number/)).toBeNull(); // its row says it
    expect(previewed().at(-1)?.body).toEqual({
      id: 'p1',
      options: { ctx_size: 4096, parallel: 512 },
    });
    expect(editor.cannotSave).toBe('1 value to put right first');

    answers['POST /api/profiles/preview'] = [
      200,
      preview({ '--ctx-size': '4096', '--parallel': '8' }),
    ];
    await fireEvent.input(field('Parallel'), { target: { value: '8' } });
    await waitFor(() => expect(line.querySelector('.e')).toBeNull());
    expect(line.querySelector('.new')?.textContent?.trim()).toBe('--parallel 8');
    answers['PUT /api/profiles/p1'] = [200, profile({ options: { ctx_size: 4096, parallel: 8 } })];
    await editor.save();
    expect(asked.find(({ method }) => method === 'PUT')?.body).toEqual({
      options: { ctx_size: 4096, parallel: 8 },
    });
    expect(editor.isSaved).toBe(true);
  });

  test('an option of another engine is off and can be taken away', async () => {
    const editor = show(profile({ options: { gone: 1 } }));
    const row = field('Gone');
    expect(row.disabled).toBe(true);
    expect(why('Gone')).toMatch(/^Hearth knows no such option of llama-server/);
    await fireEvent.click(screen.getByLabelText('Back to the default of Gone'));
    expect(editor.draft.patch()).toEqual({ options: {} });
  });

  test('a flag that the installed program lacks is off, and says which program', () => {
    const message = 'the installed llama-server b6892 has no --ctx-size';
    const error = { code: 'unknown_option', message, field: 'options.ctx_size', log_tail: [] };
    vi.spyOn(servers, 'get').mockReturnValue(
      server({ state: 'failed', error: { ...error, advice: '' } as never }),
    );
    show(profile());
    expect(field('Context size').disabled).toBe(true);
    expect(why('Context size')).toBe('The installed llama-server b6892 has no --ctx-size.');
    expect(screen.getByRole('button', { name: 'Take Context size away' })).toBeTruthy();
  });

  test('one that it is known to lack is off before anything is started', async () => {
    const message = 'the installed llama-server b6892 has no --sleep';
    const problems = [{ field: 'options.sleep', message }];
    answers['POST /api/profiles/preview'] = [200, preview({}, { problems })];
    const editor = show(profile({ options: { sleep: 5 } }));
    expect(field('Sleep').disabled).toBe(true);
    expect(why('Sleep')).toBe('The installed llama-server b6892 has no --sleep.');
    const line = await screen.findByRole('group', { name: 'Command line' });
    expect(line.querySelector('.e')?.textContent).toBe('5');
    await fireEvent.click(screen.getByLabelText('Back to the default of Sleep'));
    expect(editor.draft.patch()).toEqual({ options: {} });
    expect(screen.queryByLabelText('Sleep')).toBeNull(); // not among the common ones
  });

  test('declared in a file, it is only shown', () => {
    const editor = show(profile({ source: 'file' }));
    expect(field('Name').disabled && field('Context size').disabled).toBe(true);
    expect(editor.cannotSave).toMatch(/Declared in the configuration file/);
    expect(screen.getByRole('button', { name: 'Duplicate it' })).toBeTruthy();
  });

  test('with a key that only reads, it is only shown, and says which key is needed', () => {
    vi.spyOn(session, 'who', 'get').mockReturnValue({
      who: 'key',
      scope: 'read',
      may_execute: false,
    });
    const editor = show(profile());
    expect(field('Context size').disabled).toBe(true);
    expect(why('Context size')).toMatch(/sign in with an admin key/);
    expect(editor.cannotSave).toMatch(/scope read changes nothing/);
    expect(screen.getByText('It is told to who may change the server.')).toBeTruthy();
    expect(previewed()).toEqual([]);
  });

  test('while the server is away, saving waits', async () => {
    vi.spyOn(live, 'isOnline', 'get').mockReturnValue(false);
    const hold = vi.spyOn(live, 'hold').mockRejectedValue(new Problem('dropped', 'Given up.'));
    const editor = show(profile());
    await fireEvent.input(field('Context size'), { target: { value: '512' } });
    expect([editor.cannotSave, editor.cannotStart]).toEqual([false, false]);
    expect(await editor.save()).toBe(null);
    expect(hold).toHaveBeenCalledOnce();
    expect(editor.failure?.message).toBe('Given up.');
    expect(editor.draft.isDirty).toBe(true);
  });

  test('without the engines, the rest can be changed and they are asked for again', async () => {
    vi.spyOn(engines, 'isLoaded', 'get').mockReturnValue(false);
    vi.spyOn(engines, 'problem', 'get').mockReturnValue(new Problem('internal', 'It broke.'));
    const load = vi.spyOn(engines, 'load').mockResolvedValue();
    show(profile());
    expect(screen.getByText('The options cannot be listed')).toBeTruthy();
    await fireEvent.click(screen.getByRole('button', { name: 'Try again' }));
    expect(load).toHaveBeenCalledOnce();
    expect(field('Name').disabled).toBe(false);
  });

  test('of the library, it becomes a profile of its own; name and model stay', async () => {
    answers['PUT /api/models/p1/profile'] = [200, profile({ id: 'p2' })];
    const editor = show(profile({ source: 'library' }));
    expect([field('Name').disabled, field('Model').disabled]).toEqual([true, true]);
    await fireEvent.input(field('Context size'), { target: { value: '512' } });
    expect((await editor.save())?.id).toBe('p2');
  });
});
