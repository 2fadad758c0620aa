import { cleanup, fireEvent, screen, waitFor } from '@testing-library/svelte';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { profiles } from '$lib/state/profiles.svelte';
import { session } from '$lib/state/session.svelte';
import { servers } from '$lib/state/servers.svelte';
import { answering, field, profile, show, type Answering } from '$tests/form';
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

describe('a new server, typed on while it is saved', () => {
  test('goes on as what was made, with what was typed since', async () => {
    answers['POST /api/profiles'] = [201, profile({ id: 'p9', name: 'tiny', port: 10240 })];
    answers['PUT /api/profiles/p9'] = [200, profile({ id: 'p9', name: 'mine', port: 10240 })];
    const editor = show(null, 'model_tiny');
    await waitFor(() =>
      expect([field('Name').value, field('Port').value]).toEqual(['tiny', '10240']),
    );
    const saving = editor.save();
    await fireEvent.input(field('Name'), { target: { value: 'mine' } });
    await fireEvent.input(field('Port'), { target: { value: '1' } });
    await fireEvent.input(field('Port'), { target: { value: '10240' } });
    expect((await saving)?.id).toBe('p9');
    expect([editor.isMade, editor.isStored, editor.isGone]).toEqual([true, true, false]);
    expect(editor.conflicts).toEqual([]); // nobody else had a part in it
    expect(editor.draft.changed).toEqual(['name']);
    expect((await editor.save())?.name).toBe('mine');
    expect(asked.filter(({ path }) => path === '/api/profiles').length).toBe(1);
    expect(asked.find(({ method }) => method === 'PUT')?.body).toEqual({ name: 'mine' });
    expect(editor.draft.isDirty).toBe(false);
  });
});

describe('a server that was deleted elsewhere', () => {
  const whole = profile({
    node: '',
    created_at_ms: 1,
    updated_at_ms: 2,
    state: 'ready',
    restart_required: true,
    description: '',
    aliases: ['gpt-4o'],
    options: { ctx_size: 4096, parallel: 2 },
  });

  test('is made anew with all that the form shows', async () => {
    vi.spyOn(servers, 'get').mockReturnValue(server({ state: 'ready', running: true }));
    answers['POST /api/profiles'] = [201, profile({ id: 'p2' })];
    const editor = show(whole, null, true);
    await fireEvent.input(field('Parallel'), { target: { value: '8' } });
    expect(screen.getByText('coder was deleted elsewhere meanwhile')).toBeTruthy();
    expect([editor.isStored, editor.cannotSave, editor.server]).toEqual([false, false, undefined]);
    const all = {
      name: 'coder',
      engine: 'llama-server',
      model_path: '/models/tiny.gguf',
      host: '127.0.0.1',
      port: 8412,
      aliases: ['gpt-4o'],
      queue_size: 100,
      options: { ctx_size: 4096, parallel: 8 },
    };
    await waitFor(() => expect(previewed().at(-1)?.body).toEqual(all));
    expect((await editor.save())?.id).toBe('p2');
    expect(asked.find(({ path }) => path === '/api/profiles')?.body).toEqual(all);
    expect([editor.isGone, editor.draft.isDirty]).toEqual([false, false]);
  });

  test('what it kept secret is not made up', async () => {
    vi.spyOn(session, 'mayExecute', 'get').mockReturnValue(true);
    const editor = show(profile({ env: { TOKEN: '***', B: 'x' } }), null, true);
    expect(screen.getByText(/^It was kept secret, and went with the server/)).toBeTruthy();
    expect(editor.cannotSave).toBe('1 value to put right first');
    editor.draft.set('env', ['TOKEN=new', 'B=x']);
    await waitFor(() => expect(editor.cannotSave).toBe(false));
  });

  test('saving says so before it is told of, and keeps what was typed', async () => {
    profiles.replace([whole]);
    answers['PUT /api/profiles/p1'] = [404, { code: 'not_found', message: 'there is no profile' }];
    const editor = show(whole);
    await fireEvent.input(field('Parallel'), { target: { value: '8' } });
    expect(await editor.save()).toBeNull();
    expect(profiles.get('p1')).toBeUndefined();
    expect([editor.failure, editor.draft.get('options.parallel')]).toEqual([null, 8]);
  });
});
