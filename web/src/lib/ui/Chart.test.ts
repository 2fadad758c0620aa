import { cleanup, fireEvent, render, screen } from '@testing-library/svelte';
import type uPlot from 'uplot';
import { afterEach, beforeAll, expect, test, vi } from 'vitest';
import Chart from './Chart.svelte';
import ChartTable from './ChartTable.svelte';
import { indexAt, pointAfter, pointTime } from './chart';

// jsdom has no canvas: what is drawn is of no interest here, but where its cursor is.
const plots = vi.hoisted(() => [] as { point: (idx: number | null) => void }[]);
vi.mock('uplot', () => ({
  default: class {
    over = { offsetLeft: 40, clientWidth: 300, clientHeight: 100 };
    cursor: { idx: number | null } = { idx: null };
    setData = vi.fn();
    setSize = vi.fn();
    setCursor = vi.fn();
    destroy = vi.fn();
    point: (idx: number | null) => void;
    constructor(options: uPlot.Options) {
      this.point = (idx) => {
        this.cursor.idx = idx;
        options.hooks?.setCursor?.[0]?.(this as unknown as uPlot);
      };
      plots.push(this);
    }
    valToPos = (s: number) => s;
  },
}));

beforeAll(() => {
  vi.stubGlobal(
    'ResizeObserver',
    class {
      observe() {}
      unobserve() {}
      disconnect() {}
    },
  );
  vi.stubGlobal('matchMedia', () => ({ addEventListener() {}, removeEventListener() {} }));
});
afterEach(() => {
  cleanup();
  plots.length = 0;
});

const noon = new Date(2026, 0, 2, 12).getTime();
const at = Array.from({ length: 30 }, (_, i) => noon + i * 10_000);
const series = [
  { label: 'Output', unit: 'tok/s', values: at.map((_, i) => (i === 28 ? null : i)) },
  { label: 'Load', unit: '', values: at.map((_, i) => (i === 28 ? null : i / 10)) },
];
const shown = () => document.querySelector('.pop')?.textContent?.replace(/\s+/g, ' ').trim();
const said = () => document.querySelector('[aria-live]')?.textContent;

async function press(...keys: string[]) {
  const plot = screen.getByRole('application');
  for (const key of keys) await fireEvent.keyDown(plot, { key });
}

test('the pointer shows one popover; what stands below stays', async () => {
  render(Chart, { label: 'Rates', at, series });
  const legend = document.querySelector('.legend')?.textContent;
  plots[0]?.point(3); // another chart's cursor
  expect(shown()).toBe(undefined);
  const frame = screen.getByRole('application');
  await fireEvent.mouseEnter(frame);
  plots[0]?.point(3);
  await vi.waitFor(() => expect(shown()).toMatch(/12:00:30 Output 3\.0 tok\/s Load 0\.3/));
  expect(document.querySelector('.legend')?.textContent).toBe(legend);
  expect(said()).toBe(''); // only what keys ask for is read out
  await fireEvent.mouseLeave(frame);
  expect(shown()).toBe(undefined);
});

test('the keys go through what was measured, and it is said', async () => {
  const { rerender } = render(Chart, { label: 'Rates', at, series });
  expect(screen.getByRole('application').getAttribute('aria-label')).toBe(
    'Rates, chart; arrow keys move through its points',
  );
  await press('ArrowLeft');
  expect(said()).toBe('12:04:50: Output 29.0 tok/s, Load 2.9');
  await press('ArrowLeft'); // past the gap
  expect(shown()).toContain('Output 27.0 tok/s');
  await press('Home', 'PageUp');
  expect(shown()).toContain('Output 10.0');
  await press('End', 'PageDown', 'ArrowRight');
  expect(shown()).toContain('Output 19.0');
  // A new point moves neither the crosshair nor what was said.
  const before = said();
  await rerender({
    at: [...at.slice(1), noon + 300_000],
    series: series.map((one) => ({ ...one, values: [...one.values.slice(1), 7] })),
  });
  expect(shown()).toContain('Output 19.0');
  expect(said()).toBe(before);
  await press('Escape');
  expect(shown()).toBe(undefined);
  await press('Home');
  await fireEvent.blur(screen.getByRole('application'));
  expect(shown()).toBe(undefined);
});

test('as a table: newest first, without gaps, no more than 600', async () => {
  const { rerender } = render(ChartTable, { label: 'Rates', at, series });
  const rows = () => screen.getAllByRole('row').map((row) => row.textContent?.replace(/\s+/g, ' '));
  expect(rows()[0]).toMatch(/Time.*Output ?tok\/s.*Load/);
  expect(rows()[1]).toMatch(/12:04:50.*29\.0.*2\.9/);
  expect(rows()[2]).toMatch(/12:04:30.*27\.0/);
  expect(rows().length).toBe(30); // the head, and all but one
  const long = Array.from({ length: 700 }, (_, i) => noon + i * 1000);
  await rerender({ at: long, series: [{ label: 'One', unit: '', values: long.map(() => 1) }] });
  expect(rows().length).toBe(601);
});

test('keys, times', () => {
  expect(pointAfter('ArrowRight', null, 5)).toBe(4);
  expect(pointAfter('ArrowLeft', 0, 5)).toBe(0);
  expect(pointAfter('a', 0, 5)).toBe(null);
  expect(pointAfter('Home', null, 0)).toBe(null);
  expect(indexAt([], 1)).toBe(null);
  expect(indexAt([10, 20], 5)).toBe(0);
  expect(indexAt([10, 20], 25)).toBe(1);
  expect(pointTime(noon, at)).toBe('12:00:00');
  expect(pointTime(noon, [noon - 86_400_000, noon])).toMatch(/2.*12:00:00/);
});
