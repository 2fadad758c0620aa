import { cleanup, fireEvent, render, screen } from '@testing-library/svelte';
import { afterEach, expect, test, vi } from 'vitest';
import AnswerView from './AnswerView.svelte';
import { newAnswer, type Answer } from './types';

afterEach(cleanup);

function show(change: Partial<Answer>) {
  const onagain = vi.fn();
  const answer = { ...newAnswer('m'), ...change };
  render(AnswerView, { answer, waiting: 'Waiting for m to load', onagain });
  return onagain;
}

test('waiting: for the load as the server tells it, or for the place the gateway tells', () => {
  show({});
  expect(screen.getByText('Waiting for m to load')).toBeTruthy();
  cleanup();
  show({ waiting: 'queued position 2' });
  expect(screen.getByText('In the queue of m, place 2')).toBeTruthy();
});

test('thinking is open while it goes on, and closed when it is over', async () => {
  show({ state: 'thinking', thinking: 'hm' });
  expect(screen.getByText('hm')).toBeTruthy();
  cleanup();
  show({ state: 'done', thinking: 'hm', text: 'Yes' });
  expect(screen.queryByText('hm')).toBeNull();
  await fireEvent.click(screen.getByRole('button', { name: /Thought for/ }));
  expect(screen.getByText('hm')).toBeTruthy();
});

test('done: it can be copied and asked for again', async () => {
  const onagain = show({ state: 'done', text: '**Yes**' });
  expect(screen.getByText('Yes').tagName).toBe('STRONG');
  expect(screen.getByRole('button', { name: 'Copy answer' })).toBeTruthy();
  await fireEvent.click(screen.getByRole('button', { name: 'Answer again' }));
  expect(onagain).toHaveBeenCalledOnce();
});

test('failed: the cause and what to do stand below what had come', async () => {
  const onagain = show({
    state: 'failed',
    text: 'half',
    problem: { message: 'The engine ended.', advice: 'Look at its log.' },
  });
  expect(screen.getByText('half')).toBeTruthy();
  expect(screen.getByText('The engine ended.')).toBeTruthy();
  expect(screen.getByText('Look at its log.')).toBeTruthy();
  await fireEvent.click(screen.getByRole('button', { name: 'Try again' }));
  expect(onagain).toHaveBeenCalledOnce();
});

test('stopped, cut at the limit, and empty', () => {
  show({ state: 'stopped', text: 'half' });
  expect(screen.getByText('Stopped.')).toBeTruthy();
  show({ state: 'done', text: 'half', finish: 'length' });
  expect(screen.getByText(/limit of tokens/)).toBeTruthy();
  show({ state: 'done', text: ' \n' });
  expect(screen.getByText('The answer is empty.')).toBeTruthy();
  show({ state: 'done', thinking: 'hm' });
  expect(screen.getByText(/no answer came/)).toBeTruthy();
});
