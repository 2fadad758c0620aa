import { cleanup, fireEvent, render, screen } from '@testing-library/svelte';
import { createRawSnippet, tick } from 'svelte';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import Table from './Table.svelte';
import type { Column } from './table';

interface Row {
  id: string;
  isHeading?: boolean;
}
const columns: Column[] = [
  { id: 'name', label: 'Name', width: '1fr', isSortable: true },
  { id: 'size', label: 'Size', width: '80px', only: 'wide', isNumber: true, isSortable: true },
];
const cell = createRawSnippet((row: () => unknown, column: () => unknown) => ({
  render: () => `<span>${(row() as Row).id} ${(column() as Column).id}</span>`,
}));
const heading = createRawSnippet((row: () => unknown) => ({
  render: () => `<b>${(row() as Row).id}</b>`,
}));
const rows = (n: number): Row[] => Array.from({ length: n }, (_, i) => ({ id: `r${i}` }));

// jsdom lays nothing out: the scroller is 360 high.
beforeEach(() => {
  vi.spyOn(Element.prototype, 'clientHeight', 'get').mockReturnValue(360);
  vi.spyOn(Element.prototype, 'clientWidth', 'get').mockReturnValue(800);
  HTMLElement.prototype.scrollTo = vi.fn();
});
afterEach(() => {
  cleanup();
  vi.restoreAllMocks();
});

async function show(more: Record<string, unknown> = {}) {
  const props = {
    label: 'Things',
    rows: rows(10_000),
    columns,
    keyOf: (row: Row) => row.id,
    cell,
    sort: { by: 'name', isDescending: false },
    ...more,
  };
  render(Table as never, props as never);
  await tick();
}
const focused = () => document.activeElement?.getAttribute('aria-rowindex');

test('of ten thousand rows those that are seen are there, and each says which it is', async () => {
  await show();
  expect(screen.getByRole('grid', { name: 'Things' }).getAttribute('aria-rowcount')).toBe('10001');
  const drawn = screen.getAllByRole('row');
  expect(drawn.length).toBeGreaterThan(10);
  expect(drawn.length).toBeLessThan(40);
  expect(drawn[1]?.getAttribute('aria-rowindex')).toBe('2');
  expect(drawn.filter((row) => row.getAttribute('tabindex') === '0')).toHaveLength(1);
});

test('heads sort, and say how', async () => {
  const onsort = vi.fn();
  await show({ rows: rows(3), onsort });
  const [name, size] = screen.getAllByRole('columnheader');
  expect([name?.getAttribute('aria-sort'), size?.getAttribute('aria-sort')]).toEqual([
    'ascending',
    null,
  ]);
  await fireEvent.click(screen.getByRole('button', { name: 'Name' }));
  await fireEvent.click(screen.getByRole('button', { name: 'Size' }));
  expect(onsort.mock.calls).toEqual([
    [{ by: 'name', isDescending: true }],
    [{ by: 'size', isDescending: true }],
  ]);
});

test('arrows go through the rows, over headings and to the end; Enter opens, space marks', async () => {
  const onopen = vi.fn();
  const onmark = vi.fn();
  const all: Row[] = [{ id: 'G', isHeading: true }, ...rows(500)];
  await show({
    rows: all,
    isHeading: (row: Row) => row.isHeading === true,
    heading,
    onopen,
    onmark,
  });
  const press = async (key: string) => {
    await fireEvent.keyDown(document.activeElement ?? document.body, { key });
    await tick();
    await tick();
  };
  document.querySelector<HTMLElement>('[role=row][tabindex="0"]')?.focus();
  expect(focused()).toBe('3');
  await press('ArrowUp');
  expect(focused()).toBe('3');
  await press('ArrowDown');
  await press('Enter');
  await press(' ');
  expect(onopen.mock.calls).toEqual([[{ id: 'r1' }]]);
  expect(onmark.mock.calls).toEqual([[{ id: 'r1' }]]);
  await press('End');
  expect(focused()).toBe('502'); // drawn though it is not seen yet
  await press('Home');
  expect(focused()).toBe('3');
});

test('the row that is open is told', async () => {
  await show({ rows: rows(5), selected: 'r2' });
  const chosen = screen
    .getAllByRole('row')
    .filter((row) => row.getAttribute('aria-selected') === 'true');
  expect(chosen.map((row) => row.getAttribute('aria-rowindex'))).toEqual(['4']);
});
