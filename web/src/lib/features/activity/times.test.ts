import { describe, expect, it } from 'vitest';
import { activityRow } from '$tests/activity';
import { faceOf, partsOf, timeText } from './times';
import { isFiltered, isWanted, merged, queryOf, touches, wantedOf } from './wanted';

describe('where the time went', () => {
  it('adds up', () => {
    const row = activityRow({
      duration_ms: 1000,
      queue_ms: 100,
      load_ms: 200,
      first_token_ms: 450,
    });
    expect(partsOf(row)).toEqual({ waiting: 300, first: 150, answer: 550 });
  });
  it('has no first token where there was no stream', () => {
    const row = activityRow({ duration_ms: 1000, queue_ms: 0, load_ms: 0, first_token_ms: null });
    expect(partsOf(row)).toEqual({ waiting: 0, first: 0, answer: 1000 });
  });
  it('is never longer than the whole', () => {
    const row = activityRow({ duration_ms: 10, queue_ms: 8, load_ms: 8, first_token_ms: 99 });
    const { waiting, first, answer } = partsOf(row);
    expect(waiting + first + answer).toBe(10);
  });
  it('is told in fitting units', () => {
    expect(timeText(null)).toBe('–');
    expect(timeText(840)).toBe('840 ms');
    expect(timeText(4210)).toBe('4.21 s');
    expect(timeText(42100)).toBe('42.1 s');
    expect(timeText(123_000)).toBe('2 min 3 s');
  });
  it('tells each end by a face of its own', () => {
    expect(faceOf(activityRow({ outcome: 'completed', status: 200 })).word).toBe('200');
    expect(faceOf(activityRow({ outcome: 'failed', status: 503 })).state).toBe('failed');
    expect(faceOf(activityRow({ outcome: 'failed', status: null })).word).toBe('Failed');
    expect(faceOf(activityRow({ outcome: 'client_gone', status: 200 })).word).toBe('Left');
    expect(faceOf(activityRow({ outcome: 'cancelled', status: 499 })).word).toBe('Cancelled');
  });
});

describe('what is wanted', () => {
  const all = { words: '', model: '', outcome: '' as const };
  it('stands in the address', () => {
    expect(queryOf(all)).toBe('');
    expect(isFiltered(all)).toBe(false);
    const wanted = { words: 'a b', model: 'x/y', outcome: 'failed' as const };
    expect(wantedOf(new URLSearchParams(queryOf(wanted)))).toEqual(wanted);
    expect(wantedOf(new URLSearchParams('outcome=fine'))).toEqual(all);
  });
  it('is the same of what comes live', () => {
    const row = activityRow({ model: 'coder', caller: 'Laptop', error: 'no room' });
    expect(isWanted(row, all)).toBe(true);
    expect(isWanted(row, { ...all, words: 'laptop' })).toBe(true);
    expect(isWanted(row, { ...all, words: 'desktop' })).toBe(false);
    expect(isWanted(row, { ...all, model: 'code' })).toBe(false);
    expect(isWanted(row, { ...all, outcome: 'cancelled' })).toBe(false);
  });
  it('is asked for anew where rows went by unseen', () => {
    const rows = [5, 4].map((id) => activityRow({ id }));
    expect(
      touches(
        [9, 8].map((id) => activityRow({ id })),
        rows,
      ),
    ).toBe(false);
    expect(
      touches(
        [6, 5].map((id) => activityRow({ id })),
        rows,
      ),
    ).toBe(true);
    expect(touches([], [])).toBe(true);
  });
  it('comes newest first, each once', () => {
    const rows = [3, 1].map((id) => activityRow({ id }));
    const news = [2, 3, 4].map((id) => activityRow({ id }));
    expect(merged(news, rows, 3).map(({ id }) => id)).toEqual([4, 3, 2]);
  });
});
