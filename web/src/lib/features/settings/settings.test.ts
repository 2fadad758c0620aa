import { beforeEach, describe, expect, it, vi } from 'vitest';
import { Problem } from '$lib/api/problem';
import type { Setting, SettingValue } from '$lib/state/settings.svelte';
import { Draft, type Source } from '$lib/state/draft.svelte';
import { helpOf, lockOf, matching, sections, sectionsOf, typeOf } from './sections';

const setting = (more: Partial<Setting> = {}): Setting => ({
  value: 4,
  origin: 'default',
  pinned_by: null,
  type: 'int',
  needs_restart: false,
  is_editable: true,
  help: 'Models loaded at once.',
  ...more,
});

describe('where a setting stands', () => {
  it('has one place, or stands under Other', () => {
    const keys = sections.flatMap(({ cards }) =>
      cards.flatMap(({ rows }) => rows.map(({ key }) => key)),
    );
    expect(new Set(keys).size).toBe(keys.length);
    const all = { models_max: setting(), 'brand.new': setting() };
    const other = sectionsOf(all).find(({ id }) => id === 'other');
    expect(other?.cards[0]?.rows.map(({ key }) => key)).toEqual(['brand.new']);
    expect(sectionsOf({ models_max: setting() }).some(({ id }) => id === 'other')).toBe(false);
  });
  it('is found by key, name and help', () => {
    const known = { models_max: setting() };
    for (const words of ['models_max', 'at once', 'loaded ONCE'])
      expect(matching(sections, known, words).map(({ id }) => id)).toContain('engines');
    expect(matching(sections, known, 'loaded twice')).toEqual([]);
  });
  it('says why it cannot be changed, and when it acts', () => {
    expect(lockOf(setting())).toBeUndefined();
    expect(lockOf(setting({ pinned_by: 'HEARTH_MODELS_MAX', is_editable: false }))).toBe(
      'Set by HEARTH_MODELS_MAX.',
    );
    expect(lockOf(setting({ is_editable: false }))).toMatch(/hearth\.yaml/);
    expect(helpOf(setting({ needs_restart: true }))).toMatch(/after a restart/);
    expect(typeOf(setting({ type: 'paths' }))).toBe('list');
    expect(typeOf(setting({ type: 'bool' }))).toBe('switch');
  });
});

describe('what is changed', () => {
  let all: Record<string, Setting>;
  let save: ReturnType<typeof vi.fn>;
  let draft: Draft;
  beforeEach(() => {
    all = { models_max: setting(), 'logs.console': setting({ type: 'bool', value: true }) };
    save = vi.fn(async (changes: Record<string, SettingValue>) => {
      for (const [key, value] of Object.entries(changes)) all[key] = setting({ value });
    });
    draft = new Draft({
      get all() {
        return all;
      },
      save,
    } satisfies Source);
  });

  it('counts only what differs', () => {
    draft.change('models_max', 2);
    expect(draft.size).toBe(1);
    expect(draft.valueOf('models_max')).toBe(2);
    draft.change('models_max', 4);
    expect(draft.size).toBe(0);
    draft.change('models_max', null); // the default is not what it may be now
    expect(draft.size).toBe(1);
    draft.discard();
    expect(draft.valueOf('models_max')).toBe(4);
  });
  it('is saved together', async () => {
    draft.change('models_max', 2);
    draft.change('logs.console', false);
    expect(await draft.save()).toBe(true);
    expect(save).toHaveBeenCalledWith({ models_max: 2, 'logs.console': false });
    expect(draft.size).toBe(0);
  });
  it('stays when it is refused, with the reason at its field', async () => {
    save.mockRejectedValueOnce(
      new Problem('invalid', 'one is wrong', {
        details: [{ field: 'models_max', message: 'at most 1000' }],
      }),
    );
    draft.change('models_max', 5000);
    expect(await draft.save()).toBe(false);
    expect(draft.errorOf('models_max')).toBe('at most 1000');
    expect(draft.problem).toBeNull();
    draft.change('models_max', 5);
    expect(draft.errorOf('models_max')).toBeUndefined();
    save.mockRejectedValueOnce(new Problem('forbidden', 'sign in first'));
    expect(await draft.save()).toBe(false);
    expect(draft.problem?.message).toBe('sign in first');
    expect(draft.size).toBe(1);
  });
  it('keeps what is changed while it is saved', async () => {
    draft.change('models_max', 2);
    save.mockImplementationOnce(async (changes: Record<string, SettingValue>) => {
      draft.change('models_max', 6);
      draft.change('logs.console', false);
      all = { ...all, models_max: setting({ value: changes.models_max ?? null }) };
    });
    expect(await draft.save()).toBe(true);
    expect(draft.valueOf('models_max')).toBe(6);
    expect(draft.valueOf('logs.console')).toBe(false);
    expect(draft.overtaken).toEqual([]);
  });
  it('asked for again while it is saved, what was changed since follows, once', async () => {
    const ends: (() => void)[] = [];
    save.mockImplementation(
      (changes: Record<string, SettingValue>) =>
        new Promise<void>((resolve) =>
          ends.push(() => {
            for (const [key, value] of Object.entries(changes))
              all = { ...all, [key]: setting({ value }) };
            resolve();
          }),
        ),
    );
    draft.change('models_max', 2);
    const first = draft.save();
    expect(draft.isSaving).toBe(true);
    draft.change('models_max', 6);
    expect(draft.isSaving).toBe(false); // there is something to save
    const again = draft.save();
    expect(draft.isSaving).toBe(true);
    draft.change('logs.console', false);
    void draft.save();
    expect(save.mock.calls).toEqual([[{ models_max: 2 }]]);
    ends[0]?.();
    await vi.waitFor(() => expect(save).toHaveBeenCalledTimes(2));
    expect(save.mock.calls[1]).toEqual([{ models_max: 6, 'logs.console': false }]);
    ends[1]?.();
    expect(await Promise.all([first, again])).toEqual([true, true]);
    expect(save).toHaveBeenCalledTimes(2);
    expect([draft.size, draft.isSaving]).toEqual([0, false]);
  });
  it('asked for twice with nothing new, it is sent once', async () => {
    draft.change('models_max', 2);
    void draft.save();
    expect(await draft.save()).toBe(true);
    save.mockRejectedValue(new Problem('forbidden', 'sign in first'));
    draft.change('models_max', 3);
    void draft.save();
    expect(await draft.save()).toBe(false);
    expect(save).toHaveBeenCalledTimes(2);
    draft.change('models_max', 4); // refused is not stored: it may be sent again
    expect(await draft.save()).toBe(false);
    expect(save).toHaveBeenCalledTimes(3);
  });
  it('tells what somebody else has changed meanwhile', () => {
    draft.change('models_max', 2);
    expect(draft.overtaken).toEqual([]);
    all = { ...all, models_max: setting({ value: 9 }) };
    expect(draft.overtaken).toEqual(['models_max']);
    draft.drop('models_max');
    expect(draft.valueOf('models_max')).toBe(9);
  });
});
