import { expect, test } from 'vitest';
import { Collection } from './collection.svelte';
import { Live } from './live.svelte';

interface Row {
  id: string;
  n: number;
}

/** Rows whose pictures come when the test says so. */
function make(isApart: boolean) {
  const asked: ((rows: Row[] | Error) => void)[] = [];
  const rows = new Collection<Row>(
    {
      idOf: ({ id }) => id,
      list: () =>
        new Promise((resolve, reject) =>
          asked.push((answer) => (answer instanceof Error ? reject(answer) : resolve(answer))),
        ),
      listen: () => {},
      isApart,
    },
    new Live(),
  );
  return { rows, asked };
}
const shown = (rows: Collection<Row>) => rows.all.map(({ id, n }) => `${id}${n}`).join(' ');

test('what is told while a picture is on its way holds against it', async () => {
  const { rows, asked } = make(true);
  rows.replace([{ id: 'a', n: 1 }]);
  const done = rows.load();
  rows.put({ id: 'b', n: 2 });
  rows.delete('c');
  rows.change(() => {
    const row = rows.get('d');
    if (row) rows.put({ ...row, n: 9 });
  });
  expect(shown(rows)).toBe('a1 b2');
  asked[0]?.([
    { id: 'b', n: 1 },
    { id: 'c', n: 1 },
    { id: 'd', n: 1 },
  ]);
  await done;
  expect(shown(rows)).toBe('b2 d9');
  rows.put({ id: 'b', n: 3 });
  const again = rows.load();
  asked[1]?.([{ id: 'b', n: 4 }]);
  await again;
  expect(shown(rows)).toBe('b4');
});

test('a picture that comes in step holds against what was told before it', async () => {
  const { rows, asked } = make(false);
  const done = rows.load();
  rows.put({ id: 'a', n: 1 });
  asked[0]?.([{ id: 'a', n: 2 }]);
  await done;
  expect(shown(rows)).toBe('a2');
});

test('a picture that another overtook is left', async () => {
  const { rows, asked } = make(true);
  const first = rows.load();
  const second = rows.load();
  asked[1]?.([{ id: 'a', n: 2 }]);
  await second;
  asked[0]?.(new Error('late'));
  await first;
  expect(shown(rows)).toBe('a2');
  expect(rows.problem).toBe(null);
  const third = rows.load();
  rows.replace([{ id: 'b', n: 1 }]); // told as a whole
  asked[2]?.([{ id: 'a', n: 3 }]);
  await third;
  expect(shown(rows)).toBe('b1');
});

test('an answer over REST does not undo what was told while it was on its way', () => {
  const { rows } = make(false);
  rows.put({ id: 'a', n: 2 }); // told: it has ended
  rows.learn({ id: 'a', n: 1 }); // answered: it has begun
  rows.learn({ id: 'b', n: 1 });
  expect(shown(rows)).toBe('a2 b1');
});
