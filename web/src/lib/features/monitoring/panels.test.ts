import { describe, expect, it } from 'vitest';
import { sample } from '$tests/sample';
import { measuredOf, panelsOf, seriesOf } from './panels';
import { appended, binsOf, rangeOf, timesOf, valuesOf } from '$lib/state/points';

const bin = (at_ms: number, a: number, n = 1) => ({ at_ms, n, values: { a } });

describe('the past', () => {
  it('is put together from several answers', () => {
    const bins = binsOf([
      { step_ms: 10, at_ms: [10, 20], series: { a: [1, null], b: [2, 3] } },
      { step_ms: 10, at_ms: [10, 30], series: { c: [4, 5] } },
    ]);
    expect(bins.map(({ at_ms }) => at_ms)).toEqual([10, 20, 30]);
    expect(bins.map(({ values }) => values)).toEqual([{ a: 1, b: 2, c: 4 }, { b: 3 }, { c: 5 }]);
  });
  it('goes on with each sample, averaged within a step', () => {
    let bins = appended([bin(0, 1)], 10_000, { a: 3 }, 30_000, 60_000);
    expect(bins).toEqual([bin(0, 2, 2)]);
    bins = appended(bins, 20_000, { a: 8 }, 30_000, 60_000);
    expect(bins).toEqual([bin(0, 4, 3)]);
    bins = appended(bins, 30_000, { a: 7 }, 30_000, 60_000);
    expect(bins).toEqual([bin(0, 4, 3), bin(30_000, 7)]);
  });
  it('takes no sample twice, and forgets what is too old', () => {
    const bins = [bin(0, 1), bin(10, 2)];
    expect(appended(bins, 10, { a: 9 }, 5, 100)).toEqual(bins);
    expect(appended(bins, 105, { a: 9 }, 5, 100)).toEqual([bin(10, 2), bin(105, 9)]);
  });
  it('has a gap where nothing was measured', () => {
    const { at, from } = timesOf([bin(0, 1), bin(10_000, 2), bin(90_000, 3)], 10_000);
    expect(at).toEqual([0, 10_000, 20_000, 90_000]);
    expect(from.map((one) => one?.values.a ?? null)).toEqual([1, 2, null, 3]);
  });
  it('falls back to an hour', () => {
    expect(rangeOf('7d').points).toBe(600);
    expect(rangeOf('year').id).toBe('1h');
    expect(rangeOf(null).id).toBe('1h');
  });
});

describe('a sample', () => {
  it('has the names of the history, and nothing for what is not known', () => {
    const values = valuesOf(sample());
    expect(values.cpu_percent).toBe(12.5);
    expect(values['server.p1.rss_bytes']).toBe(1024 ** 3);
    expect(values['server.p1.completion_tokens_per_s']).toBe(40);
    expect(values['gpu.0.busy_percent']).toBe(80);
    expect('swap_used_bytes' in values).toBe(false);
    expect('server.p1.gpu_memory_bytes' in values).toBe(false);
  });
  it('makes the panels that can be drawn, and says why others cannot', () => {
    const all = panelsOf(sample(), [{ id: 'p1', name: 'coder' }]);
    const of = (id: string) => all.find((panel) => panel.id === id);
    expect(of('gpu-0')?.about).toBe('RTX');
    expect(of('server-gpu')?.lines[0]?.of(valuesOf(sample()))).toBe(null);
    expect(of('gpu-0-heat')?.lines.map((line) => line.of(valuesOf(sample())))).toEqual([60, 200]);
    expect(of('load')?.why).toBe('there is no such file');
    const values = valuesOf(sample());
    expect(of('memory')?.lines[0]?.of(values)).toBe(4);
    expect(of('disk')?.lines[0]?.of(values)).toBe(60);
    expect(of('gpu-0')?.lines[1]?.of(values)).toBe(50);
    expect(of('memory')?.lines[1]?.of(values)).toBe(null);
    expect(seriesOf(all)).toContain('server.p1.cpu_percent');
    const none = panelsOf(sample({ gpus: [], servers: [], unknown: { gpus: 'no driver' } }), []);
    expect(none.find(({ id }) => id === 'gpu')?.why).toBe('no driver');
    expect(none.some(({ id }) => id.startsWith('server'))).toBe(false);
  });
  it('draws no more servers than can be told apart', () => {
    const many = Array.from({ length: 6 }, (_, i) => ({ id: `p${i}`, name: `s${i}` }));
    const cpu = panelsOf(sample(), many).find(({ id }) => id === 'server-cpu');
    expect(cpu?.lines.length).toBe(4);
    expect(cpu?.about).toContain('4 of 6');
  });
});

describe('servers that have charts', () => {
  const named = (name: string) => ({ id: `of-${name}`, name });
  const run = (name: string) => ({ profile_id: `of-${name}`, profile_name: name });
  const known = ['a', 'b', 'c', 'd', 'e', 'f'].map(named);
  const ran = (...names: string[]) => new Map(names.map((name) => [`of-${name}`, name]));
  it('are those that run, and those that ran within the range', () => {
    expect(measuredOf([run('c')], known, ran('a'))).toEqual([named('a'), named('c')]);
    expect(measuredOf([], known, ran())).toEqual([]);
    expect(measuredOf([], known, ran('b', 'c'))).toEqual(measuredOf([run('c')], known, ran('b')));
  });
  it('are first those that run, where there are many', () => {
    const all = measuredOf([run('f')], known, ran('a', 'b', 'c', 'd', 'f'));
    expect(all.map(({ name }) => name)).toEqual(['f', 'a', 'b', 'c', 'd']);
  });
  it('are also those that are deleted, by the names they had, last where there are many', () => {
    expect(measuredOf([run('c')], known, ran('gone', 'a'))).toEqual([
      named('a'),
      named('c'),
      { id: 'of-gone', name: 'gone (deleted)' },
    ]);
    const many = measuredOf([run('f')], known, ran('0', 'a', 'b', 'c'));
    expect(many.map(({ name }) => name)).toEqual(['f', 'a', 'b', 'c', '0 (deleted)']);
    const nameless = new Map([['profile_0123', null]]);
    expect(measuredOf([], known, nameless)[0]?.name).toBe('profile_0123 (deleted)');
  });
  it('are called so that each can be told from the others', () => {
    const twice = new Map([
      ['id-000001', 'coder'],
      ['id-000002', 'coder'],
      ['of-a', 'a'],
    ]);
    expect(measuredOf([], known, twice).map(({ name }) => name)).toEqual([
      'a',
      'coder (deleted) 000001',
      'coder (deleted) 000002',
    ]);
    // A renamed one has the name it has now.
    expect(measuredOf([], known, new Map([['of-a', 'as it was']]))).toEqual([named('a')]);
  });
});
