import { describe, expect, test } from 'vitest';
import { Draft, flatten } from './draft.svelte';

const stored = flatten({
  name: 'coder',
  description: '',
  port: 8412,
  aliases: [],
  env: { A: '***', B: 'x=y' },
  options: { ctx_size: 4096, parallel: 2 },
});

describe('a stored profile', () => {
  test('lies flat: options by their field, variables as lines, nothing is null', () => {
    expect(stored).toEqual({
      name: 'coder',
      description: null,
      port: 8412,
      aliases: null,
      env: ['A=***', 'B=x=y'],
      'options.ctx_size': 4096,
      'options.parallel': 2,
    });
  });
  test('what only the server says is no part of it', () => {
    const all = { id: 'p1', source: 'database', node: '', created_at_ms: 1, updated_at_ms: 2 };
    const profile = { ...all, state: 'ready', restart_required: false, name: 'a', port: 0 };
    expect(new Draft(() => flatten(profile)).whole()).toEqual({ name: 'a', port: 0 });
  });
  test('is changed by what differs; options are sent together, variables as an object', () => {
    const draft = new Draft(() => stored);
    expect(draft.patch()).toEqual({});
    draft.set('port', 8413);
    expect(draft.patch()).toEqual({ port: 8413 });
    draft.set('options.ctx_size', 8192);
    draft.set('options.parallel', null);
    draft.set('env', ['A=***', 'C=']);
    expect(draft.patch()).toEqual({
      port: 8413,
      options: { ctx_size: 8192 },
      env: { A: '***', C: '' },
    });
    draft.set('port', 8412);
    expect(draft.changed).toEqual(['options.ctx_size', 'options.parallel', 'env']);
    draft.undo();
    expect(draft.isDirty).toBe(false);
  });
  test('null goes back to the default, and the last option away is none left', () => {
    const draft = new Draft(() => ({ 'options.a': 1, ttl_s: 60 }));
    draft.set('options.a', null);
    draft.set('ttl_s', null);
    expect(draft.patch()).toEqual({ options: {}, ttl_s: null });
  });
});

describe('detection', () => {
  test('fills what is new and untouched, and gives way to the next', () => {
    const draft = new Draft(() => ({}));
    draft.detect({ name: 'tiny', 'options.mmproj': '/m/a.gguf' });
    expect(draft.whole()).toEqual({ name: 'tiny', options: { mmproj: '/m/a.gguf' } });
    expect([draft.isDetected('name'), draft.isDirty]).toEqual([true, false]);
    draft.set('name', null); // taken out by the user: it stays out
    draft.detect({ name: 'other' });
    expect([draft.get('name'), draft.get('options.mmproj')]).toEqual([null, null]);
    expect(draft.whole()).toEqual({});
  });
  test('does not replace what is stored', () => {
    const draft = new Draft(() => stored);
    draft.detect({ 'options.ctx_size': 1, 'options.embeddings': true });
    expect(draft.get('options.ctx_size')).toBe(4096);
    expect(draft.get('options.embeddings')).toBe(true);
    draft.set('model_path', '/m/b.gguf'); // what is shown with it is saved with it
    expect(draft.patch()).toEqual({
      model_path: '/m/b.gguf',
      options: { ctx_size: 4096, parallel: 2, embeddings: true },
    });
    draft.set('options.embeddings', null);
    expect(draft.patch()).toEqual({ model_path: '/m/b.gguf' });
  });
});

describe('others save meanwhile', () => {
  test('what is untouched follows, what is touched is asked about', () => {
    let base = stored;
    const draft = new Draft(() => base);
    draft.set('port', 1);
    base = { ...stored, name: 'renamed' };
    expect([draft.get('name'), draft.conflicts]).toEqual(['renamed', []]);
    base = { ...base, port: 2 };
    expect(draft.conflicts).toEqual(['port']);
    draft.keepMine();
    expect([draft.get('port'), draft.conflicts]).toEqual([1, []]);
    base = { ...base, port: 3 };
    draft.takeTheirs();
    expect([draft.get('port'), draft.conflicts, draft.isDirty]).toEqual([3, [], false]);
  });
  test('what was put back follows again', () => {
    let base = stored;
    const draft = new Draft(() => base);
    draft.set('port', 1);
    draft.set('port', 8412);
    draft.set('options.seed', 1);
    draft.set('options.seed', null);
    base = { ...stored, port: 2, 'options.seed': 7 };
    expect([draft.get('port'), draft.get('options.seed')]).toEqual([2, 7]);
    expect([draft.conflicts, draft.isDirty]).toEqual([[], false]);
  });
  test('the same value is no conflict', () => {
    let base = stored;
    const draft = new Draft(() => base);
    draft.set('port', 1);
    base = { ...stored, port: 1 };
    expect([draft.conflicts, draft.isDirty]).toEqual([[], false]);
  });
  test('an option that another window set is not lost', () => {
    let base = stored;
    const draft = new Draft(() => base);
    draft.set('options.ctx_size', 1);
    base = { ...stored, 'options.seed': 7 };
    expect(draft.patch()).toEqual({ options: { ctx_size: 1, parallel: 2, seed: 7 } });
  });
});

describe('saving', () => {
  test('what was typed while it was under way is still to be saved', () => {
    let base = stored;
    const draft = new Draft(() => base);
    draft.set('port', 1);
    draft.set('name', 'a');
    const sent = draft.snapshot();
    draft.set('name', 'ab');
    base = { ...stored, port: 1, name: 'a' };
    draft.settle(sent);
    expect([draft.changed, draft.get('name')]).toEqual([['name'], 'ab']);
    expect(draft.conflicts).toEqual([]); // the value there is what was sent
  });
  test('a refusal stands at its field until that is touched', () => {
    const draft = new Draft(() => stored);
    draft.refuse([
      { field: 'port', message: 'taken' },
      { field: 'node', message: 'no' },
    ]);
    expect(draft.refusal('port')).toBe('taken');
    expect(draft.refusedBut(['port'])).toEqual([{ field: 'node', message: 'no' }]);
    draft.set('port', 5);
    expect([draft.refusal('port'), draft.refusals]).toEqual([undefined, 1]);
  });
});
