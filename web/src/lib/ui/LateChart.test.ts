import { render, screen } from '@testing-library/svelte';
import { expect, test, vi } from 'vitest';
import LateChart from './LateChart.svelte';

vi.mock('uplot', () => {
  throw new RangeError('invalid language tag: C');
});

test('where the chart cannot be drawn its numbers are there', async () => {
  render(LateChart, {
    label: 'Tokens',
    at: [60_000, 120_000],
    series: [{ label: 'Output', unit: 'tok/s', values: [1.5, 2.5] }],
  });
  const table = await screen.findByRole('region', { name: 'Tokens, table' });
  expect(table.textContent).toContain('2.5');
});
