import { cleanup, render, screen } from '@testing-library/svelte';
import { afterEach, expect, test, vi } from 'vitest';
import { live } from '$lib/state/live.svelte';
import { Problem } from '$lib/api/problem';
import type { Download, Fit } from '$lib/api/schema';
import ChoiceRow from './ChoiceRow.svelte';
import type { Choice } from './hub';
import Refusal from './Refusal.svelte';

afterEach(() => {
  cleanup();
  vi.restoreAllMocks();
});

const GIB = 1024 ** 3;
const choice: Choice = {
  key: 'Q4_K_M',
  label: 'Q4_K_M',
  facts: '2 parts',
  size: 17.3 * GIB,
  files: ['a.gguf'],
  order: { model_id: 'org/name', variant: 'Q4_K_M' },
  fit: 'model_id=org%2Fname',
};
const fit = (more: Partial<Fit> = {}) =>
  ({ total_bytes: 18 * GIB, max_ctx: 0, devices: [], remote: null, ...more }) as unknown as Fit;
const task = (more: Partial<Download>) =>
  ({ task_id: 't', total_bytes: 10 * GIB, downloaded_bytes: GIB, files: [], ...more }) as Download;
function show(more: object = {}) {
  render(
    ChoiceRow,
    {
      choice,
      source: 'huggingface',
      id: 'org/name',
      fit: fit(),
      verdict: 'fits',
      hasFit: true,
      isSuggested: false,
      isPicked: false,
      isHere: false,
      task: undefined,
      ...more,
    },
    { baseElement: document.body.appendChild(document.createElement('tbody')) },
  );
}

test.each([
  ['fits', 'Fits'],
  ['tight', 'Tight'],
  ['after_unload', 'After unload'],
  ['too_large', 'Too large'],
])('%s', (verdict, word) => {
  show({ verdict });
  expect(screen.getByText(word)).toBeTruthy();
  expect(screen.getByText('17.3')).toBeTruthy();
  expect(screen.getByText('2 parts')).toBeTruthy();
});

test('being weighed, not known, and failed', () => {
  show({ fit: undefined, verdict: undefined });
  expect(screen.getByText('Weighing')).toBeTruthy();
  cleanup();
  show({ fit: new Problem('x', 'the header is cut'), verdict: undefined });
  expect(screen.getByText('The header is cut')).toBeTruthy();
  cleanup();
  show({ verdict: null });
  expect(screen.getByText('How much is free is not known')).toBeTruthy();
});

test('too large says what context fits', () => {
  show({ verdict: 'too_large', fit: fit({ max_ctx: 4096 }) });
  expect(screen.getByText(/up to 4 096 tokens/)).toBeTruthy();
});

test('suggested, on disk, downloading, paused, failed', () => {
  show({ isSuggested: true });
  expect(screen.getByText('suggested')).toBeTruthy();
  cleanup();
  show({ isHere: true });
  expect(screen.getByText('On disk')).toBeTruthy();
  expect(screen.queryByRole('button')).toBe(null);
  cleanup();
  show({
    task: task({ status: 'downloading', progress: 10, bytes_per_s: 1024 * 1024, eta_s: 95 }),
  });
  expect(screen.getByText('Downloading 10 %')).toBeTruthy();
  expect(screen.getByText('1.0 MiB/s, 1 min 35 s left')).toBeTruthy();
  expect(screen.getByRole('progressbar').getAttribute('aria-valuenow')).toBe('10');
  cleanup();
  show({ task: task({ status: 'paused', progress: 10 }) });
  expect(screen.getByRole('button', { name: 'Resume Q4_K_M' })).toBeTruthy();
  cleanup();
  show({ task: task({ status: 'failed', error: { code: 'x', message: 'checksum' } }) });
  expect(screen.getByText('checksum')).toBeTruthy();
  expect(screen.getByRole('button', { name: 'Try again' })).toBeTruthy();
});

test('what waits for the server says so', () => {
  vi.spyOn(live, 'isAway', 'get').mockReturnValue(true);
  show();
  const button = screen.getByRole('button', { name: /Download .*\(waits for the server\)/ });
  expect(button.getAttribute('aria-disabled')).toBe(null);
});

test('refused, offline, and any other failure', () => {
  const props = { source: 'huggingface' as const, id: 'org/name', title: 'It failed', retry() {} };
  const gated = 'org/name is gated: accept its terms at https://h/org/name, then give a token';
  render(Refusal, { ...props, problem: new Problem('unauthorized', gated, { status: 401 }) });
  expect(screen.getByText('org/name is gated, and Hearth has no token')).toBeTruthy();
  expect(screen.getByRole('link').getAttribute('href')).toBe('https://h/org/name');
  cleanup();
  render(Refusal, {
    ...props,
    problem: new Problem('unavailable', 'Hearth is offline (huggingface.offline): no hub is asked'),
  });
  expect(screen.getByText('Hearth is set to stay offline')).toBeTruthy();
  cleanup();
  render(Refusal, { ...props, problem: new Problem('x', 'no route to host') });
  expect(screen.getByText('It failed')).toBeTruthy();
  expect(screen.getByText('no route to host')).toBeTruthy();
});
